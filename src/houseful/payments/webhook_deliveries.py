"""Webhooks that are to be delivered: what each says, when it is tried, and when it is given up."""

import zlib
from enum import StrEnum

import msgspec

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.times import rfc3339
from houseful.payments.domain import EVENTS, Action, Intent


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class WebhookDelivery(Document, frozen=True, kw_only=True):
    """A webhook, kept in the transaction of the change that it tells of, sent until it is acknowledged.

    `at` is when to try (again) while it is pending, then when it ended. Who tries moves it ahead first, as a
    claim: if that process dies, another one finds the webhook due again.
    """

    collection = "webhooks"
    read_soon = True
    indexes = (Index(("status", "at")),)

    body: msgspec.Raw
    created_at: Millis
    at: Millis
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: int = 0
    traceparent: str | None = None
    """The trace of the change; the webhook is sent in it. One of an older version has none."""
    urgent: bool = True
    """Somebody waits for it."""


CLAIM_MILLIS = 5_000
RETRY_FOR_MILLIS = 3 * 24 * 3600 * 1000
KEPT_MILLIS = 30 * 24 * 3600 * 1000
"""How long ended webhooks and the answers to idempotency keys are kept."""
_FIRST_PAUSE_MILLIS = 500
_LONGEST_PAUSE_MILLIS = 300_000


class _IntentNotice(msgspec.Struct, frozen=True):
    id: str
    reference: str
    status: str
    amount_minor: int
    currency: str
    captured_minor: int
    refunded_minor: int
    last_error: str | None
    authorized_at: Millis | None


_NOBODY_WAITS = frozenset({EVENTS[Action.CAPTURE], EVENTS[Action.REFUND], EVENTS[Action.CANCEL]})
"""The shop has asked for these itself, and knows the answer."""


def webhook(
    id: str, event: str, intent: Intent, now: Millis, traceparent: str | None = None
) -> WebhookDelivery:
    """Claimed from the start by the process that made it, which sends it as soon as it is committed."""
    seen = msgspec.convert(intent, _IntentNotice, from_attributes=True)
    body = msgspec.json.encode({"id": id, "type": event, "created": rfc3339(now), "data": {"intent": seen}})
    return WebhookDelivery(
        id=id,
        body=msgspec.Raw(body),
        created_at=now,
        at=now + CLAIM_MILLIS,
        traceparent=traceparent,
        urgent=event not in _NOBODY_WAITS,
    )


def claimed(delivery: WebhookDelivery, now: Millis) -> WebhookDelivery:
    return msgspec.structs.replace(delivery, at=now + CLAIM_MILLIS)


def tried(delivery: WebhookDelivery, acknowledged: bool, now: Millis) -> WebhookDelivery:
    """After an attempt: delivered, or to be tried again after a pause that doubles; given up after 3 days."""
    attempts = delivery.attempts + 1
    if acknowledged:
        return msgspec.structs.replace(delivery, attempts=attempts, status=DeliveryStatus.DELIVERED, at=now)
    pause = min(_LONGEST_PAUSE_MILLIS, _FIRST_PAUSE_MILLIS * 2 ** min(attempts, 30))
    # The id is random, so it spreads the attempts of many webhooks as well as a random number would.
    spread = zlib.crc32(f"{delivery.id}{attempts}".encode()) / 2**32
    again_at = now + round(pause * (0.5 + 0.5 * spread))
    if again_at > delivery.created_at + RETRY_FOR_MILLIS:
        return msgspec.structs.replace(delivery, attempts=attempts, status=DeliveryStatus.GIVEN_UP, at=now)
    return msgspec.structs.replace(delivery, attempts=attempts, at=again_at)
