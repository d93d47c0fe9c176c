"""The client: many requests in one write, and connections that are cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from houseful.kernel.errors import Unavailable
from houseful.tools.rush.client import Client, request_bytes

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s"


@asynccontextmanager
async def serving(cut_after: int | None = None) -> AsyncIterator[str]:
    """Answers each request with its number, and cuts the connection after so many."""
    answered = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                if answered == cut_after:
                    break
                answered += 1
                number = b"%d" % answered
                writer.write(ANSWER % (len(number), number))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def opened(url: str, most: int = 4) -> AsyncIterator[Client]:
    client = Client([url], most)
    try:
        yield client
    finally:
        await client.close()


async def test_many_requests_in_one_write_are_all_answered() -> None:
    async with serving() as url, opened(url) as client:
        get = request_bytes("GET", client.host, "/", [])
        assert (await client.ask(get * 5, 5)).body == b"5"
        assert (await client.ask(get)).body == b"6"


async def test_who_finds_no_free_connection_waits_for_one() -> None:
    async with serving() as url, opened(url, most=1) as client:
        get = request_bytes("GET", client.host, "/", [])
        replies = await asyncio.gather(*(client.ask(get) for _ in range(20)))
        assert sorted(int(reply.body) for reply in replies) == list(range(1, 21))


async def test_a_cut_connection_is_no_answer_and_the_next_request_has_another() -> None:
    async with serving(cut_after=2) as url, opened(url) as client:
        get = request_bytes("GET", client.host, "/", [])
        with pytest.raises(Unavailable):
            await client.ask(get * 3, 3)
        with pytest.raises(Unavailable):
            await client.ask(get)
    with pytest.raises(Unavailable, match="does not answer"):
        await Client([url], 1).ask(get)
