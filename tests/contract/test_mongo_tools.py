"""The operator's tools beside an installation on MongoDB, Kafka and Redis that goes on running."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Transaction
from houseful.kernel.roles import Role
from houseful.settings import SERVICES, load_settings
from houseful.tickets.domain.tickets import Ticket
from houseful.tools import dead_letters, invariants
from houseful.tools.accounts import create
from houseful.tools.doctor import examine
from houseful.tools.invariants import Report, check_all
from tests.contract.kafka_engine import kafka_servers
from tests.contract.mongo_engine import mongo_url
from tests.contract.redis_engine import redis_url
from tests.support.deployment import PASSWORD, Deployment, started

__all__ = ["kafka_servers", "mongo_url", "redis_url"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "_PAUSE_SECONDS", 0.01)


@pytest.fixture
def settings(mongo_url: str, kafka_servers: str, redis_url: str) -> dict[str, Any]:
    return {
        "installation": f"tools-{uuid.uuid4().hex[:16]}",
        "store_url": mongo_url,
        "bus_url": f"kafka://{kafka_servers}",
        "coordination_url": redis_url,
    }


@pytest.fixture
async def deployment(tmp_path: Path, settings: dict[str, Any]) -> AsyncIterator[Deployment]:
    """After a sale, and still running."""
    async with started(tmp_path / "data", **settings) as deployment:
        organizer, buyer = await deployment.user("organizer", Role.ORGANIZER), await deployment.user()
        await deployment.buy(buyer, await deployment.event(organizer))

        async def quiet() -> bool:
            return not any(
                [(await store.outbox.stats()).unpublished for store in deployment.app.stores.values()]
            )

        await deployment.until(quiet)
        yield deployment
    client: MongoClient[dict[str, Any]]
    with MongoClient(settings["store_url"]) as client:
        for service in SERVICES:
            client.drop_database(f"{settings['installation']}_{service}")


def details(report: Report) -> dict[str, str]:
    """What was found, by check."""
    found = {one.code: "; ".join(finding.detail for finding in one.violations) for one in report.checks}
    assert report.ok == (not any(found.values()))
    return {code: detail for code, detail in found.items() if detail}


async def test_the_checks_hold_and_find_what_is_planted(deployment: Deployment) -> None:
    settings, store = deployment.app.settings, deployment.app.stores["tickets"]

    async def settled() -> bool:
        return details(await check_all(settings)) == {}  # the money is on its way for a moment

    await deployment.until(settled)

    async def lose_a_ticket(tx: Transaction) -> None:
        [first, *_] = await tx.find(Ticket, {}, limit=1)
        ticket = await tx.get(Ticket, first.id)
        assert ticket is not None
        tx.delete(ticket)

    await store.transact(lose_a_ticket)
    found = details(await check_all(settings))
    assert "no living ticket" in found["C1"]

    client: MongoClient[dict[str, Any]]
    with MongoClient(settings.store_url) as client:
        outbox: Collection[dict[str, Any]] = client[f"{settings.installation}_events"]["outbox"]
        row = outbox.find_one_and_delete({"seq": 1})
        assert row is not None
        outbox.insert_one(row | {"_id": "msg_lost"})
    assert "not on the bus" in details(await check_all(settings))["C4"]


async def test_messages_are_replayed_and_accounts_made_beside_it(deployment: Deployment) -> None:
    settings = deployment.app.settings
    rows = [row async for row in deployment.app.stores["tickets"].outbox.rows()]
    assert (
        await dead_letters.replay_outbox(settings, "tickets", aggregate=None, since_hours=1) == len(rows) > 0
    )
    await create(settings, email="boss@example.org", password=PASSWORD, name="Boss", role="admin")
    assert await deployment.sign_in("boss@example.org")
    assert await dead_letters.all_parked(settings) == []
    assert await dead_letters.all_dead(settings) == []


async def test_the_doctor_is_content(deployment: Deployment) -> None:
    findings = [finding async for finding in examine(deployment.app.settings)]
    problems = [finding for finding in findings if finding.state == "problem"]
    assert problems == []
    names = {finding.name for finding in findings}
    assert {"MongoDB", "tickets store", "Kafka", "events topic", "bus", "Redis"} <= names
    assert not {"SQLite", "data folder"} & names


async def test_nothing_to_check(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(Unavailable, match=f"no installation '{settings['installation']}'"):
        await check_all(load_settings({}, data=str(tmp_path), **settings))
