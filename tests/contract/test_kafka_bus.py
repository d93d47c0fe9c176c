"""Kafka: the bus contract on a real broker, and what is its own."""

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from houseful.adapters.kafka.bus import KafkaBus
from houseful.adapters.kafka.member import KafkaMember
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import BusInspection, Delivery, Subscription
from tests.contract.bus_contract import BusContract, OpenBus, by_key, envelope, envelopes_of, fresh, receive
from tests.contract.kafka_engine import kafka_servers
from tests.support.patience import PATIENCE_SECONDS

__all__ = ["kafka_servers"]


def patient(hosts: str, **named: Any) -> KafkaBus:
    return KafkaBus.open(f"kafka://{hosts}", clock=SystemClock(), patience_seconds=PATIENCE_SECONDS, **named)


class TestKafkaBus(BusContract):
    @pytest.fixture
    async def open_bus(self, kafka_servers: str) -> AsyncIterator[OpenBus]:
        opened: list[KafkaBus] = []
        installation = fresh("contract")

        async def open_again() -> BusInspection:
            for bus in opened:
                await bus.close()
            opened.append(patient(kafka_servers, installation=installation))
            return opened[-1]

        yield open_again
        for bus in opened:
            await bus.close()


@pytest.fixture
async def bus(kafka_servers: str) -> AsyncIterator[KafkaBus]:
    bus = patient(kafka_servers)
    yield bus
    await bus.close()


@pytest.fixture
def topic() -> str:
    return fresh("topic")


@pytest.fixture
def group() -> str:
    return fresh("group")


