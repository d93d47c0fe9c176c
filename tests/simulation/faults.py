"""What goes wrong around the services: connections, the bus, coordination. Each has its probability."""

import asyncio
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.sqlite.bus import LocalBus
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, Envelope, Subscription
from houseful.webapi.asgi import App, Receive, Scope, Send
from houseful.webapi.responses import AbortConnection
from tests.simulation.virtual_time import VirtualLoop

SILENCE_SECONDS = 45.0
"""After so long a group goes on without a member of which nothing is heard; Kafka's default."""


class Faults:
    """Whether something goes wrong now. `mended` is True when nothing does any more."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.mended = False
        self._chance = loop.chance
        weight = self._chance.choice([0.0, 0.3, 1.0, 3.0])
        """Some lives are quiet, some are bad."""
        self._weight = weight
        self.count = 0

    def strike(self, probability: float) -> bool:
        struck = not self.mended and self._chance.random() < probability * self._weight
        self.count += struck
        return struck

    async def delay(self, most_seconds: float) -> None:
        """A network's delay, seldom a long one."""
        seconds = self._chance.uniform(0, most_seconds)
        await asyncio.sleep(seconds * 50 if self.strike(0.01) else seconds)


class Network:
    """An application in front of the gateway. Requests reach it late, or never, or are not answered."""

    def __init__(self, gateway: App, faults: Faults) -> None:
        self._gateway = gateway
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._faults.delay(0.02)
        if self._faults.strike(0.03):
            raise AbortConnection
        if self._faults.strike(0.03):
            await self._gateway(scope, receive, _nowhere)
            raise AbortConnection
        await self._gateway(scope, receive, send)
        await self._faults.delay(0.02)


async def _nowhere(message: MutableMapping[str, Any]) -> None:
    pass


class FaultyBus(LocalBus):
    """A bus that refuses, or does what was asked and loses its answer, and that takes members for dead."""

    faults: Faults

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._unknown: set[asyncio.Task[None]] = set()

    async def publish(self, topic: str, envelopes: Sequence[Envelope]) -> None:
        with _around(self.faults, 0.05):
            await super().publish(topic, envelopes)

    async def commit(self, group: Any, ends: dict[tuple[str, int], int]) -> None:
        with _around(self.faults, 0.05):
            await super().commit(group, ends)

    async def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        """A member that nobody learned of keeps its partitions until it is taken for dead."""
        if self.faults.strike(0.05):
            raise Unavailable("it did not get there")
        subscription = await super().subscribe(group, topics)
        if self.faults.strike(0.05):
            self._unknown.add(asyncio.create_task(self._take_for_dead(subscription)))
            raise Unavailable("its answer was lost")
        return subscription

    async def _take_for_dead(self, subscription: Subscription) -> None:
        await self.clock.sleep(SILENCE_SECONDS)
        await subscription.close()

    async def lose_members(self) -> None:
        """Now and then, for as long as things go wrong."""
        while not self.faults.mended:
            await self.clock.sleep(self.faults._chance.uniform(1, 20))
            members = [member for group in self._groups.values() for member in group.members]
            if members and self.faults.strike(0.2):
                await self.faults._chance.choice(members).close()


class FaultyCoordination(LocalCoordination):
    """Coordination that is away at times, and at times forgets all locks."""

    def __init__(self, clock: Clock, faults: Faults) -> None:
        super().__init__(clock)
        self._faults = faults

    async def acquire(
        self, names: Sequence[str], owner: str, *, ttl_seconds: float, wait_seconds: float = 0
    ) -> bool:
        if self._faults.strike(0.02):
            self._locks.clear()
        with _around(self._faults, 0.05):
            return await super().acquire(names, owner, ttl_seconds=ttl_seconds, wait_seconds=wait_seconds)

    async def publish(self, channel: str, payload: bytes) -> None:
        with _around(self._faults, 0.05):
            await super().publish(channel, payload)


@contextmanager
def _around(faults: Faults, probability: float) -> Iterator[None]:
    """Fails before the work, or after it."""
    if faults.strike(probability):
        raise Unavailable("it did not get there")
    yield
    if faults.strike(probability):
        raise Unavailable("its answer was lost")
