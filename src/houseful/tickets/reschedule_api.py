"""What the buyers of an event would be told if it moved. To move it is the events service's."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from houseful.kernel.times import millis, rfc3339
from houseful.messages import Reschedule
from houseful.tickets.documents import order_email
from houseful.tickets.domain.orders import OrderState, PaymentState
from houseful.tickets.domain.shows import Show
from houseful.tickets.organizer_api import own_show
from houseful.tickets.schemas import BuyerView, OrderView, PaymentView
from houseful.tickets.use_cases import Tickets
from houseful.webapi.endpoint import ORGANIZER, Endpoint
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import View
from houseful.webapi.routes import Rate

_MOST_VENUE, _MOST_MESSAGE = 200, 2000
_Moment = Annotated[datetime, Meta(tz=True)]


class ReschedulePreviewInput(Input, frozen=True, kw_only=True):
    """As `POST /api/events/{event_id}/reschedule` takes it; what is left out stays."""

    starts_at: _Moment | UnsetType = UNSET
    ends_at: _Moment | UnsetType | None = UNSET
    doors_at: _Moment | UnsetType | None = UNSET
    venue: Annotated[str, Meta(min_length=1, max_length=_MOST_VENUE)] | UnsetType = UNSET
    message: Annotated[str, Meta(max_length=_MOST_MESSAGE)]
    return_until: _Moment


class ReschedulePreviewView(View, frozen=True, kw_only=True):
    """`orders` is how many confirmed orders there are: the buyer of each gets this email."""

    orders: int
    subject: str
    text: str
    html: str


async def preview_reschedule(
    tickets: Tickets, request: Request, event_id: str, body: ReschedulePreviewInput
) -> ReschedulePreviewView:
    """The email that buyers would get if the event moved, and how many of them; nothing is done."""
    show = await own_show(tickets, request, event_id)
    move = _reschedule(show, body, tickets.clock.now())
    moved = replace(show, starts_at=move.starts_at, venue=move.venue)
    link = f"{tickets.platform.settings.base_url}/orders/ord_…"
    words = order_email.compose("rescheduled", moved, _some_order(show), ["(the seats)"], link, move=move)
    return ReschedulePreviewView(
        orders=await tickets.rescheduling.buyers(show),
        subject=words.subject,
        text=words.text,
        html=words.html,
    )


def _reschedule(show: Show, body: ReschedulePreviewInput, now: int) -> Reschedule:
    latest = show.latest_reschedule
    return Reschedule(
        number=1 if latest is None else latest.number + 1,
        at=now,
        from_starts_at=show.starts_at,
        from_ends_at=show.ends_at,
        from_venue=show.venue,
        starts_at=show.starts_at if body.starts_at is UNSET else millis(body.starts_at),
        ends_at=show.ends_at,
        venue=show.venue if body.venue is UNSET else body.venue.strip(),
        message=body.message.strip(),
        return_until=millis(body.return_until),
    )


def _some_order(show: Show) -> OrderView:
    """Of nobody: what differs between buyers is named instead."""
    return OrderView(
        id="ord_…",
        event_id=show.id,
        event_title=show.title,
        hold_id="",
        status=OrderState.CONFIRMED,
        seats=[],
        total_minor=max(show.prices.values(), default=0),
        currency=show.currency,
        buyer=BuyerView(name="(the buyer’s name)", email=""),
        created_at=rfc3339(show.starts_at),
        expires_at=rfc3339(show.starts_at),
        server_time=rfc3339(show.starts_at),
        payment=PaymentView(intent_id=None, client_secret=None, status=PaymentState.CAPTURED),
        detail=None,
    )


ENDPOINTS = (
    Endpoint(
        "POST",
        "/api/events/{event_id}/reschedule-preview",
        preview_reschedule,
        who=ORGANIZER,
        rate=Rate(per_second=1, burst=10),
    ),
)
