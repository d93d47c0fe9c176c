"""The bus: durable topics between services."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

from houseful.kernel.documents import Millis


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A message on the wire: a CloudEvent. `key` is the aggregate's id; `seq` counts the aggregate's messages
    from 1.
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
    """An envelope as received. `envelope` is None where the bytes could not be understood; `raw` has them."""

    topic: str
    partition: int
    offset: int
    envelope: Envelope | None
    raw: bytes


class Subscription(Protocol):
    """A member of a consumer group. At least once; in order per key; members share the keys between them."""

    async def receive(self, limit: int, wait_seconds: float) -> list[Delivery]:
        """The next deliveries, at least one unless the time runs out. Those not committed come again to a
        later member.
        """
        ...

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        """These, and all before them in their partitions, are done."""
        ...

    async def rewind(self) -> None:
        """Forget what was received and not committed: `receive` starts again behind the last commit."""
        ...

    async def lag(self) -> int:
        """How many messages are not committed yet."""
        ...

    async def close(self) -> None: ...


class Bus(Protocol):
    """Durable topics. A topic is named after the service that sends to it."""

    async def publish(self, topic: str, envelopes: Sequence[Envelope]) -> None:
        """Returns when all are durable; raises `Unavailable`, and then any of them may or may not be
        there.
        """
        ...

    async def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        """A new group starts at the beginning."""
        ...

    async def length(self, topic: str) -> int:
        """How many messages the topic has ever had, as its offsets say; 0 where there is none. Less than it
        was means that messages were lost.
        """
        ...

    async def purge_expired(self) -> None:
        """Forget, now and then, what everybody has had for a week, until cancelled; returns at once where the
        broker does that by itself.
        """
        ...

    async def ready(self) -> None: ...

    async def close(self) -> None: ...


class BusInspection(Bus, Protocol):
    """A bus as an operator looks at it, from outside and beside those who work with it. Looking leaves no
    trace."""

    def entries(self, topic: str) -> AsyncIterator[Envelope]:
        """Everything of a topic that is kept when it begins, copies included, in order per key; nothing where
        there is no such topic. What can't be understood is passed over.
        """
        ...

    async def lags(self) -> dict[tuple[str, str], int]:
        """How many messages each (group, topic) has not committed. Where a group has committed nothing of a
        topic yet, the two may be left out.
        """
        ...
