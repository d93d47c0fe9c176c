"""Relay and consumer over SQLite stores and a real Kafka: all arrives, once and in order, whatever dies."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from houseful.adapters.kafka.bus import KafkaBus
from houseful.kernel.clock import SystemClock
from houseful.kernel.documents import Millis
from houseful.kernel.errors import Unavailable
from houseful.messaging import Consumer, Relay, list_dead, list_parked
from houseful.messaging.relay import LEASE_SECONDS
from tests.contract.bus_contract import fresh
from tests.contract.kafka_engine import kafka_servers
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.messaging.delivery_harness import FaultyBus, Harness, until

__all__ = ["kafka_servers"]


@pytest.fixture
async def harness(tmp_path: Path, kafka_servers: str) -> AsyncIterator[Harness]:
    harness = Harness(tmp_path)
    await harness.bus.close()
    bus = KafkaBus.open(
        f"kafka://{kafka_servers}",
        clock=SystemClock(),
        installation=fresh("delivery"),
        patience_seconds=PATIENCE_SECONDS,
    )
    harness.bus = FaultyBus(bus)
    yield harness
    await harness.close()


def copies() -> float:
    return REGISTRY.get_sample_value("houseful_messages_copies_total", {"service": "tickets"}) or 0


async def deliver(
    harness: Harness, relay: Relay, consumers: Sequence[Consumer], wanted: dict[str, list[int]]
) -> None:
    """Until what is wanted was applied, the bus has nothing left, and nothing else came."""

    async def done() -> bool:
        await relay.step()
        for consumer in consumers:
            await consumer.step(wait_seconds=0.1)
            await consumer.retry()
        subscription = consumers[0]._subscription
        assert subscription is not None
        unpublished = (await harness.events.outbox.stats()).unpublished
        return not unpublished and not await subscription.lag()

    await until(done)
    assert {event_id: await harness.applied(event_id) for event_id in wanted} == wanted
    assert {event_id: await harness.reported(event_id) for event_id in wanted} == wanted
    assert await list_parked(harness.tickets) == []
    assert await list_dead(harness.tickets) == []


async def test_messages_are_applied_once_and_in_order(harness: Harness) -> None:
    for title in range(10):
        for number in range(20):
            await harness.send_titles(f"evt_{number}", title)
    consumers = [harness.consumer(batch=9), harness.consumer(batch=200)]
    wanted = {f"evt_{number}": list(range(10)) for number in range(20)}
    await deliver(harness, harness.relay(batch=30), consumers, wanted)
    for consumer in consumers:
        await consumer.close()


async def test_a_relay_killed_between_publish_and_mark(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.send_titles("evt_0", 1, 2, 3)
    before = copies()

    async def killed(ids: Sequence[str], at: Millis) -> None:
        raise Unavailable("killed")

    with monkeypatch.context() as patch:
        patch.setattr(harness.events.outbox, "mark_published", killed)
        with pytest.raises(Unavailable, match="killed"):
            await harness.relay().step()
    assert (await harness.events.outbox.stats()).unpublished == 3
    await harness.clock.advance(LEASE_SECONDS)
    await deliver(harness, harness.relay(), [harness.consumer()], {"evt_0": [1, 2, 3]})
    assert len(harness.bus.published) == 6
    assert copies() == before + 3


async def test_a_consumer_killed_before_its_offsets_are_committed(harness: Harness) -> None:
    await harness.send_titles("evt_0", 1, 2, 3)
    relay, first = harness.relay(), harness.consumer()
    await relay.step()
    before = copies()
    harness.bus.commits_fail = True

    async def applied() -> bool:
        try:
            await first.step(wait_seconds=0.1)
        except Unavailable:
            return True
        return False

    await until(applied)
    await first.close()
    harness.bus.commits_fail = False
    await harness.send_titles("evt_0", 4)
    await deliver(harness, relay, [harness.consumer()], {"evt_0": [1, 2, 3, 4]})
    assert copies() > before
