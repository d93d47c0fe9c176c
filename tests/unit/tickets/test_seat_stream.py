"""Whoever watches a hall folds a snapshot and the deltas behind it, and has the server's picture."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from houseful.tickets.domain.availability import AVAILABLE, HELD
from houseful.tickets.use_cases.availability import TICK_SECONDS, SeatsUpdate
from tests.unit.tickets.hall_in_use import Change, running, shown, stored, view_of
from tests.unit.tickets.harness import Harness
from tests.unit.tickets.test_seatmap import decode_delta, decode_snapshot


class Watcher:
    """A browser. It reads as it pleases, and knows what docs/seat-map.md says and nothing else."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.statuses: list[int] = []
        self.last_id: str | None = None
        self.snapshots = 0
        self.ended = False
        self._messages: AsyncIterator[SeatsUpdate] | None = None
        self._reading: asyncio.Task[SeatsUpdate] | None = None

    async def connect(self) -> None:
        layout = await self.harness.tickets.inventory.layout("evt_1")
        self._messages = self.harness.tickets.availability.watch("evt_1", layout, self.last_id)
        self.ended = False
        await self.read()

    async def read(self) -> None:
        """All that has arrived."""
        while not self.ended:
            if self._reading is None:
                assert self._messages is not None
                self._reading = asyncio.ensure_future(anext(self._messages))
            for _ in range(5):
                await asyncio.sleep(0)
            if not self._reading.done():
                return
            try:
                message = self._reading.result()
            except StopAsyncIteration:
                self.ended = True
            else:
                self.take(message)
            self._reading = None

    def take(self, update: SeatsUpdate) -> None:
        if update.kind == "snapshot":
            version, self.statuses = decode_snapshot(update.data)
            assert version == update.version
            self.snapshots += 1
        else:
            for ordinal, status in decode_delta(update.data).items():
                self.statuses[ordinal] = status
        self.last_id = str(update.version)

    async def leave(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None


async def agrees(watcher: Watcher) -> None:
    """Behind a tick, what was folded is the server's picture, byte for byte and version for version."""
    await watcher.harness.clock.advance(TICK_SECONDS)
    await watcher.read()
    view = await view_of(watcher.harness)
    version, statuses = decode_snapshot(view.snapshot())
    assert watcher.statuses == statuses == await stored(watcher.harness)
    assert watcher.last_id == str(version)


@pytest.mark.parametrize("seed", range(6))
async def test_every_watcher_has_the_servers_picture(harness: Harness, seed: int) -> None:
    """Some come late, some read seldom, some leave and come again."""
    await harness.show(areas=True)
    change, chance = Change(harness, seed), random.Random(seed + 1000)
    watchers: list[Watcher] = []
    async with running(harness.tickets.availability.run):
        for step in range(80):
            await change.step()
            if step % 10 == 0:
                watchers.append(Watcher(harness))
                await watchers[-1].connect()
            if chance.random() < 0.5:
                await harness.clock.advance(TICK_SECONDS)
            for watcher in watchers:
                if chance.random() < 0.3:
                    await watcher.read()
                if chance.random() < 0.05:
                    await watcher.leave()
                    await watcher.connect()
        for watcher in watchers:
            await agrees(watcher)
            await watcher.leave()


async def test_many_changes_between_two_ticks_are_one_message(harness: Harness) -> None:
    await harness.show(areas=True)
    watcher = Watcher(harness)
    await watcher.connect()
    async with running(harness.tickets.availability.run):
        for number in range(1, 6):
            await harness.hold(f"A-{number}")
        await harness.clock.advance(TICK_SECONDS)
        await watcher.read()
    assert watcher.statuses[:6] == [HELD] * 5 + [AVAILABLE]
    assert watcher.snapshots == 1
    await watcher.leave()


async def test_who_comes_again_with_the_newest_version_gets_no_snapshot(harness: Harness) -> None:
    await harness.show(areas=True)
    watcher = Watcher(harness)
    await watcher.connect()
    await watcher.leave()
    await watcher.connect()
    assert watcher.snapshots == 1
    async with running(harness.tickets.availability.run):
        await harness.hold("B-5")
        await agrees(watcher)
        assert watcher.snapshots == 1
    await watcher.leave()


async def test_who_missed_something_gets_a_snapshot(harness: Harness) -> None:
    await harness.show(areas=True)
    watcher = Watcher(harness)
    await watcher.connect()
    await watcher.leave()
    await harness.hold("B-5")
    await watcher.connect()
    assert watcher.snapshots == 2
    assert watcher.statuses == await stored(harness)
    await watcher.leave()


@pytest.mark.parametrize("nonsense", ["", "0", "-1", "18446744073709551616", "abc"])
async def test_a_version_that_we_never_gave_gets_a_snapshot(harness: Harness, nonsense: str) -> None:
    await harness.show(areas=True)
    watcher = Watcher(harness)
    watcher.last_id = nonsense
    await watcher.connect()
    assert watcher.snapshots == 1
    await watcher.leave()


async def test_an_expiry_is_sent_though_nobody_did_anything(harness: Harness) -> None:
    await harness.show(areas=True)
    await harness.hold("A-1")
    watcher = Watcher(harness)
    await watcher.connect()
    assert watcher.statuses[0] == HELD
    async with running(harness.tickets.availability.run):
        await harness.clock.advance(600)
        await agrees(watcher)
    assert watcher.statuses[0] == AVAILABLE
    await watcher.leave()


async def test_one_who_does_not_read_is_sent_away_and_the_others_are_served(harness: Harness) -> None:
    await harness.show(areas=True)
    slow, quick = Watcher(harness), Watcher(harness)
    await slow.connect()
    await quick.connect()
    async with running(harness.tickets.availability.run):
        for turn in range(80):
            hold = await harness.hold(f"A-{turn % 10 + 1}", user=f"usr_{turn}")
            await harness.clock.advance(TICK_SECONDS)
            await harness.tickets.holding.release(f"usr_{turn}", hold.hold_id)
            await harness.clock.advance(TICK_SECONDS)
            await quick.read()
        view = await view_of(harness)
        assert len(view.watchers) == 1  # nothing piles up for one who does not read
        await slow.read()
        assert slow.ended
        assert not quick.ended
        await slow.connect()
        assert slow.snapshots == 2
        await agrees(slow)
        await agrees(quick)
    await slow.leave()
    await quick.leave()


async def test_one_who_leaves_is_forgotten(harness: Harness) -> None:
    await harness.show(areas=True)
    watchers = [Watcher(harness) for _ in range(5)]
    for watcher in watchers:
        await watcher.connect()
    view = await view_of(harness)
    assert len(view.watchers) == 5
    for watcher in watchers:
        await watcher.leave()
    assert not view.watchers


async def test_a_watcher_in_another_process_sees_it_too(harness: Harness) -> None:
    await harness.show(areas=True)
    other = harness.beside()
    watcher = Watcher(other)
    await watcher.connect()
    jobs = (
        other.tickets.availability.run,
        other.tickets.availability.listen,
        harness.tickets.availability.run,
    )
    async with running(*jobs):
        await harness.clock.advance(0)
        await harness.bought("A-1", "A-2")
        await harness.clock.advance(1)
        await agrees(watcher)
    assert watcher.statuses == await shown(other)
    await watcher.leave()
