"""The payment gateway over HTTP: the contract on the real service, and what is made of unclear answers."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from houseful.adapters.http.payment_gateway import HttpPaymentGateway
from houseful.kernel.errors import DomainError, Unavailable
from houseful.kernel.ports import PaymentIntent, ServiceClient, ServiceResponse
from houseful.webapi.problems import status_of
from tests.contract.payment_gateway_contract import PaymentGatewayContract
from tests.unit.payments.harness import API_KEY, Harness


class LossyClient:
    """A network that can lose answers."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client
        self.lost = False

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceResponse:
        answer = await self._client.request(method, path, body=body, headers=headers)
        if self.lost:
            raise Unavailable("the answer was lost")
        return answer


class HttpProcessor:
    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self._network = LossyClient(harness.client)
        self.gateway = HttpPaymentGateway(self._network, API_KEY)

    async def pay(self, intent: PaymentIntent) -> None:
        status, body = await self._harness.pay({"id": intent.id, "client_secret": intent.client_secret})
        assert (status, body["status"]) == (200, "succeeded")

    def lose_answers(self, lost: bool) -> None:
        self._network.lost = lost


class TestHttpPaymentGateway(PaymentGatewayContract):
    @pytest.fixture
    async def processor(self, tmp_path: Path) -> AsyncIterator[HttpProcessor]:
        harness = Harness(tmp_path / "payments.db")
        yield HttpProcessor(harness)
        await harness.close()

    async def test_a_wrong_api_key_says_nothing_about_payments(self, tmp_path: Path) -> None:
        harness = Harness(tmp_path / "payments.db")
        try:
            gateway = HttpPaymentGateway(harness.client, "wrong")
            with pytest.raises(Unavailable):
                await gateway.intent("pi_x")
            with pytest.raises(Unavailable):
                await gateway.create_intent(key="k", amount_minor=1, currency="EUR", reference="r")
        finally:
            await harness.close()


class FixedAnswer:
    def __init__(self, status: int, body: bytes) -> None:
        self._answer = ServiceResponse(status, {}, body)

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceResponse:
        return self._answer


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, b"{}"),
        (204, b""),
        (302, b""),
        (401, b'{"code":"api_key_invalid"}'),
        (403, b'{"code":"forbidden"}'),
        (404, b'{"code":"no_such_path"}'),
        (404, b"not found"),
        (409, b"<html>"),
        (409, b"\xff"),
        (422, b"{}"),
        (429, b'{"code":"too_many_requests"}'),
        (500, b'{"code":"internal_error"}'),
        (503, b'{"code":"unavailable"}'),
    ],
)
async def test_an_unclear_answer_is_unknown(status: int, body: bytes) -> None:
    with pytest.raises(Unavailable):
        await HttpPaymentGateway(FixedAnswer(status, body), "k").capture("pi_x", key="k")


async def test_a_clear_no_is_a_refusal() -> None:
    body = b'{"code":"intent_not_capturable","detail":"No.","status":409,"errors":{"a":"b"}}'
    with pytest.raises(DomainError) as refused:
        await HttpPaymentGateway(FixedAnswer(409, body), "k").capture("pi_x", key="k")
    assert (status_of(refused.value), refused.value.code, refused.value.detail) == (
        409,
        "intent_not_capturable",
        "No.",
    )
    assert refused.value.errors == {"a": "b"}
