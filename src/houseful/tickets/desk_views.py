"""What the order desk sees of an order: what the organizer may know, and nothing that pays for it."""

from collections.abc import Iterable
from typing import Literal

from houseful.kernel.documents import Millis
from houseful.kernel.times import rfc3339
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.order_acts import Actor, Buyer, OrderAct
from houseful.tickets.domain.orders import Order, OrderState, PaymentState
from houseful.tickets.domain.refund_reasons import Reason
from houseful.tickets.domain.tickets import Ticket
from houseful.tickets.emails_views import EmailView
from houseful.tickets.schemas import BuyerView
from houseful.webapi.responses import View

Event = Literal[
    "placed",
    "confirmed",
    "emailed",
    "resent",
    "corrected",
    "seats_refunded",
    "refunded",
    "cancelled",
    "noted",
    "let_in",
]
SeatStatus = Literal["ordered", "valid", "used", "refunded"]


class DeskOrderView(View, frozen=True, kw_only=True):
    """`places` and `total_minor` are what the order has now; `refunded_minor` is what of it went back in
    part, or is on its way back.
    """

    id: str
    event_id: str
    status: OrderState
    payment: PaymentState
    buyer: BuyerView
    places: list[str]
    total_minor: int
    refunded_minor: int
    currency: str
    created_at: str
    confirmed_at: str | None
    detail: str | None
    reason: Reason | None


class DeskSeatView(View, frozen=True, kw_only=True):
    """A seat that the order has, or had. It has a ticket once the order is confirmed."""

    id: str
    place: str
    category: str
    price_minor: int
    status: SeatStatus
    ticket_id: str | None
    used_at: str | None
    gate: str | None


class HistoryView(View, frozen=True, kw_only=True):
    """`text` is a note or the reason of a refund, `email_kind` what an email was about; an email went to the
    buyer in `after`, a correction changed `before` to it. `user_id` is the account of an organizer or an
    admin.
    """

    at: str
    event: Event
    by: Actor
    user_id: str | None
    text: str | None
    email_kind: str | None
    before: BuyerView | None
    after: BuyerView | None
    places: list[str]
    amount_minor: int | None


class DeskOrderDetailsView(View, frozen=True, kw_only=True):
    """`history` has the oldest first."""

    order: DeskOrderView
    seats: list[DeskSeatView]
    emails: list[EmailView]
    history: list[HistoryView]


def desk_order_view(order: Order, layout: Layout) -> DeskOrderView:
    return DeskOrderView(
        id=order.id,
        event_id=order.event_id,
        status=order.state,
        payment=order.payment,
        buyer=BuyerView(name=order.buyer_name, email=order.buyer_email),
        places=[layout.place(seat.ordinal) for seat in order.seats],
        total_minor=order.total_minor,
        refunded_minor=order.part_refunds_minor,
        currency=order.currency,
        created_at=rfc3339(order.created_at),
        confirmed_at=_moment(order.confirmed_at),
        detail=order.detail,
        reason=order.reason,
    )


def seat_views(order: Order, tickets: Iterable[Ticket], layout: Layout) -> list[DeskSeatView]:
    of_seat = {ticket.ordinal: ticket for ticket in tickets}
    return [
        DeskSeatView(
            id=seat.seat_id,
            place=layout.place(seat.ordinal),
            category=seat.category,
            price_minor=seat.price_minor,
            status="ordered" if ticket is None else ticket.state.value,
            ticket_id=None if ticket is None else ticket.id,
            used_at=None if ticket is None else _moment(ticket.used_at),
            gate=None if ticket is None else ticket.gate,
        )
        for seat in order.all_seats
        for ticket in (of_seat.get(seat.ordinal),)
    ]


def history_views(order: Order, acts: Iterable[OrderAct], layout: Layout) -> list[HistoryView]:
    """What the order says itself, and its acts, which are given in their order."""
    told = [(order.created_at, _entry(order.created_at, "placed", Actor.BUYER))]
    if order.confirmed_at is not None:
        told.append((order.confirmed_at, _entry(order.confirmed_at, "confirmed", Actor.SYSTEM)))
    told += [(act.at, _act_view(act, layout)) for act in acts]
    return [view for _, view in sorted(told, key=lambda one: one[0])]


def _act_view(act: OrderAct, layout: Layout) -> HistoryView:
    return _entry(
        act.at,
        act.act.value,
        act.actor,
        user_id=act.user_id if act.actor in (Actor.ORGANIZER, Actor.ADMIN) else None,
        text=act.text or None,
        email_kind=act.email_kind or None,
        before=_buyer(act.before),
        after=_buyer(act.after),
        places=[layout.place(ordinal) for ordinal in act.seats],
        amount_minor=act.amount_minor if act.seats else None,
    )


def _entry(
    at: Millis,
    event: Event,
    by: Actor,
    *,
    user_id: str | None = None,
    text: str | None = None,
    email_kind: str | None = None,
    before: BuyerView | None = None,
    after: BuyerView | None = None,
    places: list[str] | None = None,
    amount_minor: int | None = None,
) -> HistoryView:
    return HistoryView(
        at=rfc3339(at),
        event=event,
        by=by,
        user_id=user_id,
        text=text,
        email_kind=email_kind,
        before=before,
        after=after,
        places=places or [],
        amount_minor=amount_minor,
    )


def _buyer(buyer: Buyer | None) -> BuyerView | None:
    return None if buyer is None else BuyerView(name=buyer.name, email=buyer.email)


def _moment(at: Millis | None) -> str | None:
    return None if at is None else rfc3339(at)
