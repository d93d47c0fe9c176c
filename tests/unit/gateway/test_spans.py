"""Requests as spans: at the gateway, on the way to another process, and there."""

from typing import Any

from opentelemetry.trace import SpanKind, StatusCode

from houseful.adapters.http.proxy import ServiceProxy
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.tracing import current_traceparent
from tests.spans import parent_id, recorded, span_id, trace_id, traceparent
from tests.unit.gateway.harness import Harness
from tests.unit.gateway.upstreams import Client, Service

SENT = f"00-{'a1' * 16}-{'b2' * 8}-01"
SECRETS = {
    "cookie": "refresh=secret-cookie",
    "user-agent": "secret-agent",
    "traceparent": SENT,
}


async def test_a_request_is_a_servers_span_below_its_clients() -> None:
    harness = Harness()
    sent = SECRETS | {"authorization": f"Bearer {harness.token()}"}
    with recorded() as spans:
        reply = await harness.gateway().call("GET", "/api/things/7?email=a@example.com", headers=sent)
    span = spans.named("GET /api/things/{thing_id}")
    assert span.kind is SpanKind.SERVER
    assert (trace_id(span), parent_id(span)) == (int("a1" * 16, 16), int("b2" * 8, 16))
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/api/things/{thing_id}",
        "houseful.part": "gateway",
        "houseful.request_id": reply.headers["x-request-id"],
        "network.protocol.version": "1.1",
        "url.scheme": "http",
    }
    assert span.status.status_code is StatusCode.UNSET


async def test_the_service_is_below_the_gateway() -> None:
    harness, seen = Harness(), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(current_traceparent())
        await harness.recorder(scope, receive, send)

    with recorded() as spans:
        await harness.gateway(app=app).call("POST", "/api/things")
    assert seen == [traceparent(spans.named("POST /api/things"))]


async def test_what_fails_and_what_is_refused() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise Unavailable("somebody@example.com")

    with recorded() as spans:
        await Harness().gateway(app=broken).call("POST", "/api/things")
        await Harness().gateway().call("GET", "/api/nothing")
        await Harness().gateway().call("GET", "/")
    failed, refused, page = spans
    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.attributes or {})["error.type"] == "503"
    assert (refused.attributes or {})["http.response.status_code"] == 404
    assert refused.status.status_code is StatusCode.UNSET
    assert [refused.name, page.name] == ["GET", "GET"]
    assert "http.route" not in {**(refused.attributes or {}), **(page.attributes or {})}


async def test_methods_that_do_not_exist_make_no_names() -> None:
    with recorded() as spans:
        await Harness().gateway().call("BREW", "/api/things")
    (span,) = spans
    assert (span.attributes or {})["http.request.method"] == "_OTHER"
    assert "BREW" not in str(span.to_json())


async def test_what_operators_ask_is_not_recorded() -> None:
    with recorded() as spans:
        for path in ("/healthz", "/readyz", "/metrics"):
            await Harness().gateway().call("GET", path)
    assert spans.names == []


async def test_a_request_to_another_process_is_a_clients_span() -> None:
    async with Service() as service:
        proxy = ServiceProxy("things", [service.url], clock=SystemClock())
        try:
            with recorded() as spans:
                gateway = Harness().gateway(app=proxy).gateway
                asked = await Client("GET", "/api/things/7?x=secret", SECRETS).asks(gateway)
        finally:
            await proxy.close()
    client, server = spans.named("GET"), spans.named("GET /api/things/{thing_id}")
    assert client.kind is SpanKind.CLIENT
    assert parent_id(client) == span_id(server)
    assert ["traceparent", traceparent(client)] in asked.json["headers"]
    attributes = dict(client.attributes or {})
    assert attributes["service.peer.name"] == "things"
    assert attributes["http.response.status_code"] == 200
    assert "secret" not in str(attributes)
