"""What is told of an email about an order."""

from houseful.tickets.domain.emails import EmailState, QueuedEmail
from houseful.webapi.responses import View


class EmailView(View, frozen=True, kw_only=True):
    """`kind` is `confirmed`, `refunded`, `part_refunded`, `returned` or `rescheduled`; `reason` says why it
    has not gone."""

    kind: str
    state: EmailState
    reason: str | None


_WAITS = (
    "The address is not proven yet: the letter goes when its owner has followed the link in the first one."
)


def email_reason(email: QueuedEmail) -> str | None:
    return _WAITS if email.waits_for is not None else email.error


def email_view(email: QueuedEmail) -> EmailView:
    return EmailView(kind=email.kind, state=email.state, reason=email_reason(email))
