"""Holding: seats kept for a buyer for a while."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from houseful.kernel.documents import Millis
from houseful.kernel.errors import (
    Conflict,
    DomainError,
    Duplicate,
    StateConflict,
    Unavailable,
    not_found,
)
from houseful.kernel.ports import Clock, Store, Transaction
from houseful.kernel.roles import Identity
from houseful.tickets import schemas
from houseful.tickets.domain import blocks, holds
from houseful.tickets.domain.blocks import Block, SeatsTaken, SeatState, block_id, state_at
from houseful.tickets.domain.holds import Hold, HoldQuota, HoldState, quota_id
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.use_cases import buyer_limit, unavailable_seats, who_may_hold
from houseful.tickets.use_cases.availability import Availability
from houseful.tickets.use_cases.block_locks import BlockLocks
from houseful.tickets.use_cases.inventory import Inventory
from houseful.tickets.use_cases.open_payments import check_open_payments, lapsed_holds
from houseful.tickets.use_cases.seats import best_of, by_block, each_block, has_place, has_seats, ordinals_of
from houseful.tickets.use_cases.who_may_hold import NotCalled
from houseful.webapi.idempotency import AlreadyAnswered, IdempotencyContext
from houseful.webapi.line_passes import LinePasses, line_required

T = TypeVar("T")

_LOCK_WAIT_SECONDS = 0.5
_BEST_LOOKS = 100
_POLITE_LOOKS = 20
_FIRST_QUOTA_TRIES = 3
_AMENDED_TRIES = 5
_ORDERS_LOOKED_AT = 100


class _Busy(Exception):
    """Another process is at these blocks."""


class _Amended(Exception):
    """The seats are others in the plan by now, or cost something else: `layout` is the hall with them."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout


