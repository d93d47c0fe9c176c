"""Amending: the inventory of a published event follows another plan, whatever dies on the way.

Seats that the plan changes are frozen first, so that nobody gets one while it changes. Where somebody has one
already, what was frozen is given back and the amendment refused with the names of all such seats. Else the
added seats are made, the show has the new layout and its prices in one transaction, and the frozen seats are
given back as what they are now. Each step is a page with known ids, stored with how far it has come.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from houseful.kernel.errors import DomainError, StateConflict, Transient
from houseful.kernel.pieces import Pieces
from houseful.kernel.ports import Clock, Store, Transaction, Workers
from houseful.kernel.telemetry import get_logger
from houseful.messages import AmendmentApplied, AmendmentRefused, AmendmentRequested
from houseful.seating.parsing import PlanError
from houseful.tickets.domain import amendments, blocks
from houseful.tickets.domain.amendments import Amendment, Blocks, Difference, Stage, TakenSeat
from houseful.tickets.domain.blocks import Block, Claim, SeatsTaken, block_id
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.shows import Show, not_ready
from houseful.tickets.use_cases import sold_out
from houseful.tickets.use_cases.availability import Availability
from houseful.tickets.use_cases.lapsed_orders import LapsedOrders
from houseful.tickets.use_cases.layout_cache import LayoutCache, PlanUnusable
from houseful.tickets.use_cases.open_payments import check_open_payments, lapsed_holds

log = get_logger(__name__)

BLOCKS_AT_ONCE = 50
_AT_ONCE = 100
_READ_AT_ONCE = 500
_LATER_MILLIS = 2000


class _Work(NamedTuple):
    difference: Difference
    blocks: Blocks
    new: Layout


Page = Sequence[tuple[int, tuple[int, ...]]]


class Amending:
    def __init__(
        self,
        store: Store,
        layouts: LayoutCache,
        availability: Availability,
        lapsed_orders: LapsedOrders,
        workers: Workers,
        clock: Clock,
    ) -> None:
        self._store = store
        self._layouts = layouts
        self._availability = availability
        self._lapsed_orders = lapsed_orders
        self._workers = workers
        self._clock = clock
        self.wake = asyncio.Event()

    async def on_requested(self, tx: Transaction, message: AmendmentRequested) -> None:
        """A message that comes again changes nothing."""
        show = await tx.get(Show, message.event_id)
        before = await tx.get(Amendment, message.event_id)
        if show is None or (before is not None and before.number >= message.number):
            return
        amendment = amendments.requested(message, show.plan_hash, self._clock.now())
        if before is None:
            tx.insert(amendment)
        else:
            tx.put(amendment)
        self.wake.set()

    # A look, without doing anything.

    async def preview(
        self, show: Show, sent: Pieces, prices: Mapping[str, int], whose: str
    ) -> tuple[Difference, list[TakenSeat]]:
        """What this plan would change, and which of it somebody has. Raises `StateConflict` while another
        amendment is under way, `PlanError`."""
        running = await self._store.get(Amendment, show.id)
        if running is not None and running.is_open:
            raise amendment_pending()
        found = await self._workers.run(
            amendments.difference_of_sent, await self._packed(show), sent, show.prices, prices, whose=whose
        )
        old = await self._layouts.layout(show.plan_hash)
        touched = amendments.blocks_of(old, old, found.touched).touched
        return found, amendments.taken_seats(found, await self._taken(show.id, touched))

    async def _packed(self, show: Show) -> bytes:
        try:
            return await self._layouts.packed(show.plan_hash)
        except LookupError:
            raise not_ready() from None

    async def _taken(self, event_id: str, touched: Page) -> dict[int, Claim]:
        now = self._clock.now()
        taken: dict[int, Claim] = {}
        for start in range(0, len(touched), _READ_AT_ONCE):
            page = touched[start : start + _READ_AT_ONCE]
            found = await self._store.get_many(Block, [block_id(event_id, index) for index, _ in page])
            for index, ordinals in page:
                taken |= blocks.taken_now(found[block_id(event_id, index)], ordinals, now)
            await asyncio.sleep(0)  # let buyers through
        return taken

    # The work.

    async def amend_due(self) -> None:
        """Bring every amendment that is due to its end. One event's trouble is not another's."""
        now = self._clock.now()
        for one in await self._store.find(
            Amendment, {}, by="look_at", since=0, until=now + 1, limit=_AT_ONCE
        ):
            try:
                await self._amend(one)
            except (PlanUnusable, PlanError) as error:
                await self._refuse(one, f"The plan can't be used: {error}")
            except Transient as error:
                log.warning("an amendment waits", extra={"event_id": one.id, "error": str(error)})
                await self._look_later(one)
            except Exception:  # a bug with one event's plan must not keep the others from being amended
                log.exception("a plan can't be amended", extra={"event_id": one.id})
                await self._look_later(one)

    async def _amend(self, amendment: Amendment) -> None:
        work = await self._work(amendment)
        log.info("amends a plan", extra={"event_id": amendment.id, "number": amendment.number})
        steps: dict[Stage, Callable[[Amendment, _Work], Awaitable[Amendment]]] = {
            Stage.FREEZING: self._freeze,
            Stage.ADDING: self._add,
            Stage.THAWING: self._thaw,
            Stage.UNDOING: self._undo,
        }
        while amendment.is_open:
            amendment = await steps[amendment.stage](amendment, work)

    async def _work(self, amendment: Amendment) -> _Work:
        """What is to be done: the same whenever it is asked for."""
        packed = await self._layouts.fetch_packed(amendment.id, amendment.plan_hash)
        base = await self._layouts.packed(amendment.base)
        found = await self._workers.run(amendments.difference_of_packed, base, packed, whose="halls")
        if found.seats_left != amendment.seats_total:
            raise PlanUnusable(
                f"The plan has {found.seats_left} seats where {amendment.seats_total} were announced."
            )
        await self._layouts.keep(amendment.layout_version, found.packed)
        new = await self._layouts.layout(amendment.layout_version)
        old = await self._layouts.layout(amendment.base)
        return _Work(found, amendments.blocks_of(old, new, found.touched), new)

    async def _freeze(self, seen: Amendment, work: _Work) -> Amendment:
        """One page. Where somebody was faster, all is given back."""
        page = work.blocks.touched[seen.next_block : seen.next_block + BLOCKS_AT_ONCE]

        async def change(tx: Transaction) -> Amendment:
            current = await self._expect(tx, seen)
            if current != seen:
                return current
            now = self._clock.now()
            found = await tx.get_many(Block, [block_id(seen.id, index) for index, _ in page])
            changed = [
                blocks.freeze(found[block_id(seen.id, index)], ordinals, now) for index, ordinals in page
            ]
            await check_open_payments(tx, lapsed_holds(seen.id, dict(page), found, now))
            for block in changed:
                tx.put(replace(block, generation=work.new.generation))
            return _stepped(tx, seen, len(page), len(work.blocks.touched), Stage.ADDING)

        try:
            after = await self._lapsed_orders.ended_first(lambda: self._store.transact(change))
        except SeatsTaken:
            return await self._give_up(seen, work)
        self._availability.touch(seen.id, [index for index, _ in page])
        return after

    async def _give_up(self, seen: Amendment, work: _Work) -> Amendment:
        taken = amendments.taken_seats(work.difference, await self._taken(seen.id, work.blocks.touched))

        async def change(tx: Transaction) -> Amendment:
            current = await self._expect(tx, seen)
            if current != seen:
                return current
            after = amendments.transition(
                current, Stage.UNDOING, detail=amendments.refusal(taken), seats=_named(taken)
            )
            tx.put(after)
            return after

        return await self._store.transact(change) if taken else seen

    async def _add(self, seen: Amendment, work: _Work) -> Amendment:
        """One page of new blocks; after the last one the show has the new layout."""
        page = work.blocks.added[seen.next_block : seen.next_block + BLOCKS_AT_ONCE]
        is_last = seen.next_block + len(page) >= len(work.blocks.added)

        async def change(tx: Transaction) -> Amendment:
            current = await self._expect(tx, seen)
            if current != seen:
                return current
            for index, first, count in page:
                tx.insert_or_ignore(
                    Block(
                        id=block_id(seen.id, index),
                        event_id=seen.id,
                        first=first,
                        count=count,
                        generation=work.new.generation,
                    )
                )
            if is_last:
                await self._switch(tx, seen, work)
            return _stepped(tx, seen, len(page), len(work.blocks.added), Stage.THAWING)

        return await self._store.transact(change)

    async def _switch(self, tx: Transaction, seen: Amendment, work: _Work) -> None:
        show = await tx.get(Show, seen.id)
        if show is None:
            raise LookupError(f"the show {seen.id} is gone")
        changed = replace(
            show,
            plan_hash=seen.layout_version,
            seats_total=work.difference.seats_left,
            generated=work.difference.seats_left,
            removed_total=work.difference.removed_total,
            prices=seen.prices,
        )
        tx.put(changed)
        await sold_out.blocked_more(tx, changed, 0)

    async def _thaw(self, seen: Amendment, work: _Work) -> Amendment:
        return await self._give_back(seen, work, work.difference.removed, Stage.APPLIED)

    async def _undo(self, seen: Amendment, work: _Work) -> Amendment:
        return await self._give_back(seen, work, frozenset(), Stage.REFUSED)

    async def _give_back(
        self, seen: Amendment, work: _Work, removed: frozenset[int], then: Stage
    ) -> Amendment:
        page = work.blocks.touched[seen.next_block : seen.next_block + BLOCKS_AT_ONCE]

        async def change(tx: Transaction) -> Amendment:
            current = await self._expect(tx, seen)
            if current != seen:
                return current
            found = await tx.get_many(Block, [block_id(seen.id, index) for index, _ in page])
            more = 0
            for index, ordinals in page:
                before = found[block_id(seen.id, index)]
                after = blocks.remove(before, [one for one in ordinals if one in removed])
                after = blocks.thaw(after, [one for one in ordinals if one not in removed])
                more += after.blocked - before.blocked
                tx.put(after)
            show = await tx.get(Show, seen.id)
            if more and show is not None:
                await sold_out.blocked_more(tx, show, more)
            after_all = _stepped(tx, seen, len(page), len(work.blocks.touched), then)
            if after_all.stage is Stage.REFUSED:
                tx.send(_refused(after_all))
            elif after_all.stage is Stage.APPLIED:  # not before, so that the next one can't overtake it
                tx.send(AmendmentApplied(event_id=seen.id, number=seen.number))
            return after_all

        changed = await self._store.transact(change)
        self._availability.touch(seen.id, [index for index, _ in page])
        return changed

    async def _refuse(self, seen: Amendment, detail: str) -> None:
        """Before anything was frozen."""

        async def change(tx: Transaction) -> None:
            current = await self._expect(tx, seen)
            if current == seen and current.stage is Stage.FREEZING and current.next_block == 0:
                refused = amendments.transition(current, Stage.REFUSED, detail=detail, look_at=None)
                tx.put(refused)
                tx.send(_refused(refused))

        await self._store.transact(change)
        log.warning("amendment refused", extra={"event_id": seen.id, "detail": detail})

    async def _look_later(self, seen: Amendment) -> None:
        async def change(tx: Transaction) -> None:
            current = await self._expect(tx, seen)
            if current.number == seen.number and current.is_open:
                tx.put(replace(current, look_at=self._clock.now() + _LATER_MILLIS))

        await self._store.transact(change)

    async def _expect(self, tx: Transaction, seen: Amendment) -> Amendment:
        current = await tx.get(Amendment, seen.id)
        if current is None:
            raise LookupError(f"the amendment of {seen.id} is gone")
        return current


def amendment_pending() -> DomainError:
    return StateConflict(
        "amendment_pending", "Another change of this event's plan is under way. Try again in a moment."
    )


def _stepped(tx: Transaction, seen: Amendment, done: int, total: int, then: Stage) -> Amendment:
    """Put how far it has come: in the stage, or at the beginning of the one after it."""
    if seen.next_block + done < total:
        after = replace(seen, next_block=seen.next_block + done)
    else:
        after = amendments.transition(seen, then)
        if not after.is_open:
            after = replace(after, look_at=None)
    tx.put(after)
    return after


def _named(taken: Sequence[TakenSeat]) -> tuple[str, ...]:
    return tuple(amendments.what_to_do(one) for one in taken[: amendments.MOST_NAMED])


def _refused(amendment: Amendment) -> AmendmentRefused:
    return AmendmentRefused(
        event_id=amendment.id, number=amendment.number, detail=amendment.detail, seats=amendment.seats
    )
