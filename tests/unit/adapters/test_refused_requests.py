"""What the server refuses itself, and what it refuses while the request is still on its way."""

import asyncio
import json
from typing import Any

import pytest

from houseful.adapters.http import server as uvicorn_server
from houseful.adapters.http.server import HEAD_BYTES, HEAD_FIELDS
from houseful.webapi.problems import ProblemError, problem
from houseful.webapi.responses import Response
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.adapters.running_server import Running, Server, app


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
