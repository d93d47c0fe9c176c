"""How a line goes on by itself: the lobby opens, the list is sealed, the draw is made, newcomers get numbers.

Any number of processes may do all of it at once. The version of the line decides whose step counts; a lease
only keeps the others from working for nothing.
"""

from collections.abc import Sequence

import msgspec

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, Transaction
from houseful.kernel.telemetry import get_logger
from houseful.line.domain import draw, lines, rehearsals
from houseful.line.domain.admission import Admission
from houseful.line.domain.lines import Entry, Line, Phase, SealedPart
from houseful.line.domain.rehearsals import RehearsedRate
from houseful.line.draws import Draws
from houseful.line.line_outages import LineOutages
from houseful.webapi.manifest import Platform

log = get_logger(__name__)

SEQUENCER_SECONDS = 0.25
_SEALED_SECONDS = 1.0
_AFTER_SEAL = (Phase.SEALED, Phase.OPEN, Phase.PAUSED, Phase.SOLD_OUT)
LEASE_SECONDS = 10.0
_LOOK_SECONDS = 0.5
_LINES_AT_ONCE = 100
_PAGE = 1000
_NUMBERED_AT_ONCE = 500


class Lease:
    """One process at a time does a job, as long as the coordination answers. Without it all do."""

    def __init__(self, platform: Platform, name: str) -> None:
        self._coordination = platform.coordination
        self._names = [f"lease:{name}"]
        self._owner = platform.ids.new("line")

    async def holds(self) -> bool:
        try:
            return await self._coordination.acquire(self._names, self._owner, ttl_seconds=LEASE_SECONDS)
        except Unavailable:
            return True


