"""A card processor of one's own: the service on a SQLite file, manual time and a receiver of webhooks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from houseful.adapters.http.gateway_client import AsgiClient
from houseful.adapters.http.payment_gateway import HttpPaymentGateway
from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.processes.pool import InlineWorkers
from houseful.adapters.sqlite.store import SqliteStore
from houseful.kernel import webhook_signature
from houseful.kernel.clock import ManualClock, SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.ids import SeededIds
from houseful.kernel.ports import Mailer, PaymentGateway, ServiceClient, ServiceResponse
from houseful.kernel.tracing import current_traceparent
from houseful.payments import MANIFEST
from houseful.payments.service import Payments
from houseful.settings import Secrets, Settings
from houseful.webapi.auth import TokenVerifier
from houseful.webapi.dispatch import ServiceApp
from houseful.webapi.manifest import Platform
from tests.support.patience import PATIENCE_SECONDS

API_KEY = "the-api-key"
WEBHOOK_KEY = "new-key"

GOOD = "4242424242424242"
DECLINED = "4000000000000002"
POOR = "4000000000009995"
CHALLENGED = "4000002760003184"
SLOW = "4000000000000077"
ANSWER_LOST = "4000000000000341"

Json = dict[str, Any]


class Receiver:
    """The shop that gets the webhooks: a `ServiceClient` that answers what `answer` says, or not at all."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.got: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.traces: list[str | None] = []
        self.answer: Callable[[Json], int] = lambda notice: 204

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceResponse:
        assert (method, path) == ("POST", "/api/tickets/webhooks/payments")
        assert headers is not None
        webhook_signature.verify(
            [WEBHOOK_KEY.encode()], body, headers[webhook_signature.HEADER], self._clock.now()
        )
        notice = msgspec.json.decode(body)
        self.got.append(notice)
        self.headers.append(dict(headers))
        self.traces.append(current_traceparent())
        return ServiceResponse(self.answer(notice), {}, b"")

    @property
    def types(self) -> list[str]:
        return [notice["type"] for notice in self.got]


def no_answer(notice: Json) -> int:
    raise Unavailable("cut by the test")


async def eventually(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await true():  # noqa: ASYNC110 what it waits for is in the store
            await asyncio.sleep(0.005)


class Harness:
    def __init__(
        self, path: Path, *, clock: ManualClock | None = None, receiver: Receiver | None = None
    ) -> None:
        self.path = path
        self.clock = clock or ManualClock()
        self.receiver = receiver or Receiver(self.clock)
        self.ids = SeededIds(path.stat().st_mtime_ns if path.exists() else 1, self.clock)
        # The store's pauses between attempts are real ones: nobody advances the manual clock for them.
        self.store = SqliteStore.open(path, MANIFEST.documents, clock=SystemClock(), ids=self.ids)
        coordination = LocalCoordination(self.clock)
        self.service: Payments = MANIFEST.build(
            Platform(
                settings=Settings(sweep_seconds=1.0, payments_delay_seconds=5.0),
                secrets=Secrets(
                    token_key="",
                    session_key="",
                    ticket_key="",
                    payments_key=API_KEY,
                    webhook_keys=f"{WEBHOOK_KEY}, old-key",
                ),
                store=self.store,
                coordination=coordination,
                clock=self.clock,
                ids=self.ids,
                client=self.receiver,
                payment_gateway=cast(PaymentGateway, None),
                mailer=cast(Mailer, None),
                workers=InlineWorkers(),
            )
        )
        app = ServiceApp(
            "payments",
            self.service,
            MANIFEST.endpoints,
            store=self.store,
            coordination=coordination,
            clock=self.clock,
            verifier=TokenVerifier(self.receiver, self.clock),
            workers=InlineWorkers(),
        )
        self.client: ServiceClient = AsgiClient(app)
        self.gateway = HttpPaymentGateway(self.client, API_KEY)
        self._keys = 0

    async def close(self) -> None:
        await self.store.close()

    async def reopened(self) -> "Harness":
        """As after a restart of the process."""
        await self.close()
        return Harness(self.path, clock=self.clock, receiver=self.receiver)

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Json]:
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        answer = await self.client.request(method, path, body=raw, headers=headers)
        return answer.status, msgspec.json.decode(answer.body) if answer.body else {}

    async def server(self, path: str, body: Any, *, key: str | None = None) -> tuple[int, Json]:
        """A call of the server-side interface, with a new key unless one is given."""
        self._keys += 1
        headers = {"authorization": f"Bearer {API_KEY}", "idempotency-key": key or f"key-{self._keys}"}
        return await self.call("POST", f"/api/payments/intents{path}", body, headers=headers)

    async def new_intent(self, amount_minor: int = 5000, reference: str = "ord_1") -> Json:
        status, intent = await self.server(
            "", {"amount_minor": amount_minor, "currency": "EUR", "reference": reference}
        )
        assert status == 201, intent
        return intent

    async def pay(
        self,
        intent: Json,
        number: str = GOOD,
        *,
        secret: str | None = None,
        exp: str = "12/40",
        cvc: str = "123",
    ) -> tuple[int, Json]:
        """What the buyer's browser sends."""
        body = {
            "client_secret": secret or intent["client_secret"],
            "card": {"number": number, "exp": exp, "cvc": cvc},
        }
        return await self.call("POST", f"/api/payments/intents/{intent['id']}/confirm", body)

    async def details(self, intent: Json) -> Json:
        status, body = await self.call(
            "GET",
            f"/api/payments/intents/{intent['id']}/details",
            headers={"authorization": f"Bearer {API_KEY}"},
        )
        assert status == 200, body
        return body
