"""A member of a Kafka consumer group, for one thread: the consumer of librdkafka and its progress."""

import threading
from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from houseful.adapters.kafka import settings as kafka_settings
from houseful.adapters.kafka.reader import committed
from houseful.adapters.kafka.records import delivery_of
from houseful.adapters.kafka.settings import Cluster, PartitionId, Protocol, unavailable
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Delivery
from houseful.kernel.telemetry import get_logger

_POLL_SECONDS = 0.1
_NOT_OURS = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError._ASSIGNMENT_LOST,
    }
)
_PASSING = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._MAX_POLL_EXCEEDED})

log = get_logger(__name__)


class Poll:
    """One `receive` of the thread.

    Any thread may set `cancelled`, which ends the poll early with the messages found.
    """

    def __init__(self, limit: int, *, patient: bool) -> None:
        self.limit = limit
        self.cancelled = threading.Event()
        if not patient:
            self.cancelled.set()


class _Assignment:
    """An assigned partition, and its positions since the assignment."""

    __slots__ = ("done", "first")

    def __init__(self) -> None:
        self.first: int | None = None
        """The offset of the first received message. Earlier messages were committed before the assignment."""
        self.done: int | None = None
        """Messages before this offset were committed by this member."""

    @property
    def start(self) -> int | None:
        """The offset of the first uncommitted message; None where none was received."""
        return self.first if self.done is None else self.done


class KafkaMember:
    """Every method belongs to the same thread, and may raise `Unavailable`.

    Assignments change only inside `receive`, since librdkafka calls back only then. A caller that commits
    before receiving again hands partitions over between two batches. After a silence longer than the session,
    partitions are lost at once: a late `commit` of such a partition is skipped, so that it does not revert
    the new owner's.
    """

    def __init__(self, cluster: Cluster, group: str, topics: Mapping[str, str]) -> None:
        """`topics` maps names in the cluster to the bus' own."""
        self._cluster = cluster
        self._group = group
        self._topics = dict(topics)
        self._assignments: dict[PartitionId, _Assignment] = {}
        self._pending_commits: dict[PartitionId, int] = {}
        self._must_seek = False
        self._was_assigned = False
        self._protocol: Protocol = "consumer"
        self._consumer = self._join()

    def receive(self, poll: Poll) -> list[Delivery]:
        """Receive at least one message, unless the poll is cancelled.

        After an error its messages are received again.
        """
        self._flush()
        if self._must_seek:
            self._seek()
        try:
            return self._find(poll)
        except Unavailable:
            self._must_seek = True
            raise

    def commit(self, ends: Mapping[PartitionId, int]) -> None:
        """Commit offsets: messages before them are done.

        Partitions of other members are skipped; their new owner receives the messages again.
        """
        wanted: dict[PartitionId, int] = {}
        for partition, end in ends.items():
            assignment = self._assignments.get(partition)
            if assignment is not None and assignment.start is not None and end > assignment.start:
                wanted[partition] = end
        if wanted:
            self._commit(self._pending_commits | wanted)
            for partition, end in wanted.items():
                self._assignments[partition].done = end

    def committed(
        self, partitions: Sequence[TopicPartition], patience_seconds: float
    ) -> dict[PartitionId, int]:
        """The committed offsets of the whole group, for partitions that have one."""
        return committed(self._consumer, partitions, patience_seconds)

    def rewind(self) -> None:
        """Restart `receive` behind the committed offsets."""
        self._must_seek = True

    def close(self) -> None:
        """Leave the group."""
        try:
            self._flush()
        except Unavailable as error:
            log.info("%s leaves with commits undone: %s", self._group, error)
        try:
            self._consumer.close()
        except (KafkaException, RuntimeError) as error:
            log.warning("%s could not leave its group: %s", self._group, error)

    def _join(self) -> Consumer:
        report = kafka_settings.Reporter(f"receiving as {self._group}")
        consumer = Consumer(kafka_settings.consumer(self._cluster, self._group, self._protocol, report))
        consumer.subscribe(
            list(self._topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )
        return consumer

    def _join_anew(self, reason: KafkaError) -> None:
        """Rejoin after a fatal error of the consumer.

        At the first join, that error is a broker without the newer group protocol.
        """
        log.warning("%s joins its group anew: %s", self._group, reason.str())
        if not self._was_assigned:
            self._protocol = "classic"
        self.close()
        self._assignments.clear()
        self._pending_commits.clear()
        self._consumer = self._join()

    def _assigned(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._was_assigned = True
        for one in partitions:
            self._assignments[one.topic, one.partition] = _Assignment()

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        for one in partitions:
            self._assignments.pop((one.topic, one.partition), None)
            self._pending_commits.pop((one.topic, one.partition), None)

    def _find(self, poll: Poll) -> list[Delivery]:
        deliveries = self._take(self._poll(0))
        while not deliveries and not poll.cancelled.is_set():
            deliveries = self._take(self._poll(_POLL_SECONDS))
        if deliveries and len(deliveries) < poll.limit:
            deliveries += self._take(self._consume(poll.limit - len(deliveries)))
        return deliveries

    def _poll(self, seconds: float) -> list[Message]:
        try:
            message = self._consumer.poll(seconds)
        except (KafkaException, RuntimeError) as error:
            raise unavailable("nothing can be received from Kafka", error) from error
        return [] if message is None else [message]

    def _consume(self, limit: int) -> list[Message]:
        """Messages that have arrived already.

        `consume` with a timeout would use all of it to fill the batch.
        """
        try:
            return self._consumer.consume(limit, 0)
        except (KafkaException, RuntimeError) as error:
            raise unavailable("nothing can be received from Kafka", error) from error

    def _take(self, messages: Sequence[Message]) -> list[Delivery]:
        deliveries = []
        for message in messages:
            error = message.error()
            if error is None:
                topic = message.topic()
                assert topic is not None
                delivery = delivery_of(self._topics[topic], message)
                assignment = self._assignments.get((topic, delivery.partition))
                if assignment is not None and assignment.first is None:
                    assignment.first = delivery.offset
                deliveries.append(delivery)
            elif kafka_settings.is_fatal(error):
                self._join_anew(error)
                return []
            elif error.code() in _PASSING or error.retriable():
                log.info("%s waits for Kafka: %s", self._group, error.str())
            else:
                raise unavailable("nothing can be received from Kafka", KafkaException(error))
        return deliveries

    def _seek(self) -> None:
        for (topic, partition), assignment in self._assignments.items():
            if assignment.start is not None:
                try:
                    self._consumer.seek(TopicPartition(topic, partition, assignment.start))
                except (KafkaException, RuntimeError) as error:
                    raise unavailable("Kafka's consumer can't go back", error) from error
        self._must_seek = False

    def _flush(self) -> None:
        """Repeat commits that a rebalance prevented."""
        if self._pending_commits:
            self._commit(dict(self._pending_commits))

    def _commit(self, ends: dict[PartitionId, int]) -> None:
        offsets = [TopicPartition(topic, partition, end) for (topic, partition), end in ends.items()]
        try:
            results = self._consumer.commit(offsets=offsets, asynchronous=False)
            failures = [one.error for one in results if one.error is not None]
        except KafkaException as error:
            failures = [error.args[0]]
        except RuntimeError as error:
            raise unavailable("nothing can be committed to Kafka", error) from error
        bad = [error for error in failures if error.code() not in _NOT_OURS]
        if bad:
            raise unavailable("nothing can be committed to Kafka", KafkaException(bad[0]))
        self._pending_commits = ends if failures else {}
        if failures:
            log.info("%s commits after its rebalance: %s", self._group, failures[0].str())
