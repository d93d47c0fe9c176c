"""Admission each second, by one process under a lease, as a document: a restart goes on where it was."""

from collections import deque
from collections.abc import Sequence
from itertools import islice

import msgspec
from prometheus_client import Gauge

from houseful.kernel.documents import Document, Millis
from houseful.kernel.errors import Unavailable
from houseful.kernel.outage_log import OutageLog
from houseful.kernel.ports import Transaction
from houseful.kernel.telemetry import get_logger
from houseful.line.domain import admission, lines, records
from houseful.line.domain.admission import STALE_MILLIS, Admission, Measurements, Situation
from houseful.line.domain.lines import Line, Phase, Visit
from houseful.line.domain.records import Gauges, LineHistory, LineRecord
from houseful.line.line_outages import LineOutages
from houseful.line.progress import LEASE_SECONDS, Lease
from houseful.line.standby import StandBy
from houseful.line.visits import AT_ONCE, Ended, Visits
from houseful.webapi import shop_signals
from houseful.webapi.manifest import Platform
from houseful.webapi.shop_signals import Departure, ShopFigures, Stay

log = get_logger(__name__)

STEP_SECONDS = 1.0
_LINES = 1000

FRONT = Gauge("houseful_line_front", "How far the line is called", ["event"])
LENGTH = Gauge("houseful_line_length", "Numbers that are given", ["event"])
INSIDE = Gauge("houseful_line_inside", "Accounts that choose, hold or pay", ["event"])
RATE = Gauge("houseful_line_rate", "Persons called a second", ["event"])


