"""Deadlines of unfinished work."""

from houseful.kernel.documents import Millis
from houseful.payments.domain import Intent, State
from houseful.payments.webhook_deliveries import DeliveryStatus, WebhookDelivery
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.shows import Show, ShowState
from houseful.tools.invariants.snapshot import Installation, Snapshot, Violation

LATE_MILLIS = 30_000
"""The longest time that work may stay open after its deadline."""
_PAGE = 1000


async def deadlines(installation: Installation) -> Snapshot:
    """C7: no unfinished work is open for more than 30 s after its deadline.

    States that end by themselves are no violations: an unpaid order has expired at its deadline, whether its
    document says so or not.
    """
    latest = installation.clock.now() - LATE_MILLIS
    violations = []
    if (store := installation.stores.get("tickets")) is not None:
        for order in await store.find(Order, {}, by="look_at", since=0, until=latest, limit=_PAGE):
            if order.due is not None or order.state is OrderState.PROCESSING:
                what = f"{order.due} is due" if order.due is not None else f"is {order.state}"
                violations.append(_late(order.id, what, order.look_at, latest))
        for show in await store.find(Show, {}, by="look_at", since=0, until=latest, limit=_PAGE):
            if show.state is ShowState.GENERATING:
                violations.append(_late(show.id, "its seats are still being made", show.look_at, latest))
    if (store := installation.stores.get("payments")) is not None:
        for intent in await store.find(Intent, {}, by="next_at", since=0, until=latest, limit=_PAGE):
            if intent.state is State.PROCESSING:
                violations.append(_late(intent.id, "its delayed outcome is due", intent.next_at, latest))
        pending = {"status": DeliveryStatus.PENDING}
        for webhook in await store.find(WebhookDelivery, pending, by="at", until=latest, limit=_PAGE):
            violations.append(_late(webhook.id, "the webhook is not delivered", webhook.at, latest))
    return Snapshot(violations, "orders, inventories, payments and webhooks")


def _late(subject: str, what: str, since: Millis | None, latest: Millis) -> Violation:
    late_seconds = (latest - (since or 0) + LATE_MILLIS) // 1000
    return Violation("C7", subject, f"{what} since {late_seconds} s")
