"""A world for all the tests from outside; a house, and a sale, for those from within."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.deployment import plan
from tests.system.houses import OpenHouse, SystemHouse
from tests.system.outside_client import Client
from tests.system.sale import HOLD_SECONDS, Sale, StartSale
from tests.system.support import on_sale, organizer_of
from tests.system.world import World, hall


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
async def house(open_house: OpenHouse) -> AsyncIterator[SystemHouse]:
    async with open_house() as house:
        yield house


@pytest.fixture
def start(open_house: OpenHouse) -> StartSale:
    @asynccontextmanager
    async def open_sale(**settings: Any) -> AsyncIterator[Sale]:
        async with open_house(manual=True, **settings) as house:
            event_id = await on_sale(
                house, organizer_of(house), plan=plan(rows=2, seats=6), hold_seconds=HOLD_SECONDS
            )
            yield Sale(house, event_id)

    return open_sale


@pytest.fixture
async def sale(start: StartSale) -> AsyncIterator[Sale]:
    async with start() as sale:
        yield sale
