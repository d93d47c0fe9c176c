"""A real server for all the tests from outside, and who uses it; and a sale in this process."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from houseful.adapters.system import ManualClock
from tests.support import plan, started
from tests.system.outside_client import Client
from tests.system.sale import HOLD_SECONDS, Sale, StartSale
from tests.system.support import on_sale, organizer_of
from tests.system.world import World, hall


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world") / "data", HOUSEFUL_PAYMENTS_DELAY_SECONDS="0.2")
    yield world
    world.close()


@pytest.fixture(scope="session")
def event(world: World) -> dict[str, Any]:
    """One with room for every test."""
    return world.event(plan=hall(rows=20, seats=30))


@pytest.fixture(scope="session")
def buyer(world: World) -> Client:
    return world.buyer()


@pytest.fixture
def order(buyer: Client, event: dict[str, Any]) -> dict[str, Any]:
    """Two seats that wait for their payment."""
    hold = buyer.hold(event["id"], best_available={"quantity": 2}).ok(201)
    return dict(buyer.order(hold["hold_id"]).ok(201))


@pytest.fixture
def start(tmp_path: Path) -> StartSale:
    @asynccontextmanager
    async def open_sale(**settings: Any) -> AsyncIterator[Sale]:
        clock = ManualClock()
        async with started(tmp_path / "data", clock=clock, **settings) as house:
            event_id = await on_sale(
                house, organizer_of(house), plan=plan(rows=2, seats=6), hold_seconds=HOLD_SECONDS
            )
            yield Sale(house, clock, event_id)

    return open_sale


@pytest.fixture
async def sale(start: StartSale) -> AsyncIterator[Sale]:
    async with start() as sale:
        yield sale
