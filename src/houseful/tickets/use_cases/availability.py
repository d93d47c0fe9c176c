"""Availability: which seats are free just now, kept in memory by each process and sent to whoever watches.

What is stored is the truth; this is a picture of it. A change is told by whoever makes it, in this process at
once and in others by a signal that may be lost, so everything is looked at again now and then. That a hold
has expired is seen by the clock.
"""

import asyncio
import contextlib
import heapq
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from houseful.kernel.documents import Millis
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, Coordination, Ids, Store
from houseful.kernel.telemetry import get_logger
from houseful.tickets.domain.availability import (
    AVAILABLE,
    BLOCKED,
    HELD,
    SOLD,
    Occupancy,
    encode_delta,
    encode_snapshot,
)
from houseful.tickets.domain.blocks import Block, SeatState, block_id, block_index
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.offers import Offers
from houseful.webapi.cached_bodies import CachedBody

log = get_logger(__name__)

CHANNEL = "seats"
TICK_SECONDS = 0.25
_LOOK_AGAIN_MILLIS = 30_000
_IDLE_MILLIS = 600_000
_PAGE = 200
_QUEUE = 64
_AVOID_SECONDS = 0.05
_NONCES = 0x1FFFFF  # so that a version is below 2^53, exact in JavaScript

_CODES = {SeatState.HELD: HELD, SeatState.SOLD: SOLD, SeatState.BLOCKED: BLOCKED}


Place = tuple[int, int]
"""Section and category, by index."""


def _totals(layout: Layout) -> Counter[Place]:
    return Counter(
        (row.section_index, layout.category_of(ordinal))
        for row in layout.rows
        for ordinal in range(row.first_ordinal, row.first_ordinal + row.count)
        if ordinal not in layout.removed
    )


class SeatsUpdate(NamedTuple):
    """What a watcher of a hall is told; docs/seat-map.md describes `data`. All watchers get the same one."""

    kind: Literal["snapshot", "delta"]
    data: bytes
    version: int


