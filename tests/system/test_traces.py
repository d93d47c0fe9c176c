"""A purchase as a collector is told of it: by one process, and by separate processes on real engines.

Spans lead from the request to the last receiver, and hold nothing that names somebody or opens something.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from engines import PROGRAMS
from engines.collector import Collector, Span, obtain
from engines.packages import Missing
from houseful.app import PARTS
from tests.support.live_server import UP
from tests.system.fixtures import SINGLE, SPLIT
from tests.system.harness import Harness
from tests.system.installations import Installation, OneProcess
from tests.system.outside_client import SUCCEEDS, Answer, Client
from tests.system.split import Split

TRACE_ID = "5eed" * 8
PARENT_ID = "ca11" * 4
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"
PRODUCER, CONSUMER = 4, 5
"""Kinds of spans, as OTLP writes them."""

NAME = "Zdenka Zahradnickova"
EMAIL = "zdenka.zahradnickova@example.org"
PASSWORD = "an unmistakable password"
BROWSER = "Zdenkas-Browser/7.0"
ADDRESS = "203.0.113.77"
SEARCH = "zdenkas-search"

ATTRIBUTES = {
    "db.namespace", "db.operation.batch.size", "db.operation.name", "db.system.name", "error.type",
    "houseful.cancelled", "houseful.message.type", "houseful.part", "houseful.refusal", "houseful.request_id",
    "houseful.transaction.attempts", "http.request.method", "http.request.resend_count",
    "http.response.status_code", "http.route", "messaging.batch.message_count",
    "messaging.consumer.group.name", "messaging.destination.name", "messaging.message.body.size",
    "messaging.message.id", "messaging.operation.name", "messaging.operation.type", "messaging.system",
    "network.protocol.version", "server.address", "server.port", "service.peer.name", "url.scheme",
}  # fmt: skip
"""Those that spans may have. One more is to be looked at: what may it hold?"""


class Buyer(Client):
    """Names the same trace in each request. Keeps what opens something, and what was asked for."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.secrets: set[str] = set()
        self.targets: set[str] = set()

    def call(self, method: str, path: str, *arguments: Any, **named: Any) -> Answer:
        sent = {"traceparent": TRACEPARENT, "user-agent": BROWSER, "x-forwarded-for": ADDRESS}
        named["headers"] = sent | dict(named.get("headers") or {})
        answer = super().call(method, path, *arguments, **named)
        self.targets.add(path)
        if answer.content.startswith(b"{"):
            self.secrets |= _secrets_in(answer.json)
        return answer


def _secrets_in(content: Any) -> set[str]:
    if isinstance(content, list):
        return {secret for one in content for secret in _secrets_in(one)}
    if not isinstance(content, dict):
        return set()
    opening = {"access_token", "refresh_token", "client_secret"}
    own = {value for name, value in content.items() if name in opening}
    return own | {secret for value in content.values() for secret in _secrets_in(value)}


class Purchase:
    """Of two seats, from the account to the tickets. `spans` are those of its trace."""

    def __init__(self, installation: Installation, collector: Collector, topology: str) -> None:
        self.topology = topology
        self.collector = collector
        harness = Harness(installation)
        event = harness.event()
        self.buyer = buyer = Buyer(installation.url)
        buyer.register(EMAIL, PASSWORD, NAME)
        buyer.call("POST", "/api/auth/login", {"email": EMAIL, "password": PASSWORD + "?"}).refused(401)
        buyer.login(EMAIL, PASSWORD)
        buyer.refresh()
        buyer.call("GET", f"/api/events?q={SEARCH}")
        buyer.call("GET", f"/api/{EMAIL}/{SEARCH}").refused(404)
        hold = buyer.hold(event["id"], best_available={"quantity": 2}).ok(201)
        body = {"hold_id": hold["hold_id"], "buyer": {"name": NAME, "email": EMAIL}}
        order = buyer.call("POST", "/api/orders", body, key="an-order-of-zdenka").ok(201)
        buyer.pay(order).ok()
        buyer.order_that_is(order["id"], "confirmed")
        assert len(buyer.tickets(order["id"])) == 2
        self.letters = buyer.until(lambda: sorted(installation.mail.glob(f"*{order['id']}*")))
        buyer.until(self._is_told)
        self.spans = self._trace()
        buyer.close()
        harness.close()

    def _trace(self) -> list[Span]:
        return [span for span in self.collector.spans() if span.trace_id == TRACE_ID]

    def _is_told(self) -> bool:
        """All ends of it are there, from each process."""
        told = {span.name for span in self._trace()}
        ends = {"POST /api/orders", "POST /api/payments/intents/{intent_id}/confirm", "process tickets"}
        return ends | {"send tickets", "create tickets", "GET /api/orders/{order_id}/tickets"} <= told

    def request(self, name: str) -> "Step":
        """What came to the gateway."""
        [found] = [span for span in self.spans if span.name == name and span.parent_id == PARENT_ID]
        return Step(self.spans, found)

    def call(self, caller: "Step", name: str, service: str) -> "Step":
        """What a service asked of another: itself in the same process, else through a gateway."""
        return (caller if self.topology == SINGLE else caller.then(name, "gateway")).then(name, service)


