"""The payment gateway by its HTTP interface, as a client of any card processor would use it."""

from typing import Any

import msgspec

from houseful.kernel.errors import DomainError, Unavailable
from houseful.kernel.ports import PaymentIntent, ServiceClient, ServiceResponse
from houseful.webapi.problems import error_of

_INTENTS = "/api/payments/intents"

_SAYS_NOTHING = frozenset({401, 403, 405, 408, 425, 429})
"""Refusals of our key or our rate. They must never count as a failed payment."""


class _Problem(msgspec.Struct, frozen=True):
    code: str
    detail: str = ""
    errors: dict[str, str] = {}


class HttpPaymentGateway:
    """Implements `PaymentGateway`.

    Everything but a clear yes or no of the payment gateway is `Unavailable`.
    """

    def __init__(self, client: ServiceClient, api_key: str) -> None:
        self._client = client
        self._authorization = f"Bearer {api_key}"

    async def create_intent(
        self, *, key: str, amount_minor: int, currency: str, reference: str
    ) -> PaymentIntent:
        body = {"amount_minor": amount_minor, "currency": currency, "reference": reference}
        return await self._ask("POST", _INTENTS, key, body)

    async def intent(self, intent_id: str) -> PaymentIntent:
        return await self._ask("GET", f"{_INTENTS}/{intent_id}/details")

    async def capture(self, intent_id: str, *, key: str) -> PaymentIntent:
        return await self._ask("POST", f"{_INTENTS}/{intent_id}/capture", key, {})

    async def cancel(self, intent_id: str, *, key: str) -> PaymentIntent:
        return await self._ask("POST", f"{_INTENTS}/{intent_id}/cancel", key, {})

    async def cancel_unpaid(self, intent_id: str, *, key: str) -> PaymentIntent:
        return await self._ask("POST", f"{_INTENTS}/{intent_id}/cancel", key, {"unless_authorized": True})

    async def refund(self, intent_id: str, *, key: str, amount_minor: int) -> PaymentIntent:
        return await self._ask("POST", f"{_INTENTS}/{intent_id}/refunds", key, {"amount_minor": amount_minor})

    async def _ask(
        self, method: str, path: str, key: str | None = None, body: dict[str, Any] | None = None
    ) -> PaymentIntent:
        headers = {"authorization": self._authorization}
        if key is not None:
            headers["idempotency-key"] = key
            headers["content-type"] = "application/json"
        raw = b"" if body is None else msgspec.json.encode(body)
        answer = await self._client.request(method, path, body=raw, headers=headers)
        if 200 <= answer.status < 300:
            return _intent_of(answer)
        raise _error_of(answer, f"{method} {path}")


def _intent_of(answer: ServiceResponse) -> PaymentIntent:
    try:
        return msgspec.json.decode(answer.body, type=PaymentIntent)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"the payment gateway's answer can't be understood: {error}") from error


def _error_of(answer: ServiceResponse, what: str) -> DomainError | Unavailable:
    unclear = Unavailable(f"the payment gateway answered {answer.status} to {what}")
    if not 400 <= answer.status < 500 or answer.status in _SAYS_NOTHING:
        return unclear
    try:
        said = msgspec.json.decode(answer.body, type=_Problem)
    except msgspec.MsgspecError:
        return unclear  # it came from something in between
    if answer.status == 404 and said.code != "intent_not_found":
        return unclear  # a 404 of another server, such as a gateway without this service
    return error_of(answer.status, said.code, said.detail, said.errors)