class AvailabilityView:
    """The seats of one event: one status byte a seat, counts, and who watches."""

    def __init__(self, event_id: str, layout: Layout, nonce: int, now: Millis) -> None:
        self.event_id = event_id
        self.layout = layout
        self.statuses = bytearray([AVAILABLE]) * layout.seats_total
        for ordinal in layout.removed:
            self.statuses[ordinal] = BLOCKED
        self.dirty: set[int] = set(range(len(layout.blocks)))
        self.watchers: set[asyncio.Queue[SeatsUpdate | None]] = set()
        self.used_at = now
        self.looked_at = now
        self._nonce = nonce
        self._count = 0
        self._expiries: list[tuple[Millis, int]] = []
        self._unsent: set[int] = set()
        self.totals: Counter[Place] = layout.cached("totals", _totals)
        self._free = Counter(self.totals)
        self._snapshot: tuple[int, bytes] | None = None
        self._answers: dict[tuple[str, ...], CachedBody] = {}
        self._prices: Mapping[str, int] | None = None
        self._answered_version = self.version
        self._offers: Offers | None = None
        self._closed = asyncio.Event()

    @property
    def version(self) -> int:
        return self._nonce << 32 | self._count & 0xFFFFFFFF

    def free(self, *, section: int | None = None, category: int | None = None) -> int:
        return self._sum(self._free, section, category)

    def total(self, *, section: int | None = None, category: int | None = None) -> int:
        return self._sum(self.totals, section, category)

    def occupancy(self) -> Occupancy:
        by_category = [(one.name, self.total(category=i)) for i, one in enumerate(self.layout.categories)]
        return Occupancy(self.count(HELD), self.count(AVAILABLE), tuple(by_category))

    def _sum(self, counts: Counter[Place], section: int | None, category: int | None) -> int:
        if section is None:
            return sum(n for (_, c), n in counts.items() if category in (None, c))
        among = self.layout.sections[section].categories if category is None else (category,)
        return sum(counts[section, one] for one in among)

    def priced(self, prices: Mapping[str, int]) -> None:
        """From now on seats cost this: answers with other prices are written anew."""
        if prices != self._prices:
            self._prices = prices
            self._answers.clear()

    def kept(self, key: tuple[str, ...], make: Callable[[], object]) -> CachedBody:
        """An answer about the seats as they are: written once, until one of them changes."""
        if self._answered_version != self.version:
            self._answers.clear()
            self._answered_version = self.version
        found = self._answers.get(key)
        if found is None:
            found = self._answers[key] = CachedBody(msgspec.json.encode(make()), "application/json")
        return found

    def count(self, status: int) -> int:
        return self.statuses.count(status)

    def offer(self, quantity: int, *, category: int | None, section: int | None) -> list[int] | None:
        """The best free seats, which are offered to nobody else until `close`; None if there are not as
        many.
        """
        if self._offers is None:
            self._offers = Offers(self.layout, self.statuses)
        free = self.free(section=section, category=category)
        if free - len(self._offers.open) < quantity:
            free -= self._offers.count(category=category, section=section)
        if free < quantity:
            return None  # the search would find it out too, but looks at every seat for it
        return self._offers.offer(quantity, category=category, section=section)

    def close(self, ordinals: Iterable[int]) -> None:
        """The offer was taken, or came to nothing."""
        assert self._offers is not None, "what is closed was offered"
        self._offers.close(ordinals)
        self._closed.set()
        self._closed = asyncio.Event()

    def avoid(self, blocks: Iterable[int]) -> None:
        """Offer nothing of these for a moment."""
        assert self._offers is not None, "what is avoided was offered"
        seats = [
            ordinal
            for block in (self.layout.blocks[index] for index in blocks)
            for ordinal in range(block.first_ordinal, block.first_ordinal + block.count)
            if self.statuses[ordinal] == AVAILABLE and ordinal not in self._offers.open
        ]
        self._offers.withhold(seats)
        # Real time, whatever the clock says: this waits for another process.
        asyncio.get_running_loop().call_later(_AVOID_SECONDS, self.close, seats)

    async def another_closes(self) -> bool:
        """Wait until an offer ends, after which there may be free seats that there are not now. False where
        there is none.
        """
        if self._offers is None or not self._offers.open:
            return False
        await self._closed.wait()
        return True

    def apply(self, block: Block, now: Millis) -> None:
        """Show the block as it is."""
        statuses = bytearray(block.count)
        for position, claim in block.claims.items():
            if claim.state is SeatState.HELD:
                if claim.until <= now:
                    continue
                heapq.heappush(self._expiries, (claim.until, block_index(block.id)))
            statuses[position] = _CODES[claim.state]
        first = block.first
        if statuses == self.statuses[first : first + block.count]:
            return
        for position, status in enumerate(statuses):
            before = self.statuses[first + position]
            if before != status:
                self._change(first + position, before, status)

    def _change(self, ordinal: int, before: int, status: int) -> None:
        self.statuses[ordinal] = status
        if AVAILABLE in (before, status):
            place = (self.layout.section_of(ordinal).index, self.layout.category_of(ordinal))
            self._free[place] += 1 if status == AVAILABLE else -1
        if self._offers is not None:
            self._offers.changed(ordinal)
        self._unsent.add(ordinal)
        self._count += 1

    def expire(self, now: Millis) -> None:
        """Blocks in which a hold has run out want another look."""
        while self._expiries and self._expiries[0][0] <= now:
            self.dirty.add(heapq.heappop(self._expiries)[1])

    def snapshot(self) -> bytes:
        if self._snapshot is None or self._snapshot[0] != self.version:
            self._snapshot = (self.version, encode_snapshot(bytes(self.statuses), self.version))
        return self._snapshot[1]

    def end_watching(self) -> None:
        """Send all watchers away to come again."""
        for queue in self.watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)
        self.watchers.clear()

    def send_changes(self) -> None:
        """What changed since the last time goes to every watcher; one that does not keep up is sent away to
        come again.
        """
        if not self._unsent:
            return
        if self.watchers:
            delta = encode_delta((ordinal, self.statuses[ordinal]) for ordinal in self._unsent)
            update = SeatsUpdate("delta", delta, self.version)
            for queue in list(self.watchers):
                if queue.full():
                    self.watchers.discard(queue)
                    queue.get_nowait()
                    queue.put_nowait(None)
                else:
                    queue.put_nowait(update)
        self._unsent.clear()


