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
from tests.system.deployments import (
    OpenDeployment,
    SystemDeployment,
    deployment_on,
    deployment_together,
    single_deployment,
)
from tests.system.environments import Environments
from tests.system.harness import Harness
from tests.system.installations import TOGETHER as TOGETHER_PROGRAM
from tests.system.installations import OfProcesses, OneProcess, OwnInstallation

__all__ = [
    "engines",
    "environments",
    "harness",
    "kafka_servers",
    "mongo_url",
    "open_deployment",
    "open_installation",
    "topology",
]

SINGLE, TOGETHER, SPLIT = "single", "together", "split"
"""One process; every service by itself in one process; separate processes on MongoDB, Kafka and Redis."""

TOPOLOGIES = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in (SINGLE, TOGETHER, SPLIT)]
in_one_process = pytest.mark.parametrize("topology", TOPOLOGIES[:2], indirect=True)
in_processes = pytest.mark.parametrize("topology", TOPOLOGIES[2:], indirect=True)

SETTINGS = {"payments_delay_seconds": "0.2"}

OpenInstallation = Callable[..., OwnInstallation]


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
def environments(engines: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environments]:
    environments = Environments(tmp_path_factory.mktemp("split"), engines)
    yield environments
    environments.close()


@pytest.fixture
def open_deployment(topology: str, request: pytest.FixtureRequest, tmp_path: Path) -> OpenDeployment:
    """Takes `manual`, where time is to pass only by `clock.advance`, `coordination`, which is "down" or
    "forgetful", and settings by their names. Rates are not limited unless `rate_limits="on"`."""
    if topology == SPLIT:
        environments: Environments = request.getfixturevalue("environments")

        def open_split(
            *, manual: bool = False, **settings: Any
        ) -> AbstractAsyncContextManager[SystemDeployment]:
            return deployment_on(environments.get(**settings))

        return open_split
    opened = single_deployment if topology == SINGLE else deployment_together
    return lambda **settings: opened(tmp_path / "data", **settings)


@pytest.fixture
def open_installation(
    topology: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[OpenInstallation]:
    """An installation for this test alone."""
    opened: list[OwnInstallation] = []

    def start(**settings: str) -> OwnInstallation:
        opened.append(_installation(topology, request, tmp_path / f"installation-{len(opened)}", settings))
        return opened[-1]

    yield start
    for installation in opened:
        installation.close()


@pytest.fixture(scope="session")
def harness(
    topology: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Harness]:
    if topology == SPLIT:
        environments: Environments = request.getfixturevalue("environments")
        installation: OwnInstallation = OfProcesses(environments.get(**SETTINGS))
    else:
        data = tmp_path_factory.mktemp("harness") / "data"
        installation = _installation(topology, request, data, SETTINGS)
    harness = Harness(installation)
    yield harness
    harness.close()
    installation.close()


def _installation(
    topology: str, request: pytest.FixtureRequest, data: Path, settings: dict[str, str]
) -> OwnInstallation:
    if topology == SPLIT:
        environments: Environments = request.getfixturevalue("environments")
        return OfProcesses(environments.new(**settings))
    program = UP if topology == SINGLE else TOGETHER_PROGRAM
    variables = {f"HOUSEFUL_{name.upper()}": value for name, value in settings.items()}
    return OneProcess(data, program, variables)
