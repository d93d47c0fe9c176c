"""A real server for all the tests from outside, and who uses it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.outside_client import Client
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
