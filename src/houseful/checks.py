"""What must hold in every installation at every moment, looked at from outside: `houseful check`.

Reads only, and beside a running server. Since the documents are read one after the other while it goes on
selling, a finding counts only if it is there each time that one looks again.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from typing import NamedTuple, TypeVar

import msgspec

from houseful.adapters import by_url
from houseful.adapters.system import SystemClock, SystemIds
from houseful.app import MANIFESTS, opened_store
from houseful.common.documents import Document, Millis
from houseful.common.errors import Unavailable
from houseful.common.ports import BusLook, Clock, Reader, Store
from houseful.payments.domain import DeliveryStatus, Intent, State, WebhookDelivery
from houseful.settings import Settings
from houseful.tickets.domain.blocks import Block, SeatState
from houseful.tickets.domain.orders import Order, OrderState, PaymentState
from houseful.tickets.domain.shows import Show, ShowState
from houseful.tickets.domain.tickets import Ticket, TicketState, seat_key

D = TypeVar("D", bound=Document)

LATE_MILLIS = 30_000
"""How long after its deadline something may still be open."""
_ON_ITS_WAY_MILLIS = 30_000
_BUS_MILLIS = 6 * 24 * 3600 * 1000
_LOOKS = 3
_PAUSE_SECONDS = 0.7
_PAGE = 1000
_MOST_FINDINGS = 200


class Finding(msgspec.Struct, frozen=True):
    """`subject` is what it is about, by id."""

    code: str
    subject: str
    detail: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    claim: str
    looked_at: str
    findings: list[Finding]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool
    checks: list[Result]


class Installation(NamedTuple):
    """Stores by service; a service that has stored nothing yet has none. `bus` is None where nothing was ever
    published. `marks` says whether relays of ours mark what they publish."""

    stores: Mapping[str, Store]
    bus: BusLook | None
    clock: Clock
    marks: bool = True


class Look(NamedTuple):
    """One look: what was found, and what was looked at, in words."""

    findings: list[Finding]
    looked_at: str


class Check(NamedTuple):
    code: str
    claim: str
    look: Callable[[Installation], Awaitable[Look]]


async def check_all(settings: Settings) -> Report:
    """Raises `Unavailable` for a store or a bus that can't be read, and where there is nothing to check: that
    is no good news."""
    clock, ids = SystemClock(), SystemIds()
    async with AsyncExitStack() as stack:
        stores = {
            manifest.name: await stack.enter_async_context(
                opened_store(settings, manifest, clock=clock, ids=ids, read_only=True)
            )
            for manifest in MANIFESTS
            if await by_url.store_exists(settings, manifest.name)
        }
        if not stores:
            raise Unavailable(
                f"there is no installation {settings.installation!r} where the settings say; --data names "
                "another folder, and `houseful config` shows what is looked at"
            )
        bus: BusLook | None = None
        marks = settings.relay == "on"
        if any([await _has_published(store, marks=marks) for store in stores.values()]):
            bus = await stack.enter_async_context(by_url.opened_bus(settings, clock=clock, read_only=True))
        installation = Installation(stores, bus, clock, marks)
        results = [await _persistent(check, installation) for check in CHECKS]
        return Report(ok=not any(result.findings for result in results), checks=results)


async def _has_published(store: Store, *, marks: bool) -> bool:
    async for row in store.outbox.rows():
        if row.published_at is not None or not marks:
            return True
    return False


async def _persistent(check: Check, installation: Installation) -> Result:
    look = await check.look(installation)
    findings = {(one.code, one.subject): one for one in look.findings}
    for _ in range(_LOOKS - 1):
        if not findings:
            break
        await asyncio.sleep(_PAUSE_SECONDS)
        again = {(one.code, one.subject): one for one in (await check.look(installation)).findings}
        findings = {key: again[key] for key in findings if key in again}
    kept = list(findings.values())[:_MOST_FINDINGS]
    return Result(code=check.code, claim=check.claim, looked_at=look.looked_at, findings=kept)


async def every(store: Reader, kind: type[D]) -> AsyncIterator[D]:
    """All documents of a kind, by id. What is inserted meanwhile may be missed."""
    after: tuple[None, str] | None = None
    while True:
        page = await store.find(kind, {}, after=after, limit=_PAGE)
        for document in page:
            yield document
        if len(page) < _PAGE:
            return
        after = (None, page[-1].id)


async def seats_tickets_orders(installation: Installation) -> Look:
    """C1, both ways: a sold seat has exactly one living ticket and a confirmed order, and the other way
    round."""
    store = installation.stores.get("tickets")
    if store is None:
        return Look([], "no seats yet")
    sold: dict[tuple[str, int], str] = {}
    async for block in every(store, Block):
        for position, claim in block.claims.items():
            if claim.state is SeatState.SOLD:
                sold[block.event_id, block.first + position] = claim.by
    living: dict[tuple[str, int], list[Ticket]] = defaultdict(list)
    findings = []
    tickets = 0
    async for ticket in every(store, Ticket):
        tickets += 1
        findings += _ticket_by_itself(ticket)
        if ticket.state is not TicketState.REFUNDED:
            living[ticket.event_id, ticket.ordinal].append(ticket)
    ordered: dict[tuple[str, int], list[str]] = defaultdict(list)
    orders = 0
    async for order in every(store, Order):
        orders += 1
        if order.state is OrderState.CONFIRMED:
            for ordinal in order.ordinals:
                ordered[order.event_id, ordinal].append(order.id)
    for seat in sold.keys() | living.keys() | ordered.keys():
        findings += _seat(seat, sold.get(seat), living.get(seat, []), ordered.get(seat, []))
    return Look(findings, f"{len(sold):,} sold seats, {tickets:,} tickets, {orders:,} orders")


def _ticket_by_itself(ticket: Ticket) -> list[Finding]:
    alive = ticket.state is not TicketState.REFUNDED
    expected = seat_key(ticket.event_id, ticket.ordinal) if alive else None
    if ticket.seat_key == expected:
        return []
    return [Finding("C1", ticket.id, f"the ticket is {ticket.state} and its seat key is {ticket.seat_key}")]


def _seat(
    seat: tuple[str, int], sold_to: str | None, tickets: list[Ticket], orders: list[str]
) -> list[Finding]:
    subject = f"{seat[0]} seat {seat[1]}"
    wrong = []
    if len(tickets) > 1:
        wrong.append(f"has {len(tickets)} living tickets: {', '.join(ticket.id for ticket in tickets)}")
    if len(orders) > 1:
        wrong.append(f"is in {len(orders)} confirmed orders: {', '.join(orders)}")
    if sold_to is None and tickets:
        wrong.append(f"is not sold and has the living ticket {tickets[0].id}")
    if sold_to is None and orders:
        wrong.append(f"is not sold and is in the confirmed order {orders[0]}")
    if sold_to is not None and not tickets:
        wrong.append(f"is sold to {sold_to} and has no living ticket")
    if sold_to is not None and sold_to not in orders:
        wrong.append(f"is sold to {sold_to}, which is no confirmed order with this seat")
    wrong += [
        f"is sold to {sold_to} and its ticket {one.id} is of {one.order_id}"
        for one in tickets
        if sold_to and one.order_id != sold_to
    ]
    return [Finding("C1", subject, "; ".join(wrong))] if wrong else []


async def money(installation: Installation) -> Look:
    """C2: captured − refunded = the totals of confirmed orders; no authorisation stays open that nobody will
    settle."""
    intents: dict[str, list[Intent]] = defaultdict(list)
    orders: dict[str, Order] = {}
    if (store := installation.stores.get("payments")) is not None:
        async for intent in every(store, Intent):
            intents[intent.reference].append(intent)
    if (store := installation.stores.get("tickets")) is not None:
        async for order in every(store, Order):
            orders[order.id] = order
    findings = []
    kept_minor = 0
    for order_id in orders.keys() | intents.keys():
        own = intents.get(order_id, [])
        kept_minor += sum(intent.captured_minor - intent.refunded_minor for intent in own)
        found = _unknown_payment(own) if order_id not in orders else _payment(orders[order_id], own)
        if found:
            findings.append(Finding("C2", order_id, "; ".join(found)))
    return Look(
        findings,
        f"{len(orders):,} orders, {sum(map(len, intents.values())):,} payments, {kept_minor} minor units",
    )


def _unknown_payment(intents: list[Intent]) -> list[str]:
    """Somebody else may use the processor too; but what it took for an order of ours that does not exist is
    lost."""
    return [
        f"{intent.id} took {intent.captured_minor - intent.refunded_minor} for an order that does not exist"
        for intent in intents
        if intent.captured_minor != intent.refunded_minor and intent.reference.startswith("ord_")
    ]


def _payment(order: Order, intents: list[Intent]) -> list[str]:
    wrong = []
    kept = sum(intent.captured_minor - intent.refunded_minor for intent in intents)
    if len(intents) > 1:
        wrong.append(f"has {len(intents)} payments: {', '.join(intent.id for intent in intents)}")
    others = [intent.id for intent in intents if order.intent_id is not None and intent.id != order.intent_id]
    if others:
        wrong.append(f"is paid by {order.intent_id}, and there is {', '.join(others)} for it too")
    if order.intent_id is not None and not intents:
        wrong.append(f"its payment {order.intent_id} does not exist")
    settled = order.due is None
    open_minor = sum(intent.open_minor for intent in intents)
    if order.state is OrderState.CONFIRMED:
        if kept != order.total_minor and settled:
            wrong.append(f"is confirmed for {order.total_minor} and {kept} were taken")
        if not settled and kept not in (0, order.total_minor):
            wrong.append(f"is confirmed for {order.total_minor} and {kept} were taken so far")
        if not settled and kept + open_minor != order.total_minor:
            wrong.append(
                f"is confirmed for {order.total_minor}, {kept} were taken and {open_minor} are reserved"
            )
    elif settled and kept != 0:
        wrong.append(f"is {order.state} and {kept} were taken and not given back")
    elif not settled and kept not in (0, order.total_minor):
        wrong.append(f"is {order.state} for {order.total_minor} and {kept} were taken")
    if settled and open_minor and order.payment not in (PaymentState.OPEN, PaymentState.NONE):
        wrong.append(f"is {order.state}, its payment {order.payment}, and {open_minor} are still reserved")
    return wrong


async def outbox_and_bus(installation: Installation) -> Look:
    """C4: what was sent is numbered without gaps, published, and on the bus."""
    findings: list[Finding] = []
    count = 0
    now = installation.clock.now()
    for service, store in installation.stores.items():
        published: dict[str, str] = {}
        last: tuple[str, str, int] | None = None
        async for row in store.outbox.rows():
            count += 1
            about = (row.aggregatetype, row.aggregateid)
            subject = f"{service} {row.aggregatetype}:{row.aggregateid} #{row.seq}"
            if last is not None and last[:2] == about and row.seq != last[2] + 1:
                findings.append(Finding("C4", subject, f"follows #{last[2]}"))
            last = (*about, row.seq)
            late = row.created_at < now - _ON_ITS_WAY_MILLIS
            if installation.marks and row.published_at is None and late:
                findings.append(
                    Finding("C4", subject, f"is not published after {(now - row.created_at) // 1000} s")
                )
            published_at = row.published_at if installation.marks else row.created_at if late else None
            if published_at is not None and published_at > now - _BUS_MILLIS:
                published[row.id] = subject
        findings += await _missing_on_bus(installation.bus, service, published)
    return Look(findings, f"{count:,} messages")


async def _missing_on_bus(bus: BusLook | None, service: str, published: dict[str, str]) -> Iterable[Finding]:
    # The bus is read after the outbox: what was marked as published by then was there before.
    if bus is not None and published:
        async for entry in bus.entries(service):
            published.pop(entry.id, None)
    return [
        Finding("C4", subject, "is not on the bus, where it should be by now")
        for subject in published.values()
    ]


async def deadlines(installation: Installation) -> Look:
    """C7: nothing that somebody has to finish is open for more than 30 s after its time.

    What ends by itself is no finding: an unpaid order has expired when its time has passed, whether anybody
    writes that down or not.
    """
    latest = installation.clock.now() - LATE_MILLIS
    findings = []
    if (store := installation.stores.get("tickets")) is not None:
        for order in await store.find(Order, {}, by="look_at", since=0, until=latest, limit=_PAGE):
            if order.due is not None or order.state is OrderState.PROCESSING:
                what = f"{order.due} is due" if order.due is not None else f"is {order.state}"
                findings.append(_late(order.id, what, order.look_at, latest))
        for show in await store.find(Show, {}, by="look_at", since=0, until=latest, limit=_PAGE):
            if show.state is ShowState.GENERATING:
                findings.append(_late(show.id, "its seats are still being made", show.look_at, latest))
    if (store := installation.stores.get("payments")) is not None:
        for intent in await store.find(Intent, {}, by="next_at", since=0, until=latest, limit=_PAGE):
            if intent.state is State.PROCESSING:
                findings.append(_late(intent.id, "its delayed outcome is due", intent.next_at, latest))
        pending = {"status": DeliveryStatus.PENDING}
        for webhook in await store.find(WebhookDelivery, pending, by="at", until=latest, limit=_PAGE):
            findings.append(_late(webhook.id, "the webhook is not delivered", webhook.at, latest))
    return Look(findings, "orders, inventories, payments and webhooks")


def _late(subject: str, what: str, since: Millis | None, latest: Millis) -> Finding:
    late_seconds = (latest - (since or 0) + LATE_MILLIS) // 1000
    return Finding("C7", subject, f"{what} since {late_seconds} s")


async def seats_and_plans(installation: Installation) -> Look:
    """C9: an event that is ready has exactly the seats of its plan, each once."""
    store = installation.stores.get("tickets")
    if store is None:
        return Look([], "no events yet")
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    outside: list[Finding] = []
    async for block in every(store, Block):
        spans[block.event_id].append((block.first, block.count))
        if any(not 0 <= position < block.count for position in block.claims):
            outside.append(Finding("C9", block.id, "has a claim on a seat that it does not have"))
    findings = outside
    shows = 0
    async for show in every(store, Show):
        shows += 1
        own = sorted(spans.pop(show.id, []))
        if show.state is ShowState.READY or (
            show.state is ShowState.CANCELLED and show.generated == show.seats_total
        ):
            findings += _seats_of(show, own)
    findings += [Finding("C9", event_id, "has seats and there is no such event") for event_id in spans]
    return Look(findings, f"{shows:,} events")


def _seats_of(show: Show, spans: list[tuple[int, int]]) -> list[Finding]:
    expected = 0
    for first, count in spans:
        if first != expected:
            what = "are missing" if first > expected else "exist twice"
            return [
                Finding("C9", show.id, f"seats {min(first, expected)} to {max(first, expected) - 1} {what}")
            ]
        expected = first + count
    if expected != show.seats_total:
        return [Finding("C9", show.id, f"has {expected} seats, and its plan {show.seats_total}")]
    return []


CHECKS: tuple[Check, ...] = (
    Check(
        "C1",
        "a sold seat has one living ticket and one confirmed order, and the other way round",
        seats_tickets_orders,
    ),
    Check("C2", "what was taken less what was given back is what was sold", money),
    Check("C4", "messages are without gaps, published, and on the bus", outbox_and_bus),
    Check("C7", "nothing is open long after its time", deadlines),
    Check("C9", "an event has the seats of its plan", seats_and_plans),
)
