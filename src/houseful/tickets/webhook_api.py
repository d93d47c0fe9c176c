"""What the payment gateway tells the ticket service."""

from typing import Annotated

import msgspec
from msgspec import Meta

from houseful.kernel import webhook_signature
from houseful.kernel.ports import PaymentIntent
from houseful.tickets.use_cases import Tickets
from houseful.webapi.endpoint import Endpoint
from houseful.webapi.requests import Request, decode


class WebhookIntent(msgspec.Struct):
    id: str
    reference: str
    status: str
    amount_minor: int
    currency: str
    captured_minor: int = 0
    refunded_minor: int = 0
    last_error: str | None = None
    authorized_at: int | None = None


class WebhookData(msgspec.Struct):
    intent: WebhookIntent


class Webhook(msgspec.Struct):
    """What the payment gateway posts; fields that it may add are ignored."""

    id: Annotated[str, Meta(min_length=1, max_length=100)]
    type: str
    data: WebhookData


async def webhook(tickets: Tickets, request: Request, body: Annotated[bytes, Webhook]) -> None:
    """News from the payment gateway, signed."""
    webhook_signature.verify(
        tickets.webhook_keys, body, request.headers.get(webhook_signature.HEADER), tickets.clock.now()
    )
    news: Webhook = decode(Webhook, body)
    intent = news.data.intent
    order = await tickets.reconciliation.on_webhook(
        news.id,
        news.type,
        intent.reference,
        PaymentIntent(
            id=intent.id,
            client_secret="",
            status=intent.status,
            amount_minor=intent.amount_minor,
            currency=intent.currency,
            captured_minor=intent.captured_minor,
            refunded_minor=intent.refunded_minor,
            authorized_at=intent.authorized_at,
        ),
        intent.last_error,
    )
    if order is not None and intent.status == "requires_payment_method" and intent.last_error is not None:
        tickets.shop_figures.declined(order.event_id, intent.last_error)


ENDPOINTS = (Endpoint("POST", "/api/tickets/webhooks/payments", webhook, public=False),)
