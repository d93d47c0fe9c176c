"""Apache Kafka as the bus of a split installation: a topic per sending service, a consumer group per
receiving one.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Self

from houseful.adapters.kafka_admin import KafkaAdmin
from houseful.adapters.kafka_member import KafkaMember
from houseful.adapters.kafka_sender import KafkaSender
from houseful.adapters.kafka_subscription import KafkaSubscription
from houseful.common.errors import Unavailable
from houseful.common.ports import Clock, Envelope, Subscription


class KafkaBus:
    """`Bus` on a Kafka cluster; see the port for the contract. Make it with `open`.

    Messages are CloudEvents (`kafka_events`), in order for each key. What `publish` acknowledged is on all
    in-sync replicas, which is not on their disks: outbox rows are kept for that reason. Topics are made when
    they are first used. While the cluster is away, what needs it raises `Unavailable`; the same objects
    go on when it is back. For one event loop.
    """

    def __init__(
        self, servers: str, clock: Clock, prefix: str, admin: KafkaAdmin, patience_seconds: float
    ) -> None:
        self._servers = servers
        self._clock = clock
        self._prefix = prefix
        self._admin = admin
        self._patience_seconds = patience_seconds
        self._sender: KafkaSender | None = None
        self._subscriptions: set[KafkaSubscription] = set()
        self._made: set[str] = set()
        self._closed = False

    @classmethod
    def open(
        cls,
        servers: str,
        *,
        clock: Clock,
        prefix: str = "houseful.",
        partitions: int = 12,
        replication: int = 1,
        patience_seconds: float = 10,
    ) -> Self:
        """To be called on the event loop that will use it. Asks nobody yet: `ready` does.

        `servers` is "host:port", several with commas between. `prefix` begins the names of topics and groups.
        `partitions` and `replication` are for topics that do not exist; a topic that exists stays as it is.
        After `patience_seconds` without an answer, what was asked for counts as unavailable.
        """
        admin = KafkaAdmin(servers, patience_seconds, partitions=partitions, replication=replication)
        return cls(servers, clock, prefix, admin, patience_seconds)

    async def publish(self, topic: str, envelopes: Sequence[Envelope]) -> None:
        self._must_be_open()
        if not envelopes:
            return
        await self._make_topics([topic])
        try:
            await self._working_sender().send(self._prefix + topic, envelopes)
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
                self._servers,
                self._prefix + group,
                {name: topic for topic, name in names.items()},
            ),
            self._clock,
            names,
            partial(self._admin.lag, self._prefix + group, list(names.values())),
            self._patience_seconds,
        )
        self._subscriptions = {one for one in self._subscriptions if not one.closed} | {subscription}
        return subscription

    async def keep_house(self) -> None:
        """The retention of the topics is the brokers' business."""

    async def ready(self) -> None:
        self._must_be_open()
        await self._admin.check()

    async def close(self) -> None:
        """What was asked for before is still sent, where the cluster is there. Subscriptions close too."""
        if self._closed:
            return
        self._closed = True
        sender = [self._sender.close()] if self._sender is not None else []
        await asyncio.gather(*sender, *(one.close() for one in self._subscriptions))

    async def _make_topics(self, topics: Sequence[str]) -> None:
        missing = [topic for topic in topics if topic not in self._made]
        if missing:
            await self._admin.make_topics([self._prefix + topic for topic in missing])
            self._made.update(missing)

    def _working_sender(self) -> KafkaSender:
        self._must_be_open()
        if self._sender is not None and self._sender.broken:
            self._sender.abandon()
            self._sender = None
        if self._sender is None:
            self._sender = KafkaSender(self._servers, self._patience_seconds)
        return self._sender

    def _must_be_open(self) -> None:
        if self._closed:
            raise Unavailable("the Kafka bus is closed")
