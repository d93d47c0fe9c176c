"""What the shop tells a line that asks: how long holds take, what was refused, what is free, who has bought
or left, and how long the holds and unpaid orders of the others run.

Signals may be lost. Nothing here is stored, and nothing is done but a note of each hold while nobody asks.
"""

import asyncio
import time
from bisect import bisect_left
from collections import Counter, deque
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.kernel.errors import DomainError, Transient
from houseful.kernel.ports import Clock, Coordination, Ids, Store
from houseful.kernel.tallies import HOLD_BOUNDS, Count, Tally
from houseful.kernel.telemetry import get_logger
from houseful.tickets.domain.availability import HELD, SOLD
from houseful.tickets.use_cases.availability import Availability
from houseful.tickets.use_cases.inventory import Inventory
from houseful.webapi import shop_signals
from houseful.webapi.shop_signals import Departure, ShopFigures, Stay

log = get_logger(__name__)
N = TypeVar("N")

_ASKED_MILLIS = 10_000
_LAG_SECONDS = 0.02
_LATELY_SECONDS = 1.0
_MOST_HOLDS = 5000
_MOST_VISITORS = 10_000
_MOST_REASONS = 30


UNAVAILABLE = "unavailable"
"""The reason of a hold that failed through the shop itself."""


class _Counting:
    """Of an event, while its line asks."""

    def __init__(self, of: str) -> None:
        self._of = of
        self._holds = [0] * (len(HOLD_BOUNDS) + 1)
        self.refused: Counter[str] = Counter()
        self.declined: Counter[str] = Counter()
        self.arrival_seconds: float | None = None

    def held(self, seconds: float) -> None:
        self._holds[bisect_left(HOLD_BOUNDS, seconds)] += 1

    @property
    def count(self) -> Count:
        tally = Tally(holds=tuple(self._holds), refused=dict(self.refused), declined=dict(self.declined))
        return Count(of=self._of, tally=tally)


def _count(reasons: Counter[str], reason: str) -> None:
    reasons[reason if reason in reasons or len(reasons) < _MOST_REASONS else "other"] += 1


class _Visitors:
    """What became of an event's buyers since its line was last told; of each what came last."""

    def __init__(self) -> None:
        self.departures: dict[str, Departure] = {}
        self.stays: dict[str, Stay] = {}

    def depart(self, departure: Departure) -> None:
        user_id = departure.user_id
        before = self.departures.get(user_id)
        if before is not None:
            departure = replace(departure, seats=departure.seats + before.seats)
        _note(self.departures, user_id, departure)
        stay = self.stays.get(user_id)
        if stay is not None and stay.at <= departure.at:
            del self.stays[user_id]

    def stay(self, stay: Stay) -> None:
        _note(self.stays, stay.user_id, stay)

    def told(self, figures: ShopFigures) -> None:
        """Forget what the line knows now."""
        for departure in figures.departures:
            if self.departures.get(departure.user_id) is departure:
                del self.departures[departure.user_id]
        for stay in figures.stays:
            if self.stays.get(stay.user_id) is stay:
                del self.stays[stay.user_id]


def _note(notes: dict[str, N], user_id: str, note: N) -> None:
    """The latest last; of too many the oldest goes."""
    notes.pop(user_id, None)
    notes[user_id] = note
    if len(notes) > _MOST_VISITORS:
        del notes[next(iter(notes))]