class Step:
    """A span of a trace."""

    def __init__(self, spans: list[Span], span: Span) -> None:
        self._spans = spans
        self.span = span

    def then(self, name: str, part: str | None = None) -> "Step":
        """A span of this name somewhere below, of that part. COMMIT is followed by a database's name."""
        below = self._below()
        for span in below:
            if span.name.removesuffix(f" {span.attributes.get('db.namespace')}") == name and part in (
                None,
                span.attributes.get("houseful.part"),
            ):
                return Step(self._spans, span)
        raise AssertionError(f"{name} is not below {self.span.name}, but {[span.name for span in below]}")

    def _below(self) -> list[Span]:
        below: list[Span] = []
        parents = {self.span.span_id}
        while parents:
            children = [span for span in self._spans if span.parent_id in parents]
            below += children
            parents = {span.span_id for span in children}
        return below


class OfSplit:
    """A split installation."""

    def __init__(self, split: Split) -> None:
        self.url = split.urls[0]
        self.mail: Path = split.mail
        self.houseful = split.houseful

    def close(self) -> None:
        """Who started it ends it."""


@pytest.fixture(
    scope="module", params=[pytest.param(one, marks=getattr(pytest.mark, one)) for one in (SINGLE, SPLIT)]
)
def topology(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def collector(topology: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One for each: it has been told of nothing else."""
    try:
        program = obtain(PROGRAMS)
    except Missing as missing:
        pytest.skip(str(missing))
    with Collector(program, tmp_path_factory.mktemp("collector")) as collector:
        yield collector


@pytest.fixture(scope="module")
def purchase(
    topology: str,
    collector: Collector,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Purchase]:
    folder = tmp_path_factory.mktemp("traced") / "installation"
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "HOUSEFUL_RATE_LIMITS": "off",
        "HOUSEFUL_PROXIES": "1",
    }
    if topology == SINGLE:
        installation = OneProcess(folder, UP, settings)
        try:
            yield Purchase(installation, collector, SINGLE)
        finally:
            installation.close()
        return
    engines: dict[str, str] = request.getfixturevalue("engines")
    with Split(folder, engines | settings, copies=dict.fromkeys(PARTS, 1)) as split:
        yield Purchase(OfSplit(split), collector, SPLIT)


def test_a_purchase_is_one_trace_across_services_stores_and_the_bus(purchase: Purchase) -> None:
    ordered = purchase.request("POST /api/orders")
    placed = ordered.then("POST /api/orders", "tickets")
    assert placed.then("COMMIT").span.attributes["db.namespace"].endswith("tickets")
    opened = purchase.call(placed, "POST /api/payments/intents", "payments")
    assert opened.then("COMMIT").span.attributes["db.namespace"].endswith("payments")

    confirm, webhook = (
        "POST /api/payments/intents/{intent_id}/confirm",
        "POST /api/tickets/webhooks/payments",
    )
    paid = purchase.request(confirm).then(confirm, "payments")
    told = purchase.call(paid.then("transaction"), webhook, "tickets")
    sold = told.then("transaction").then("create tickets")
    assert sold.span.attributes["houseful.message.type"] == "houseful.OrderConfirmed.v1"
    assert sold.then("send tickets", "tickets").span.kind == PRODUCER
    assert sold.then("process tickets", "tickets").span.kind == CONSUMER

    for service, step in (("gateway", ordered), ("tickets", placed), ("payments", opened)):
        expected = "houseful" if purchase.topology == SINGLE else f"houseful-{service}"
        assert step.span.service == expected
    names = ("db.system.name", "messaging.system")
    used = {span.attributes[name] for span in purchase.spans for name in names if name in span.attributes}
    assert used == {"houseful"} | ({"sqlite"} if purchase.topology == SINGLE else {"mongodb", "kafka"})


def test_spans_name_nobody_and_open_nothing(purchase: Purchase) -> None:
    """All that the installation has sent, by the staff's requests too."""
    written = purchase.collector.file.read_text()
    buyer = purchase.buyer
    links = {link for letter in purchase.letters for link in _links_in(letter.read_bytes())}
    assert len(buyer.secrets) >= 5, "two tokens, those that replaced them, and the payment's secret"
    assert links, "the letter leads to the order"
    asked = {target for target in buyer.targets if {"?", "_", "@"} & set(target)}
    assert len(asked) >= 5
    known = {NAME, *NAME.split(), EMAIL, PASSWORD, BROWSER, ADDRESS, SEARCH, SUCCEEDS, "12/49"}
    assert {text for text in known | buyer.secrets | asked | links if text in written} == set()
    assert {name for span in purchase.collector.spans() for name in span.attributes} <= ATTRIBUTES


def _links_in(letter: bytes) -> set[str]:
    body = message_from_bytes(letter, policy=policy.default).get_body(("plain",))
    assert body is not None
    return set(re.findall(r"https?://[^/\s]+(/[^\s>]+)", str(body.get_content())))
