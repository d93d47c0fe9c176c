"""Reschedules as the ticket service applies them: whom they concern, who is to be told, until when an order
may be returned.

They concern whoever may have ordered by the old date: before the ticket service knew of the new one, or in
the time of a hold after that.
"""

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.messages import Reschedule
from houseful.tickets.domain.emails import RESCHEDULED, QueuedEmail, email_id
from houseful.tickets.domain.erasures import is_erased
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.shows import Show, ShowState

ANOTHER_TIME_MILLIS = 6 * 3_600_000
"""Who was let in before a move by less stays in."""


def applied(show: Show, reschedule: Reschedule, now: Millis) -> Show:
    """The show at its new date and place, its buyers still to be told. The very same show where it was
    applied before, or a later one was. `at` of what is kept is this moment."""
    latest = show.latest_reschedule
    if show.state is ShowState.CANCELLED or (latest is not None and reschedule.number <= latest.number):
        return show
    return replace(
        show,
        starts_at=reschedule.starts_at,
        ends_at=reschedule.ends_at,
        doors_at=reschedule.doors_at,
        venue=reschedule.venue,
        reschedules=(*show.reschedules, replace(reschedule, at=now)),
        look_at=now,
        told_up_to=None,
    )


def is_telling(show: Show) -> bool:
    """Whether buyers are still to be told of the latest reschedule."""
    return show.state is ShowState.READY and show.look_at is not None and show.latest_reschedule is not None


def concerns(reschedule: Reschedule, order: Order, show: Show) -> bool:
    return order.created_at < reschedule.at + show.hold_seconds * 1000


def is_to_be_told(order: Order, show: Show) -> bool:
    latest = show.latest_reschedule
    return (
        latest is not None
        and order.state is OrderState.CONFIRMED
        and order.told_of < latest.number
        and concerns(latest, order, show)
        and not is_erased(order)
    )


def told(order: Order, show: Show, now: Millis) -> tuple[Order, QueuedEmail]:
    """The order, and the email to its buyer about the latest reschedule."""
    latest = show.latest_reschedule
    assert latest is not None, "only who is to be told is told"
    email = QueuedEmail(
        id=email_id(RESCHEDULED, order.id, latest.number),
        kind=RESCHEDULED,
        order_id=order.id,
        event_id=order.event_id,
        due_at=now,
        reschedule=latest.number,
    )
    return replace(order, told_of=latest.number), email


def told_page(show: Show, page: Sequence[Order], now: Millis, *, is_last: bool) -> Show:
    """The show after the buyers of these orders were told."""
    if is_last:
        return replace(show, look_at=None, told_up_to=None)
    return replace(show, look_at=now, told_up_to=(page[-1].created_at, page[-1].id))


def is_overtaken(email: QueuedEmail, order: Order, show: Show) -> bool:
    """Whether an email about a reschedule is not true any more: there is a later one, or nothing to go to."""
    latest = show.latest_reschedule
    return (
        latest is None
        or email.reschedule < latest.number
        or order.state is not OrderState.CONFIRMED
        or show.state is ShowState.CANCELLED
    )


def since_ordered(order: Order, show: Show, earlier: Collection[QueuedEmail] = ()) -> Reschedule | None:
    """From the date by which the buyer ordered to the latest; from the one that the buyer was told of last,
    where `earlier` emails have gone. None where the buyer has known of the latest all along."""
    latest = show.latest_reschedule
    if latest is None or not concerns(latest, order, show):
        return None
    known = max((email.reschedule for email in earlier if email.state == "sent"), default=0)
    first = next(
        (one for one in show.reschedules if one.number > known and concerns(one, order, show)), latest
    )
    if (first.from_starts_at, first.from_venue) == (latest.starts_at, latest.venue):  # there and back
        first = latest
    return replace(
        latest,
        from_starts_at=first.from_starts_at,
        from_ends_at=first.from_ends_at,
        from_venue=first.from_venue,
    )


def returnable_until(order: Order, show: Show) -> Millis | None:
    """Until when an order may be returned because the event was moved, whatever its own rules say."""
    latest = show.latest_reschedule
    return None if latest is None or not concerns(latest, order, show) else latest.return_until


def is_of_another_time(show: Show, used_at: Millis) -> bool:
    """Whether a ticket that was used then was used for a date that the event was moved from."""
    return any(
        used_at < one.at and abs(one.starts_at - one.from_starts_at) >= ANOTHER_TIME_MILLIS
        for one in show.reschedules
    )
