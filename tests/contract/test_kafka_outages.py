"""Kafka with brokers of the tests' own: one that dies and comes back, one of an older kind."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from engines import PROGRAMS
from engines.kafka import Kafka
from engines.packages import Missing
from houseful.adapters.kafka import KafkaBus
from houseful.adapters.system import SystemClock
from houseful.common.errors import Unavailable
from tests.contract.bus import envelope, envelopes_of, receive, receive_all


async def start_broker(data: Path, settings: Mapping[str, object] | None = None) -> Kafka:
    """Skips where there is no Kafka to be had, as in `kafka_engine`."""
    try:
        broker = await asyncio.to_thread(Kafka, PROGRAMS, data, settings=settings)
    except Missing as missing:
        pytest.skip(str(missing))
    await asyncio.to_thread(broker.start)
    return broker


async def test_the_broker_dies_and_comes_back(tmp_path: Path) -> None:
    broker = await start_broker(tmp_path / "kafka")
    bus = KafkaBus.open(broker.servers, clock=SystemClock(), patience_seconds=2)
    newcomer = KafkaBus.open(broker.servers, clock=SystemClock(), patience_seconds=2)
    try:
        sent = [envelope(seq=seq) for seq in range(1, 11)]
        await bus.publish("events", sent)
        subscription = await bus.subscribe("tickets", ["events"])
        received = await receive(subscription, 10)
        await subscription.commit(received[:4])

        await asyncio.to_thread(broker.kill)
        outcomes = await asyncio.gather(
            bus.publish("events", [envelope(seq=11)]),
            bus.ready(),
            subscription.commit(received[:6]),
            subscription.lag(),
            newcomer.publish("events", [envelope(seq=11)]),
            newcomer.subscribe("users", ["events"]),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [Unavailable] * 6
        await subscription.rewind()

        await asyncio.to_thread(broker.start)
        await bus.ready()
        again = envelope(seq=11)
        await bus.publish("events", [again])
        found = await receive_all(subscription, [*sent[6:], again])
        seqs = [one.seq for one in envelopes_of(found)]
        assert seqs[0] in (5, 7), "the commit that nobody answered counts, or it does not"
        assert sorted(set(seqs)) == list(range(seqs[0], 12))
        await subscription.commit(found)
        assert await subscription.lag() == 0
        await newcomer.publish("events", [envelope(seq=12)])
        other = await newcomer.subscribe("users", ["events"])
        assert {one.seq for one in envelopes_of(await receive(other, 12))} >= set(range(1, 11))
    finally:
        await asyncio.gather(bus.close(), newcomer.close())
        await asyncio.to_thread(broker.stop)


async def test_a_broker_without_the_newer_group_protocol(tmp_path: Path) -> None:
    broker = await start_broker(tmp_path / "kafka", {"group.coordinator.rebalance.protocols": "classic"})
    bus = KafkaBus.open(broker.servers, clock=SystemClock())
    try:
        keys = [f"evt_{number}" for number in range(30)]
        await bus.publish("events", [envelope(key, 1) for key in keys])
        members = [await bus.subscribe("tickets", ["events"])]
        received = await receive(members[0], 30)
        await members[0].commit(received)
        members.append(await bus.subscribe("tickets", ["events"]))
        seen = {one.id for one in envelopes_of(received)}
        shared: set[str] = set()
        seq = 1
        async with asyncio.timeout(60):
            while not shared or len(seen) < 30 * seq or await members[0].lag():
                if not shared:
                    seq += 1
                    await bus.publish("events", [envelope(key, seq) for key in keys])
                for member in members:
                    received = await member.receive(100, 0.05)
                    await member.commit(received)
                    seen |= {one.id for one in envelopes_of(received)}
                    shared |= {one.id for one in envelopes_of(received) if member is members[1]}
    finally:
        await bus.close()
        await asyncio.to_thread(broker.stop)
