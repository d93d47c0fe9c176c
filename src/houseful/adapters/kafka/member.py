"""A member of a Kafka consumer group, for one thread: librdkafka's consumer and what it has done so far."""

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
    """One `receive` of the thread. Any thread may set `cut`; it ends the poll early, with what was found."""

    def __init__(self, limit: int, *, patient: bool) -> None:
        self.limit = limit
        self.cancelled = threading.Event()
        if not patient:
            self.cancelled.set()


class _Assignment:
    """A partition of this member, and the positions since it was assigned."""

    __slots__ = ("done", "first")

    def __init__(self) -> None:
        self.first: int | None = None
        """Offset of the first message received. Everything before it was committed before the assignment."""
        self.done: int | None = None
        """Everything before this offset was committed by this member."""

    @property
    def start(self) -> int | None:
        """Offset of the first message that is not committed; None where none was received."""
        return self.first if self.done is None else self.done


class KafkaMember:
    """Every method belongs to the same thread, and may raise `Unavailable`.

    Assignments change only inside `receive`, since librdkafka calls back only then: a partition is handed
    over between two batches of whoever commits before receiving again. Where it was lost all the same,
    because this process was silent for too long, a late `commit` is passed over, so that it does not undo the
    new owner's.
    """

    def __init__(self, cluster: Cluster, group: str, topics: Mapping[str, str]) -> None:
        """`topics`: from the names in the cluster to the bus' own."""
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
        """At least one, unless the poll is cut. Where it raises, what it had found comes again."""
        self._flush()
        if self._must_seek:
            self._seek()
        try:
            return self._find(poll)
        except Unavailable:
            self._must_seek = True
            raise

    def commit(self, ends: Mapping[PartitionId, int]) -> None:
        """Everything before these offsets is done. Partitions that are not this member's any more are passed
        over; their new owner has received it again."""
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
        """How far the whole group is, in those of them where it has committed something."""
        return committed(self._consumer, partitions, patience_seconds)

    def rewind(self) -> None:
        """The next `receive` begins behind what was committed."""
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
        """After an error from which the consumer never recovers. At the very beginning that is a broker that
        does not know the newer group protocol."""
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
        """What is here already: `consume` with time to wait would use it up to fill the batch."""
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
        """Commit once more what a rebalance kept from being committed."""
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
