"""The payment gateway."""

from typing import Protocol

import msgspec


class PaymentIntent(msgspec.Struct, frozen=True, kw_only=True):
    """What the payment gateway says of a payment. `status` is one of the intent's states, see
    `payments.domain`.
    """

    id: str
    client_secret: str
    status: str
    amount_minor: int
    currency: str
    captured_minor: int = 0
    refunded_minor: int = 0


class PaymentGateway(Protocol):
    """A card processor, by its server-side interface. Every call carries its own idempotency key: repeating
    it is safe.

    Raises `Unavailable` where the outcome is unknown (repeat with the same key), and `DomainError` where the
    gateway says no.
    """

    async def create_intent(
        self, *, key: str, amount_minor: int, currency: str, reference: str
    ) -> PaymentIntent:
        """An intent for manual capture. `reference` comes back in every webhook; it is the order's id."""
        ...

    async def intent(self, intent_id: str) -> PaymentIntent: ...

    async def capture(self, intent_id: str, *, key: str) -> PaymentIntent: ...

    async def cancel(self, intent_id: str, *, key: str) -> PaymentIntent:
        """End an intent that is not captured; an authorisation is given back (void)."""
        ...

    async def refund(self, intent_id: str, *, key: str, amount_minor: int) -> PaymentIntent: ...
