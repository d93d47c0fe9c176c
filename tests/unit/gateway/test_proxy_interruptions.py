"""The proxy: clients that go, services that cut, requests that are repeated, and the end."""

import asyncio
import gzip

import pytest

from houseful.adapters.http.forwarding import KEPT_BYTES
from houseful.adapters.http.proxy import ServiceProxy
from houseful.kernel.clock import ManualClock
from houseful.webapi.asgi import Receive, Scope, Send
from houseful.webapi.responses import ABORT_EXTENSION, AbortConnection, Response
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.gateway.harness import Harness, endpoint
from tests.unit.gateway.proxied_service import got, proxy, service
from tests.unit.gateway.upstreams import Client, Service, cut, echo, until, whole_body

__all__ = ["proxy", "service"]


# The client goes
class Waiting:
    """A service that begins and then waits until its client goes."""

    def __init__(self, *, begins: bool) -> None:
        self.begins = begins
        self.asked = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        if self.begins:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("begins", [True, False], ids=["in a stream", "before the answer"])
async def test_who_goes_ends_the_request_at_the_service(
    service: Service, proxy: ServiceProxy, method: str, begins: bool
) -> None:
    waiting = service.handle = Waiting(begins=begins)
    client = Client(method, body=b"x" if method == "POST" else b"")
    asking = asyncio.create_task(client.asks(proxy))
    await asyncio.wait_for(waiting.asked.wait(), PATIENCE_SECONDS)
    if begins:
        await client.next()
        await client.next()
    client.go()
    await asyncio.wait_for(waiting.left.wait(), PATIENCE_SECONDS)
    await asking  # no error: there is nobody to tell
    assert not asking.cancelled()
    assert service.paths == ["/"], "nobody waits for a repetition"


async def test_who_goes_in_the_middle_of_a_body_ends_the_request(
    service: Service, proxy: ServiceProxy
) -> None:
    waiting = service.handle = Waiting(begins=False)
    client = Client("POST", headers={"content-length": "100", "idempotency-key": "k"}, body=None)
    asking = asyncio.create_task(client.asks(proxy))
    client.upload(b"half of it")
    await asyncio.wait_for(waiting.asked.wait(), PATIENCE_SECONDS)
    client.go()
    await asyncio.wait_for(waiting.left.wait(), PATIENCE_SECONDS)
    await asking
    assert (client.status, service.paths) == (0, ["/"])
    service.handle = echo
    assert (await Client().asks(proxy)).status == 200, "and nobody holds it against the copy"


async def test_being_cancelled_is_not_the_client_going(service: Service, proxy: ServiceProxy) -> None:
    waiting = service.handle = Waiting(begins=True)
    asking = asyncio.create_task(Client().asks(proxy))
    await asyncio.wait_for(waiting.asked.wait(), PATIENCE_SECONDS)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(waiting.left.wait(), PATIENCE_SECONDS)


async def test_an_answer_may_come_before_the_whole_request(service: Service, proxy: ServiceProxy) -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        answer = Response(b"too large", 413, headers=[("connection", "close")])
        await answer.send(scope, receive, send)

    service.handle = refuse
    client = Client("POST", headers={"content-length": "1000000"}, body=None)
    client.upload(b"x" * 1000)
    await client.asks(proxy)
    assert (client.status, client.body) == (413, b"too large")
    service.handle = echo
    assert (await Client().asks(proxy)).status == 200


