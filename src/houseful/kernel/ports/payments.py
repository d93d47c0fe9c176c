"""The payment gateway."""

from typing import Protocol

import msgspec


class PaymentIntent(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as the gateway reports it. `status` is a state of the intent, see `payments.domain`."""

    id: str
    client_secret: str
    status: str
    amount_minor: int
    currency: str
    captured_minor: int = 0
    refunded_minor: int = 0
    authorized_at: int | None = None
    """When the money was reserved, by the gateway's clock, in milliseconds since 1970. An older version says
    nothing of it."""


class PaymentGateway(Protocol):
    """A card processor, by its server-side interface. Every call carries its own idempotency key: repeating
    it is safe.

    Raises `Unavailable` where the outcome is unknown (repeat with the same key), and `DomainError` where the
    gateway says no.
    """

    async def create_intent(
        self, *, key: str, amount_minor: int, currency: str, reference: str
    ) -> PaymentIntent:
        """Create an intent for manual capture. Every webhook carries `reference`, the order's id."""
        ...

    async def intent(self, intent_id: str) -> PaymentIntent: ...

    async def capture(self, intent_id: str, *, key: str) -> PaymentIntent: ...

    async def cancel(self, intent_id: str, *, key: str) -> PaymentIntent:
        """End an uncaptured intent. An authorisation is voided."""
        ...

    async def cancel_unpaid(self, intent_id: str, *, key: str) -> PaymentIntent:
        """End an intent unless money is reserved or taken; then it stays as it is. The status of the result
        says which: `canceled` or `succeeded`. Nothing can be authorised after `canceled`.
        """
        ...

    async def refund(self, intent_id: str, *, key: str, amount_minor: int) -> PaymentIntent: ...
