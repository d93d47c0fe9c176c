"""Erased accounts: what of a buyer the books go without, and until when it is needed.

Seats, amounts and times stay: the books are of money and seats. So does the account's id, which leads to
nobody any more.
"""

from collections.abc import Collection
from typing import ClassVar

from msgspec.structs import replace

from houseful.kernel.documents import Document, Index, Millis
from houseful.tickets.domain.emails import ABOUT_MONEY_BACK, QueuedEmail
from houseful.tickets.domain.gate_staff import GateStaff
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.shows import Show

AGAIN_MILLIS = 3_600_000
"""After so long an order is looked at again that was not at rest. All access tokens of the account are over
by then too: nobody orders with one that was in use."""

_SOON_MILLIS = 5_000
"""After so long an email that is on its way has gone, or has failed."""

_UNDELIVERED_MILLIS = 7 * 24 * 3_600_000


class Erasure(Document, frozen=True, kw_only=True):
    """`id` is the account's. `due_at` is when its orders are looked at next; None when nothing is left."""

    collection: ClassVar[str] = "erasures"
    indexes = (Index(("due_at",)),)

    erased_at: Millis
    due_at: Millis | None


def is_erased(order: Order) -> bool:
    """Every buyer has an address before that."""
    return not order.buyer_email


def needed_until(
    order: Order, show: Show, emails: Collection[QueuedEmail], erased_at: Millis, now: Millis
) -> Millis | None:
    """When to look again at an order whose buyer's name and address are needed still; None where they are
    not. The email about money that went back is waited for until it is queued, for an hour at most. An email
    that could not be delivered for a week is not waited for."""
    if order.look_at is not None or order.due is not None:
        return now + AGAIN_MILLIS
    if order.state is OrderState.CONFIRMED and now < show.is_over_at:
        return show.is_over_at
    if (
        order.state is OrderState.REFUNDED
        and now < erased_at + AGAIN_MILLIS
        and not any(email.kind in ABOUT_MONEY_BACK for email in emails)
    ):
        return now + _SOON_MILLIS
    return min((_look_after(email, now) for email in emails if _may_go_yet(email, now)), default=None)


def _may_go_yet(email: QueuedEmail, now: Millis) -> bool:
    return email.due_at is not None and (
        email.failed_at is None or now < email.failed_at + _UNDELIVERED_MILLIS
    )


def _look_after(email: QueuedEmail, now: Millis) -> Millis:
    return now + (_SOON_MILLIS if email.failed_at is None else AGAIN_MILLIS)


def erased_order(order: Order) -> Order:
    return replace(order, buyer_name="", buyer_email="")


def erased_email(email: QueuedEmail) -> QueuedEmail:
    """A mail server's error may tell the address."""
    return replace(email, due_at=None, error=None, failed_at=None, waits_for=None)


def erased_staff(staff: GateStaff, user_id: str) -> GateStaff:
    """The same object where the account was not named."""
    members = tuple(one for one in staff.members if one.user_id != user_id)
    return staff if len(members) == len(staff.members) else replace(staff, members=members)