# Given up
class CutsFirst:
    """A service that cuts the first so many requests when it has read them, in the middle of an answer or
    before."""

    def __init__(self, times: int, *, begins: bool = False, length: int | None = None) -> None:
        self.times = times
        self.begins = begins
        self.length = length
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.bodies.append(await whole_body(receive))
        if len(self.bodies) > self.times:
            await Response(b"done").send(scope, receive, send)
            return
        if self.begins:
            headers = [] if self.length is None else [(b"content-length", b"%d" % self.length)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
            await asyncio.sleep(0.02)  # for it to have arrived
        cut(scope)


@pytest.mark.parametrize(
    ("method", "headers"),
    [("GET", {}), ("HEAD", {}), ("POST", {"idempotency-key": "k"}), ("DELETE", {"idempotency-key": "k"})],
)
async def test_what_may_be_repeated_is(
    service: Service, proxy: ServiceProxy, method: str, headers: dict[str, str]
) -> None:
    cuts = service.handle = CutsFirst(2)
    body = b"body" if method == "POST" else b""
    client = await Client(method, headers=headers, body=body).asks(proxy)
    assert client.status == 200
    assert cuts.bodies == [body] * 3


async def test_a_body_that_came_in_parts_is_repeated_whole(service: Service, proxy: ServiceProxy) -> None:
    cuts = service.handle = CutsFirst(1)
    client = Client("POST", headers={"transfer-encoding": "chunked", "idempotency-key": "k"}, body=None)
    for number in range(10):
        client.upload(b"%d," % number, more=number < 9)
    await client.asks(proxy)
    assert cuts.bodies == [b"0,1,2,3,4,5,6,7,8,9,"] * 2


async def test_a_body_too_large_to_be_kept_is_not_repeated(service: Service, proxy: ServiceProxy) -> None:
    cuts = service.handle = CutsFirst(1)
    client = Client("POST", headers={"transfer-encoding": "chunked", "idempotency-key": "k"}, body=None)
    for number in range(10):
        client.upload(b"x" * (KEPT_BYTES // 4), more=number < 9)
    with pytest.raises(AbortConnection):
        await client.asks(proxy)
    assert len(cuts.bodies) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_what_may_not_be_repeated_is_cut(service: Service, proxy: ServiceProxy, method: str) -> None:
    """On a fresh connection and on one that was used before, which HTTP libraries like to repeat."""
    for used in (False, True):
        if used:
            service.handle = echo
            assert (await Client().asks(proxy)).status == 200
        cuts = service.handle = CutsFirst(1)
        client = Client(method, body=b"" if method == "DELETE" else b"body")
        with pytest.raises(AbortConnection):
            await client.asks(proxy)
        assert client.status == 0
        assert len(cuts.bodies) == 1


async def test_half_an_answer_is_never_completed_from_another(service: Service, proxy: ServiceProxy) -> None:
    cuts = service.handle = CutsFirst(1, begins=True)
    client = Client("GET")
    with pytest.raises(AbortConnection):
        await client.asks(proxy)
    assert (client.status, client.body, len(cuts.bodies)) == (200, b"half", 1)


async def test_half_an_answer_that_nobody_has_seen_is_repeated(service: Service, proxy: ServiceProxy) -> None:
    cuts = service.handle = CutsFirst(1, begins=True, length=100)
    client = await Client("GET").asks(proxy)
    assert (client.status, client.body, len(cuts.bodies)) == (200, b"done", 2)
    cuts = service.handle = CutsFirst(1, begins=True, length=100)
    with pytest.raises(AbortConnection):
        await Client("POST", body=b"x").asks(proxy)
    assert len(cuts.bodies) == 1


async def test_what_fails_every_time_is_a_503(service: Service, proxy: ServiceProxy) -> None:
    cuts = service.handle = CutsFirst(100)
    client = await Client("GET").asks(proxy)
    assert client.status == 503
    assert client.header("retry-after") in ("1", "2")
    assert client.header("content-type") == "application/problem+json"
    assert client.json["code"] == "unavailable"
    assert 1 < len(cuts.bodies) <= 3


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_silence_has_an_end(service: Service, method: str) -> None:
    waiting = service.handle = Waiting(begins=False)
    proxy = ServiceProxy("things", [service.url], clock=ManualClock(), answer_seconds=1)
    client = Client(method)
    if method == "GET":
        await client.asks(proxy)
        assert client.status == 503
    else:
        with pytest.raises(AbortConnection):
            await client.asks(proxy)
    await asyncio.wait_for(waiting.left.wait(), PATIENCE_SECONDS)
    assert service.paths == ["/"], "what is slow gets no more of the same"
    await proxy.close()


# With the gateway
async def test_a_gateway_in_front_of_it(service: Service, proxy: ServiceProxy) -> None:
    gateway = Harness().gateway(endpoint("GET", "/api/things/{thing_id}"), app=proxy).gateway
    headers = {"x-forwarded-for": "198.51.100.7", "x-user-id": "admin", "accept-encoding": "gzip"}
    client = await Client("GET", "/api/things/7?x=1", headers).asks(gateway)
    arrived = got(client)
    assert arrived["x-forwarded-for"] == ["192.0.2.1"]
    assert arrived["x-request-id"] == [client.header("x-request-id")]
    assert arrived["traceparent"][0].startswith("00-")
    assert "x-user-id" not in arrived
    assert client.header("cache-control") == "no-store"

    async def long(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(b'["a long answer"]' * 1000).send(scope, receive, send)

    service.handle = long
    client = await Client("GET", "/api/things/7", headers).asks(gateway)
    assert client.header("content-encoding") == "gzip"
    assert gzip.decompress(client.body) == b'["a long answer"]' * 1000
    await service.stop()
    client = await Client("GET", "/api/things/7").asks(gateway)
    assert (client.status, client.json["code"]) == (503, "unavailable")
    assert client.json["request_id"] == client.header("x-request-id")


async def test_a_gateway_cuts_what_its_service_cut(service: Service, proxy: ServiceProxy) -> None:
    service.handle = CutsFirst(1)
    gateway = Harness().gateway(endpoint("POST", "/api/things"), app=proxy).gateway
    client = Client("POST", "/api/things", body=b"x")
    client.scope["extensions"] = {ABORT_EXTENSION: client.go}
    await client.asks(gateway)
    assert client.messages == []


async def test_a_gateway_that_ends_ends_the_streams_behind_it(service: Service, proxy: ServiceProxy) -> None:
    waiting = service.handle = Waiting(begins=True)
    stream = endpoint("GET", "/api/things/{thing_id}/stream", media_type="text/event-stream")
    front = Harness().gateway(stream, app=proxy)
    client = Client("GET", "/api/things/7/stream")
    client.scope["extensions"] = {}
    asking = asyncio.create_task(client.asks(front.gateway))
    await client.next()
    await client.next()
    front.gateway.stop()
    await asking
    assert client.messages[-1].get("more_body", False) is False
    await asyncio.wait_for(waiting.left.wait(), PATIENCE_SECONDS)


async def test_nothing_is_left_behind(service: Service, proxy: ServiceProxy) -> None:
    await Client().asks(proxy)
    await until(lambda: service.looks)
    before = len(asyncio.all_tasks())
    for _ in range(20):
        await Client().asks(proxy)
        await Client("POST", body=b"x").asks(proxy)
    await until(lambda: len(asyncio.all_tasks()) <= before)
