"""What of a library is used here although the library does not promise it.

Each test is a canary: it fails with a sentence that says what to look at when the library has changed. The
table of all of them is `docs/internals/private-parts.md`; a test here holds that it is whole.
"""

import ast
import asyncio
import inspect
import re
import socket
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
import uvicorn
from aiohttp import web
from confluent_kafka import KafkaError
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from houseful.adapters.http import proxy
from houseful.adapters.redis.connection import PipelinedConnection
from houseful.tickets.documents import ticket_pdf

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs/internals/private-parts.md"


def parts(kind: Any, names: Collection[str], look_at: str) -> None:
    missing = [name for name in names if not hasattr(kind, name)]
    assert not missing, f"{kind!r} has no {', '.join(missing)} any more: look at {look_at}"


def parameters(function: Any, names: Collection[str], look_at: str) -> None:
    """That it still takes these."""
    taken = inspect.signature(function).parameters
    missing = [name for name in names if name not in taken]
    assert not missing, f"{function.__qualname__} takes no {', '.join(missing)}: look at {look_at}"


async def test_aiohttp_repeats_nothing_by_itself() -> None:
    """A DELETE whose connection ends is sent once: `_retry_connection` still says so. A kept connection is
    what aiohttp would repeat on, so the second request is the one that is cut."""
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.path)
        if request.path == "/cut":
            assert request.transport is not None
            request.transport.abort()
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{any}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    session = proxy._session()
    try:
        async with session.get(f"{url}/first") as response:
            await response.read()
        with pytest.raises(aiohttp.ClientError):
            await session.delete(f"{url}/cut")
    finally:
        await session.close()
        await runner.cleanup()
    assert seen == ["/first", "/cut"], (
        "aiohttp repeats a request by itself: look at `_session` in adapters/http/proxy.py, which sets "
        "`_retry_connection`, and would have a DELETE done twice on the same instance"
    )


def test_aiohttp_still_has_the_switch_for_repeating() -> None:
    assert "_retry_connection" in aiohttp.ClientSession.ATTRS, (
        "aiohttp's ClientSession has no `_retry_connection` any more: look for what decides about repeating "
        "a PUT or DELETE now, and at `_session` in adapters/http/proxy.py"
    )


SERVER = "adapters/http/server.py"


class _Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return False


