"""Inspection and creation of Kafka's topics and groups. For one event loop.

Some requests of librdkafka's admin client are avoided. Requests to a group's coordinator
(`list_consumer_group_offsets`, `describe_consumer_groups`) abort the whole process when the broker goes away
meanwhile, and `describe_cluster` does when a broker has just come back. Consumers read the committed offsets
of a group, and reachability is checked by describing a topic. Topics are described before their offsets are
read: otherwise the request would go to stale leaders.

A client may stay without a connection for ever after its broker was away: 2 of 40 did after a restart. A
client whose request got no answer is replaced.
"""

import asyncio
import random
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from confluent_kafka import (
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
    TopicPartitionInfo,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ClusterMetadata,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from houseful.adapters.kafka import settings as kafka_settings
from houseful.adapters.kafka.settings import Cluster, PartitionId, unavailable
from houseful.kernel.errors import Unavailable
from houseful.kernel.waiting import Backoff

KEPT_MILLIS = 7 * 24 * 3600 * 1000
"""The least retention of a topic: as long as a service may be away."""

_CLUSTERS_CHOICE = -1
_MISSING = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART})
_NOT_LEADING = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.NOT_CONTROLLER,
    }
)
"""The asked broker does not lead any more, or not yet. librdkafka's admin client does not ask again."""
_NO_ANSWER = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})
_NOT_PERMITTED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})

T = TypeVar("T")


