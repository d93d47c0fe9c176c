"""A stadium's inventory, made by the copies of the ticket service: one is killed in the middle of it and
another one joins. In the end every seat of the plan is there, once.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engines.valkey import RedisServer
from houseful.app import opened_store
from houseful.kernel.clock import SystemClock
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Store
from houseful.manifests import MANIFESTS
from houseful.messaging.documents import Inbox, aggregate_id
from houseful.settings import load_settings
from houseful.tickets.domain.blocks import Block
from houseful.tickets.domain.shows import Show, ShowState
from houseful.tools.invariants import all_documents
from houseful.tools.sample_venues import stadium
from tests.chaos.ledger import traces
from tests.chaos.retrying_client import PASSWORD
from tests.contract.kafka_engine import kafka_servers
from tests.contract.mongo_engine import mongo_url
from tests.contract.redis_engine import program
from tests.support.patience import PATIENCE_SECONDS
from tests.system.harness import event_body
from tests.system.outside_client import Client
from tests.system.split import Copy, Split

__all__ = ["kafka_servers", "mongo_url"]

pytestmark = [pytest.mark.chaos, pytest.mark.split]

SEATS = 60_000
EVENTS = 20
"""So many are published until one is caught in the middle, where the machine is faster than we look."""


@pytest.fixture
def split(mongo_url: str, kafka_servers: str, tmp_path: Path) -> Iterator[Split]:
    copies = {"users": 1, "events": 1, "payments": 0, "tickets": 2, "gateway": 1}
    with RedisServer.start_new(program("valkey"), tmp_path / "redis") as redis:
        settings = {
            "HOUSEFUL_RATE_LIMITS": "off",
            "HOUSEFUL_STORE_URL": mongo_url,
            "HOUSEFUL_BUS_URL": f"kafka://{kafka_servers}",
            "HOUSEFUL_COORDINATION_URL": redis.url,
        }
        with Split(tmp_path / "split", settings, copies=copies, addresses=3) as split:
            yield split


@pytest.fixture
def organizer(split: Split) -> Iterator[Client]:
    client = Client(split.running("gateway")[0].url)
    client.login(split.staff("organizer"), PASSWORD)
    yield client
    client.close()


def test_a_consumer_dies_and_another_joins_in_the_middle(split: Split, organizer: Client) -> None:
    event_id = caught_in_the_middle(split, organizer)
    first, second = split.running("tickets")
    busy, other = (first, second) if makes(first, event_id) else (second, first)
    assert makes(busy, event_id)
    busy.kill()
    third = next(copy for copy in split.of("tickets") if copy not in (first, second))
    third.start()
    other.resume()

    def inventory() -> dict[str, Any]:
        """For a moment no instance may take requests: one was killed, one stopped."""
        answer = organizer.call("GET", f"/api/events/{event_id}/inventory")
        return {"state": None} if answer.status == 503 else answer.ok()

    ready = {"event_id": event_id, "state": "ready", "generated": SEATS, "total": SEATS, "detail": None}
    organizer.until_equal(inventory, ready)
    organizer.event_that_is(event_id, "on_sale")

    def seats() -> tuple[int, int]:
        sections = organizer.items(f"/api/events/{event_id}/sections")
        return sum(one["available"] for one in sections), sum(one["total"] for one in sections)

    organizer.until_equal(seats, (SEATS, SEATS))
    asyncio.run(every_seat_is_there_once(split, event_id))
    checked = split.houseful("check", "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for copy in (other, third):
        assert list(traces(copy.log.read_text())) == []


def caught_in_the_middle(split: Split, organizer: Client) -> str:
    """An event of whose seats some are made and some are not, with all that could make them at a stop."""
    plan, areas, prices = stadium(SEATS)
    body = event_body(plan=plan, areas=areas, prices=prices)
    for _ in range(EVENTS):
        made = organizer.call("POST", "/api/events", body).ok(201)
        organizer.call("POST", f"/api/events/{made['id']}/publish").ok(202)
        if asyncio.run(stopped_in_the_middle(split, made["id"])):
            return str(made["id"])
    pytest.fail(f"{EVENTS} events were all made before anybody could stop it")


async def stopped_in_the_middle(split: Split, event_id: str) -> bool:
    """False where it was too late; then it goes on."""
    makers = split.running("tickets")
    async with tickets_store(split) as store:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (await progress(store, event_id)) == 0:
            assert time.monotonic() < deadline, "nobody makes the seats"
        for maker in makers:
            maker.pause()
        if 0 < await progress(store, event_id) < SEATS:
            return True
    for maker in makers:
        maker.resume()
    return False


async def progress(store: Store, event_id: str) -> int:
    show = await store.get(Show, event_id)
    if show is None:
        return 0
    return show.generated if show.state is ShowState.GENERATING else SEATS


def makes(copy: Copy, event_id: str) -> bool:
    return any(line["event_id"] == event_id for line in copy.says("makes an inventory"))


@asynccontextmanager
async def tickets_store(split: Split) -> AsyncIterator[Store]:
    settings = load_settings(split.environment)
    manifest = next(one for one in MANIFESTS if one.name == "tickets")
    opening = opened_store(settings, manifest, clock=SystemClock(), ids=SystemIds(), read_only=True)
    async with opening as store:
        yield store


async def every_seat_is_there_once(split: Split, event_id: str) -> None:
    async with tickets_store(split) as store:
        seats: Counter[int] = Counter()
        async for block in all_documents(store, Block):
            if block.event_id == event_id:
                seats.update(range(block.first, block.first + block.count))
        assert seats == Counter(range(SEATS))
        inbox = await store.get(Inbox, aggregate_id("event", event_id))
        assert inbox is not None
        assert inbox.seq == 1, "the event's one message was applied, once"
        said = [row.type async for row in store.outbox.rows() if row.aggregateid == event_id]
        assert len(said) == 1, f"of the inventory was told {said}"