async def _application(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("it has no answer")


def _protocol() -> HttpToolsProtocol:
    config = uvicorn.Config(
        cast(Any, _application), log_config=None, lifespan="off", ws="none", http="httptools"
    )
    protocol = HttpToolsProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(_Transport())
    return protocol


async def test_uvicorn_protocol_has_the_parts_that_limits_are_made_of() -> None:
    protocol = _protocol()
    names = (
        "config",
        "cycle",
        "headers",
        "loop",
        "parser",
        "scope",
        "server_state",
        "timeout_keep_alive_task",
    )
    parts(protocol, (*names, "transport"), f"`_Protocol` in {SERVER}")
    parts(
        protocol.server_state, ("connections", "tasks", "default_headers"), f"`_watch`, `serve` in {SERVER}"
    )
    assert protocol in protocol.server_state.connections, (
        f"uvicorn keeps its connections elsewhere: look at `_watch` in {SERVER}, which cuts slow ones"
    )
    callbacks = ("connection_made", "data_received", "on_message_begin", "on_url", "on_header")
    later = (
        "on_headers_complete",
        "on_message_complete",
        "pause_writing",
        "resume_writing",
        "send_400_response",
    )
    parts(HttpToolsProtocol, callbacks + later, f"`_Protocol` in {SERVER}, which overrides them")


async def test_uvicorn_calls_our_callbacks_for_each_part_of_a_head() -> None:
    """The limit of a head counts in `on_url` and `on_header`; what is raised there has to come to
    `send_400_response`."""
    called: list[str] = []

    class Counting(HttpToolsProtocol):
        def on_url(self, url: bytes) -> None:
            called.append("url")
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            called.append(name.decode())
            raise ValueError

        def send_400_response(self, msg: str) -> None:
            called.append("400")

    config = uvicorn.Config(
        cast(Any, _application), log_config=None, lifespan="off", ws="none", http="httptools"
    )
    protocol = Counting(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(_Transport())
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert called == ["url", "host", "400"], (
        f"uvicorn or httptools reads a head in another way ({called}): look at `_count` in {SERVER}, which "
        "refuses one that is too large with 431"
    )


async def test_uvicorn_cycle_writes_to_the_transport_it_has_when_it_answers() -> None:
    """`JoinedWrites` is put in the transport's place after the cycle was made."""
    protocol = _protocol()
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    parts(
        protocol.cycle,
        ("transport", "send_500_response", "response_complete", "send"),
        f"`_Protocol` in {SERVER}",
    )
    ours = protocol.cycle.transport = _Transport()
    await asyncio.wait(protocol.server_state.tasks)
    assert ours.written.startswith(b"HTTP/1.1 500"), (
        f"uvicorn's cycle does not write to its `transport`: look at `JoinedWrites` in {SERVER}"
    )


async def test_uvicorn_asks_the_cycle_for_the_answer_where_the_application_has_none() -> None:
    protocol = _protocol()
    protocol.data_received(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    asked = asyncio.Event()

    async def answer() -> None:
        asked.set()

    cast(Any, protocol.cycle).send_500_response = answer
    await asyncio.wait(protocol.server_state.tasks)
    assert asked.is_set(), (
        "uvicorn does not call the cycle's `send_500_response` any more: look at `_answer_failed` in "
        f"{SERVER}, which answers in its place"
    )


def test_uvicorn_cycle_can_be_referred_to_weakly() -> None:
    assert "__slots__" not in vars(RequestResponseCycle), (
        f"uvicorn's cycle has slots: look at `on_headers_complete` in {SERVER}, which sets an attribute of "
        "it and refers to it weakly"
    )


def test_uvicorn_server_has_the_steps_that_are_ours() -> None:
    server = uvicorn.Server(uvicorn.Config(cast(Any, _application), log_config=None))
    look_at = f"`_Server` in {SERVER}: starting, draining and ending"
    parts(
        server,
        ("startup", "shutdown", "capture_signals", "should_exit", "force_exit", "server_state"),
        look_at,
    )
    parameters(uvicorn.Server.startup, ("sockets",), look_at)
    parameters(uvicorn.Server.shutdown, ("sockets",), look_at)
    assert "self.servers" in inspect.getsource(uvicorn.Server.startup), (
        f"uvicorn keeps its listening servers elsewhere: look at {look_at}"
    )


def test_redis_connection_has_the_steps_that_pipelining_is_made_of() -> None:
    look_at = f"`{PipelinedConnection.__name__}` in adapters/redis/connection.py"
    parts(ConnectionPool, ("make_connection", "from_url"), "`RedisCoordination.open`")
    parts(AbstractConnection, ("connect", "pack_commands"), look_at)
    parameters(AbstractConnection.send_packed_command, ("command", "check_health"), look_at)
    parameters(AbstractConnection.send_command, ("args", "kwargs"), f"{look_at} and RedisPubSub")
    parameters(AbstractConnection.disconnect, ("nowait",), look_at)
    parameters(
        AbstractConnection.read_response, ("timeout",), "`RedisPubSub` in adapters/redis/subscriptions.py"
    )


LIBRDKAFKA = {
    "_ASSIGNMENT_LOST": -142,
    "_ALL_BROKERS_DOWN": -187,
    "_FATAL": -150,
    "_MAX_POLL_EXCEEDED": -147,
    "_PARTITION_EOF": -191,
    "_MSG_TIMED_OUT": -192,
    "_TIMED_OUT": -185,
    "_TRANSPORT": -195,
}
"""librdkafka's own errors, as its `rdkafka.h` numbers them."""


@pytest.mark.parametrize("name", LIBRDKAFKA)
def test_kafka_errors_are_numbered_as_librdkafka_does(name: str) -> None:
    assert getattr(KafkaError, name, None) == LIBRDKAFKA[name], (
        f"confluent_kafka has no KafkaError.{name}, or means something else by it: look at adapters/kafka, "
        "which tells a passing error from one that a client does not survive"
    )


def test_reportlab_says_which_characters_a_font_has() -> None:
    from reportlab.pdfbase.pdfmetrics import getFont

    ticket_pdf._register_fonts()
    face = cast(Any, getFont(ticket_pdf._BOLD)).face
    known = getattr(face, "charToGlyph", {})
    assert {ord(one) in known for one in "é漢"} == {True, False}, (
        "ReportLab's font face does not say in `charToGlyph` what it can show: look at `_face` and "
        "`_printable` in tickets/documents/ticket_pdf.py, or a ticket shows boxes"
    )


DOCUMENTED = {"_exit", "_replace"}
"""Begin with an underscore, and are promised: `os._exit` and a named tuple's `_replace`."""


def _private_names() -> set[str]:
    """Names with one underscore that are used of something else than `self`, and are nobody's here."""
    used: set[str] = set()
    ours: set[str] = set()
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and re.match("_[^_]", node.attr):
                own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
                (ours if own else used).add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                ours.add(node.name)
    return used - ours - DOCUMENTED


def test_the_table_names_every_private_name_that_is_used() -> None:
    named = set(re.findall(r"`(?:\w+\.)?(_[a-zA-Z]\w*)`", TABLE.read_text()))
    missing = _private_names() - named
    assert not missing, (
        f"{', '.join(sorted(missing))} is private to a library: do without, or pin the library, add a canary "
        f"above and a row to {TABLE.relative_to(ROOT)}"
    )


def _rows() -> list[list[str]]:
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_what_the_table_names_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["split"]]
    pinned = {re.split(r"[\[<>=~; ]", one)[0] for one in needed if "<" in one.partition(";")[0]}
    for library, *_ in _rows():
        assert library in pinned, (
            f"{library} has no upper bound in pyproject.toml; {TABLE.name} says why it needs one"
        )


def test_each_row_of_the_table_has_its_canary() -> None:
    for library, *_, canaries in _rows():
        for name in re.findall(r"`(test_\w+)`", canaries) or [f"one for {library}"]:
            assert callable(globals().get(name)), f"{TABLE.name} names {name}, and there is no such canary"
