"""What uvicorn leaves to a proxy: slow and oversized requests, cut connections, a clean end."""

import asyncio
import gc
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from houseful.adapters.http import server as uvicorn_server
from houseful.adapters.http.server import HEAD_BYTES, HEAD_FIELDS, JoinedWrites, PortTaken, listen, serve
from houseful.webapi.problems import ProblemError, problem
from houseful.webapi.responses import Response

PATIENCE_SECONDS = 60.0


async def app(scope: Any, receive: Any, send: Any) -> None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    await Response(f"{scope['path']} {len(body)}".encode(), media_type="text/plain").send(
        scope, receive, send
    )


class Server:
    def __init__(self, port: int) -> None:
        self.port = port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def said(self, sent: bytes) -> bytes:
        """All that comes back until the server closes the connection."""
        reader, writer = await self.connect()
        writer.write(sent)
        try:
            return await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "READER_SECONDS"):
        monkeypatch.setattr(uvicorn_server, name, 0.3)
    monkeypatch.setattr(uvicorn_server, "_LOOK_SECONDS", 0.05)
    async with Running(app) as server:
        yield server


async def test_a_request_is_no_work_for_the_collector() -> None:
    """What has been answered goes at once: garbage in circles is what makes a busy server stop and look."""
    async with Running(app) as server:
        reader, writer = await server.connect()
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                writer.write(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n")
                await asyncio.wait_for(reader.readuntil(b"/a 0"), PATIENCE_SECONDS)
            kept = sum(isinstance(one, RequestResponseCycle) for one in gc.get_objects())
        finally:
            gc.enable()
            writer.close()
    assert kept <= 2


async def test_a_connection_that_ended_is_no_work_for_the_collector() -> None:
    async with Running(app) as server:
        gc.collect()
        gc.disable()
        try:
            for _ in range(20):
                said = b"GET /a HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
                assert (await server.said(said)).endswith(b"/a 0")
            kept = sum(isinstance(one, HttpToolsProtocol) for one in gc.get_objects())
        finally:
            gc.enable()
    assert kept <= 2


class _Recorded(asyncio.Transport):
    """A transport that counts what it is asked to do."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def write(self, data: Any) -> None:
        self.done.append(data.decode())

    def writelines(self, list_of_data: Any) -> None:
        self.done.append(b"".join(list_of_data).decode())

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done


async def test_a_head_travels_with_its_body() -> None:
    transport = _Recorded()
    answers = JoinedWrites(transport, asyncio.get_running_loop())
    for number in (1, 2):
        answers.write(b"head %d, " % number)
        answers.write(b"body %d" % number)
    answers.write(b"head alone")
    assert transport.done == ["head 1, body 1", "head 2, body 2"]
    await asyncio.sleep(0)
    assert transport.done[2:] == ["head alone"], "the turn is over"
    answers.write(b"last")
    answers.close()
    assert transport.done[3:] == ["last", "closed"]
    await asyncio.sleep(0)
    assert transport.done[5:] == []


async def test_every_answer_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = _Recorded()
    monkeypatch.setattr(uvicorn_server, "JoinedWrites", lambda _, loop: JoinedWrites(transport, loop))
    async with Running(app) as server:
        _, writer = await server.connect()
        for method in (b"GET", b"HEAD"):
            transport.done.clear()
            writer.write(method + b" /a HTTP/1.1\r\nhost: a\r\n\r\n")
            while not transport.done:  # noqa: ASYNC110 - the server takes some turns
                await asyncio.sleep(0)
            (answer,) = transport.done
            assert answer.startswith("HTTP/1.1 200")
            assert answer.endswith("/a 0" if method == b"GET" else "\r\n\r\n")
        writer.close()


async def test_a_head_does_not_wait_for_a_body_that_comes_later() -> None:
    more = asyncio.Event()

    async def later(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await more.wait()
        await send({"type": "http.response.body", "body": b"late"})

    async with Running(later) as server:
        reader, writer = await server.connect()
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        more.set()
        assert await asyncio.wait_for(reader.readuntil(b"late\r\n"), 10)
        writer.close()


async def test_a_connection_that_is_cut_in_between_gets_nothing_more() -> None:
    async def cutting(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        scope["extensions"][uvicorn_server.CUT]()

    async with Running(cutting) as server:
        assert await server.said(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n") == b""


async def refusing(scope: Any, receive: Any, send: Any) -> None:
    """Answers without reading, as an endpoint does where the declared length is too large."""
    refusal = ProblemError(413, "body_too_large", "Too large.", headers={"connection": "close"})
    await problem(refusal).send(scope, receive, send)


BODY_BYTES = 8 * 1024 * 1024  # more than the sockets of both ends buffer


async def test_who_sends_too_much_reads_why_it_was_refused() -> None:
    """The client writes its whole request, then reads, as most clients do."""
    async with Running(refusing) as server:
        reader, writer = await server.connect()
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % BODY_BYTES)
        for _ in range(BODY_BYTES // 65_536):
            writer.write(b" " * 65_536)
            await asyncio.wait_for(writer.drain(), PATIENCE_SECONDS)  # raises where the connection was reset
        said = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
        writer.close()
    assert said.startswith(b"HTTP/1.1 413 ")
    assert said.count(b"HTTP/1.1") == 1


async def test_who_sends_too_large_a_head_reads_why_it_was_refused() -> None:
    async with Running(app) as server:
        reader, writer = await server.connect()
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nx-large: ")
        for _ in range(BODY_BYTES // 65_536):
            writer.write(b"x" * 65_536)
            await asyncio.wait_for(writer.drain(), PATIENCE_SECONDS)  # raises where the connection was reset
        said = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
        writer.close()
    assert said.startswith(b"HTTP/1.1 431 ")
    assert said.count(b"HTTP/1.1") == 1


async def test_nothing_follows_a_refusal() -> None:
    """The answer to the first request comes after what follows was refused."""
    refused = asyncio.Event()

    async def late(scope: Any, receive: Any, send: Any) -> None:
        await refused.wait()
        await app(scope, receive, send)

    async with Running(late) as server:
        reader, writer = await server.connect()
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\nno http\r\n\r\n")
        said = await asyncio.wait_for(reader.readuntil(b"}"), PATIENCE_SECONDS)
        refused.set()
        assert said.startswith(b"HTTP/1.1 400 ")
        assert await asyncio.wait_for(reader.read(), PATIENCE_SECONDS) == b""
        writer.close()


async def test_a_refused_body_is_not_awaited_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn_server, "LINGER_SECONDS", 0.3)
    async with Running(refusing) as server:
        said = await server.said(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nabc")
    assert said.startswith(b"HTTP/1.1 413 ")


async def test_no_request_is_done_after_an_answer_that_ends_the_connection() -> None:
    done: list[str] = []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        done.append(scope["path"])
        await refusing(scope, receive, send)

    async with Running(noting) as server:
        reader, writer = await server.connect()
        writer.write(b"POST /first HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc")
        await asyncio.wait_for(reader.readuntil(b"}"), PATIENCE_SECONDS)
        writer.write(b"defPOST /second HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc")
        assert await asyncio.wait_for(reader.read(), PATIENCE_SECONDS) == b""
        writer.close()
    assert done == ["/first"]


class Running:
    def __init__(self, app: Any, **named: Any) -> None:
        self.app = app
        self.named = named
        self.stopping = 0
        self.listener = listen("127.0.0.1", 0)

    async def __aenter__(self) -> Server:
        ready = asyncio.Event()

        def on_stopping() -> None:
            self.stopping += 1

        self.task = asyncio.create_task(
            serve(
                self.app,
                self.listener,
                shutdown_seconds=1,
                on_ready=ready.set,
                on_stopping=on_stopping,
                **self.named,
            )
        )
        await ready.wait()
        return Server(self.listener.getsockname()[1])

    async def __aexit__(self, *exc: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.listener.close()


async def test_it_answers(server: Server) -> None:
    said = await server.said(
        b"POST /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc"
    )
    assert said.startswith(b"HTTP/1.1 200 OK")
    assert said.endswith(b"/x 3")
    assert b"server:" not in said


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GE",
        b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: ",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc",
    ],
    ids=["nothing", "half a method", "half a header", "no body", "half a body"],
)
async def test_who_never_finishes_is_cut(server: Server, sent: bytes) -> None:
    assert await server.said(sent) == b""


async def test_who_stalls_in_a_second_request_is_cut_too(server: Server) -> None:
    said = await server.said(b"GET /first HTTP/1.1\r\nhost: a\r\n\r\nGET / HT")
    assert said.endswith(b"/first 0")
    for rest in (b"\r\n", b"GET / HT"):
        reader, writer = await server.connect()
        writer.write(b"GET /first HTTP/1.1\r\nhost: a\r\n\r\n")
        await reader.readuntil(b"/first 0")
        writer.write(rest)
        assert await asyncio.wait_for(reader.read(), PATIENCE_SECONDS) == b""
        writer.close()


async def test_a_connection_may_rest_between_requests(server: Server) -> None:
    reader, writer = await server.connect()
    for number in range(3):
        writer.write(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % number)
        assert await asyncio.wait_for(reader.readuntil(b"/%d 0" % number), PATIENCE_SECONDS)
        await asyncio.sleep(0.5)  # longer than a head may take
    writer.close()


async def test_who_does_not_read_is_cut() -> None:
    gone = asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not gone.is_set():
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
            await asyncio.sleep(0)
            if (await _poll(receive))["type"] == "http.disconnect":
                gone.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn_server, "READER_SECONDS", 0.2)
        patch.setattr(uvicorn_server, "_LOOK_SECONDS", 0.05)
        async with Running(endless) as server:
            with socket.create_connection(("127.0.0.1", server.port)) as lazy:
                lazy.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
                await asyncio.wait_for(gone.wait(), PATIENCE_SECONDS)


async def _poll(receive: Any) -> Any:
    """A disconnect if there was one, without waiting for it."""
    try:
        async with asyncio.timeout(0):
            return await receive()
    except TimeoutError:
        return {"type": "http.request"}


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * HEAD_BYTES + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nx-long: " + b"a" * HEAD_BYTES + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * (HEAD_FIELDS + 1) + b"\r\n",
    ],
    ids=["address", "header", "headers"],
)
async def test_too_large_a_head_is_a_431(server: Server, head: bytes) -> None:
    said = await server.said(head)
    assert said.startswith(b"HTTP/1.1 431 "), said[:100]
    assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "head_too_large"


async def test_a_head_without_an_end_is_refused(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(b"GET / HTTP/1.1\r\nx-endless: ")
    said = b""
    while not said:
        writer.write(b"a" * 4096)
        try:
            async with asyncio.timeout(0.02):
                said = await reader.read(100)
        except TimeoutError:
            continue
        except ConnectionResetError:
            return
    assert said.startswith(b"HTTP/1.1 431 ")
    writer.close()


@pytest.mark.parametrize("sent", [b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x00"])
async def test_what_is_no_http_is_a_problem(server: Server, sent: bytes) -> None:
    said = await server.said(sent)
    assert said.startswith(b"HTTP/1.1 400 "), said
    assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "not_http"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"hello\r\n\r\n", 400, "not_http"),
        (b"GET / HTTP/1.1\r\nx-long: " + b"a" * HEAD_BYTES + b"\r\n\r\n", 431, "head_too_large"),
        (b"GET /bug HTTP/1.1\r\nhost: a\r\n\r\n", 500, "internal_error"),
        (b"GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n", 500, "internal_error"),
        (b"GET /ends HTTP/1.1\r\nhost: a\r\n\r\n", 503, "unavailable"),
    ],
)
async def test_what_the_server_answers_itself_is_made_by_the_application(
    sent: bytes, status: int, code: str
) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/bug":
            raise KeyError("x")
        if scope["path"] == "/ends":
            raise asyncio.CancelledError

    def refuse(refusal: ProblemError) -> Response:
        answer = problem(refusal)
        answer.headers = [*answer.headers, ("x-request-id", "req_1")]
        return answer

    async with Running(broken, refuse=refuse) as server:
        said = await server.said(sent)
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), head
    assert b"content-type: application/problem+json" in head
    assert b"x-request-id: req_1" in head
    assert json.loads(body)["code"] == code


def test_newcomers_are_let_in_by_the_dozen() -> None:
    """Not one in each turn of the loop: turns are long when many buy."""
    many = 200
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async def come_together() -> None:
        answered = 0
        everybody = asyncio.Event()

        async def count(scope: Any, receive: Any, send: Any) -> None:
            nonlocal answered
            await Response(b"").send(scope, receive, send)
            answered += 1
            if answered == many:
                everybody.set()

        running = Running(count)
        clients = []
        for _ in range(many):
            clients.append(socket.create_connection(running.listener.getsockname()))
            clients[-1].sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        turning = asyncio.create_task(count_turns())
        async with running:
            await asyncio.wait_for(everybody.wait(), PATIENCE_SECONDS)
        turning.cancel()
        for client in clients:
            client.close()

    uvloop.run(come_together())
    assert turns < many / 2


def test_a_port_in_use_is_said_in_a_sentence() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(PortTaken, match="--port"):
        listen("127.0.0.1", first.getsockname()[1])
    with pytest.raises(PortTaken, match=r"no\.such\.host"):
        listen("no.such.host.invalid", 0)
