"""Who waits is written to when the turn is near, if wanted. The users service has the address and sends."""

from collections.abc import Sequence

from msgspec.structs import replace

from houseful.kernel.errors import Forbidden, NotFound, StateConflict
from houseful.kernel.ports import Transaction
from houseful.kernel.roles import Identity
from houseful.line.domain import notices
from houseful.line.domain.admission import Admission
from houseful.line.domain.lines import Entry, EntryId, Line, Phase
from houseful.line.domain.notices import TurnNotice
from houseful.line.draws import Draws
from houseful.line.line_outages import LineOutages
from houseful.line.progress import Lease
from houseful.messages import TurnNear
from houseful.webapi.manifest import Platform

LOOK_SECONDS = 2.0
_LINES = 1000
_AT_ONCE = 200


class Notices:
    """Safe to be used by several processes: an email is asked for in the transaction that deletes its
    notice."""

    def __init__(self, platform: Platform, draws: Draws, entry_id: EntryId) -> None:
        self._store = platform.store
        self._clock = platform.clock
        self._draws = draws
        self._entry_id = entry_id
        self._lease = Lease(platform, "line notices")
        self._outages = LineOutages(platform.clock)

    async def is_wanted(self, event_id: str, user_id: str) -> bool:
        return await self._store.get(TurnNotice, self._entry_id(event_id, user_id)) is not None

    async def want(self, who: Identity, event_id: str) -> None:
        """Wanting it twice is no error. Raises `Forbidden` for an account whose address is not confirmed,
        `NotFound` for one that has not joined, `StateConflict` once the line has ended."""
        if not who.email_verified:
            raise Forbidden(
                "email_not_verified",
                "We write to confirmed addresses only. Confirm yours with the code or the link of the email "
                "that you got (POST /api/me/verification sends another), then refresh the access token.",
            )
        id = self._entry_id(event_id, who.user_id)

        async def work(tx: Transaction) -> None:
            line = await tx.get(Line, event_id)
            entry = await tx.get(Entry, id)
            if line is None or entry is None:
                raise NotFound("not_in_line", "This account has not joined the line of this event.")
            if line.phase is Phase.ENDED:
                raise StateConflict("line_closed", "The line of this event has ended.")
            tx.insert_or_ignore(
                TurnNotice(
                    id=id,
                    event_id=event_id,
                    user_id=who.user_id,
                    number=entry.number,
                    until=line.is_over_at,
                )
            )

        await self._store.transact(work)

    async def decline(self, event_id: str, user_id: str) -> None:
        """Declining twice is no error."""
        await self._delete([self._entry_id(event_id, user_id)])

    async def run(self) -> None:
        """The job."""
        while True:
            if await self._lease.holds():
                for line in await self._store.find(Line, {"phase": Phase.OPEN}, limit=_LINES):
                    async with self._outages.apart(line.id):
                        await self.look(line)
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self, line: Line) -> None:
        """Number the places that wait for it, and tell those whose turn is near."""
        while await self._number(line) == _AT_ONCE:
            pass
        while await self._tell(line) == _AT_ONCE:
            pass

    async def _tell(self, line: Line) -> int:
        """Ask for the emails of those whose turn is near; how many."""
        admission = await self._store.get(Admission, line.id)
        if admission is None:
            return 0
        near = await self._store.find(
            TurnNotice,
            {"event_id": line.id},
            by="number",
            since=1,
            until=notices.near_until(admission) + 1,
            limit=_AT_ONCE,
        )
        return await self._delete([notice.id for notice in near], tell=line) if near else 0

    async def purge(self) -> int:
        """Delete those of lines that are over; how many were looked at. An event may have been moved."""
        now = self._clock.now()
        old = await self._store.find(TurnNotice, {}, by="until", until=now, limit=_AT_ONCE)

        async def work(tx: Transaction) -> None:
            found = await tx.get_many(TurnNotice, [notice.id for notice in old])
            lines = await tx.get_many(Line, sorted({notice.event_id for notice in found.values()}))
            for notice in found.values():
                line = lines.get(notice.event_id)
                if line is None or line.is_over_at <= now:
                    tx.delete(notice)
                else:
                    tx.put(replace(notice, until=line.is_over_at))

        if old:
            await self._store.transact(work)
        return len(old)

    async def _number(self, line: Line) -> int:
        """Note the numbers that were drawn or given since their notices were asked for; how many."""
        unknown = await self._store.find(TurnNotice, {"event_id": line.id, "number": None}, limit=_AT_ONCE)
        if not unknown:
            return 0
        drawn = await self._draws.drawn(line)

        async def work(tx: Transaction) -> int:
            found = await tx.get_many(TurnNotice, [notice.id for notice in unknown])
            entries = await tx.get_many(Entry, list(found))
            numbered = 0
            for id, notice in found.items():
                number = entries[id].number or drawn.number(entries[id].entrant)
                if number is not None and notice.number is None:
                    tx.put(replace(notice, number=number))
                    numbered += 1
            return numbered

        return await self._store.transact(work)

    async def _delete(self, ids: Sequence[str], *, tell: Line | None = None) -> int:
        async def work(tx: Transaction) -> int:
            found = await tx.get_many(TurnNotice, ids)
            for notice in found.values():
                tx.delete(notice)
                if tell is not None:
                    tx.send(
                        TurnNear(
                            place_id=notice.id,
                            event_id=tell.id,
                            user_id=notice.user_id,
                            title=tell.title,
                            told_at=self._clock.now(),
                        )
                    )
            return len(found)

        return await self._store.transact(work)


async def forget(tx: Transaction, user_id: str) -> None:
    """The account was erased."""
    for notice in await tx.find(TurnNotice, {"user_id": user_id}, limit=_LINES):
        tx.delete(notice)