class KafkaAdmin:
    """Every method raises `Unavailable` where the brokers are unreachable or refuse."""

    def __init__(self, cluster: Cluster, patience_seconds: float) -> None:
        self._report = kafka_settings.Reporter("asking Kafka")
        self._cluster = cluster
        self._patience_seconds = patience_seconds
        self._client = self._connect()
        self._retired: set[asyncio.Task[None]] = set()
        """Each owns a replaced client until the client's last request is over."""

    def _connect(self) -> AdminClient:
        return AdminClient(kafka_settings.admin(self._cluster, self._report))

    async def check(self, topic: str) -> None:
        """Describe a topic, which need not exist."""
        await self._ask(self._topics, [topic], fine=_MISSING | _NOT_PERMITTED)

    async def make_topics(self, topics: Collection[str]) -> None:
        """Create missing topics.

        Existing topics stay as they are: another number of partitions would move keys and break their order.
        """
        missing = [topic for topic, partitions in (await self.describe(topics)).items() if partitions is None]
        if not missing:
            return
        await self._ask(self._create, missing, fine=frozenset({KafkaError.TOPIC_ALREADY_EXISTS}))

    def _create(self, topics: Collection[str]) -> dict[str, "Future[Any]"]:
        return self._client.create_topics(
            [self._new(topic) for topic in topics],
            operation_timeout=self._patience_seconds,
            request_timeout=self._patience_seconds,
        )

    def _new(self, topic: str) -> NewTopic:
        """A new topic. Cluster defaults stay, except for settings that the bus relies on."""
        replication = self._cluster.replication
        config = {"cleanup.policy": "delete", "retention.ms": str(KEPT_MILLIS)}
        if replication is not None and replication > 2:
            config["min.insync.replicas"] = str(replication // 2 + 1)
        every = _CLUSTERS_CHOICE if replication is None else replication
        return NewTopic(topic, self._cluster.partitions, every, config=config)

    async def describe(self, topics: Collection[str]) -> dict[str, list[TopicPartitionInfo] | None]:
        """The partitions of each topic, None for a missing topic."""
        found = await self._ask(self._topics, topics, fine=_MISSING)
        return {topic: description and description.partitions for topic, description in found.items()}

    def _topics(self, topics: Collection[str]) -> dict[str, "Future[Any]"]:
        return self._client.describe_topics(
            TopicCollection(list(topics)), request_timeout=self._patience_seconds
        )

    async def settings(self, topics: Collection[str]) -> dict[str, dict[str, str] | None]:
        """The settings of existing topics, including cluster defaults; None where this user may not read
        them.
        """
        resources = {ConfigResource(ResourceType.TOPIC, topic): topic for topic in topics}
        found = await self._ask(self._configs, resources, fine=_NOT_PERMITTED)
        return {
            resources[resource]: entries and {name: one.value for name, one in entries.items()}
            for resource, entries in found.items()
        }

    def _configs(self, resources: Collection[ConfigResource]) -> dict[ConfigResource, "Future[Any]"]:
        return self._client.describe_configs(list(resources), request_timeout=self._patience_seconds)

    async def brokers(self) -> int:
        """The number of brokers at present."""
        return len((await self._metadata()).brokers)

    async def partitions(self, topics: Collection[str]) -> list[TopicPartition]:
        """All partitions of the existing topics."""
        found = await self.describe(topics)
        return [
            TopicPartition(topic, one.id) for topic, partitions in found.items() for one in partitions or ()
        ]

    async def ends(self, partitions: Collection[TopicPartition]) -> dict[PartitionId, int]:
        """The offset of each partition's next message."""
        return await self._offsets(partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]

    async def lags(
        self, partitions: Collection[TopicPartition], committed: Mapping[PartitionId, int]
    ) -> dict[str, int]:
        """The number of uncommitted messages by topic.

        A partition without a commit is read from its beginning.
        """
        fresh = [one for one in partitions if (one.topic, one.partition) not in committed]
        starts = await self._offsets(fresh, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        done = {**starts, **committed}
        lags = dict.fromkeys((one.topic for one in partitions), 0)
        for partition, end in (await self.ends(partitions)).items():
            lags[partition[0]] += max(0, end - done[partition])
        return lags

    async def topics(self, prefix: str) -> list[str]:
        """Topics whose names begin with `prefix`."""
        return sorted(topic for topic in (await self._metadata()).topics if topic.startswith(prefix))

    async def _metadata(self) -> ClusterMetadata:
        client = self._client
        asked = asyncio.create_task(asyncio.to_thread(client.list_topics, timeout=self._patience_seconds))
        try:
            return await self._answer(asked, client)
        except KafkaException as error:
            raise self._unanswered(error, client) from error

    async def groups(self, prefix: str) -> list[str]:
        """Groups whose names begin with `prefix`.

        An unreachable broker has none: other brokers have taken its groups over.
        """
        client = self._client
        asked = client.list_consumer_groups(request_timeout=self._patience_seconds)
        try:
            listed = await self._answer(asyncio.wrap_future(asked), client)
        except KafkaException as error:
            raise self._unanswered(error, client) from error
        if listed.errors and not listed.valid:
            raise unavailable("Kafka did not answer", listed.errors[0])
        return sorted(one.group_id for one in listed.valid if one.group_id.startswith(prefix))

    async def _offsets(
        self, partitions: Iterable[TopicPartition], which: OffsetSpec
    ) -> dict[PartitionId, int]:
        def ask(partitions: Collection[TopicPartition]) -> dict[TopicPartition, "Future[Any]"]:
            asked = dict.fromkeys(partitions, which)
            return self._client.list_offsets(asked, request_timeout=self._patience_seconds)

        found = await self._ask(ask, list(partitions))
        return {(one.topic, one.partition): answer.offset for one, answer in found.items()}

    async def _ask(
        self,
        request: Callable[[Collection[T]], Mapping[T, "Future[Any]"]],
        about: Collection[T],
        *,
        fine: frozenset[int] = frozenset(),
    ) -> dict[T, Any]:
        """The result about each. None stands for an error in `fine`.

        What a broker that does not lead was asked is asked again, for `patience_seconds`.
        """
        found: dict[T, Any] = {}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_seconds
        backoff = Backoff(0.05, 1, random.Random())  # noqa: S311 - jitter
        left = about
        while left:
            elsewhere: list[T] = []
            client = self._client
            for one, future in request(left).items():
                try:
                    found[one] = await self._answer(asyncio.wrap_future(future), client)
                except KafkaException as error:
                    code = error.args[0].code()
                    if code in fine:
                        found[one] = None
                    elif code in _NOT_LEADING and loop.time() < deadline:
                        elsewhere.append(one)
                    else:
                        raise self._unanswered(error, client) from error
            left = elsewhere
            if left:
                await asyncio.sleep(backoff.failed())
                await self._metadata()  # the client learns who leads now
        return found

    async def _answer(self, answer: "asyncio.Future[T]", client: AdminClient) -> T:
        """The answer of a client. Raises `KafkaException`.

        The end of a request is noticed, too, whose caller was cancelled: `/readyz` waits for less than the
        patience.
        """
        answer.add_done_callback(partial(self._answered, client))
        # shielded: a cancelled caller must not cancel what librdkafka's thread is about to resolve
        return await asyncio.shield(answer)

    def _answered(self, client: AdminClient, answer: "asyncio.Future[Any]") -> None:
        error = None if answer.cancelled() else answer.exception()
        no_answer = isinstance(error, KafkaException) and error.args[0].code() in _NO_ANSWER
        if no_answer and client is self._client:
            self._replace()

    def _unanswered(self, error: KafkaException, client: AdminClient) -> Unavailable:
        """The error of a request. A timeout carries no reason: `_report` has the connection error."""
        client.poll(0)
        last, self._report.last = self._report.last, None
        if error.args[0].code() == KafkaError._TIMED_OUT and last is not None:
            return unavailable("Kafka did not answer", KafkaException(last))
        return unavailable("Kafka did not answer", error)

    def _replace(self) -> None:
        retired = asyncio.create_task(self._retire(self._client))
        self._retired.add(retired)
        retired.add_done_callback(self._retired.discard)
        self._client = self._connect()

    async def _retire(self, client: AdminClient) -> None:
        """Free a client on a thread, because freeing joins the client's threads.

        Requests under way end first: a freed client leaves its requests without a result.
        """
        await asyncio.sleep(2 * self._patience_seconds)
        last = [client]
        del client
        await asyncio.to_thread(last.clear)
