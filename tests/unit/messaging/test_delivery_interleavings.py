"""Seeded disorder: relays, consumers and operators in any order and at the same time, with faults everywhere.

In the end each message is applied exactly once, in order, and what it caused was sent exactly once. All of it
follows from the seed, but for the threads that write to disk.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from houseful.kernel.errors import DomainError, Transient, Unavailable
from houseful.kernel.ports import Transaction
from houseful.messages import EventChanged
from houseful.messaging import Consumer, ParkedMessage, Relay, list_dead, list_parked, replay, unpark
from tests.unit.messaging.delivery_harness import Harness, note

EVENTS = [f"evt_{number}" for number in range(6)]
STEPS = 120


class Member:
    """A consumer, which takes one batch at a time."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer
        self._busy = asyncio.Lock()
        self._gone = False

    async def step(self) -> int:
        async with self._busy:
            return 0 if self._gone else await self.consumer.step()

    async def leave(self) -> None:
        async with self._busy:
            self._gone = True
            await self.consumer.close()

    async def lose_its_subscription(self) -> None:
        """Even in the middle of a batch, as when a broker takes it for dead."""
        if self.consumer._subscription is not None:
            await self.consumer._subscription.close()


class Disorder:
    def __init__(self, harness: Harness, seed: int) -> None:
        self.harness = harness
        self.chance = random.Random(seed)
        self.healed = False
        self.sent = dict.fromkeys(EVENTS, 0)
        self.relays: list[Relay] = [harness.relay(batch=7)]
        self.members = [self._member()]
        for owner, name in (
            (harness.events.outbox, "mark_published"),
            (harness.tickets, "transact"),
            (harness.bus, "publish"),
            (harness.coordination, "acquire"),
        ):
            setattr(owner, name, self._flaky(getattr(owner, name)))

    def unlucky(self, probability: float) -> bool:
        return not self.healed and self.chance.random() < probability

    def _flaky(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Fails at times, before or after it has done its work."""

        async def flaky(*arguments: Any, **named: Any) -> Any:
            if self.unlucky(0.05):
                raise Unavailable("before")
            result = await call(*arguments, **named)
            if self.unlucky(0.05):
                raise Unavailable("after")
            return result

        return flaky

    def _member(self) -> Member:
        async def handler(tx: Transaction, message: EventChanged) -> None:
            if self.unlucky(0.02):
                raise RuntimeError("a bug that comes and goes")
            await note(tx, message)
            if self.unlucky(0.02):
                raise RuntimeError("a bug that comes late")

        return Member(self.harness.consumer({EventChanged: handler}, batch=self.chance.choice([1, 5, 20])))

    async def send(self) -> None:
        event = self.chance.choice(EVENTS)
        titles = range(self.sent[event], self.sent[event] + self.chance.randint(1, 4))
        self.sent[event] = titles.stop
        await self.harness.send_titles(event, *titles)

    async def relay(self) -> None:
        await self.chance.choice(self.relays).step()

    async def consume(self) -> None:
        await self.chance.choice(self.members).step()

    async def retry(self) -> None:
        await self.chance.choice(self.members).consumer.retry()

    async def replay(self) -> None:
        await replay(self.harness.events, self.harness.bus, "events")

    async def unpark_one(self) -> None:
        if parked := await list_parked(self.harness.tickets):
            await unpark(self.harness.tickets, self.chance.choice(parked).id)

    async def change_relays(self) -> None:
        self.relays = [self.harness.relay(batch=self.chance.choice([1, 3, 50])) for _ in range(3)]

    async def change_members(self) -> None:
        self.members.append(self._member())
        if len(self.members) > 3:
            await self.members.pop(self.chance.randrange(len(self.members))).leave()

    async def break_a_subscription(self) -> None:
        await self.chance.choice(self.members).lose_its_subscription()

    async def pass_time(self) -> None:
        await self.harness.clock.advance(self.chance.choice([0.1, 1, 11]))

    async def fault(self) -> None:
        self.harness.bus.commits_fail = self.chance.random() < 0.3
        self.harness.bus.rejected = {self.chance.choice(EVENTS)} if self.chance.random() < 0.3 else set()

    async def step(self) -> None:
        actions = {
            self.send: 6.0,
            self.relay: 6.0,
            self.consume: 6.0,
            self.retry: 2.0,
            self.replay: 0.3,
            self.unpark_one: 0.5,
            self.change_relays: 0.3,
            self.change_members: 1.0,
            self.break_a_subscription: 0.5,
            self.pass_time: 1.0,
            self.fault: 1.0,
        }
        chosen = self.chance.choices(
            list(actions), list(actions.values()), k=self.chance.choice([1, 1, 2, 4])
        )
        for result in await asyncio.gather(*(action() for action in chosen), return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, (Transient, DomainError)):
                raise result

    async def heal(self) -> None:
        self.healed = True
        self.harness.bus.commits_fail = False
        self.harness.bus.rejected = set()
        await self.harness.clock.advance(60)
        for parked in await list_parked(self.harness.tickets):
            await unpark(self.harness.tickets, parked.id)
        for relay in self.relays:
            while await relay.step():
                pass
        for member in self.members:
            try:
                await member.step()
            except Unavailable:
                assert member.consumer._subscription is None, "it has noticed that it needs a new one"
        moved = 1
        while moved:
            moved = 0
            for member in self.members:
                moved += await member.step() + await member.consumer.retry()


@pytest.mark.parametrize("seed", range(30))
async def test_every_message_is_applied_once_and_in_order(tmp_path: Path, seed: int) -> None:
    harness = Harness(tmp_path)
    disorder = Disorder(harness, seed)
    for _ in range(STEPS):
        await disorder.step()
    await disorder.heal()
    for event, count in disorder.sent.items():
        assert await harness.applied(event) == list(range(count))
        assert await harness.reported(event) == list(range(count))
        assert await harness.known(event) == count
    assert (await harness.events.outbox.stats()).unpublished == 0
    assert await list_parked(harness.tickets) == []
    assert await list_dead(harness.tickets) == []
    assert await harness.tickets.count(ParkedMessage, {}) == 0
    await harness.close()
