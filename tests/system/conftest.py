"""A harness for all the tests from outside; a deployment, and a sale, for those from within."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.deployment import plan
from tests.system.deployments import OpenDeployment, SystemDeployment
from tests.system.harness import Harness, hall
from tests.system.outside_client import Client
from tests.system.sale import HOLD_SECONDS, Sale, StartSale
from tests.system.support import on_sale, organizer_of


@pytest.fixture(scope="session")
def event(harness: Harness) -> dict[str, Any]:
    """One with room for every test."""
    return harness.event(plan=hall(rows=20, seats=30))


@pytest.fixture(scope="session")
def buyer(harness: Harness) -> Client:
    return harness.buyer()


@pytest.fixture
def order(buyer: Client, event: dict[str, Any]) -> dict[str, Any]:
    """Two seats that wait for their payment."""
    hold = buyer.hold(event["id"], best_available={"quantity": 2}).ok(201)
    return dict(buyer.order(hold["hold_id"]).ok(201))


@pytest.fixture
async def deployment(open_deployment: OpenDeployment) -> AsyncIterator[SystemDeployment]:
    async with open_deployment() as deployment:
        yield deployment


@pytest.fixture
def start(open_deployment: OpenDeployment) -> StartSale:
    @asynccontextmanager
    async def open_sale(**settings: Any) -> AsyncIterator[Sale]:
        async with open_deployment(manual=True, **settings) as deployment:
            event_id = await on_sale(
                deployment, organizer_of(deployment), plan=plan(rows=2, seats=6), hold_seconds=HOLD_SECONDS
            )
            yield Sale(deployment, event_id)

    return open_sale


@pytest.fixture
async def sale(start: StartSale) -> AsyncIterator[Sale]:
    async with start() as sale:
        yield sale
