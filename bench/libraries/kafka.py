"""Messages to Kafka and back: our bus on confluent-kafka, and aiokafka.

Both send batches of CloudEvents with headers, idempotently, acknowledged by all replicas, compressed with
lz4. Both receive in a group, make envelopes of the records and commit by hand. CPU is that of this process.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import OffsetAndMetadata

from bench.libraries.pairs import Work, alternate, told
from engines import PROGRAMS
from engines.kafka import Kafka
from houseful.adapters.kafka.bus import KafkaBus
from houseful.adapters.kafka.records import delivery_of, headers_of
from houseful.kernel.clock import SystemClock
from houseful.kernel.ports import Envelope, Subscription

BATCHES = (1, 50)
"""How many messages are published together: a quiet relay, and a busy one."""
ROUNDS = 14
PIECES = 1_000
KEYS = 200
DATA = (
    b'{"order_id":"ord_01a22434950b7000b9dd55a67d7de1d2","event_id":"evt_01a224349492700081c1edaf52c66379"}'
)

_numbers = itertools.count(1)


class _Record:
    """A record of aiokafka as `delivery_of` reads one."""

    def __init__(self, record: "object") -> None:
        self._record = record

    def __getattr__(self, name: str) -> Callable[[], object]:
        value = getattr(self._record, name)
        return lambda: value


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Kafka(PROGRAMS, Path(folder)) as broker:
        asyncio.run(_measure(broker.servers))


async def _measure(servers: str) -> None:
    bus = KafkaBus.open(f"kafka://{servers}", clock=SystemClock(), installation="bench")
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, enable_idempotence=True, acks="all", compression_type="lz4", linger_ms=1
    )
    await producer.start()
    senders: dict[str, Callable[[list[Envelope]], Awaitable[None]]] = {
        "our bus": partial(bus.publish, "tickets"),
        "aiokafka": partial(_publish, producer),
    }
    try:
        for size in BATCHES:
            works: dict[str, Work] = {name: partial(_send, one, size) for name, one in senders.items()}
            found = await alternate(works, rounds=ROUNDS, pieces=PIECES)
            print(told(f"a message sent, {size} in a batch", found), flush=True)
        await _measure_receiving(bus, servers)
    finally:
        await producer.stop()
        await bus.close()


async def _measure_receiving(bus: KafkaBus, servers: str) -> None:
    """Each receives what both have sent. Both fetch ahead, some of it in the rounds of the other."""
    ours = await bus.subscribe("ours", ["tickets"])
    theirs = AIOKafkaConsumer(
        "bench.tickets",
        bootstrap_servers=servers,
        group_id="bench.theirs",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=200,
    )
    await theirs.start()
    try:
        found = await alternate(
            {"our bus": partial(_receive, ours), "aiokafka": partial(_consume, theirs)},
            rounds=ROUNDS,
            pieces=PIECES,
        )
        print(told("a message received and committed", found), flush=True)
    finally:
        await theirs.stop()


def _envelope() -> Envelope:
    number = next(_numbers)
    return Envelope(
        id=f"msg_{number}",
        source="/houseful/tickets",
        type="houseful.OrderConfirmed.v1",
        aggregatetype="order",
        key=f"ord_{number % KEYS}",
        seq=number,
        time=1_795_900_000_000,
        traceparent=None,
        data=DATA,
    )


async def _send(publish: Callable[[list[Envelope]], Awaitable[None]], size: int) -> None:
    for _ in range(PIECES // size):
        await publish([_envelope() for _ in range(size)])


async def _publish(producer: AIOKafkaProducer, envelopes: list[Envelope]) -> None:
    sent = [
        await producer.send(
            "bench.tickets",
            value=one.data,
            key=one.key.encode(),
            headers=[
                (name, value.encode() if isinstance(value, str) else value) for name, value in headers_of(one)
            ],
        )
        for one in envelopes
    ]
    await asyncio.gather(*sent)


async def _receive(subscription: Subscription) -> None:
    count = 0
    while count < PIECES:
        deliveries = await subscription.receive(min(100, PIECES - count), 5)
        assert all(one.envelope is not None for one in deliveries)
        await subscription.commit(deliveries)
        count += len(deliveries)


async def _consume(consumer: AIOKafkaConsumer) -> None:
    count = 0
    while count < PIECES:
        records = await consumer.getmany(timeout_ms=5000, max_records=min(100, PIECES - count))
        offsets = {}
        for partition, found in records.items():
            deliveries = [delivery_of("tickets", _Record(one)) for one in found]  # type: ignore[arg-type]
            assert all(one.envelope is not None for one in deliveries)
            offsets[partition] = OffsetAndMetadata(deliveries[-1].offset + 1, "")
            count += len(deliveries)
        await consumer.commit(offsets)


if __name__ == "__main__":
    main()
