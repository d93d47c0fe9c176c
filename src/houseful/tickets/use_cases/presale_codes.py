"""An event's presales: its organizer makes windows and gives out codes, buyers use them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from houseful.kernel.documents import Millis
from houseful.kernel.errors import Conflict, Duplicate, NotFound, StateConflict, invalid, not_found
from houseful.kernel.gates import check_gates
from houseful.kernel.ports import Clock, Ids, Reader, Store, Transaction
from houseful.kernel.roles import Identity
from houseful.tickets.documents import codes_csv
from houseful.tickets.domain import presales
from houseful.tickets.domain.presales import (
    AccessCode,
    CodeKey,
    Presale,
    PresaleAccess,
    Presales,
    access_id,
)
from houseful.tickets.domain.shows import Show, ShowState, is_before_sale
from houseful.tickets.use_cases.block_locks import BlockLocks
from houseful.tickets.use_cases.who_may_hold import entered
from houseful.webapi.audit import Actor, AuditLog, Detail
from houseful.webapi.cursors import ByMoment, ByText
from houseful.webapi.idempotency import IdempotencyContext

T = TypeVar("T")

_PAGE = 500
_LOCK_WAIT_SECONDS = 0.5


class Chosen(NamedTuple):
    """A code that the organizer thought of."""

    code: str
    max_uses: int


class Generated(msgspec.Struct, frozen=True):
    """How many codes to make, of how many characters."""

    count: int
    length: int
    max_uses: int


class PresaleCodes:
    def __init__(self, store: Store, locks: BlockLocks, key: CodeKey, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._locks = locks
        self.key = key
        self._clock = clock
        self._ids = ids
        self._audit = AuditLog(clock, ids)

    # The organizer

    async def of(self, event_id: str) -> Presales:
        return await self._store.get(Presales, event_id) or Presales(id=event_id)

    async def add(
        self,
        show: Show,
        name: str,
        opens_at: Millis,
        closes_at: Millis | None,
        outcome: Callable[[Presale], T],
        context: IdempotencyContext | None,
        by: Actor,
    ) -> T:
        """Raises `Invalid` for a window that does not open before the general sale, `StateConflict` where
        that has begun."""
        window = Presale(id=self._ids.new("psl"), name=name, opens_at=opens_at, closes_at=closes_at)

        async def work(tx: Transaction) -> T:
            before = await tx.get(Presales, show.id)
            presales.check_window(window, await _show(tx, show.id), self._clock.now())
            after = presales.with_window(before or Presales(id=show.id), window)
            if before is None:
                tx.insert(after)
            else:
                tx.put(after)
            await self._record(tx, by, "presale.added", show, window)
            made = outcome(window)
            if context is not None:
                context.store(tx, made)
            return made

        try:
            return await self._store.transact(work)
        except Duplicate as error:
            if error.collection != Presales.collection:
                raise
            return await self._store.transact(work)  # the event's first two at a time: the later finds it

    async def change(
        self,
        show: Show,
        presale_id: str,
        *,
        name: str | UnsetType = UNSET,
        opens_at: Millis | UnsetType = UNSET,
        closes_at: Millis | UnsetType | None = UNSET,
        by: Actor,
    ) -> Presale:
        said = {"name": name, "opens_at": opens_at, "closes_at": closes_at}

        async def work(tx: Transaction) -> Presale:
            before, window = await _found(tx, show.id, presale_id)
            given = {field: value for field, value in said.items() if value is not UNSET}
            changed = msgspec.structs.replace(window, **given)
            if changed != window:
                presales.check_window(changed, await _show(tx, show.id), self._clock.now())
                tx.put(presales.with_window(before, changed))
                await self._record(tx, by, "presale.changed", show, changed, fields=sorted(given))
            return changed

        return await self._store.transact(work)

    async def give_out(
        self,
        show: Show,
        presale_id: str,
        wanted: Sequence[Chosen] | Generated,
        outcome: Callable[[int], T],
        context: IdempotencyContext | None,
        by: Actor,
    ) -> T:
        """More codes. Raises `Invalid` for a chosen code that can't be one, or that the event has already."""
        if not isinstance(wanted, Generated):
            _check_chosen(wanted)

        async def work(tx: Transaction) -> T:
            before, window = await _found(tx, show.id, presale_id)
            presales.check_has_presale(await _show(tx, show.id), self._clock.now())
            new = self._new(show.id, window, wanted)
            there = await tx.get_many(AccessCode, [code.id for code in new])
            if there and isinstance(wanted, Generated):
                raise Conflict("a generated code exists already")  # the next try makes others
            if there:
                raise invalid(
                    {
                        f"codes.{place}.code": "exists already for this event"
                        for place, code in enumerate(new)
                        if code.id in there
                    }
                )
            tx.put(presales.with_codes(before, window, len(new)))
            for code in new:
                tx.insert(code)
            await self._record(tx, by, "access_codes.given_out", show, window, codes=len(new))
            told = outcome(len(new))
            if context is not None:
                context.store(tx, told)
            return told

        return await self._store.transact(work)

    def _new(self, event_id: str, presale: Presale, wanted: Sequence[Chosen] | Generated) -> list[AccessCode]:
        batch, length = "", 0
        if isinstance(wanted, Generated):
            batch, length = self._ids.new("acb"), wanted.length
            codes = [
                Chosen(self.key.generated(batch, number, length), wanted.max_uses)
                for number in range(wanted.count)
            ]
        else:
            codes = list(wanted)
        return [
            AccessCode(
                id=self.key.id(event_id, code),
                event_id=event_id,
                presale_id=presale.id,
                position=presale.codes + number,
                begins_with=presales.beginning(code),
                max_uses=max_uses,
                batch=batch,
                number=number if batch else 0,
                length=length,
            )
            for number, (code, max_uses) in enumerate(codes)
        ]

    async def codes(
        self, show: Show, presale_id: str, after: ByMoment | None, limit: int
    ) -> list[AccessCode]:
        """In the order in which they were given out."""
        await _found(self._store, show.id, presale_id)
        return await self._store.find(
            AccessCode, {"presale_id": presale_id}, by="position", after=after, limit=limit
        )

    async def csv(self, show: Show, presale_id: str) -> AsyncIterator[bytes]:
        """The generated codes as a spreadsheet reads them. Raises `NotFound` before anything is sent."""
        _, presale = await _found(self._store, show.id, presale_id)
        return self._csv(presale)

    async def _csv(self, presale: Presale) -> AsyncIterator[bytes]:
        yield codes_csv.header()
        after: ByMoment | None = None
        while True:
            page = await self._store.find(
                AccessCode, {"presale_id": presale.id}, by="position", after=after, limit=_PAGE
            )
            yield b"".join(
                codes_csv.row(presale.name, shown, code)
                for code in page
                if (shown := self.key.shown(code)) is not None
            )
            if len(page) < _PAGE:
                return
            after = (page[-1].position, page[-1].id)

    async def _record(
        self, tx: Transaction, by: Actor, act: str, show: Show, presale: Presale, **details: Detail
    ) -> None:
        await self._audit.record(
            tx, by, act, f"event:{show.id}", presale=presale.id, name=presale.name, **details
        )

    async def revoke(self, show: Show, presale_id: str, code_id: str, by: Actor) -> None:
        """For good, for those who have used it too; what they hold they keep. Revoking again is no error."""

        async def work(tx: Transaction) -> None:
            code = await tx.get(AccessCode, code_id)
            if code is None or code.event_id != show.id or code.presale_id != presale_id:
                raise not_found("access_code")
            if code.revoked_at is None:
                tx.put(msgspec.structs.replace(code, revoked_at=self._clock.now()))
                await self._audit.record(
                    tx, by, "access_code.revoked", f"event:{show.id}", presale=presale_id, code=code.id
                )

        await self._store.transact(work)

    # Buyers

    async def use(self, who: Identity, event_id: str, code: str) -> Presale:
        """The presale that the account may hold seats in from now on, or from its beginning. Using a code
        again changes nothing. Raises `DomainError`.

        Both counts, of the code and of the account, are put in one transaction: a code never has more
        accounts than uses. The lock only keeps processes from losing to each other.
        """
        code_id, id = self.key.id(event_id, code), access_id(event_id, who.user_id)

        async def work(tx: Transaction) -> Presale:
            now = self._clock.now()
            show = await _show(tx, event_id)
            if not is_before_sale(show, now):
                raise StateConflict("presale_over", "The general sale has begun: everybody can buy.")
            if show.gates is not None:
                check_gates(show.gates, who)
            known = await tx.get(Presales, event_id)
            found = await tx.get(AccessCode, code_id)
            presale = None if known is None or found is None else known.find(found.presale_id)
            before = await tx.get(PresaleAccess, id)
            access = before or PresaleAccess(id=id, event_id=event_id, user_id=who.user_id)
            after, granted = presales.used(found, presale, access, show, now)
            assert presale is not None
            if granted is not access:
                tx.put(after)
                if before is None:
                    tx.insert(granted)
                else:
                    tx.put(granted)
            return presale

        try:
            await self._locks.acquire([code_id], wait_seconds=_LOCK_WAIT_SECONDS)
            return await self._first_or_next(work)
        finally:
            self._locks.release([code_id])

    async def _first_or_next(self, work: Callable[[Transaction], Awaitable[Presale]]) -> Presale:
        """An account's first two codes of an event may both try to begin its access; the later one then
        finds it."""
        try:
            return await self._store.transact(work)
        except Duplicate as error:
            if error.collection != PresaleAccess.collection:
                raise
        return await self._store.transact(work)

    async def mine(self, user_id: str, event_id: str) -> list[Presale]:
        """The presales of the event that the account has used a code of."""
        return await entered(self._store, await self.of(event_id), user_id)

    async def used_by(
        self, user_id: str, after: ByText | None
    ) -> tuple[list[tuple[AccessCode, Millis]], str | None]:
        """The codes that the account has used, and when, page by page, and where the next page begins."""
        page = await self._store.find(
            PresaleAccess,
            {"user_id": user_id},
            after=None if after is None else (None, after[1]),
            limit=_PAGE,
        )
        codes = await self._store.get_many(
            AccessCode, sorted({code_id for access in page for code_id in access.code_ids})
        )
        found = [
            (codes[grant.code_id], grant.granted_at)
            for access in page
            for grant in access.grants
            if grant.code_id in codes
        ]
        return found, page[-1].id if len(page) == _PAGE else None


async def _show(reader: Reader, event_id: str) -> Show:
    show = await reader.get(Show, event_id)
    if show is None:
        raise NotFound("event_not_found", "There is no such event on sale.")
    if show.state is ShowState.CANCELLED:
        raise StateConflict("event_cancelled", "This event was cancelled.")
    return show


async def _found(reader: Reader, event_id: str, presale_id: str) -> tuple[Presales, Presale]:
    known = await reader.get(Presales, event_id)
    presale = None if known is None else known.find(presale_id)
    if known is None or presale is None:
        raise not_found("presale")
    return known, presale


def _check_chosen(wanted: Sequence[Chosen]) -> None:
    """Raises `Invalid`."""
    errors: dict[str, str] = {}
    seen: set[str] = set()
    for place, (code, _) in enumerate(wanted):
        counted = presales.plain(code)
        error = presales.chosen_error(code) or ("is in the list twice" if counted in seen else None)
        if error is not None:
            errors[f"codes.{place}.code"] = error
        seen.add(counted)
    if errors:
        raise invalid(errors)
