"""A durable log of messages in one SQLite file: the bus of a single process.

A topic has a fixed number of partitions, a key always the same one, and offsets count within a partition.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Self

from houseful.adapters.sqlite.bus_file import PARTITIONS, BusFile, TopicPartition
from houseful.kernel.documents import Millis
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, Delivery, Envelope, Subscription
from houseful.kernel.waiting import poll_on

_ROWS_PER_READ = 1_000
_KEPT_MILLIS = 7 * 24 * 3600 * 1000
_PRUNE_SECONDS = 3600.0


class _Group:
    """The members of a consumer group in this process, and the offsets that the group has committed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: list[LocalSubscription] = []
        self.committed: dict[TopicPartition, int] = {}

    def share(self) -> None:
        """Divide the partitions of each topic among its subscribers."""
        shares: dict[LocalSubscription, list[TopicPartition]] = {member: [] for member in self.members}
        for topic in {topic for member in self.members for topic in member.topics}:
            members = [member for member in self.members if topic in member.topics]
            for partition in range(PARTITIONS):
                shares[members[partition % len(members)]].append((topic, partition))
        for member, partitions in shares.items():
            member.assign(partitions)


class LocalSubscription:
    """A member of a consumer group.

    When a member joins, uncommitted deliveries of another member may be delivered again.
    """

    def __init__(self, bus: "LocalBus", group: _Group, topics: Sequence[str]) -> None:
        self.topics = tuple(topics)
        self.woken = asyncio.Event()
        self._bus = bus
        self._group = group
        self._positions: dict[TopicPartition, int] = {}
        self._turn = 0
        self._closed = False

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Set the member's partitions.

        Reading continues in kept partitions, and starts behind the commit in new ones.
        """
        self._positions = {
            partition: self._positions.get(partition, self._group.committed[partition])
            for partition in partitions
        }
        self.woken.set()

    def owns(self, partition: TopicPartition) -> bool:
        return partition in self._positions

    async def receive(self, limit: int, wait_seconds: float) -> list[Delivery]:
        return await poll_on(self.woken, lambda: self._read(limit), self._bus.clock, wait_seconds)

    def _read(self, limit: int) -> list[Delivery]:
        """Read partition by partition. The first partition rotates, so that a long one starves no other."""
        self._must_be_open()
        behind = [
            partition
            for partition, position in self._positions.items()
            if self._bus.end(partition) > position
        ]
        self._turn += 1
        start = self._turn % len(behind) if behind else 0
        found: list[Delivery] = []
        for partition in behind[start:] + behind[:start]:
            if len(found) == limit:
                break
            deliveries = self._bus.read(partition, self._positions[partition], limit - len(found))
            if deliveries:
                self._positions[partition] = deliveries[-1].offset + 1
                found += deliveries
        return found

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        self._must_be_open()
        ends: dict[TopicPartition, int] = {}
        for delivery in deliveries:
            partition = (delivery.topic, delivery.partition)
            ends[partition] = max(ends.get(partition, 0), delivery.offset + 1)
        if ends:
            await self._bus.commit(self._group, ends)

    async def rewind(self) -> None:
        self._must_be_open()
        self._positions = {partition: self._group.committed[partition] for partition in self._positions}

    async def lag(self) -> int:
        """The lag of the whole group in the topics of this member."""
        self._must_be_open()
        return sum(
            self._bus.end(partition) - committed
            for partition, committed in self._group.committed.items()
            if partition[0] in self.topics
        )

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._positions = {}
            self.woken.set()
            self._group.members.remove(self)
            self._group.share()

    def _must_be_open(self) -> None:
        if self._closed:
            raise Unavailable("the subscription is closed")
        self._bus.must_be_open()


class LocalBus:
    """`Bus` on one file, for one process at a time; see the port for the contract. Make it with `open`."""

    engine: ClassVar[str] = "sqlite"

    def __init__(self, file: BusFile, clock: Clock) -> None:
        self.clock = clock
        self._file = file
        self._groups: dict[str, _Group] = {}
        self._ends: dict[TopicPartition, int] = defaultdict(int)
        self._raise_ends(file.ends())
        self._closed = False

    @classmethod
    def open(cls, path: Path, *, clock: Clock, read_only: bool = False) -> Self:
        """Open the file on the event loop that will use it.

        Raises `Unavailable`, also where another process uses the file.

        With `read_only` another process may use the file, and only `topics`, `entries` and `lags` work.
        """
        return cls(BusFile(path, read_only=read_only), clock)

    async def publish(self, topic: str, envelopes: Sequence[Envelope]) -> None:
        """Publish the envelopes in one transaction. After an error usually none of them is published."""
        self.must_be_open()
        if envelopes:
            await self._file.append(topic, envelopes, self.clock.now(), self._raise_ends)

    async def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        self.must_be_open()
        partitions = [(topic, partition) for topic in topics for partition in range(PARTITIONS)]
        committed = await self._file.join(group, partitions)
        state = self._groups.setdefault(group, _Group(group))
        state.committed = committed | state.committed  # what is in memory is newer
        subscription = LocalSubscription(self, state, topics)
        state.members.append(subscription)
        state.share()
        return subscription

    async def length(self, topic: str) -> int:
        self.must_be_open()
        return sum(self._ends.get((topic, partition), 0) for partition in range(PARTITIONS))

    async def ready(self) -> None:
        self.must_be_open()
        await self._file.check(self.clock.now())

    async def close(self) -> None:
        """Write earlier requests, then close."""
        if self._closed:
            return
        self._closed = True
        for group in self._groups.values():
            for member in group.members:
                member.woken.set()
        await self._file.close()

    async def topics(self) -> list[str]:
        self.must_be_open()
        return self._file.topics()

    async def entries(self, topic: str) -> AsyncIterator[Envelope]:
        """All kept messages of a topic, duplicates included, in order per key."""
        for partition in range(PARTITIONS):
            position = 0
            while deliveries := self.read((topic, partition), position, _ROWS_PER_READ):
                for delivery in deliveries:
                    if delivery.envelope is not None:
                        yield delivery.envelope
                position = deliveries[-1].offset + 1
                await asyncio.sleep(0)  # a long log must not block the event loop

    async def lags(self) -> dict[tuple[str, str], int]:
        """The number of uncommitted messages of each (group, topic)."""
        self.must_be_open()
        return self._file.lags()

    async def purge_expired(self) -> None:
        while True:
            await self.clock.sleep(_PRUNE_SECONDS)
            await self.prune(self.clock.now() - _KEPT_MILLIS)

    async def prune(self, published_before: Millis) -> int:
        """Delete entries published before `published_before` that every group of the topic has committed.

        Returns the number of entries. A topic without a group is kept whole for a later group.
        """
        self.must_be_open()
        deleted = 0
        for partition in list(self._ends):
            while count := await self._file.prune(partition, published_before):
                deleted += count
        return deleted

    # For subscriptions

    def read(self, partition: TopicPartition, position: int, limit: int) -> list[Delivery]:
        self.must_be_open()
        return self._file.read(partition, position, limit)

    def end(self, partition: TopicPartition) -> int:
        """The offset of the partition's next entry."""
        return self._ends[partition]

    async def commit(self, group: _Group, ends: dict[TopicPartition, int]) -> None:
        """Commit the offsets of a group: entries before them are done."""

        def then(_: None) -> None:
            for partition, end in ends.items():
                group.committed[partition] = max(group.committed[partition], end)

        self.must_be_open()
        await self._file.commit(group.name, ends, then)

    def must_be_open(self) -> None:
        if self._closed:
            raise Unavailable("the local bus is closed")

    def _raise_ends(self, ends: dict[TopicPartition, int]) -> None:
        for partition, end in ends.items():
            if end > self._ends[partition]:
                self._ends[partition] = end
                self._wake(partition)

    def _wake(self, partition: TopicPartition) -> None:
        for group in self._groups.values():
            for member in group.members:
                if member.owns(partition):
                    member.woken.set()