class ShopFiguresTeller:
    def __init__(
        self,
        store: Store,
        coordination: Coordination,
        inventory: Inventory,
        availability: Availability,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._store = store
        self._coordination = coordination
        self._inventory = inventory
        self._availability = availability
        self._clock = clock
        self._ids = ids
        self._process = ids.new("shop")
        self._holds: deque[tuple[float, str, float, bool]] = deque(maxlen=_MOST_HOLDS)
        self._asked_at: dict[str, int] = {}
        self._visitors: dict[str, _Visitors] = {}
        self._countings: dict[str, _Counting] = {}

    def held(self, event_id: str, started: float, *, failed: bool) -> None:
        """A hold that began then (`time.perf_counter`) has ended. A refusal is no failure of the shop."""
        ended = time.perf_counter()
        self._holds.append((ended, event_id, ended - started, failed))
        counting = self._countings.get(event_id)
        if counting is not None:
            counting.held(ended - started)

    def refused(self, event_id: str, reason: str) -> None:
        """A hold was not granted, for good."""
        counting = self._countings.get(event_id)
        if counting is not None:
            _count(counting.refused, reason)

    def declined(self, event_id: str, reason: str) -> None:
        """A payment failed."""
        counting = self._countings.get(event_id)
        if counting is not None:
            _count(counting.declined, reason)

    def arrived(self, event_id: str, sent_at: Millis) -> None:
        """A message of a sale was received."""
        counting = self._countings.get(event_id)
        if counting is not None:
            counting.arrival_seconds = max(0, self._clock.now() - sent_at) / 1000

    def is_asked(self, event_id: str) -> bool:
        """Whether a line asks for the figures of this event."""
        return event_id in self._asked_at

    def stays(self, event_id: str, user_id: str, until: Millis) -> None:
        """The holds and unpaid orders of an account run until then."""
        if self.is_asked(event_id):
            now = self._clock.now()
            self._visitors_of(event_id).stay(Stay(user_id, max(0, until - now), now))

    def departed(self, event_id: str, user_id: str, seats: int, at: Millis) -> None:
        """An account has bought so many seats, or given back what it held (0)."""
        if self.is_asked(event_id):
            self._visitors_of(event_id).depart(Departure(user_id, seats, at))

    def _visitors_of(self, event_id: str) -> _Visitors:
        return self._visitors.setdefault(event_id, _Visitors())

    async def run(self) -> None:
        """The job: answer those who ask."""
        async with self._coordination.subscribe(shop_signals.ASKED) as signals:
            async for signal in signals:
                await self._tell(signal.decode())

    async def _tell(self, event_id: str) -> None:
        now = self._clock.now()
        self._asked_at[event_id] = now
        if event_id not in self._countings:
            self._countings[event_id] = _Counting(self._ids.new("count"))
        for other in [id for id, at in self._asked_at.items() if abs(now - at) > _ASKED_MILLIS]:
            del self._asked_at[other]
            self._visitors.pop(other, None)
            self._countings.pop(other, None)
        try:
            figures = await self._figures(event_id)
            await self._coordination.publish(shop_signals.TOLD, msgspec.json.encode(figures))
            self._visitors_of(event_id).told(figures)
        except (Transient, DomainError) as error:
            log.warning("a line is not told the figures", extra={"event": event_id, "error": str(error)})

    async def _figures(self, event_id: str) -> ShopFigures:
        started = time.perf_counter()
        await asyncio.sleep(_LAG_SECONDS)
        lag = max(0.0, time.perf_counter() - started - _LAG_SECONDS)
        show, layout = await self._inventory.hall(event_id)
        view = await self._availability.view(show.id, layout)
        categories = view.layout.categories
        oldest = (await self._store.outbox.stats()).oldest_unpublished_at
        # Every line that asks is told the same: all lines share what this process can bear.
        since = time.perf_counter() - _LATELY_SECONDS
        lately = [one for one in self._holds if one[0] >= since]
        seconds = sorted(seconds for _, _, seconds, _ in lately)
        visitors = self._visitors_of(event_id)
        counting = self._countings.get(event_id)
        return ShopFigures(
            event_id=event_id,
            process=self._process,
            hold_p95_seconds=seconds[int(0.95 * (len(seconds) - 1))] if seconds else 0.0,
            holds=len(seconds),
            event_holds=sum(of == event_id for _, of, _, _ in lately),
            unavailable=sum(failed for _, _, _, failed in lately),
            lag_seconds=lag,
            outbox_age_seconds=0.0 if oldest is None else max(0, self._clock.now() - oldest) / 1000,
            seats_left={
                category.name: view.free(category=index) for index, category in enumerate(categories)
            },
            seats_held=view.count(HELD),
            seats_sold=view.count(SOLD),
            arrival_seconds=None if counting is None else counting.arrival_seconds,
            count=None if counting is None else counting.count,
            departures=tuple(visitors.departures.values()),
            stays=tuple(visitors.stays.values()),
        )
