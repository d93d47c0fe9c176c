"""What the lines hold of an account. A place has no account in it: it is found from the account, event by
event, and never the other way round."""

from typing import NamedTuple

from houseful.kernel.documents import Millis
from houseful.kernel.ports import Clock, Store, Transaction
from houseful.line import notices
from houseful.line.domain import visits
from houseful.line.domain.lines import ControlAct, Entry, EntryId, Line, Phase, Visit
from houseful.line.domain.notices import TurnNotice
from houseful.messages import AccountErased
from houseful.webapi.audit import erase_actor
from houseful.webapi.cursors import ByMoment, ByText

_PAGE = 200
_LINES = 1000


class HeldPlace(NamedTuple):
    """An account's entry in a line, its visit once it was called and came, and its wish for an email."""

    line: Line
    entry: Entry
    visit: Visit | None
    notice: TurnNotice | None


class AccountData:
    def __init__(self, store: Store, clock: Clock, entry_id: EntryId) -> None:
        self._store = store
        self._clock = clock
        self._entry_id = entry_id

    async def places(self, user_id: str, after: ByText | None) -> tuple[list[HeldPlace], str | None]:
        """Those in a page of lines, and where the next page begins."""
        page = await self._store.find(
            Line, {}, after=None if after is None else (None, after[1]), limit=_PAGE
        )
        ids = {line.id: self._entry_id(line.id, user_id) for line in page}
        entries = await self._store.get_many(Entry, list(ids.values()))
        visited = await self._store.get_many(Visit, list(entries))
        wished = await self._store.get_many(TurnNotice, list(entries))
        held = [
            HeldPlace(line, entries[ids[line.id]], visited.get(ids[line.id]), wished.get(ids[line.id]))
            for line in page
            if ids[line.id] in entries
        ]
        return held, page[-1].id if len(page) == _PAGE else None

    async def acts(self, user_id: str, after: ByMoment | None) -> tuple[list[ControlAct], ByMoment | None]:
        """A page of what the account did in control rooms, the latest first, and where the next begins."""
        page = await self._store.find(
            ControlAct, {"user_id": user_id}, by="at", after=after, descending=True, limit=_PAGE
        )
        return page, (page[-1].at, page[-1].id) if len(page) == _PAGE else None

    async def on_erased(self, tx: Transaction, message: AccountErased) -> None:
        """An erased account leaves the shops that it is in: the next is called. Its places stay, without
        which the numbers would have gaps and the draw could not be repeated."""
        await erase_actor(tx, message.user_id)
        await notices.forget(tx, message.user_id)
        now: Millis = self._clock.now()
        for phase in (Phase.OPEN, Phase.PAUSED, Phase.SOLD_OUT):
            lines = await tx.find(Line, {"phase": phase}, limit=_LINES)
            ids = [self._entry_id(line.id, message.user_id) for line in lines]
            for visit in (await tx.get_many(Visit, ids)).values():
                if visit.is_inside:
                    tx.put(visits.left(visit, now))
