import os
import zlib
from typing import Any

import pytest

from houseful.gateway.response_middleware import COMPRESS_BYTES
from houseful.webapi.responses import Response
from tests.unit.gateway.harness import Harness, scope_of

LONG = b'{"items": [' + b"1," * COMPRESS_BYTES + b"1]}"
GZIP = {"accept-encoding": "br, gzip"}


async def answer_of(answer: Response, method: str = "GET", **headers: str) -> Any:
    harness = Harness()
    harness.recorder.answer = answer
    path = "/api/things/7" if method == "GET" else "/api/things"
    return await harness.gateway().call(method, path, headers=headers or GZIP)


async def test_a_long_text_is_compressed() -> None:
    reply = await answer_of(Response(LONG))
    assert reply.headers["content-encoding"] == "gzip"
    assert reply.headers["vary"] == "accept-encoding"
    assert int(reply.headers["content-length"]) == len(reply.content) < len(LONG) / 10
    assert zlib.decompress(reply.content, wbits=31) == LONG


async def test_very_long_ones_too() -> None:
    body = b"[" + b"1234567," * 50_000 + b"1]"
    reply = await answer_of(Response(body))
    assert zlib.decompress(reply.content, wbits=31) == body


@pytest.mark.parametrize(
    "answer",
    [
        Response(LONG[: COMPRESS_BYTES - 1]),
        Response(os.urandom(5000), media_type="image/png"),
        Response(os.urandom(5000), media_type="application/octet-stream"),
        Response(LONG, headers=[("content-encoding", "br")]),
    ],
    ids=["short", "picture", "status bytes", "compressed already"],
)
async def test_what_would_gain_nothing_goes_out_as_it_is(answer: Response) -> None:
    reply = await answer_of(answer)
    assert reply.content == answer.body
    assert reply.headers.get("content-encoding") in (None, "br")


async def test_answers_to_writes_and_to_who_did_not_ask_are_not() -> None:
    assert (await answer_of(Response(LONG), "POST")).content == LONG
    assert (await answer_of(Response(LONG), **{"accept-encoding": "br"})).content == LONG


async def test_an_answer_in_parts_is_not_held_back() -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/csv"), (b"content-length", b"4000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"a" * 2000, "more_body": True})
        await send({"type": "http.response.body", "body": b"b" * 2000})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    await Harness().gateway(app=app).gateway(scope_of("GET", "/api/things/7", GZIP), receive, send)
    assert b"".join(message.get("body", b"") for message in sent) == b"a" * 2000 + b"b" * 2000
    assert (b"content-encoding", b"gzip") not in sent[0]["headers"]