class Admitting:
    def __init__(self, platform: Platform, visits: Visits) -> None:
        self._store = platform.store
        self._clock = platform.clock
        self._coordination = platform.coordination
        self._calls_per_second = platform.settings.processor_calls_per_second
        self._visits = visits
        self._lease = Lease(platform, "line admission")
        self._told: dict[str, dict[str, tuple[Millis, ShopFigures]]] = {}
        self._noted: dict[str, deque[tuple[float, Departure | Stay]]] = {}
        self._outages = LineOutages(platform.clock)
        self.standby = StandBy(platform, self._measured, self._ask)
        self._outage = OutageLog(log, platform.clock, "asking the shop for its figures")

    async def run(self) -> None:
        """The job."""
        while True:
            if await self._lease.holds():
                for phase in (Phase.OPEN, Phase.PAUSED, Phase.SOLD_OUT):
                    for line in await self._store.find(Line, {"phase": phase}, limit=_LINES):
                        async with self._outages.apart(line.id):
                            await self.step(line.id)
                        await self._ask(line.id)
                await self.standby.look()
            else:
                self.forget_notes()
            await self._clock.sleep(STEP_SECONDS)

    async def _ask(self, event_id: str) -> None:
        try:
            await self._coordination.publish(shop_signals.ASKED, event_id.encode())
            self._outage.over()
        except Unavailable as error:
            self._outage.failed(error)

    async def listen(self) -> None:
        """The job: what the shop tells. Every process listens, so that each can go on with the lease."""
        decoder = msgspec.json.Decoder(ShopFigures)
        async with self._coordination.subscribe(shop_signals.TOLD) as signals:
            async for signal in signals:
                self.hear(decoder.decode(signal))

    def hear(self, told: ShopFigures) -> None:
        self._told.setdefault(told.event_id, {})[told.process] = (self._clock.now(), told)
        if told.departures or told.stays:
            at = self._clock.monotonic()
            notes: tuple[Departure | Stay, ...] = (*told.departures, *told.stays)
            self._noted.setdefault(told.event_id, deque()).extend((at, one) for one in notes)

    def forget_notes(self) -> None:
        """Another process has the lease and has heard the same. What it may not have done yet stays."""
        since = self._clock.monotonic() - 2 * LEASE_SECONDS
        for event_id, noted in list(self._noted.items()):
            while noted and noted[0][0] < since:
                noted.popleft()
            if not noted:
                del self._noted[event_id]

    async def step(self, event_id: str) -> Admission | None:
        """One step of the line's admission."""
        visits = await self._take_notes(event_id) + await self._visits.lapse(event_id)
        inside = await self._store.count(Visit, {"event_id": event_id, "is_inside": True})
        claims = await self._store.count(Visit, {"event_id": event_id})
        measured = self._measured(event_id)
        told = self._fresh(event_id)

        async def work(tx: Transaction) -> tuple[Line, Admission] | None:
            line = await tx.get(Line, event_id)
            before = await tx.get(Admission, event_id)
            if line is None or before is None:
                return None
            at = self._clock.now()
            situation = Situation(
                length=line.length,
                inside=inside,
                claims=claims,
                is_open=line.phase is Phase.OPEN,
                seats_total=line.seats_total,
                rate_cap=line.rate_cap,
                pay_calls_per_second=self._calls_per_second,
                visits=visits,
            )
            after = admission.step(before, measured, situation, at)
            tx.put(after)
            await _record(tx, after, line.length, told, at)
            if line.phase is Phase.OPEN and admission.is_sold_out(measured):
                tx.put(lines.stepped(line, "sell_out"))
            elif line.phase is Phase.SOLD_OUT and admission.has_seats(measured):
                tx.put(lines.stepped(line, "restock"))
            return line, after

        stepped = await self._store.transact(work)
        if stepped is None:
            return None
        line, after = stepped
        FRONT.labels(event_id).set(after.front)
        LENGTH.labels(event_id).set(line.length)
        INSIDE.labels(event_id).set(after.inside)
        RATE.labels(event_id).set(after.rate)
        return after

    async def _take_notes(self, event_id: str) -> Ended:
        """Of those inside, as the shop has told. Where the store is away nothing is forgotten."""
        noted = self._noted.get(event_id, deque())
        ended: Ended = ()
        for _ in range(-(-len(noted) // AT_ONCE)):
            notes = [note for _, note in islice(noted, AT_ONCE)]
            ended += await self._visits.told(event_id, notes)
            for _ in notes:
                noted.popleft()
        return ended

    def _measured(self, event_id: str) -> Measurements:
        """Of all processes of the shop: the worst of each, and the seats as the last one saw them."""
        told = self._fresh(event_id)
        if not told:
            return Measurements(fresh=False)
        figures = [one for _, one in told]
        _, latest = max(told, key=lambda one: one[0])
        return Measurements(
            hold_p95_seconds=max(one.hold_p95_seconds for one in figures),
            unavailable=sum(one.unavailable for one in figures),
            holds=sum(one.holds for one in figures),
            event_holds=sum(one.event_holds for one in figures),
            lag_seconds=max(one.lag_seconds for one in figures),
            outbox_age_seconds=max(one.outbox_age_seconds for one in figures),
            seats_left=latest.seats_left,
            seats_held=latest.seats_held,
        )

    def _fresh(self, event_id: str) -> list[tuple[Millis, ShopFigures]]:
        """What the processes of the shop have told lately, and when."""
        now = self._clock.now()
        told = self._told.get(event_id, {})
        for process in [name for name, (at, _) in told.items() if abs(now - at) > STALE_MILLIS]:
            del told[process]
        return list(told.values())


async def _record(
    tx: Transaction,
    admission: Admission,
    length: int,
    told: Sequence[tuple[Millis, ShopFigures]],
    at: Millis,
) -> None:
    """For the control room. Of processes that see the same the latest counts, of ages the worst."""
    _, latest = max(told, key=lambda one: one[0], default=(0, None))
    figures = [one for _, one in told]
    gauges = Gauges(
        waiting=max(0, length - admission.front),
        inside=admission.inside,
        rate=admission.rate,
        held=None if latest is None else latest.seats_held,
        sold=None if latest is None else latest.seats_sold,
        outbox_seconds=max((one.outbox_age_seconds for one in figures), default=None),
        arrival_seconds=max(
            (one.arrival_seconds for one in figures if one.arrival_seconds is not None), default=None
        ),
    )
    before = await tx.get(LineRecord, admission.id)
    counts = [one.count for one in figures if one.count is not None]
    after, over = records.noted(before or LineRecord(id=admission.id), counts, gauges, at)
    _keep(tx, before, after)
    if over is not None:
        history = await tx.get(LineHistory, admission.id)
        _keep(tx, history, records.kept(history or LineHistory(id=admission.id), over))


def _keep(tx: Transaction, before: Document | None, after: Document) -> None:
    if before is None:
        tx.insert(after)
    else:
        tx.put(after)