def murmur2(data: bytes) -> int:
    """As org.apache.kafka.common.utils.Utils: 32 bits, seed 0x9747b28c."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) - len(data) % 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if tail := data[whole:]:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


class TestTheWire:
    async def test_messages_are_cloudevents(self, bus: KafkaBus, kafka_servers: str, topic: str) -> None:
        traceparent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        traced = envelope("evt_Ω", 7, b'{"title":"x"}', traceparent=traceparent)
        plain = envelope("evt_1", 1)
        await bus.publish(topic, [traced, plain])
        records = await asyncio.to_thread(raw_records, kafka_servers, f"houseful.{topic}", 2)
        record = records["evt_Ω".encode()]
        assert record.value() == b'{"title":"x"}'
        assert headers_of(record) == {
            "content-type": "application/json",
            "ce_specversion": "1.0",
            "ce_id": traced.id,
            "ce_source": "events",
            "ce_type": "houseful.EventCancelled.v1",
            "ce_time": "2027-01-15T08:00:00.007Z",
            "ce_subject": "evt_Ω",
            "ce_partitionkey": "evt_Ω",
            "ce_aggregatetype": "event",
            "ce_seq": "7",
            "ce_traceparent": traceparent,
        }
        attributes = [name for name in headers_of(record) if name != "content-type"]
        assert all(re.fullmatch(r"ce_[a-z0-9]{1,20}", name) for name in attributes)
        assert "ce_traceparent" not in headers_of(records[b"evt_1"])

    async def test_a_keys_partition_is_the_one_that_javas_clients_choose(
        self, bus: KafkaBus, kafka_servers: str, topic: str
    ) -> None:
        keys = [f"evt_{number}" for number in range(40)]
        await bus.publish(topic, [envelope(key) for key in keys])
        records = await asyncio.to_thread(raw_records, kafka_servers, f"houseful.{topic}", len(keys))
        assert len({record.partition() for record in records.values()}) > 1
        for key, record in records.items():
            assert record.partition() == (murmur2(key) & 0x7FFFFFFF) % 12

    async def test_what_others_publish(
        self, bus: KafkaBus, kafka_servers: str, topic: str, group: str
    ) -> None:
        subscription = await bus.subscribe(group, [topic])
        good: dict[str, str | bytes] = {
            "ce_specversion": "1.0",
            "ce_id": "msg_1",
            "ce_source": "events",
            "ce_type": "houseful.EventCancelled.v1",
            "ce_time": "2026-01-01T02:00:00+02:00",
            "ce_aggregatetype": "event",
            "ce_seq": "3",
            "ce_color": "red",
            "ce_traceparent": "",  # Kafka Connect's way of saying that there is none
        }
        bad: list[dict[str, str | bytes]] = [
            {"content-type": "application/cloudevents+json"},
            good | {"ce_specversion": "2.0"},
            good | {"ce_seq": "0"},
            good | {"ce_seq": "many"},
            good | {"ce_time": "yesterday"},
            good | {"ce_time": "2026-01-01T02:00:00"},
            good | {"ce_id": b"\xff"},
            {name: value for name, value in good.items() if name != "ce_type"},
        ]
        producer = Producer({"bootstrap.servers": kafka_servers})
        for number, headers in enumerate(bad):
            producer.produce(f"houseful.{topic}", f"bad {number}", "evt_1", headers=dict(headers))
        producer.produce(f"houseful.{topic}", b"no key", headers=dict(good))
        producer.produce(f"houseful.{topic}", None, "evt_1")
        producer.produce(f"houseful.{topic}", b"good", "evt_1", headers=dict(good))
        assert await asyncio.to_thread(producer.flush, 30) == 0
        received = await receive(subscription, len(bad) + 3)
        [only] = envelopes_of(received)
        assert (only.id, only.key, only.seq, only.data) == ("msg_1", "evt_1", 3, b"good")
        assert only.time == 1_767_225_600_000
        assert only.traceparent is None
        raws = {delivery.raw for delivery in received if delivery.envelope is None}
        assert raws == {f"bad {number}".encode() for number in range(len(bad))} | {b"no key", b""}
        await subscription.commit(received)
        assert await subscription.lag() == 0


class TestPublishing:
    async def test_too_large_a_message_concerns_nobody_else(
        self, bus: KafkaBus, topic: str, group: str
    ) -> None:
        with pytest.raises(Unavailable, match="size"):
            await bus.publish(topic, [envelope("evt_1"), envelope("evt_2", data=bytes(2_000_000))])
        await bus.publish(topic, [envelope("evt_1", 2)])
        subscription = await bus.subscribe(group, [topic])
        assert by_key(envelopes_of(await receive(subscription, 2))) == {"evt_1": [1, 2]}

    async def test_a_producer_beyond_repair_is_replaced(self, bus: KafkaBus, topic: str, group: str) -> None:
        await bus.publish(topic, [envelope(seq=1)])
        broken = bus._producer
        assert broken is not None
        broken._report(KafkaError(KafkaError._FATAL, "the log ends before what was acknowledged", fatal=True))
        await bus.publish(topic, [envelope(seq=2)])
        assert bus._producer is not broken
        subscription = await bus.subscribe(group, [topic])
        assert by_key(envelopes_of(await receive(subscription, 2))) == {"evt_1": [1, 2]}


class TestTopics:
    async def test_they_are_made_once(self, bus: KafkaBus, kafka_servers: str, topic: str) -> None:
        other = patient(f"{kafka_servers}?partitions=5")
        await asyncio.gather(*(one.publish(topic, [envelope()]) for one in (bus, other) for _ in range(3)))
        await other.close()
        assert partitions_of(kafka_servers, f"houseful.{topic}") in (12, 5)

    async def test_one_that_exists_stays_as_it_is(
        self, bus: KafkaBus, kafka_servers: str, topic: str
    ) -> None:
        operator = AdminClient({"bootstrap.servers": kafka_servers})
        for future in operator.create_topics([NewTopic(f"houseful.{topic}", 2, 1)]).values():
            await asyncio.wrap_future(future)
        await bus.publish(topic, [envelope()])
        assert partitions_of(kafka_servers, f"houseful.{topic}") == 2

    async def test_one_that_was_deleted_is_made_again(self, kafka_servers: str, topic: str) -> None:
        """After a time in which the broker still takes what it is about to delete, and one in which the
        producer has not found the new one yet."""
        bus = KafkaBus.open(f"kafka://{kafka_servers}", clock=SystemClock(), patience_seconds=1)
        last = 0

        async def taken() -> bool:
            nonlocal last
            last += 1
            with suppress(Unavailable):
                await bus.publish(topic, [envelope(seq=last)])
                return True
            return False

        async with asyncio.timeout(300):
            while not await taken():
                pass
            operator = AdminClient({"bootstrap.servers": kafka_servers})
            for future in operator.delete_topics([f"houseful.{topic}"]).values():
                await asyncio.wrap_future(future)
            while await taken():
                pass
            refused = last
            while not await taken():
                pass
        await bus.close()
        records = await asyncio.to_thread(raw_records, kafka_servers, f"houseful.{topic}", 1)
        assert refused <= int(headers_of(records[b"evt_1"])["ce_seq"]) <= last


class TestMembers:
    async def test_a_share_that_moves_in_mid_batch(self, bus: KafkaBus, topic: str, group: str) -> None:
        """What the first had received and not committed comes to the second too; that the first commits it
        late does not undo what the second has done."""
        keys = [f"evt_{number}" for number in range(60)]
        await bus.publish(topic, [envelope(key, 1) for key in keys])
        first = await bus.subscribe(group, [topic])
        early = await receive(first, 60)
        second = await bus.subscribe(group, [topic])
        mine: list[Delivery] = []
        others: list[Delivery] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not others:
                mine += await first.receive(100, 0.05)
                others += await second.receive(100, 0.05)
            await bus.publish(topic, [envelope(key, 2) for key in keys])
            while sum(one.seq == 2 for one in envelopes_of(mine + others)) < 60:
                mine += await first.receive(100, 0.05)
                others += await second.receive(100, 0.05)
        assert {one.key for one in envelopes_of(mine)} < set(keys)
        shares = by_key(envelopes_of(others))
        assert shares == {key: [1, 2] for key in shares}
        await second.commit(others)
        await first.commit(early)
        assert await first.lag() == 60 - len(shares), (
            "what came later to the first, and nothing of the second's"
        )
        await first.commit(mine)
        assert await second.lag() == 0

    async def test_a_cancelled_receive_loses_nothing(self, bus: KafkaBus, topic: str, group: str) -> None:
        await bus.publish(topic, [envelope(seq=seq) for seq in range(1, 101)])
        subscription = await bus.subscribe(group, [topic])
        found: list[Delivery] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(found) < 100:
                cancelled = asyncio.create_task(subscription.receive(7, 1))
                await asyncio.sleep(0)
                cancelled.cancel()
                [outcome] = await asyncio.gather(cancelled, return_exceptions=True)
                found += outcome if isinstance(outcome, list) else []
                found += await subscription.receive(5, 1)
        assert [one.seq for one in envelopes_of(found)] == list(range(1, 101))

    async def test_a_rewind_while_receiving(self, bus: KafkaBus, topic: str, group: str) -> None:
        """What the round under way has found by then is forgotten, not received before its predecessors."""
        sent = [envelope(seq=seq) for seq in range(1, 21)]
        await bus.publish(topic, sent)
        subscription = await bus.subscribe(group, [topic])
        await subscription.commit((await receive(subscription, 10))[:3])
        waiting = asyncio.create_task(subscription.receive(10, 30))
        await asyncio.sleep(0)
        await subscription.rewind()
        found = await waiting
        assert envelopes_of(found + await receive(subscription, 17 - len(found))) == sent[3:]

    async def test_an_error_in_mid_round_loses_nothing(
        self, bus: KafkaBus, topic: str, group: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await bus.publish(topic, [envelope(seq=seq) for seq in range(1, 11)])
        subscription = await bus.subscribe(group, [topic])
        consume = KafkaMember._consume
        errors = iter([Unavailable("the topic may not be read")])

        def fail_once(member: KafkaMember, limit: int) -> list[Message]:
            for error in errors:
                raise error
            return consume(member, limit)

        monkeypatch.setattr(KafkaMember, "_consume", fail_once)
        with pytest.raises(Unavailable, match="may not be read"):
            await receive(subscription, 10)
        assert [one.seq for one in envelopes_of(await receive(subscription, 10))] == list(range(1, 11))

    async def test_killed_or_frozen_before_the_commit(
        self, bus: KafkaBus, kafka_servers: str, topic: str, group: str
    ) -> None:
        sent = [envelope(f"evt_{number}") for number in range(10)]
        await bus.publish(topic, sent)

        async def killed(group: str) -> None:
            process = await member_process(kafka_servers, group, topic)
            process.kill()
            await process.wait()
            await take_over(await bus.subscribe(group, [topic]))

        async def frozen(group: str) -> None:
            process = await member_process(kafka_servers, group, topic)
            process.send_signal(signal.SIGSTOP)
            heir = await bus.subscribe(group, [topic])
            await take_over(heir)
            process.send_signal(signal.SIGCONT)
            output, _ = await process.communicate(b"commit\n")
            assert output == b"committed\n"
            assert process.returncode == 0
            assert await heir.lag() == 0

        async def take_over(heir: Subscription) -> None:
            found: list[Delivery] = []
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(found) < 10:
                    found += await heir.receive(10, 1)
            assert {one.id for one in envelopes_of(found)} == {one.id for one in sent}
            await heir.commit(found)

        await asyncio.gather(killed(f"{group}-killed"), frozen(f"{group}-frozen"))


MEMBER = """
import asyncio, sys
from houseful.adapters.kafka.bus import KafkaBus
from houseful.adapters.kafka.member import KafkaMember
from houseful.kernel.clock import SystemClock

