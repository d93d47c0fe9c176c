"""Lines of mode auto: nobody sees one until the shop is at its limit. When nobody has needed it for a while,
it stands by again. Numbers that were given stay."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice

from houseful.kernel.ports import Transaction
from houseful.kernel.telemetry import get_logger
from houseful.line.domain import admission, lines
from houseful.line.domain.admission import Admission, Measurements
from houseful.line.domain.lines import Line, Phase
from houseful.line.line_outages import LineOutages
from houseful.webapi.manifest import Platform

log = get_logger(__name__)

LOOKS_IN_TROUBLE = 3
"""So many seconds the shop is in trouble before a line wakes: one slow hold is none."""
QUIET_LOOKS = 300
ASKED_AT_ONCE = 20
_LINES = 1000


class StandBy:
    """For the process that admits."""

    def __init__(
        self,
        platform: Platform,
        measured: Callable[[str], Measurements],
        ask: Callable[[str], Awaitable[None]],
    ) -> None:
        self._store = platform.store
        self._clock = platform.clock
        self._measured = measured
        self._ask = ask
        self._looks: Counter[str] = Counter()
        self._last = ""
        self._outages = LineOutages(platform.clock)

    async def look(self) -> None:
        """Once a second."""
        standing_by = await self._auto(Phase.CLOSED)
        awake = await self._auto(Phase.OPEN)
        known = {line.id for line in (*standing_by, *awake)}
        self._looks = Counter({id: count for id, count in self._looks.items() if id in known})
        for line in self._in_turn(standing_by):
            async with self._outages.apart(line.id):
                if self._seen(line.id, admission.is_at_limit(self._measured(line.id)), LOOKS_IN_TROUBLE):
                    await self.wake(line.id)
            await self._ask(line.id)
        for line in awake:
            async with self._outages.apart(line.id):
                if self._seen(line.id, not await self._is_needed(line), QUIET_LOOKS):
                    await self._sleep(line.id)

    async def _auto(self, phase: Phase) -> Sequence[Line]:
        return await self._store.find(Line, {"mode": "auto", "phase": phase}, limit=_LINES)

    def _in_turn(self, standing_by: Sequence[Line]) -> list[Line]:
        """Some of them, in the next second the next ones: the shop is asked no more often for many."""
        ordered = sorted(standing_by, key=lambda line: (line.id <= self._last, line.id))
        chosen = list(islice(ordered, ASKED_AT_ONCE))
        if chosen:
            self._last = chosen[-1].id
        return chosen

    def _seen(self, event_id: str, holds: bool, looks: int) -> bool:
        """Whether it was so in that many looks, one after the other."""
        self._looks[event_id] = self._looks[event_id] + 1 if holds else 0
        if self._looks[event_id] < looks:
            return False
        del self._looks[event_id]
        return True

    async def _is_needed(self, line: Line) -> bool:
        found = await self._store.get(Admission, line.id)
        return found is None or admission.is_needed(found, self._measured(line.id), line.length)

    async def wake(self, event_id: str) -> None:
        measured = self._measured(event_id)

        async def work(tx: Transaction) -> bool:
            line, before = await tx.get(Line, event_id), await tx.get(Admission, event_id)
            if line is None or before is None or not line.stands_by:
                return False
            tx.put(lines.stepped(line, "wake"))
            tx.put(admission.woken(before, measured, line.length, self._clock.now()))
            return True

        if await self._store.transact(work):
            log.info("a line wakes: the shop is at its limit", extra={"event": event_id})

    async def _sleep(self, event_id: str) -> None:
        async def work(tx: Transaction) -> bool:
            line, now = await tx.get(Line, event_id), await tx.get(Admission, event_id)
            if line is None or now is None or line.phase is not Phase.OPEN or now.front < line.length:
                return False
            tx.put(lines.stepped(line, "stand_by"))
            return True

        if await self._store.transact(work):
            log.info("a line stands by: nobody needs it", extra={"event": event_id})