class Availability:
    def __init__(self, store: Store, coordination: Coordination, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._coordination = coordination
        self._clock = clock
        self._origin = ids.new("view")
        self._nonce = int.from_bytes(self._origin[-8:].encode(), "little") & _NONCES
        self._views: dict[str, AvailabilityView] = {}
        self._untold: dict[str, set[int]] = {}
        self._views_made = 0
        self._refreshing: dict[str, asyncio.Lock] = {}

    async def view(self, event_id: str, layout: Layout) -> AvailabilityView:
        """The picture of an event, with everything in it that this process has changed. Its `layout` is this
        one or one of a later amendment."""
        view = self._views.get(event_id)
        if view is not None and view.layout.generation < layout.generation:
            view.end_watching()
            view = None
        if view is None:
            # A picture that is made again counts from 0 again: with the old nonce, an old version would seem
            # to be this one.
            nonce = (self._nonce + self._views_made) & _NONCES
            self._views_made += 1
            view = self._views[event_id] = AvailabilityView(event_id, layout, nonce, self._clock.now())
        view.used_at = self._clock.now()
        await self._refresh(view)
        return view

    def touch(self, event_id: str, indexes: Iterable[int]) -> None:
        """These blocks have changed. In this process it counts at once; the others are told with the next
        tick.
        """
        self.mark_dirty(event_id, indexes)
        self._untold.setdefault(event_id, set()).update(indexes)

    async def _tell_others(self) -> None:
        untold, self._untold = self._untold, {}
        for event_id, indexes in untold.items():
            if indexes:
                signal = f"{self._origin} {event_id} {','.join(map(str, sorted(indexes)))}"
                with contextlib.suppress(Unavailable):  # others look again by themselves
                    await self._coordination.publish(CHANNEL, signal.encode())

    def mark_dirty(self, event_id: str, indexes: Iterable[int]) -> None:
        """These blocks may be other than they are shown: somebody else's word of it comes late or never."""
        view = self._views.get(event_id)
        if view is not None:  # blocks that an amendment has added are another picture's
            view.dirty.update(index for index in indexes if index < len(view.layout.blocks))

    async def _refresh(self, view: AvailabilityView) -> None:
        view.expire(self._clock.now())
        if not view.dirty and not self._is_refreshing(view):
            return
        async with self._refreshing.setdefault(view.event_id, asyncio.Lock()):
            while view.dirty:
                page = sorted(view.dirty)[:_PAGE]
                view.dirty.difference_update(page)
                await self._read(view, page)

    def _is_refreshing(self, view: AvailabilityView) -> bool:
        lock = self._refreshing.get(view.event_id)
        return lock is not None and lock.locked()

    async def _read(self, view: AvailabilityView, indexes: Sequence[int]) -> None:
        try:
            found = await self._store.get_many(Block, [block_id(view.event_id, index) for index in indexes])
        except BaseException:
            view.dirty.update(indexes)
            raise
        now = self._clock.now()
        for block in found.values():
            view.apply(block, now)
        if len(indexes) == _PAGE:
            await asyncio.sleep(0)  # a whole stadium is read in pages, with others in between

    async def renew(self, event_id: str, layout: Layout) -> None:
        """Replace the picture of an event whose plan was amended, if there is one."""
        view = self._views.get(event_id)
        if view is not None and view.layout.generation < layout.generation:
            await self.view(event_id, layout)

    def shown(self) -> list[str]:
        """The events that there is a picture of."""
        return list(self._views)

    async def run(self) -> None:
        """The job: every quarter of a second, what changed goes out to the watchers and to the other
        processes.
        """
        while True:
            await self._clock.sleep(TICK_SECONDS)
            await self._tell_others()
            for view in list(self._views.values()):
                await self._tick(view)

    async def _tick(self, view: AvailabilityView) -> None:
        now = self._clock.now()
        if not view.watchers and now - view.used_at > _IDLE_MILLIS:
            del self._views[view.event_id]
            self._refreshing.pop(view.event_id, None)
            return
        if abs(now - view.looked_at) > _LOOK_AGAIN_MILLIS:  # the clock may have been set back
            view.looked_at = now
            view.dirty.update(range(len(view.layout.blocks)))
        await self._refresh(view)
        view.send_changes()

    async def listen(self) -> None:
        """The job: what other processes say has changed."""
        async with self._coordination.subscribe(CHANNEL) as signals:
            async for signal in signals:
                origin, event_id, indexes = signal.decode().split(" ")
                if origin != self._origin:
                    self.mark_dirty(event_id, map(int, indexes.split(",")))

    async def watch(
        self, event_id: str, layout: Layout, last_id: str | None
    ) -> AsyncGenerator[SeatsUpdate, None]:
        """A snapshot, unless the watcher has this very version, then changes for as
        long as one listens.
        """
        view = await self.view(event_id, layout)
        view.send_changes()
        queue: asyncio.Queue[SeatsUpdate | None] = asyncio.Queue(_QUEUE)
        view.watchers.add(queue)
        try:
            if last_id != str(view.version):
                yield SeatsUpdate("snapshot", view.snapshot(), view.version)
            while True:
                update = await queue.get()
                if update is None:
                    return
                yield update
        finally:
            view.watchers.discard(queue)