async def main():
    bus = KafkaBus.open(f"kafka://{sys.argv[1]}", clock=SystemClock())
    subscription = await bus.subscribe(sys.argv[2], [sys.argv[3]])
    received = []
    while len(received) < 10:
        received += await subscription.receive(10, 1)
    print("received", flush=True)
    sys.stdin.readline()
    await subscription.commit(received)
    print("committed", flush=True)
    await bus.close()

asyncio.run(main())
"""


async def member_process(servers: str, group: str, topic: str) -> Process:
    """A member that has received ten messages and waits for a line before it commits them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        MEMBER,
        servers,
        group,
        topic,
        stdin=PIPE,
        stdout=PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"received\n"
    return process


def raw_records(servers: str, topic: str, count: int) -> dict[bytes, Message]:
    """By key, as any client of Kafka sees them."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "onlooker", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(12)])
    found: dict[bytes, Message] = {}
    while len(found) < count:
        for record in consumer.consume(count, 1):
            key = record.key()
            assert key is not None
            found[key] = record
    consumer.close()
    return found


def headers_of(record: Message) -> dict[str, str]:
    headers = record.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    found = {name: value.decode() for name, value in pairs if isinstance(value, bytes)}
    assert len(found) == len(headers)
    return found


def partitions_of(servers: str, topic: str) -> int:
    metadata = AdminClient({"bootstrap.servers": servers}).list_topics(topic, timeout=30)
    return len(metadata.topics[topic].partitions)
