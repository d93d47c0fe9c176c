"""What the shop tells a line that asks: how long holds take, what is free, who has bought or left, and how
long the holds and unpaid orders of the others run.

Signals may be lost. Nothing here is stored, and nothing is done but a note of each hold while nobody asks.
"""

import asyncio
import time
from collections import deque
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.kernel.errors import DomainError, Transient
from houseful.kernel.ports import Clock, Coordination, Store
from houseful.kernel.telemetry import get_logger
from houseful.tickets.domain.availability import HELD
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
        process: str,
    ) -> None:
        self._store = store
        self._coordination = coordination
        self._inventory = inventory
        self._availability = availability
        self._clock = clock
        self._process = process
        self._holds: deque[tuple[float, str, float, bool]] = deque(maxlen=_MOST_HOLDS)
        self._asked_at: dict[str, int] = {}
        self._visitors: dict[str, _Visitors] = {}

    def held(self, event_id: str, started: float, *, failed: bool) -> None:
        """A hold that began then (`time.perf_counter`) has ended. A refusal is no failure of the shop."""
        ended = time.perf_counter()
        self._holds.append((ended, event_id, ended - started, failed))

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
        for other in [id for id, at in self._asked_at.items() if abs(now - at) > _ASKED_MILLIS]:
            del self._asked_at[other]
            self._visitors.pop(other, None)
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
        oldest = (await self._store.outbox.stats()).oldest_unpublished_at
        # Every line that asks is told the same: all lines share what this process can bear.
        since = time.perf_counter() - _LATELY_SECONDS
        lately = [one for one in self._holds if one[0] >= since]
        seconds = sorted(seconds for _, _, seconds, _ in lately)
        visitors = self._visitors_of(event_id)
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
                category.name: view.free(category=index) for index, category in enumerate(layout.categories)
            },
            seats_held=view.count(HELD),
            departures=tuple(visitors.departures.values()),
            stays=tuple(visitors.stays.values()),
        )
