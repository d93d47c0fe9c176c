"""The proxy in front of real servers: what goes through it arrives as it was. Which instance gets a request:
`test_upstreams.py`."""

import asyncio
import gzip

import pytest

from houseful.adapters.http.forwarding import KEPT_BYTES
from houseful.adapters.http.proxy import WHOLE_BYTES, ServiceProxy
from houseful.kernel.telemetry import request_id
from houseful.kernel.tracing import trace
from houseful.webapi.asgi import Receive, Scope, Send
from houseful.webapi.responses import Response
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.gateway.proxied_service import TRACE, got, proxy, service
from tests.unit.gateway.upstreams import Client, Service, whole_body

__all__ = ["proxy", "service"]


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
        assert await asyncio.wait_for(arrived.get(), PATIENCE_SECONDS) == part
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
