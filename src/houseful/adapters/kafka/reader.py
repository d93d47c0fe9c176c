"""Read-only inspection of topics and of the offsets of groups, without joining a group or committing."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from houseful.adapters.kafka import settings as kafka_settings
from houseful.adapters.kafka.records import delivery_of
from houseful.adapters.kafka.settings import Cluster, PartitionId, unavailable
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Envelope

_MESSAGES_AT_ONCE = 1_000
_WAIT_SECONDS = 0.2


async def retained(
    cluster: Cluster, ends: Mapping[PartitionId, int], patience_seconds: float
) -> AsyncIterator[Envelope]:
    """The retained messages before these offsets, in order per key.

    Raises `Unavailable` where Kafka refuses, or sends nothing for `patience_seconds`.
    """
    # One thread, as every client of ours has: a call whose caller was cancelled goes on in it, then the next.
    thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-reader")
    reader = _Reader(cluster, ends)
    loop = asyncio.get_running_loop()
    try:
        heard_at = time.monotonic()
        while reader.partitions_left:
            messages = await loop.run_in_executor(thread, reader.read)
            if messages is not None:
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > patience_seconds:
                raise Unavailable(f"Kafka has sent nothing for {patience_seconds:g} seconds")
            for message in messages or ():
                envelope = delivery_of("", message).envelope
                if envelope is not None:
                    yield envelope
    finally:
        thread.submit(reader.close)
        thread.shutdown(wait=False)


async def committed_offsets(
    cluster: Cluster, group: str, partitions: Sequence[TopicPartition], patience_seconds: float
) -> dict[PartitionId, int]:
    """The committed offsets of a group, for partitions that have one. Raises `Unavailable`."""

    def ask() -> dict[PartitionId, int]:
        report = kafka_settings.Reporter(f"looking at {group}")
        consumer = Consumer(kafka_settings.reader(cluster, report, group=group))
        try:
            return committed(consumer, partitions, patience_seconds)
        finally:
            consumer.close()

    return await asyncio.to_thread(ask)


def committed(
    consumer: Consumer, partitions: Sequence[TopicPartition], patience_seconds: float
) -> dict[PartitionId, int]:
    """The committed offsets of a consumer's group. For the thread of the consumer."""
    if not partitions:
        return {}
    try:
        found = consumer.committed(list(partitions), patience_seconds)
        refused = [one.error for one in found if one.error is not None]
        if refused:
            raise KafkaException(refused[0])
    except (KafkaException, RuntimeError) as error:
        raise unavailable("what is committed can't be asked of Kafka", error) from error
    return {(one.topic, one.partition): one.offset for one in found if one.offset >= 0}


class _Reader:
    """A consumer for one thread."""

    def __init__(self, cluster: Cluster, ends: Mapping[PartitionId, int]) -> None:
        self._ends = {partition: end for partition, end in ends.items() if end > 0}
        report = kafka_settings.Reporter("reading from Kafka")
        self._consumer = Consumer(kafka_settings.reader(cluster, report))
        self._consumer.assign([TopicPartition(*partition, OFFSET_BEGINNING) for partition in self._ends])

    @property
    def partitions_left(self) -> int:
        return len(self._ends)

    def read(self) -> list[Message] | None:
        """The next messages; None where Kafka sent nothing."""
        try:
            heard = self._consumer.consume(_MESSAGES_AT_ONCE, _WAIT_SECONDS)
        except (KafkaException, RuntimeError) as refused:
            raise unavailable("nothing can be read from Kafka", refused) from refused
        found: list[Message] = []
        for message in heard:
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                self._take(message, found)
            elif not (error.retriable() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART):
                raise unavailable("nothing can be read from Kafka", KafkaException(error))
        return found if heard else None

    def _take(self, message: Message, found: list[Message]) -> None:
        """A message, or the end of its partition."""
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert partition is not None
        assert offset is not None
        end = self._ends.get((topic, partition))
        if end is None:
            return
        if message.error() is None and offset < end:
            found.append(message)
        if message.error() is not None or offset >= end - 1:
            del self._ends[topic, partition]
            self._consumer.pause([TopicPartition(topic, partition)])

    def close(self) -> None:
        self._consumer.close()
