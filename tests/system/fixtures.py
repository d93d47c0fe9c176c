"""The three topologies, and what tests of the whole system get in each."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from engines import valkey
from tests.contract.kafka_engine import kafka_servers
from tests.contract.mongo_engine import mongo_url
from tests.contract.redis_engine import program
from tests.support.live_server import UP
from tests.system.houses import OpenHouse, SystemHouse, house_on, house_together, single_house
from tests.system.sites import TOGETHER as TOGETHER_PROGRAM
from tests.system.sites import OfProcesses, OneProcess, OwnSite
from tests.system.stands import Stands
from tests.system.world import World

__all__ = ["engines", "kafka_servers", "mongo_url", "open_house", "open_site", "stands", "topology", "world"]

SINGLE, TOGETHER, SPLIT = "single", "together", "split"
"""One process; every service by itself in one process; separate processes on MongoDB, Kafka and Redis."""

TOPOLOGIES = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in (SINGLE, TOGETHER, SPLIT)]
in_one_process = pytest.mark.parametrize("topology", TOPOLOGIES[:2], indirect=True)
in_processes = pytest.mark.parametrize("topology", TOPOLOGIES[2:], indirect=True)

WORLD = {"payments_delay_seconds": "0.2"}

OpenSite = Callable[..., OwnSite]


@pytest.fixture(scope="session", params=TOPOLOGIES)
def topology(request: pytest.FixtureRequest) -> str:
    """Whoever asks for this, or for what follows, is run in each."""
    return str(request.param)


@pytest.fixture(scope="session")
def engines(
    mongo_url: str, kafka_servers: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The settings that name them. Skips where one is not to be had; in CI that is a failure (see
    `tests/__main__.py`)."""
    with valkey.RedisServer.start_new(program("valkey"), tmp_path_factory.mktemp("redis")) as redis:
        yield {
            "HOUSEFUL_STORE_URL": mongo_url,
            "HOUSEFUL_BUS_URL": f"kafka://{kafka_servers}",
            "HOUSEFUL_COORDINATION_URL": redis.url,
        }


@pytest.fixture(scope="session")
def stands(engines: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stands]:
    stands = Stands(tmp_path_factory.mktemp("split"), engines)
    yield stands
    stands.close()


@pytest.fixture
def open_house(topology: str, request: pytest.FixtureRequest, tmp_path: Path) -> OpenHouse:
    """Takes `manual`, where time is to pass only by `clock.advance`, `coordination`, which is "down" or
    "forgetful", and settings by their names. Rates are not limited unless `rate_limits="on"`."""
    if topology == SPLIT:
        stands: Stands = request.getfixturevalue("stands")

        def open_split(*, manual: bool = False, **settings: Any) -> AbstractAsyncContextManager[SystemHouse]:
            return house_on(stands.get(**settings))

        return open_split
    opened = single_house if topology == SINGLE else house_together
    return lambda **settings: opened(tmp_path / "data", **settings)


@pytest.fixture
def open_site(topology: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenSite]:
    """A site for this test alone."""
    opened: list[OwnSite] = []

    def start(**settings: str) -> OwnSite:
        opened.append(_site(topology, request, tmp_path / f"site-{len(opened)}", settings))
        return opened[-1]

    yield start
    for site in opened:
        site.close()


@pytest.fixture(scope="session")
def world(
    topology: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    site = _site(topology, request, tmp_path_factory.mktemp("world") / "data", WORLD)
    world = World(site)
    yield world
    world.close()
    site.close()


def _site(topology: str, request: pytest.FixtureRequest, data: Path, settings: dict[str, str]) -> OwnSite:
    if topology == SPLIT:
        stands: Stands = request.getfixturevalue("stands")
        return OfProcesses(stands.new(**settings))
    program = UP if topology == SINGLE else TOGETHER_PROGRAM
    variables = {f"HOUSEFUL_{name.upper()}": value for name, value in settings.items()}
    return OneProcess(data, program, variables)
