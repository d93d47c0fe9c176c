"""Inspection and creation of Kafka's topics and groups. For one event loop.

Some requests of librdkafka's admin client are avoided. Requests to a group's coordinator
(`list_consumer_group_offsets`, `describe_consumer_groups`) abort the whole process when the broker goes away
meanwhile, and `describe_cluster` does when a broker has just come back. Consumers read the committed offsets
of a group, and reachability is checked by describing a topic. Topics are described before their offsets are
read: otherwise the request would go to stale leaders.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

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

KEPT_MILLIS = 7 * 24 * 3600 * 1000
"""The least retention of a topic: as long as a service may be away."""

_CLUSTERS_CHOICE = -1
_MISSING = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART})
_NOT_PERMITTED = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})


class KafkaAdmin:
    """Every method raises `Unavailable` where the brokers are unreachable or refuse."""

    def __init__(self, cluster: Cluster, patience_seconds: float) -> None:
        self._report = kafka_settings.Reporter("asking Kafka")
        self._client = AdminClient(kafka_settings.admin(cluster, self._report))
        self._cluster = cluster
        self._patience_seconds = patience_seconds

    async def check(self, topic: str) -> None:
        """Describe a topic, which need not exist."""
        [asked] = self._client.describe_topics(
            TopicCollection([topic]), request_timeout=self._patience_seconds
        ).values()
        await self._answer(asked, fine=_MISSING | _NOT_PERMITTED)

    async def make_topics(self, topics: Collection[str]) -> None:
        """Create missing topics.

        Existing topics stay as they are: another number of partitions would move keys and break their order.
        """
        missing = [topic for topic, partitions in (await self.describe(topics)).items() if partitions is None]
        if not missing:
            return
        made = self._client.create_topics(
            [self._new(topic) for topic in missing],
            operation_timeout=self._patience_seconds,
            request_timeout=self._patience_seconds,
        )
        for future in made.values():
            await self._answer(future, fine=frozenset({KafkaError.TOPIC_ALREADY_EXISTS}))

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
        if not topics:
            return {}
        asked = self._client.describe_topics(
            TopicCollection(list(topics)), request_timeout=self._patience_seconds
        )
        found = {topic: await self._answer(future, fine=_MISSING) for topic, future in asked.items()}
        return {topic: description and description.partitions for topic, description in found.items()}

    async def settings(self, topics: Collection[str]) -> dict[str, dict[str, str] | None]:
        """The settings of existing topics, including cluster defaults; None where this user may not read
        them.
        """
        if not topics:
            return {}
        resources = {ConfigResource(ResourceType.TOPIC, topic): topic for topic in topics}
        asked = self._client.describe_configs(list(resources), request_timeout=self._patience_seconds)
        found = {}
        for resource, future in asked.items():
            entries = await self._answer(future, fine=_NOT_PERMITTED)
            found[resources[resource]] = entries and {name: one.value for name, one in entries.items()}
        return found

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
        try:
            return await asyncio.to_thread(self._client.list_topics, timeout=self._patience_seconds)
        except KafkaException as error:
            raise self._unanswered(error) from error

    async def groups(self, prefix: str) -> list[str]:
        """Groups whose names begin with `prefix`.

        An unreachable broker has none: other brokers have taken its groups over.
        """
        listed = await self._answer(self._client.list_consumer_groups(request_timeout=self._patience_seconds))
        if listed.errors and not listed.valid:
            raise unavailable("Kafka did not answer", listed.errors[0])
        return sorted(one.group_id for one in listed.valid if one.group_id.startswith(prefix))

    async def _offsets(
        self, partitions: Iterable[TopicPartition], which: OffsetSpec
    ) -> dict[PartitionId, int]:
        asked = dict.fromkeys(partitions, which)
        if not asked:
            return {}
        futures = self._client.list_offsets(asked, request_timeout=self._patience_seconds)
        return {
            (one.topic, one.partition): (await self._answer(future)).offset for one, future in futures.items()
        }

    async def _answer(self, future: "Future[Any]", *, fine: frozenset[int] = frozenset()) -> Any:
        """The result of a request. Returns None for an error in `fine`."""
        answer = asyncio.wrap_future(future)
        answer.add_done_callback(_retrieve_exception)
        try:
            # shielded: a cancelled caller must not cancel what librdkafka's thread is about to resolve
            return await asyncio.shield(answer)
        except KafkaException as error:
            if error.args[0].code() in fine:
                return None
            raise self._unanswered(error) from error

    def _unanswered(self, error: KafkaException) -> Unavailable:
        """The error of a request. A timeout carries no reason: `_report` has the connection error."""
        self._client.poll(0)
        last, self._report.last = self._report.last, None
        if error.args[0].code() == KafkaError._TIMED_OUT and last is not None:
            return unavailable("Kafka did not answer", KafkaException(last))
        return unavailable("Kafka did not answer", error)


def _retrieve_exception(answer: "asyncio.Future[Any]") -> None:
    """Retrieve the error of a request whose caller was cancelled. Otherwise asyncio logs it as a bug."""
    if not answer.cancelled():
        answer.exception()
