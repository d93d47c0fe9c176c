"""The bus: durable topics between services."""

from collections.abc import AsyncIterator, Sequence
from typing import ClassVar, Protocol

import msgspec

from houseful.kernel.documents import Millis


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A message on the wire: a CloudEvent.

    `key` is the aggregate's id. `seq` counts the aggregate's messages from 1.
    """

    id: str
    source: str
    type: str
    aggregatetype: str
    key: str
    seq: int
    time: Millis
    traceparent: str | None
    data: bytes


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope as received. `envelope` is None for unreadable bytes, which `raw` holds."""

    topic: str
    partition: int
    offset: int
    envelope: Envelope | None
    raw: bytes


class Subscription(Protocol):
    """A member of a consumer group. At-least-once delivery, in order per key. Members share the keys."""

    async def receive(self, limit: int, wait_seconds: float) -> list[Delivery]:
        """The next deliveries, at least one unless the time runs out.

        Uncommitted deliveries are redelivered to a later member.
        """
        ...

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        """Mark the deliveries, and all earlier ones of their partitions, as done."""
        ...

    async def rewind(self) -> None:
        """Discard received and uncommitted deliveries. `receive` restarts behind the last commit."""
        ...

    async def lag(self) -> int:
        """The number of uncommitted messages."""
        ...

    async def close(self) -> None: ...


class Bus(Protocol):
    """Durable topics. A topic is named after the service that sends to it."""

    engine: ClassVar[str]
    """What keeps them, for spans."""

    async def publish(self, topic: str, envelopes: Sequence[Envelope]) -> None:
        """Publish durably. After `Unavailable` any of the envelopes may or may not be published."""
        ...

    async def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        """Join a consumer group. A new group starts at the beginning."""
        ...

    async def length(self, topic: str) -> int:
        """The number of messages ever published to the topic, by its offsets; 0 without a topic.

        A decrease means that messages were lost.
        """
        ...

    async def purge_expired(self) -> None:
        """Delete messages that every group committed a week ago, until cancelled.

        Returns at once where the broker does so.
        """
        ...

    async def ready(self) -> None: ...

    async def close(self) -> None: ...


class BusInspection(Bus, Protocol):
    """A bus for operators: read-only, outside of every group, while servers run.

    Inspection leaves no trace.
    """

    def entries(self, topic: str) -> AsyncIterator[Envelope]:
        """The messages kept at the start of the iteration, duplicates included, in order per key.

        Empty without a topic. Unreadable messages are skipped.
        """
        ...

    async def lags(self) -> dict[tuple[str, str], int]:
        """The number of uncommitted messages of each (group, topic).

        A group that has committed nothing of a topic may be left out.
        """
        ...
