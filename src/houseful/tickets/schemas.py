"""What answers look like: documents turned into the shapes of the HTTP contract."""

from collections.abc import Sequence
from typing import Literal

from houseful.kernel.documents import Millis
from houseful.kernel.times import rfc3339
from houseful.tickets.domain import reschedules
from houseful.tickets.domain.availability import Occupancy
from houseful.tickets.domain.blocks import SeatState
from houseful.tickets.domain.holds import Hold, HoldState
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.orders import Order, OrderState, PaymentState
from houseful.tickets.domain.refund_reasons import Reason
from houseful.tickets.domain.sales import Sales, Tally
from houseful.tickets.domain.shows import Show, ShowState
from houseful.tickets.domain.ticket_codes import CodeSigner
from houseful.tickets.domain.tickets import Ticket, TicketState
from houseful.webapi.responses import View

HoldStatus = Literal["active", "ordered", "released", "expired"]


class InventoryView(View, frozen=True, kw_only=True):
    event_id: str
    state: Literal["generating", "ready", "failed"]
    generated: int
    total: int
    detail: str | None


class SeatView(View, frozen=True, kw_only=True):
    """`label` is the whole place in words, section included. `row` and `number` are the plan's, perhaps
    empty; where the plan says what to call them ("Table 5", "Place 1"), `row_label` and `seat_label` do.
    """

    id: str
    ordinal: int
    section_id: str
    label: str
    row: str
    row_label: str | None
    number: str
    seat_label: str | None
    category: str
    x: int
    y: int
    status: SeatState


class PricedSeatView(SeatView, frozen=True, kw_only=True):
    section_name: str
    price_minor: int


class HoldView(View, frozen=True, kw_only=True):
    """Count down from `server_time`, not from the device's
    clock.
    """

    hold_id: str
    event_id: str
    status: HoldStatus
    seats: list[PricedSeatView]
    expires_at: str
    server_time: str
    total_minor: int
    currency: str
    order_id: str | None


class BuyerView(View, frozen=True, kw_only=True):
    name: str
    email: str


class PaymentView(View, frozen=True, kw_only=True):
    intent_id: str | None
    client_secret: str | None
    status: PaymentState


class OrderMoveView(View, frozen=True, kw_only=True):
    """The event was moved after the order, from there to here. Until `return_until` the order may be
    cancelled with a full refund, whatever the event's rules say. `message` is the organizer's.
    """

    from_starts_at: str
    from_venue: str
    starts_at: str
    venue: str
    message: str
    return_until: str


class OrderView(View, frozen=True, kw_only=True):
    """`detail` says in words what happened where the status alone does not; `reason` is why money went
    back or none is taken any more. `seats` and `total_minor` are what the order has now, `refunded_minor` is
    what of it went back in part.
    """

    id: str
    event_id: str
    event_title: str
    hold_id: str
    status: OrderState
    seats: list[PricedSeatView]
    total_minor: int
    currency: str
    buyer: BuyerView
    created_at: str
    expires_at: str
    server_time: str
    payment: PaymentView
    detail: str | None
    reason: Reason | None = None
    refunded_minor: int = 0
    move: OrderMoveView | None = None


class TicketSeatView(View, frozen=True, kw_only=True):
    id: str
    section_id: str
    section_name: str
    label: str
    row: str
    row_label: str | None
    number: str
    seat_label: str | None
    category: str


class TicketView(View, frozen=True, kw_only=True):
    id: str
    order_id: str
    event_id: str
    seat: TicketSeatView
    code: str
    status: TicketState
    used_at: str | None
    gate: str | None


class CategorySalesView(View, frozen=True, kw_only=True):
    category: str
    sold: int
    total: int
    gross_minor: int


class MinuteView(View, frozen=True, kw_only=True):
    at: str
    seats: int
    gross_minor: int


class SalesView(View, frozen=True, kw_only=True):
    """`gross_minor` counts what was ever confirmed, `refunded_minor` what was given back of it."""

    event_id: str
    currency: str
    sold: int
    held: int
    available: int
    total: int
    gross_minor: int
    refunded_minor: int
    orders: int
    admitted: int
    by_category: list[CategorySalesView]
    per_minute: list[MinuteView]


def inventory_view(show: Show) -> InventoryView:
    return InventoryView(
        event_id=show.id,
        state=_inventory_state(show),
        generated=show.generated,
        total=show.seats_total,
        detail=show.detail,
    )


def _inventory_state(show: Show) -> Literal["generating", "ready", "failed"]:
    match show.state:
        case ShowState.GENERATING:
            return "generating"
        case ShowState.READY:
            return "ready"
        case ShowState.FAILED:
            return "failed"
        case ShowState.CANCELLED:
            return "ready" if show.generated == show.seats_total else "failed"


def announced_view(event_id: str, seats_total: int) -> InventoryView:
    return InventoryView(event_id=event_id, state="generating", generated=0, total=seats_total, detail=None)


