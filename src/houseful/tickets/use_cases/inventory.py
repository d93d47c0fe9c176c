"""Inventory: from a published event to every seat of it, whatever dies on the way."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from houseful.kernel.errors import Conflict, DomainError, Duplicate, StateConflict, Transient, not_found
from houseful.kernel.ports import Clock, ServiceClient, Store, Transaction
from houseful.kernel.telemetry import get_logger
from houseful.kernel.waiting import Backoff
from houseful.messages import EventCancelled, EventChanged, EventPublished, InventoryFailed, InventoryReady
from houseful.tickets import schemas
from houseful.tickets.domain import blocks, shows
from houseful.tickets.domain.blocks import Block, block_id
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.sales import Sales
from houseful.tickets.domain.shows import LineMode, Show, ShowState
from houseful.tickets.use_cases import sold_out
from houseful.tickets.use_cases.availability import Availability
from houseful.tickets.use_cases.layout_cache import LayoutCache, PlanUnusable
from houseful.tickets.use_cases.open_payments import check_open_payments, lapsed_holds
from houseful.tickets.use_cases.seats import by_block, ordinals_of
from houseful.tickets.use_cases.unavailable_seats import named
from houseful.webapi.audit import Actor, AuditLog
from houseful.webapi.cached_bodies import CachedBody

log = get_logger(__name__)

CHUNK_BLOCKS = 200
_PAGE = 1000
_PLANS_KNOWN = 10_000
_LONGEST_PAUSE_SECONDS = 60.0
_KNOWN_SECONDS = 2.0
_FOLLOW_SECONDS = 1.0


class _Known(NamedTuple):
    """What of an event changes with an amendment of its plan alone, as of a moment."""

    plan_hash: str
    line: LineMode
    at: float


class _Announced(msgspec.Struct):
    state: str
    seats_total: int


class Inventory:
    def __init__(
        self,
        store: Store,
        client: ServiceClient,
        layouts: LayoutCache,
        availability: Availability,
        clock: Clock,
        audit: AuditLog,
    ) -> None:
        self._store = store
        self._client = client
        self._layouts = layouts
        self._availability = availability
        self._clock = clock
        self._audit = audit
        self.wake = asyncio.Event()
        self._known_of: dict[str, _Known] = {}
        self._pauses: dict[str, Backoff] = {}

    async def show(self, event_id: str) -> Show:
        show = await self._store.get(Show, event_id)
        if show is None:
            raise not_found("event")
        return show

    async def progress(self, event_id: str, authorization: str | None) -> schemas.InventoryView:
        """How far generation is. Between publishing and the first message about it only the events service
        knows the event.
        """
        show = await self._store.get(Show, event_id)
        if show is not None:
            return schemas.inventory_view(show)
        headers = {} if authorization is None else {"authorization": authorization}
        answer = await self._client.request("GET", f"/api/events/{event_id}", headers=headers)
        event = msgspec.json.decode(answer.body, type=_Announced) if answer.status == 200 else None
        if event is not None and event.state == "publishing":
            return schemas.announced_view(event_id, event.seats_total)
        # The message may have arrived, and every seat have been made, while the events service answered.
        return schemas.inventory_view(await self.show(event_id))

    async def own_show(self, event_id: str, user_id: str, is_admin: bool) -> Show:
        """The show if it is this organizer's; somebody else's does not exist for them."""
        show = await self.show(event_id)
        if show.organizer_id != user_id and not is_admin:
            raise not_found("event")
        return show

    async def layout(self, event_id: str, ordinals: Sequence[int] = ()) -> Layout:
        """An event's hall, as it is or as it was a moment ago, with these seats. Raises `NotFound` for no
        such event, `StateConflict` while its plan is not here yet.
        """
        return await self.layout_that(event_id, lambda one: max(ordinals, default=-1) < one.seats_total)

    async def layout_that(self, event_id: str, fits: Callable[[Layout], bool]) -> Layout:
        """As `layout`; where it does not fit, the newest there is: an amendment may have added what is
        missing."""
        layout = await self._layout((await self._known(event_id)).plan_hash)
        return layout if fits(layout) else await self._newest(event_id)

    async def _newest(self, event_id: str) -> Layout:
        return await self._layout((await self._known(event_id, anew=True)).plan_hash)

    async def layout_of(self, show: Show) -> Layout:
        """The hall of a show that was just read. Raises `StateConflict` as `layout`."""
        return await self._layout(show.plan_hash)

    async def layout_of_blocks(self, event_id: str, layout: Layout, found: Iterable[Block]) -> Layout:
        """This layout, unless an amendment has changed seats of these blocks since: then the new one."""
        if all(block.generation <= layout.generation for block in found):
            return layout
        return await self._newest(event_id)

    async def _layout(self, plan_hash: str) -> Layout:
        try:
            return await self._layouts.layout(plan_hash)
        except LookupError:
            raise shows.not_ready() from None

    def has_no_line(self, event_id: str) -> bool:
        """What most events have, where this process knows it already."""
        known = self._known_of.get(event_id)
        return known is not None and known.line == "off"

    async def line_of(self, event_id: str) -> LineMode:
        """Whether an event has a line, which never changes either. Raises `NotFound`."""
        return (await self._known(event_id)).line

    async def _known(self, event_id: str, *, anew: bool = False) -> _Known:
        known, now = self._known_of.get(event_id), self._clock.monotonic()
        if known is None or anew or now - known.at > _KNOWN_SECONDS:
            show = await self.show(event_id)
            known = _Known(show.plan_hash, show.line, now)
            if len(self._known_of) >= _PLANS_KNOWN:
                self._known_of.clear()
            self._known_of[event_id] = known
        return known

    async def follow_layouts(self) -> None:
        """A job: pictures of halls whose plans were amended are made anew, also where nobody asks."""
        while True:
            await self._clock.sleep(_FOLLOW_SECONDS)
            for event_id in self._availability.shown():
                with contextlib.suppress(Transient, DomainError):  # the next round tries again
                    await self._availability.renew(event_id, await self.layout(event_id))

    async def geometry(self, event_id: str, version: str | None) -> tuple[str, CachedBody]:
        """Which layout an event has, and its seat map. Raises like `layout`."""
        plan_hash = (await self._known(event_id)).plan_hash
        if version not in (None, plan_hash):  # another process may know of a later one
            plan_hash = (await self._known(event_id, anew=True)).plan_hash
        try:
            return plan_hash, await self._layouts.geometry(plan_hash)
        except LookupError:
            raise shows.not_ready() from None

    async def hall(self, event_id: str) -> tuple[Show, Layout]:
        """The show too; raises like `layout`."""
        show = await self.show(event_id)
        return show, await self.layout_of(show)

    async def on_published(self, tx: Transaction, message: EventPublished) -> None:
        tx.insert_or_ignore(shows.published(message, self._clock.now()))
        self.wake.set()

    async def on_changed(self, tx: Transaction, message: EventChanged) -> None:
        show = await tx.get(Show, message.event_id)
        if show is not None:
            tx.put(shows.changed(show, message))

    async def on_cancelled(self, tx: Transaction, message: EventCancelled) -> None:
        """Sales stop with this; the refunds are the settlement's work, which the show's `look_at` asks
        for.
        """
        show = await tx.get(Show, message.event_id)
        now = self._clock.now()
        if show is not None and show.state is not ShowState.CANCELLED:
            tx.put(shows.transition(show, ShowState.CANCELLED, cancelled_at=now, look_at=now))

    async def generate_due(self) -> None:
        """Bring every show forward whose generation is due; each from where it was left."""
        now = self._clock.now()
        for show in await self._store.find(Show, {}, by="look_at", since=0, until=now + 1, limit=100):
            if show.state is ShowState.GENERATING:
                await self._generate(show)

    async def _generate(self, show: Show) -> None:
        try:
            layout = await self._layouts.fetch(show.id, show.plan_hash)
            if layout.seats_total != show.seats_total:
                raise PlanUnusable(
                    f"The plan has {layout.seats_total} seats where {show.seats_total} were published."
                )
            log.info("makes an inventory", extra={"event_id": show.id, "block": show.next_block})
            while show.state is ShowState.GENERATING and show.next_block < len(layout.blocks):
                show = await self._generate_chunk(show.id, layout)
            if show.state is ShowState.GENERATING:
                await self._finish(show, layout)
            self._pauses.pop(show.id, None)
        except PlanUnusable as error:
            await self._fail(show.id, str(error))
        except Transient as error:
            await self._look_later(show.id)
            log.warning("generation waits", extra={"event_id": show.id, "error": str(error)})
        except Exception:  # a bug with one event's plan must not keep the others from being made
            log.exception("inventory can't be made", extra={"event_id": show.id})
            await self._look_later(show.id)

    async def _generate_chunk(self, event_id: str, layout: Layout) -> Show:
        """One transaction: blocks with known ids, inserted unless they exist, and how far we are."""

        async def work(tx: Transaction) -> Show:
            show = await self._expect(tx, event_id)
            if show.state is not ShowState.GENERATING:
                return show
            specs = layout.blocks[show.next_block : show.next_block + CHUNK_BLOCKS]
            for spec in specs:
                tx.insert_or_ignore(
                    Block(
                        id=block_id(event_id, spec.index),
                        event_id=event_id,
                        first=spec.first_ordinal,
                        count=spec.count,
                    )
                )
            show = msgspec.structs.replace(
                show,
                next_block=show.next_block + len(specs),
                generated=show.generated + sum(spec.count for spec in specs),
            )
            tx.put(show)
            return show

        return await self._store.transact(work)

    async def _finish(self, show: Show, layout: Layout) -> None:
        """Ready only when what is there is the plan, seat for seat; otherwise once more from the start, which
        only fills gaps.
        """
        complete = await self._is_complete(show.id, layout)

        async def work(tx: Transaction) -> None:
            current = await self._expect(tx, show.id)
            if current.state is not ShowState.GENERATING:
                return
            if complete:
                tx.put(shows.transition(current, ShowState.READY, look_at=None))
                tx.insert_or_ignore(Sales(id=show.id, blocked=0))
                tx.send(InventoryReady(event_id=show.id, seats_total=show.seats_total))
            else:
                tx.put(msgspec.structs.replace(current, next_block=0, generated=0))

        await self._store.transact(work)
        if not complete:
            log.error("inventory incomplete, made again", extra={"event_id": show.id})

    async def _is_complete(self, event_id: str, layout: Layout) -> bool:
        expected = {
            block_id(event_id, spec.index): (spec.first_ordinal, spec.count) for spec in layout.blocks
        }
        ids = list(expected)
        for start in range(0, len(ids), _PAGE):
            found = await self._store.get_many(Block, ids[start : start + _PAGE])
            for id in ids[start : start + _PAGE]:
                block = found.get(id)
                if block is None or (block.first, block.count) != expected[id]:
                    return False
            await asyncio.sleep(0)  # let buyers of other events through
        return await self._store.count(Block, {"event_id": event_id}) == len(expected)

    async def _fail(self, event_id: str, detail: str) -> None:
        async def work(tx: Transaction) -> None:
            show = await self._expect(tx, event_id)
            if show.state is ShowState.GENERATING:
                tx.put(shows.transition(show, ShowState.FAILED, detail=detail, look_at=None))
                tx.send(InventoryFailed(event_id=event_id, detail=detail))

        await self._store.transact(work)
        log.error("inventory failed", extra={"event_id": event_id, "detail": detail})

    async def _look_later(self, event_id: str) -> None:
        async def work(tx: Transaction) -> None:
            show = await self._expect(tx, event_id)
            if show.state is ShowState.GENERATING:
                tx.put(msgspec.structs.replace(show, look_at=self._clock.now() + pause))

        backoff = self._pauses.get(event_id)
        if backoff is None:
            chance = random.Random(event_id)  # noqa: S311 - jitter
            backoff = self._pauses[event_id] = Backoff(1, _LONGEST_PAUSE_SECONDS, chance)
        pause = round(backoff.failed() * 1000)
        await self._store.transact(work)

    async def _expect(self, tx: Transaction, event_id: str) -> Show:
        show = await tx.get(Show, event_id)
        if show is None:
            raise LookupError(f"the show {event_id} is gone")
        return show

    async def set_blocked(self, show: Show, block: list[str], unblock: list[str], by: Actor) -> None:
        """Take seats off sale and put others on sale again, all or none. Raises `DomainError` with the
        seats that are taken, or while they are still being made; `PaymentsOpen` as a hold does.
        """
        layout = await self.layout_of(show)
        closing = by_block(layout, ordinals_of(layout, block, "block"))
        opening = by_block(layout, ordinals_of(layout, unblock, "unblock"))
        indexes = sorted({*closing, *opening})

        async def work(tx: Transaction) -> None:
            found = await tx.get_many(Block, [block_id(show.id, index) for index in indexes])
            if len(found) < len(indexes):
                raise shows.not_ready()
            taken: list[int] = []
            more = 0
            for index in indexes:
                before = changed = found[block_id(show.id, index)]
                try:
                    changed = blocks.close(changed, closing.get(index, []), self._clock.now())
                except blocks.SeatsTaken as error:
                    taken += error.ordinals
                changed = blocks.reopen(changed, opening.get(index, []))
                more += changed.blocked - before.blocked
                tx.put(changed)
            if taken:
                raise _in_use(layout, taken)
            await check_open_payments(tx, lapsed_holds(show.id, closing, found, self._clock.now()))
            if more:
                await sold_out.blocked_more(tx, show, more)
            if indexes:
                await self._audit.record(
                    tx, by, "seats.blocked", f"event:{show.id}", block=block, unblock=unblock
                )

        try:
            await self._store.transact(work)
        except (Conflict, Duplicate) as error:
            raise StateConflict("busy", "These seats are changing hands just now; try again.") from error
        self._availability.touch(show.id, indexes)


def _in_use(layout: Layout, ordinals: list[int]) -> DomainError:
    """What an organizer is told of seats that can't be blocked."""
    return StateConflict(
        "seats_taken",
        f"Held or sold just now: {named(layout, sorted(ordinals))}. Nothing was changed.",
        taken=[layout.seat_id(ordinal) for ordinal in sorted(ordinals)],
    )