class Holding:
    def __init__(
        self,
        store: Store,
        inventory: Inventory,
        availability: Availability,
        locks: BlockLocks,
        passes: LinePasses,
        clock: Clock,
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._availability = availability
        self._locks = locks
        self._passes = passes
        self._clock = clock

    async def hold_seats(
        self,
        who: Identity,
        event_id: str,
        seat_ids: list[str],
        context: IdempotencyContext,
        line_pass: str | None = None,
    ) -> schemas.HoldView:
        layout = await self._inventory.layout_that(event_id, lambda one: has_seats(one, seat_ids))
        not_called: NotCalled | None = None
        if not self._inventory.has_no_line(event_id):
            not_called = await self._why_not_called(line_pass, event_id, who.user_id)
        for _ in range(_AMENDED_TRIES):
            ordinals = ordinals_of(layout, seat_ids, "seats")
            try:
                return await self._hold(
                    who, event_id, layout, ordinals, context, "seats", not_called=not_called
                )
            except _Amended as amended:
                layout = amended.layout
            except SeatsTaken as error:
                self._availability.mark_dirty(event_id, by_block(layout, error.ordinals))
                raise await unavailable_seats.refused(self._store, who.user_id, layout, error) from error
        raise Unavailable("the plan of this event keeps changing")

    async def hold_best(
        self,
        who: Identity,
        event_id: str,
        quantity: int,
        category: str | None,
        section_id: str | None,
        context: IdempotencyContext,
        line_pass: str | None = None,
    ) -> schemas.HoldView:
        """The best free seats. In this process nobody is offered what is offered to another just now. Another
        process is at first given room where it is selling; of what it has taken, whoever loses it learns for
        all.
        """
        layout = await self._inventory.layout_that(event_id, lambda one: has_place(one, category, section_id))
        not_called: NotCalled | None = None
        if not self._inventory.has_no_line(event_id):
            not_called = await self._why_not_called(line_pass, event_id, who.user_id)
        await who_may_hold.admitted(self._store, event_id, who, self._clock.now(), not_called)
        for look in range(_BEST_LOOKS):
            view = await self._availability.view(event_id, layout)
            layout = view.layout
            category_index, section_index = best_of(layout, category, section_id)
            chosen = view.offer(quantity, category=category_index, section=section_index)
            if chosen is None:
                free = view.free(category=category_index, section=section_index)
                if free < quantity or not await view.another_closes():
                    raise _not_enough(quantity, free)
                continue
            busy = False
            wait_seconds = 0 if look < _POLITE_LOOKS else _LOCK_WAIT_SECONDS
            field = "best_available.quantity"
            try:
                return await self._hold(
                    who,
                    event_id,
                    layout,
                    chosen,
                    context,
                    field,
                    not_called=not_called,
                    wait_seconds=wait_seconds,
                )
            except _Busy:
                busy = True
            except _Amended as amended:
                layout = amended.layout
            except SeatsTaken:
                self._availability.mark_dirty(event_id, by_block(layout, chosen))
            finally:
                view.close(chosen)
            if busy:
                view.avoid(by_block(layout, chosen))
        raise Unavailable("these seats are too busy")

    async def _why_not_called(self, line_pass: str | None, event_id: str, user_id: str) -> NotCalled | None:
        """Makes the refusal of a buyer who may not hold seats, if the event has a line. Reads no store."""
        try:
            mode = await self._inventory.line_of(event_id)
            if mode == "off" or (mode == "auto" and not await self._passes.is_awake(event_id)):
                return None
            if line_pass is None:
                return line_required
            await self._passes.check(line_pass, event_id, user_id)
        except DomainError as error:
            refusal = error
            return lambda: refusal
        return None

    async def _hold(
        self,
        who: Identity,
        event_id: str,
        layout: Layout,
        ordinals: list[int],
        context: IdempotencyContext,
        field: str,
        *,
        not_called: NotCalled | None,
        wait_seconds: float = _LOCK_WAIT_SECONDS,
    ) -> schemas.HoldView:
        """Raises `SeatsTaken` or `PaymentsOpen`, and then nothing is held. `field` is where the request says
        how many seats.

        After `wait_seconds` for a lock it goes on without; where there are none, it raises `_Busy` at once.
        """
        holds.check_wanted(ordinals)
        user_id = who.user_id
        wanted = by_block(layout, ordinals)
        block_ids = [block_id(event_id, index) for index in sorted(wanted)]
        hold_id = context.named("hold")

        async def work(tx: Transaction) -> schemas.HoldView:
            now = self._clock.now()
            context.must_be_first(tx)
            tx.expect(Block, block_ids)
            tx.expect(HoldQuota, [quota_id(event_id, user_id)])
            show, presale_id = await who_may_hold.admitted(tx, event_id, who, now, not_called)
            if len(ordinals) > show.max_seats_per_order:
                raise holds.too_many(show.max_seats_per_order, field)
            found = await tx.get_many(Block, block_ids)
            amended = await self._inventory.layout_of_blocks(event_id, layout, found.values())
            if amended is not layout:
                raise _Amended(amended)
            until = now + show.hold_seconds * 1000
            hold = Hold(
                id=hold_id,
                event_id=event_id,
                user_id=user_id,
                seats=tuple(ordinals),
                prices_minor=tuple(show.prices[layout.category_name(ordinal)] for ordinal in ordinals),
                currency=show.currency,
                until=until,
                request=context.request,
                made_at=now,
                first_until=until,
                presale_id=presale_id,
            )
            quota = await tx.get(HoldQuota, quota_id(event_id, user_id))
            try:
                changes = each_block(
                    wanted, found, event_id, lambda block, its: blocks.hold(block, its, hold_id, until, now)
                )
            except SeatsTaken as error:
                error.own_holds = holds.hold_ids(quota)
                raise
            if lapsed := lapsed_holds(event_id, wanted, found, now):
                await check_open_payments(tx, lapsed)
            for changed in changes:
                tx.put(changed)
            held = holds.seats_running(quota, now)
            if held + len(ordinals) > show.max_seats_per_order and not await _has_paid(tx, user_id):
                raise holds.too_many_unproven(show.max_seats_per_order, held)
            if show.max_seats_per_buyer is not None:
                await buyer_limit.check(tx, show, user_id, len(ordinals), now)
            await self.count(tx, hold, now)
            tx.insert(hold)
            return schemas.hold_view(hold, layout, now)

        try:
            if not await self._locks.acquire(block_ids, wait_seconds=wait_seconds) and not wait_seconds:
                raise _Busy
            view = await self.first_or_next(work)
        except Conflict:
            raise await self._lost(user_id, event_id, ordinals, layout) from None
        except Duplicate as error:
            raise (AlreadyAnswered() if error.collection == Hold.collection else error) from error
        finally:
            self._locks.release(block_ids)
        self._availability.touch(event_id, wanted)
        return view

    async def replay(self, tx: Transaction, context: IdempotencyContext) -> schemas.HoldView | None:
        """What this use of a key was answered when it made its hold, if it did. Raises
        `Invalid` where it asked for something else then.
        """
        hold = await tx.get(Hold, context.named("hold"))
        if hold is None:
            return None
        context.check_request(hold.request)
        layout = await self._inventory.layout(hold.event_id, hold.seats)
        return schemas.hold_view(holds.as_made(hold), layout, hold.made_at)

    async def count(self, tx: Transaction, hold: Hold, now: Millis) -> None:
        """Put the hold into the buyer's quota. Raises `DomainError` where it is one too many."""
        id = quota_id(hold.event_id, hold.user_id)
        quota = await tx.get(HoldQuota, id)
        if quota is None:
            tx.insert(holds.add_to_quota(HoldQuota(id=id, user_id=hold.user_id, bought=0), hold, now))
        else:
            tx.put(holds.add_to_quota(quota, hold, now))

    async def first_or_next(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """A buyer's first two holds of an event may both try to begin the quota; the later one then finds
        it.
        """
        for _ in range(_FIRST_QUOTA_TRIES):
            try:
                return await self._store.transact(work)
            except Duplicate as error:
                if error.collection != HoldQuota.collection:
                    raise
        return await self._store.transact(work)

    async def _lost(self, user_id: str, event_id: str, ordinals: Sequence[int], layout: Layout) -> Exception:
        """What to say after losing every retry: the seats that are taken by now, else that it is too busy."""
        wanted = by_block(layout, list(ordinals))
        found = await self._store.get_many(Block, [block_id(event_id, index) for index in sorted(wanted)])
        now = self._clock.now()
        claims = {
            ordinal: claim
            for block in found.values()
            for ordinal in ordinals
            if 0 <= ordinal - block.first < block.count
            and state_at(claim := block.claims.get(ordinal - block.first), now) is not SeatState.AVAILABLE
        }
        if not claims:
            return Unavailable("these seats are too busy")
        lost = SeatsTaken(claims)
        lost.own_holds = holds.hold_ids(await self._store.get(HoldQuota, quota_id(event_id, user_id)))
        return lost

    async def get_hold(self, user_id: str, hold_id: str) -> schemas.HoldView:
        hold = await self._store.get(Hold, hold_id)
        if hold is None or hold.user_id != user_id:
            raise not_found("hold")
        layout = await self._inventory.layout(hold.event_id, hold.seats)
        return schemas.hold_view(hold, layout, self._clock.now())

    async def running_holds(self, user_id: str) -> list[schemas.HoldView]:
        """What the buyer holds now, over all events."""
        now = self._clock.now()
        quotas = await self._store.find(HoldQuota, {"user_id": user_id}, limit=100)
        ids = [one.hold_id for quota in quotas for one in quota.running if one.until > now]
        found = await self._store.get_many(Hold, ids)
        shown: list[schemas.HoldView] = []
        for hold in found.values():
            if hold.state is HoldState.ACTIVE and hold.until > now:
                layout = await self._inventory.layout(hold.event_id, hold.seats)
                shown.append(schemas.hold_view(hold, layout, now))
        return shown

    async def release(self, user_id: str, hold_id: str) -> Hold:
        """Releasing what is released or has expired is no error; an ordered hold belongs to its order."""

        async def work(tx: Transaction) -> Hold:
            hold = await tx.get(Hold, hold_id)
            if hold is None or hold.user_id != user_id:
                raise not_found("hold")
            if hold.state is HoldState.ORDERED:
                raise already_ordered(hold)
            if hold.state is HoldState.ACTIVE:
                tx.put(holds.transition(hold, HoldState.RELEASED))
                await self.free(tx, hold.event_id, hold.user_id, hold.seats, hold.id, hold.id)
            return hold

        hold = await self._store.transact(work)
        await self.tell(hold.event_id, hold.seats)
        return hold

    async def free(
        self, tx: Transaction, event_id: str, user_id: str, ordinals: Sequence[int], by: str, hold_id: str
    ) -> None:
        """Give back the seats that are still claimed `by` this hold, or by the order that bought them, and
        the buyer's quota of them.
        """
        layout = await self._inventory.layout(event_id, ordinals)
        wanted = by_block(layout, list(ordinals))
        found = await tx.get_many(Block, [block_id(event_id, index) for index in sorted(wanted)])
        for index, its in wanted.items():
            block = found[block_id(event_id, index)]
            freed = blocks.release(block, its, by)
            if freed is not block:
                tx.put(freed)
        quota = await tx.get(HoldQuota, quota_id(event_id, user_id))
        if quota is not None:
            left = holds.remove_from_quota(quota, hold_id, bought=0 if by == hold_id else -len(ordinals))
            if left != quota:
                tx.put(left)

    async def keep(
        self, tx: Transaction, event_id: str, ordinals: Sequence[int], hold_id: str, until: Millis
    ) -> None:
        """What this hold still has of these seats stays its own until then."""
        layout = await self._inventory.layout(event_id, ordinals)
        wanted = by_block(layout, list(ordinals))
        found = await tx.get_many(Block, [block_id(event_id, index) for index in sorted(wanted)])
        for index, its in wanted.items():
            block = found[block_id(event_id, index)]
            kept = blocks.keep(block, its, hold_id, until)
            if kept is not block:
                tx.put(kept)

    async def tell(self, event_id: str, ordinals: Sequence[int]) -> None:
        """Whoever shows these seats looks at them again."""
        layout = await self._inventory.layout(event_id, ordinals)
        self._availability.touch(event_id, by_block(layout, list(ordinals)))


async def _has_paid(tx: Transaction, user_id: str) -> bool:
    """Whether the buyer has an order that is confirmed and paid for, among the latest hundred."""
    latest = await tx.find(
        Order, {"user_id": user_id}, by="created_at", descending=True, limit=_ORDERS_LOOKED_AT
    )
    return any(order.state is OrderState.CONFIRMED and order.total_minor > 0 for order in latest)


def already_ordered(hold: Hold) -> DomainError:
    return StateConflict("already_ordered", "These seats are in an order already.", order_id=hold.order_id)


def hold_expired() -> DomainError:
    return StateConflict("hold_expired", "The time to order these seats has run out. Choose seats again.")


def _not_enough(quantity: int, available: int) -> DomainError:
    return StateConflict(
        "not_enough_seats",
        f"There are not {quantity} free seats of this kind any more."
        if available
        else "There are no free seats left here.",
        available=available,
    )