def _priced_seat(layout: Layout, ordinal: int, price_minor: int, status: SeatState) -> PricedSeatView:
    row = layout.rows[layout.row_index[ordinal]]
    section = layout.sections[row.section_index]
    return PricedSeatView(
        id=layout.seat_ids[ordinal],
        ordinal=ordinal,
        section_id=section.id,
        section_name=section.name,
        label=layout.place(ordinal),
        row=row.name,
        row_label=row.label or None,
        number=layout.numbers[ordinal],
        seat_label=layout.seat_label(ordinal) or None,
        category=layout.categories[layout.category_index[ordinal]].name,
        x=layout.x[ordinal],
        y=layout.y[ordinal],
        status=status,
        price_minor=price_minor,
    )


def _hold_status(hold: Hold, now: Millis) -> HoldStatus:
    match hold.state:
        case HoldState.ACTIVE:
            return "active" if now < hold.until else "expired"
        case HoldState.ORDERED:
            return "ordered"
        case HoldState.RELEASED:
            return "released"


def hold_view(hold: Hold, layout: Layout, now: Millis) -> HoldView:
    status = _hold_status(hold, now)
    seats = SeatState.HELD if status in ("active", "ordered") else SeatState.AVAILABLE
    return HoldView(
        hold_id=hold.id,
        event_id=hold.event_id,
        status=status,
        seats=[
            _priced_seat(layout, ordinal, price, seats)
            for ordinal, price in zip(hold.seats, hold.prices_minor, strict=True)
        ],
        expires_at=rfc3339(hold.until),
        server_time=rfc3339(now),
        total_minor=hold.total_minor,
        currency=hold.currency,
        order_id=hold.order_id,
    )


_SEATS_OF = {
    OrderState.CONFIRMED: SeatState.SOLD,
    OrderState.AWAITING_PAYMENT: SeatState.HELD,
    OrderState.PROCESSING: SeatState.HELD,
}


def order_view(order: Order, show: Show, layout: Layout, now: Millis) -> OrderView:
    status = _SEATS_OF.get(order.state, SeatState.AVAILABLE)
    return OrderView(
        id=order.id,
        event_id=order.event_id,
        event_title=show.title,
        hold_id=order.hold_id,
        status=order.state,
        seats=[_priced_seat(layout, seat.ordinal, seat.price_minor, status) for seat in order.seats],
        total_minor=order.total_minor,
        currency=order.currency,
        buyer=BuyerView(name=order.buyer_name, email=order.buyer_email),
        created_at=rfc3339(order.created_at),
        expires_at=rfc3339(order.expires_at),
        server_time=rfc3339(now),
        payment=PaymentView(
            intent_id=order.intent_id, client_secret=order.client_secret, status=order.payment
        ),
        detail=order.detail,
        reason=order.reason,
        refunded_minor=order.part_refunds_minor,
        move=_order_move_view(order, show),
    )


def _order_move_view(order: Order, show: Show) -> OrderMoveView | None:
    move = reschedules.since_ordered(order, show)
    if move is None:
        return None
    return OrderMoveView(
        from_starts_at=rfc3339(move.from_starts_at),
        from_venue=move.from_venue,
        starts_at=rfc3339(move.starts_at),
        venue=move.venue,
        message=move.message,
        return_until=rfc3339(move.return_until),
    )


def ticket_seat(layout: Layout, ordinal: int) -> TicketSeatView:
    section = layout.section_of(ordinal)
    return TicketSeatView(
        id=layout.seat_ids[ordinal],
        section_id=section.id,
        section_name=section.name,
        label=layout.place(ordinal),
        row=layout.row_of(ordinal),
        row_label=layout.row_label(ordinal) or None,
        number=layout.numbers[ordinal],
        seat_label=layout.seat_label(ordinal) or None,
        category=layout.category_name(ordinal),
    )


def ticket_view(ticket: Ticket, layout: Layout, signer: CodeSigner) -> TicketView:
    return TicketView(
        id=ticket.id,
        order_id=ticket.order_id,
        event_id=ticket.event_id,
        seat=ticket_seat(layout, ticket.ordinal),
        code=signer.code(ticket.id, ticket.event_id),
        status=ticket.state,
        used_at=None if ticket.used_at is None else rfc3339(ticket.used_at),
        gate=ticket.gate,
    )


def sales_view(
    show: Show,
    sales: Sales,
    occupancy: Occupancy,
    admitted: int,
    minutes: Sequence[tuple[Millis, Tally]],
) -> SalesView:
    return SalesView(
        event_id=show.id,
        currency=show.currency,
        sold=sales.sold,
        held=occupancy.held,
        available=occupancy.available,
        total=show.seats_total,
        gross_minor=sales.gross_minor,
        refunded_minor=sales.refunded_minor,
        orders=sales.orders,
        admitted=admitted,
        by_category=[
            CategorySalesView(category=name, sold=tally.seats, total=total, gross_minor=tally.gross_minor)
            for name, total in occupancy.by_category
            if total and (tally := sales.by_category.get(name, Tally()))
        ],
        per_minute=[
            MinuteView(at=rfc3339(at), seats=t.seats, gross_minor=t.gross_minor) for at, t in minutes
        ],
    )
