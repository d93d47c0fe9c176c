"""Apache Kafka as the bus of a split installation: a topic per sending service, a consumer group per
receiving one.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import ClassVar, Self

from houseful.adapters.kafka.admin import KafkaAdmin
from houseful.adapters.kafka.member import KafkaMember
from houseful.adapters.kafka.producer import KafkaProducer
from houseful.adapters.kafka.reader import committed_offsets, retained
from houseful.adapters.kafka.settings import Cluster
from houseful.adapters.kafka.subscription import KafkaSubscription
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, Envelope, Subscription


class KafkaBus:
    """`Bus` on a Kafka cluster; see the port for the contract. Make it with `open`. For one event loop.

    Messages are CloudEvents (`records`), in order for each key. Acknowledged messages are on all in-sync
    replicas, not on their disks: outbox rows are kept for that reason. Topics are created at their first use.
    While the cluster is away, calls raise `Unavailable`; the same objects continue when it is back.
    """

    engine: ClassVar[str] = "kafka"

    def __init__(
        self, cluster: Cluster, clock: Clock, prefix: str, admin: KafkaAdmin, patience_seconds: float
    ) -> None:
        self._cluster = cluster
        self._clock = clock
        self._prefix = prefix
        self._admin = admin
        self._patience_seconds = patience_seconds
        self._producer: KafkaProducer | None = None
        self._subscriptions: set[KafkaSubscription] = set()
        self._made: set[str] = set()
        self._closed = False

    @classmethod
    def open(
        cls, url: str, *, clock: Clock, installation: str = "houseful", patience_seconds: float = 10
    ) -> Self:
        """Make the bus on the event loop that will use it. Nothing is sent yet; `ready` connects.

        `url` is `kafka://host:port,host:port?replication=3&partitions=12`, or `kafka+ssl://…` for TLS. With
        TLS, `user:password@` before the hosts selects SASL (`mechanism=`SCRAM-SHA-512, SCRAM-SHA-256 or
        PLAIN), and `ca=` names a file of certificates. Raises `ValueError`, in words for the operator, for an
        invalid URL. `replication` and `partitions` apply to new topics; existing topics stay as they are.

        `installation` is the prefix of the names of topics and groups. A request without an answer for
        `patience_seconds` raises `Unavailable`.
        """
        cluster = Cluster.at(url)
        admin = KafkaAdmin(cluster, patience_seconds)
        return cls(cluster, clock, f"{installation}.", admin, patience_seconds)

    async def publish(self, topic: str, envelopes: Sequence[Envelope]) -> None:
        self._must_be_open()
        if not envelopes:
            return
        await self._make_topics([topic])
        try:
            await self._working_producer().send(self._prefix + topic, envelopes)
        except Unavailable:
            self._made.discard(topic)  # it may have been deleted
            raise

    async def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        """Join in the background. Some seconds may pass until `receive` has assigned partitions."""
        self._must_be_open()
        await self._make_topics(topics)
        names = {topic: self._prefix + topic for topic in topics}
        subscription = KafkaSubscription(
            partial(
                KafkaMember,
                self._cluster,
                self._prefix + group,
                {name: topic for topic, name in names.items()},
            ),
            self._clock,
            names,
            self._admin,
            self._patience_seconds,
        )
        self._subscriptions = {one for one in self._subscriptions if not one.closed} | {subscription}
        return subscription

    async def length(self, topic: str) -> int:
        self._must_be_open()
        partitions = await self._admin.partitions([self._prefix + topic])
        return sum((await self._admin.ends(partitions)).values())

    async def purge_expired(self) -> None:
        """Returns at once: brokers apply the retention of topics."""

    async def ready(self) -> None:
        self._must_be_open()
        await self._admin.check(f"{self._prefix}ready")

    async def entries(self, topic: str) -> AsyncIterator[Envelope]:
        self._must_be_open()
        name = self._prefix + topic
        ends = await self._admin.ends(await self._admin.partitions([name]))
        async for envelope in retained(self._cluster, ends, self._patience_seconds):
            yield envelope

    async def lags(self) -> dict[tuple[str, str], int]:
        self._must_be_open()
        partitions = await self._admin.partitions(await self._admin.topics(self._prefix))
        found: dict[tuple[str, str], int] = {}
        for group in await self._admin.groups(self._prefix):
            committed = await committed_offsets(self._cluster, group, partitions, self._patience_seconds)
            topics = {topic for topic, _ in committed}
            own = [one for one in partitions if one.topic in topics]
            for topic, lag in (await self._admin.lags(own, committed)).items():
                found[group.removeprefix(self._prefix), topic.removeprefix(self._prefix)] = lag
        return found

    async def close(self) -> None:
        """Send earlier messages, if the cluster is reachable, then close. Subscriptions close too."""
        if self._closed:
            return
        self._closed = True
        sender = [self._producer.close()] if self._producer is not None else []
        await asyncio.gather(*sender, *(one.close() for one in self._subscriptions))

    async def _make_topics(self, topics: Sequence[str]) -> None:
        missing = [topic for topic in topics if topic not in self._made]
        if missing:
            await self._admin.make_topics([self._prefix + topic for topic in missing])
            self._made.update(missing)

    def _working_producer(self) -> KafkaProducer:
        self._must_be_open()
        if self._producer is not None and self._producer.broken:
            self._producer.abandon()
            self._producer = None
        if self._producer is None:
            self._producer = KafkaProducer(self._cluster, self._patience_seconds)
        return self._producer

    def _must_be_open(self) -> None:
        if self._closed:
            raise Unavailable("the Kafka bus is closed")
