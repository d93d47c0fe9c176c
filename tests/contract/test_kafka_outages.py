"""Kafka with brokers of the tests' own: one that dies and comes back, one of an older kind."""

import asyncio
import sys
import threading
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from pathlib import Path

import pytest

from engines import PROGRAMS
from engines.kafka import Kafka
from engines.packages import Missing
from houseful.adapters.kafka.bus import KafkaBus
from houseful.adapters.kafka.member import KafkaMember
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Delivery
from tests.contract.bus_contract import envelope, envelopes_of, receive, receive_all
from tests.support.patience import PATIENCE_SECONDS


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
    bus = KafkaBus.open(f"kafka://{broker.servers}", clock=SystemClock(), patience_seconds=2)
    newcomer = KafkaBus.open(f"kafka://{broker.servers}", clock=SystemClock(), patience_seconds=2)
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
        silent = bus._producer
        await subscription.rewind()

        await asyncio.to_thread(broker.start)
        await bus.ready()
        again = envelope(seq=11)
        await bus.publish("events", [again])
        assert bus._producer is not silent
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
    bus = KafkaBus.open(f"kafka://{broker.servers}", clock=SystemClock(), patience_seconds=PATIENCE_SECONDS)
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
        async with asyncio.timeout(PATIENCE_SECONDS):
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


ONLOOKER = """
import asyncio, sys
from houseful.adapters.kafka.bus import KafkaBus
from houseful.adapters.kafka.member import KafkaMember
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Delivery

async def main():
    bus = KafkaBus.open(sys.argv[1], clock=SystemClock(), patience_seconds=1)
    subscription = await bus.subscribe("tickets", ["events"])
    while not (received := await subscription.receive(10, 1)):
        pass
    await subscription.commit(received)

    async def everything():
        return [one async for one in bus.entries("events")]

    async def ask(question):
        asked = worked = None
        while True:
            try:
                await question()
                asked = True
            except Unavailable:
                asked = False
            if asked is not worked:
                worked = asked
                print(question.__name__, "works" if worked else "fails", flush=True)
            await asyncio.sleep(0)

    await asyncio.gather(*(ask(question) for question in (bus.ready, subscription.lag, bus.lags, everything)))

asyncio.run(main())
"""


async def test_nothing_that_is_asked_ends_the_process(tmp_path: Path) -> None:
    """Some of librdkafka's questions do that, when the broker goes or comes while they are asked."""
    broker = await start_broker(tmp_path / "kafka")
    bus = KafkaBus.open(f"kafka://{broker.servers}", clock=SystemClock(), patience_seconds=PATIENCE_SECONDS)
    await bus.publish("events", [envelope()])
    onlooker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        ONLOOKER,
        f"kafka://{broker.servers}",
        stdout=PIPE,
        cwd=Path(__file__).parents[2],
    )
    states: dict[bytes, bytes] = {}

    async def all_of_it(state: bytes) -> None:
        assert onlooker.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(states) < 4 or set(states.values()) != {state}:
                line = await onlooker.stdout.readline()
                assert line, f"it ended with {await onlooker.wait()}"
                question, answer = line.split()
                states[question] = answer

    try:
        await all_of_it(b"works")
        for _ in range(3):
            await asyncio.to_thread(broker.kill)
            await all_of_it(b"fails")
            await asyncio.to_thread(broker.start)
            await all_of_it(b"works")
    finally:
        if onlooker.returncode is None:
            onlooker.kill()
        await asyncio.gather(bus.close(), onlooker.wait())
        await asyncio.to_thread(broker.stop)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_others_receive_what_a_member_that_hangs_was_assigned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, released = threading.Event(), threading.Event()

    def hang(member: KafkaMember, ends: object) -> None:
        hanging.set()
        released.wait()

    broker = await start_broker(tmp_path / "kafka")
    bus = KafkaBus.open(f"kafka://{broker.servers}", clock=SystemClock(), patience_seconds=2)
    try:
        await bus.publish("events", [envelope(seq=1)])
        subscription = await bus.subscribe("tickets", ["events"])
        received = await receive(subscription, 1)
        with monkeypatch.context() as patched:
            patched.setattr(KafkaMember, "commit", hang)
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await subscription.commit(received)
        assert hanging.is_set()
        with pytest.raises(Unavailable, match="closed"):
            await subscription.rewind()
        again = await bus.subscribe("tickets", ["events"])
        found: list[Delivery] = []
        async with asyncio.timeout(500):
            while not found:
                found = await again.receive(10, 1)
        assert envelopes_of(found) == envelopes_of(received)
    finally:
        released.set()
        await bus.close()
        await asyncio.to_thread(broker.stop)
