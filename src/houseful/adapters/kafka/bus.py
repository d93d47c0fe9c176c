"""Apache Kafka as the bus of a split installation: a topic per sending service, a consumer group per
receiving one.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Self

from houseful.adapters.kafka.admin import KafkaAdmin
from houseful.adapters.kafka.member import KafkaMember
from houseful.adapters.kafka.producer import KafkaProducer
from houseful.adapters.kafka.reader import committed_offsets, retained
from houseful.adapters.kafka.settings import Cluster
from houseful.adapters.kafka.subscription import KafkaSubscription
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, Envelope, Subscription


class KafkaBus:
    """`Bus` on a Kafka cluster; see the port for the contract. Make it with `open`.

    Messages are CloudEvents (`kafka_events`), in order for each key. What `publish` acknowledged is on all
    in-sync replicas, which is not on their disks: outbox rows are kept for that reason. Topics are made when
    they are first used. While the cluster is away, what needs it raises `Unavailable`; the same objects
    go on when it is back. For one event loop.
    """

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
        """To be called on the event loop that will use it. Asks nobody yet: `ready` does.

        `url` is `kafka://host:port,host:port?replication=3&partitions=12`, or `kafka+ssl://…` for TLS, then
        with `user:password@` in front of the hosts for SASL (`mechanism=`SCRAM-SHA-512, SCRAM-SHA-256 or
        PLAIN), and `ca=` for a file of certificates. Raises `ValueError`, in words for the operator, where
        it makes no sense. `replication` and `partitions` are for topics that do not exist; a topic that
        exists stays as it is.

        `installation` begins the names of topics and groups. After `patience_seconds` without an answer, what
        was asked for counts as unavailable.
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
        """Joins in the background: it may take some seconds until `receive` has a share to take from."""
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
        """The retention of the topics is the brokers' business."""

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
        """What was asked for before is still sent, where the cluster is there. Subscriptions close too."""
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