class Progress:
    def __init__(self, platform: Platform, draws: Draws) -> None:
        self._store = platform.store
        self._clock: Clock = platform.clock
        self._workers = platform.workers
        self._draws = draws
        self._outages = LineOutages(platform.clock)
        self._steps = Lease(platform, "line steps")
        self._sequencer = Lease(platform, "line sequencer")

    async def run(self) -> None:
        """The job."""
        while True:
            if await self._steps.holds():
                await self.take_due()
            await self._clock.sleep(_LOOK_SECONDS)

    async def take_due(self) -> None:
        """Take all steps that are due."""
        now = self._clock.now()
        due = await self._store.find(Line, {}, by="due_at", since=0, until=now + 1, limit=_LINES_AT_ONCE)
        for line in due:
            async with self._outages.apart(line.id):
                await self._take_step(line)

    async def _take_step(self, line: Line) -> None:
        if line.phase is Phase.CLOSED and not line.stands_by:
            await self._step(line, "open_lobby")
        elif line.phase is Phase.LOBBY:
            await self._seal(line)
        elif line.phase is Phase.SEALED:
            await self._open(line)
        else:
            await self._step(line, "end")

    async def _step(self, seen: Line, step: lines.Step) -> None:
        async def work(tx: Transaction) -> None:
            line = await tx.get(Line, seen.id)
            if line is not None and line.phase is seen.phase and line.due_at == seen.due_at:
                tx.put(lines.stepped(line, step))

        await self._store.transact(work)

    async def _open(self, seen: Line) -> None:
        """The draw. Where a part of it is missing the sale opens late and says why."""
        await self._put_late_ones_behind(seen)

        async def work(tx: Transaction) -> None:
            line = await tx.get(Line, seen.id)
            if line is None or line.phase is not Phase.SEALED or line.due_at != seen.due_at:
                return
            late = lines.why_late(line)
            if not late:
                tx.put(lines.stepped(line, "open", late="", opened_at=self._clock.now()))
                await self._begin_admission(tx, line.id)
            elif late != line.late:
                tx.put(msgspec.structs.replace(line, late=late))

        await self._store.transact(work)

    async def _begin_admission(self, tx: Transaction, event_id: str) -> None:
        admission = await tx.get(Admission, event_id)
        if admission is not None:
            tx.put(rehearsals.started(admission, await tx.get(RehearsedRate, RehearsedRate.ID)))

    async def _seal(self, seen: Line) -> None:
        """Close the lobby, then read who is in it. An entry that was acknowledged as one of the lobby was
        committed before the closing, so it is read."""
        line = await self._closing(seen)
        if line is None:
            return
        entrants = draw.in_byte_order([entry.entrant for entry in await self._all(line.id, "lobby")])
        joined = b"".join(entrants)
        root = await self._workers.run(draw.root_of, joined, whose=line.id, most=64)
        ids = lines.part_ids(line.id, root, len(entrants))
        for number, id in enumerate(ids):
            piece = joined[number * lines.PART_BYTES : (number + 1) * lines.PART_BYTES]
            await self._put_part(SealedPart(id=id, piece=piece))

        async def work(tx: Transaction) -> bool:
            now = await tx.get(Line, line.id)
            if now is None or now.phase is not Phase.LOBBY or now.closing_at is None:
                return False
            size = len(entrants)
            tx.put(lines.stepped(now, "seal", root=root, drawn=size, length=size))
            return True

        if await self._store.transact(work):
            log.info(
                "a line is sealed", extra={"event": line.id, "entrants": len(entrants), "root": root.hex()}
            )

    async def _closing(self, seen: Line) -> Line | None:
        async def work(tx: Transaction) -> Line | None:
            line = await tx.get(Line, seen.id)
            if line is None or line.phase is not Phase.LOBBY or line.due_at != seen.due_at:
                return None
            if line.closing_at is None:
                line = msgspec.structs.replace(line, closing_at=self._clock.now())
                tx.put(line)
            return line

        return await self._store.transact(work)

    async def _put_part(self, part: SealedPart) -> None:
        async def work(tx: Transaction) -> None:
            tx.insert_or_ignore(part)

        await self._store.transact(work)

    async def _all(self, event_id: str, queue: str) -> list[Entry]:
        found: list[Entry] = []
        after: tuple[int, str] | None = None
        while True:
            page = await self._store.find(
                Entry, {"event_id": event_id, "queue": queue}, by="joined_at", after=after, limit=_PAGE
            )
            found += page
            if len(page) < _PAGE:
                return found
            after = (page[-1].joined_at, page[-1].id)

    async def _put_late_ones_behind(self, line: Line) -> None:
        """Whose commit came while the list was read is not in it, and may never ask again."""
        if await self._store.count(Entry, {"event_id": line.id, "queue": "lobby"}) == line.drawn:
            return
        sealed = await self._draws.sealed(line)
        for entry in await self._all(line.id, "lobby"):
            if sealed.position(entry.entrant) is None:
                await self.put_behind(entry.id)

    async def put_behind(self, entry_id: str) -> Entry:
        """An entry of the lobby that is not in the sealed list comes after the draw."""

        async def work(tx: Transaction) -> Entry:
            entry = await tx.get(Entry, entry_id)
            assert entry is not None, "an entry is never deleted"
            if entry.queue == "lobby":
                entry = msgspec.structs.replace(entry, queue="new")
                tx.put(entry)
            return entry

        return await self._store.transact(work)

    async def lines_in(self, phase: Phase) -> Sequence[Line]:
        return await self._store.find(Line, {"phase": phase}, limit=_PAGE)

    # The sequencer

    async def run_sequencer(self) -> None:
        """The job: number who came after the seal. Which lines are sealed is looked up once a second, and as
        long as none is, nothing else is done."""
        sealed: list[str] = []
        look_at = 0.0
        while True:
            if await self._sequencer.holds():
                if self._clock.monotonic() >= look_at:
                    look_at = self._clock.monotonic() + _SEALED_SECONDS
                    sealed = [line.id for phase in _AFTER_SEAL for line in await self.lines_in(phase)]
                for line_id in sealed:
                    async with self._outages.apart(line_id):
                        while await self.number(line_id) == _NUMBERED_AT_ONCE:
                            pass
            else:
                sealed = []
            await self._clock.sleep(SEQUENCER_SECONDS if sealed else _SEALED_SECONDS)

    async def number(self, event_id: str) -> int:
        """Give the next numbers, in order of (joined_at, entrant); how many. Of two processes that do it at
        once, the line's version lets one."""
        waiting = await self._store.find(
            Entry, {"event_id": event_id, "queue": "new"}, by="joined_at", limit=_NUMBERED_AT_ONCE
        )
        if not waiting:
            return 0

        async def work(tx: Transaction) -> int:
            line = await tx.get(Line, event_id)
            if line is None or line.root is None:
                return 0
            found = await tx.get_many(Entry, [entry.id for entry in waiting])
            newcomers = sorted(
                (entry for entry in found.values() if entry.queue == "new"),
                key=lambda entry: (entry.joined_at, entry.entrant),
            )
            for number, entry in enumerate(newcomers, line.length + 1):
                tx.put(msgspec.structs.replace(entry, queue="numbered", number=number))
            if newcomers:
                tx.put(msgspec.structs.replace(line, length=line.length + len(newcomers)))
            return len(newcomers)

        return await self._store.transact(work)
