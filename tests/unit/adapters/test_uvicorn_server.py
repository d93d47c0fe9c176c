"""What uvicorn leaves to a proxy: slow and oversized requests, cut connections, a clean end."""

import asyncio
import gc
import socket
from typing import Any

import pytest
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from houseful.adapters.http import server as uvicorn_server
from houseful.adapters.http.server import JoinedWrites, PortTaken, listen
from houseful.webapi.responses import ABORT_EXTENSION, Response
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.adapters.running_server import Running, Server, app


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
        scope["extensions"][ABORT_EXTENSION]()

    async with Running(cutting) as server:
        assert await server.said(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n") == b""


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
