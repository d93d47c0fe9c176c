"""The proxy in front of real servers: what goes through, what streams, what is given up. Which copy gets a
request: `test_proxy_copies.py`."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from houseful.adapters.http.forwarding import KEPT_BYTES
from houseful.adapters.http.proxy import WHOLE_BYTES, ServiceProxy
from houseful.kernel.clock import ManualClock
from houseful.kernel.telemetry import request_id, trace
from houseful.webapi.asgi import Receive, Scope, Send
from houseful.webapi.responses import AbortConnection, Response
from tests.unit.gateway.upstreams import Client, Service, cut, echo, until, whole_body
from tests.unit.gateway.world import World, endpoint

TRACE = f"00-{'a1' * 16}-{'b2' * 8}-01"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service() as service:
        yield service


@pytest.fixture
async def proxy(service: Service) -> AsyncIterator[ServiceProxy]:
    proxy = ServiceProxy("things", [service.url], clock=ManualClock())
    yield proxy
    await proxy.close()


def got(client: Client) -> dict[str, list[str]]:
    """The headers that the service got, all values of a name."""
    headers: dict[str, list[str]] = {}
    for name, value in client.json["headers"]:
        headers.setdefault(name, []).append(value)
    return headers


# What goes through


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_a_request_arrives_as_it_was(proxy: ServiceProxy, method: str) -> None:
    body = b"" if method in ("GET", "OPTIONS") else '{"name": "Käthe"}'.encode()
    headers = {"content-type": "application/json", "accept": "a/b", "x-own": "1", "cookie": "a=1; b=2"}
    path = "/api/a%2Fb/c%20d/~;x?q=%C3%A4+1&q=2&empty="
    client = await Client(method, path, headers, body=body).asks(proxy)
    assert client.status == 200
    assert client.json["method"] == method
    assert f"{client.json['raw_path']}?{client.json['query']}" == path
    assert client.json["body"] == body.decode()
    for name, value in headers.items():
        assert got(client)[name] == [value]


async def test_an_answer_comes_back_as_it_was(service: Service, proxy: ServiceProxy) -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-latin", b"k\xe4se")]
        headers += [(b"content-encoding", b"gzip"), (b"content-type", b"text/plain"), (b"etag", b'"7"')]
        await send({"type": "http.response.start", "status": 418, "headers": headers})
        await send({"type": "http.response.body", "body": gzip.compress(b"short and stout")})

    service.handle = answer
    client = await Client().asks(proxy)
    assert client.status == 418
    assert [value for name, value in client.headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert client.header("x-latin") == "k\xe4se"
    assert client.header("etag") == '"7"'
    assert client.header("content-type") == "text/plain"
    assert gzip.decompress(client.body) == b"short and stout"


async def test_what_is_for_one_hop_stays_there(service: Service, proxy: ServiceProxy) -> None:
    sent = {
        "connection": "close, X-Hop", "x-hop": "1", "keep-alive": "timeout=5", "te": "trailers",
        "upgrade": "websocket", "proxy-authorization": "Basic eA==", "expect": "100-continue", "x-stays": "1",
    }  # fmt: skip
    client = await Client(headers=sent).asks(proxy)
    assert set(got(client)) & set(sent) == {"x-stays"}

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [("connection", "x-hop"), ("x-hop", "1"), ("proxy-authenticate", "Basic"), ("x-stays", "1")]
        await Response(b"{}", headers=headers).send(scope, receive, send)

    service.handle = answer
    client = await Client().asks(proxy)
    assert client.header("x-stays") == "1"
    names = {name for name, _ in client.headers}
    assert names == {"x-stays", "content-type", "content-length"}, "date and server are the gateway's own"


async def test_nothing_is_made_up(proxy: ServiceProxy) -> None:
    client = await Client("POST", body=b"x", address=None).asks(proxy)
    assert set(got(client)) == {"host", "content-length"}
    client = await Client("GET", address=None).asks(proxy)
    assert set(got(client)) == {"host"}


async def test_the_service_learns_who_asks_from_the_gateway_alone(proxy: ServiceProxy) -> None:
    forged = {
        "host": "tickets.example.org", "x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https",
        "x-forwarded-host": "evil.example", "forwarded": "for=198.51.100.7", "x-request-id": "mine",
        "traceparent": f"00-{'c3' * 16}-{'d4' * 8}-01",
    }  # fmt: skip
    token = request_id.set("req_1")
    try:
        with trace(TRACE):
            client = await Client(headers=forged).asks(proxy)
    finally:
        request_id.reset(token)
    headers = got(client)
    assert headers["host"] == ["tickets.example.org"]
    assert headers["x-forwarded-for"] == ["192.0.2.1"]
    assert headers["x-forwarded-proto"] == ["http"]
    assert headers["x-request-id"] == ["req_1"]
    assert headers["traceparent"] == [TRACE]
    assert not {"x-forwarded-host", "forwarded"} & set(headers)
    inner = got(await Client(headers=forged, address=None).asks(proxy))
    assert not {"x-forwarded-for", "x-request-id", "traceparent"} & set(inner)


async def test_answers_without_a_body(service: Service, proxy: ServiceProxy) -> None:
    client = await Client("HEAD", "/x").asks(proxy)
    assert (client.status, client.body) == (200, b"")
    assert int(client.header("content-length") or 0) > 0
    for status in (204, 304):

        async def answer(scope: Scope, receive: Receive, send: Send, status: int = status) -> None:
            await Response(b"", status, headers=[("etag", '"1"')]).send(scope, receive, send)

        service.handle = answer
        client = await Client().asks(proxy)
        assert (client.status, client.body, client.header("etag")) == (status, b"", '"1"')
        assert client.messages[-1].get("more_body", False) is False


@pytest.mark.parametrize("size", [0, 1, 70_000, WHOLE_BYTES, WHOLE_BYTES + 1, 5_000_000])
async def test_answers_of_any_size(service: Service, proxy: ServiceProxy, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(content).send(scope, receive, send)

    service.handle = answer
    client = await Client().asks(proxy)
    assert client.body == content
    assert client.header("content-length") == str(size)
    if size <= WHOLE_BYTES:
        assert len(client.messages) == 2


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
@pytest.mark.parametrize("size", [1, KEPT_BYTES, 3_000_000])
async def test_requests_of_any_size(service: Service, proxy: ServiceProxy, size: int, declared: bool) -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        body = await whole_body(receive)
        await Response(b"%d" % (len(body) + sum(body) % 251)).send(scope, receive, send)

    service.handle = answer
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    headers = {"content-length": str(size)} if declared else {"transfer-encoding": "chunked"}
    client = Client("POST", headers=headers, body=None)
    for start in range(0, size, 100_000):
        client.upload(content[start : start + 100_000], more=start + 100_000 < size)
    await client.asks(proxy)
    assert int(client.body) == size + sum(content) % 251


# Streams


async def test_a_request_streams(service: Service, proxy: ServiceProxy) -> None:
    """The service has the first part before the client has sent the second."""
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            if message["body"]:
                arrived.put_nowait(message["body"])
            more = message["more_body"]
        await Response(b"done").send(scope, receive, send)

    service.handle = answer
    client = Client("POST", headers={"transfer-encoding": "chunked"}, body=None)
    asking = asyncio.create_task(client.asks(proxy))
    for part in (b"one", b"two", b"three"):
        client.upload(part)
        assert await asyncio.wait_for(arrived.get(), 30) == part
    client.upload(b"", more=False)
    await asking
    assert client.body == b"done"


async def test_a_stream_of_events_passes_at_once(service: Service, proxy: ServiceProxy) -> None:
    """The client has a message before the service makes the next."""
    wanted: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while event := await wanted.get():
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    service.handle = answer
    client = Client()
    asking = asyncio.create_task(client.asks(proxy))
    assert (await client.next())["status"] == 200, "before there is any event"
    for number in range(5):
        wanted.put_nowait(b"data: %d\n\n" % number)
        message = await client.next()
        assert (message["body"], message["more_body"]) == (b"data: %d\n\n" % number, True)
    wanted.put_nowait(b"")
    await asking
    assert client.messages[-1].get("more_body", False) is False, "a clean end stays one"


async def test_a_slow_client_slows_the_service_down(service: Service, proxy: ServiceProxy) -> None:
    chunk, chunks = b"x" * 100_000, 1000
    made = 0

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal made
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while made < chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            made += 1
        await send({"type": "http.response.body", "body": b""})

    service.handle = answer
    client = Client()
    asking = asyncio.create_task(client.asks(proxy))
    await client.next()
    client.reads.clear()
    seen = -1
    while seen != made:
        seen = made
        await asyncio.sleep(0.3)
    assert made < chunks // 2, "all of it would have gone into this process's memory"
    client.reads.set()
    await asking
    assert len(client.body) == len(chunk) * chunks


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
    await asyncio.wait_for(waiting.asked.wait(), 30)
    if begins:
        await client.next()
        await client.next()
    client.go()
    await asyncio.wait_for(waiting.left.wait(), 30)
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
    await asyncio.wait_for(waiting.asked.wait(), 30)
    client.go()
    await asyncio.wait_for(waiting.left.wait(), 30)
    await asking
    assert (client.status, service.paths) == (0, ["/"])
    service.handle = echo
    assert (await Client().asks(proxy)).status == 200, "and nobody holds it against the copy"


async def test_being_cancelled_is_not_the_client_going(service: Service, proxy: ServiceProxy) -> None:
    waiting = service.handle = Waiting(begins=True)
    asking = asyncio.create_task(Client().asks(proxy))
    await asyncio.wait_for(waiting.asked.wait(), 30)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(waiting.left.wait(), 30)


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
    await asyncio.wait_for(waiting.left.wait(), 30)
    assert service.paths == ["/"], "what is slow gets no more of the same"
    await proxy.close()


# With the gateway


async def test_a_gateway_in_front_of_it(service: Service, proxy: ServiceProxy) -> None:
    gateway = World().gateway(endpoint("GET", "/api/things/{thing_id}"), app=proxy).gateway
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
    gateway = World().gateway(endpoint("POST", "/api/things"), app=proxy).gateway
    client = Client("POST", "/api/things", body=b"x")
    client.scope["extensions"] = {"houseful.cut": client.go}
    await client.asks(gateway)
    assert client.messages == []


async def test_a_gateway_that_ends_ends_the_streams_behind_it(service: Service, proxy: ServiceProxy) -> None:
    waiting = service.handle = Waiting(begins=True)
    stream = endpoint("GET", "/api/things/{thing_id}/stream", media_type="text/event-stream")
    front = World().gateway(stream, app=proxy)
    client = Client("GET", "/api/things/7/stream")
    client.scope["extensions"] = {}
    asking = asyncio.create_task(client.asks(front.gateway))
    await client.next()
    await client.next()
    front.gateway.stop()
    await asking
    assert client.messages[-1].get("more_body", False) is False
    await asyncio.wait_for(waiting.left.wait(), 30)


async def test_nothing_is_left_behind(service: Service, proxy: ServiceProxy) -> None:
    await Client().asks(proxy)
    await until(lambda: service.looks)
    before = len(asyncio.all_tasks())
    for _ in range(20):
        await Client().asks(proxy)
        await Client("POST", body=b"x").asks(proxy)
    await until(lambda: len(asyncio.all_tasks()) <= before)
