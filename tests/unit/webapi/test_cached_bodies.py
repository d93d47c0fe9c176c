import asyncio
import os
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import brotli
import pytest

from houseful.adapters.processes.pool import InlineWorkers
from houseful.kernel.errors import Unavailable
from houseful.webapi.cached_bodies import (
    BROTLI,
    GZIP,
    PLAIN,
    CachedBodies,
    CachedBody,
    accepted,
    is_known,
    takes,
)
from tests.support.patience import PATIENCE_SECONDS

T = TypeVar("T")

TEXT = b"row 1, seat 2; " * 1000


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("gzip, deflate, br, zstd", (BROTLI, GZIP, PLAIN)),
        ("gzip", (GZIP, PLAIN)),
        ("GZIP;Q=0.5, br;q=0.4", (GZIP, BROTLI, PLAIN)),
        ("br;q=0.5, gzip;q=1.0", (GZIP, BROTLI, PLAIN)),
        ("br;q=0, gzip", (GZIP, PLAIN)),
        ("gzip; q=0.000", (PLAIN,)),
        ("gzip;q=0.5, identity", (PLAIN, GZIP)),
        ("*", (BROTLI, GZIP, PLAIN)),
        ("*;q=0.5, gzip;q=0.1", (BROTLI, GZIP, PLAIN)),
        ("*;q=0", (PLAIN,)),
        ("br, *;q=0", (BROTLI, PLAIN)),
        ("identity;q=0, br", (BROTLI, PLAIN)),
        ("gzip;q=nonsense", (GZIP, PLAIN)),
        ("x-gzip", (GZIP, PLAIN)),
        ("identity", (PLAIN,)),
        ("deflate", (PLAIN,)),
        ("", (PLAIN,)),
        (",;=", (PLAIN,)),
    ],
)
def test_the_coding_that_the_client_likes_best(header: str, wanted: tuple[str, ...]) -> None:
    assert accepted(header) == wanted
    assert takes(GZIP, header) is (GZIP in wanted[: wanted.index(PLAIN)])


def answer(
    kept: CachedBody, accept: str | None = None, known: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    made = kept.answer(accept_encoding=accept, if_none_match=known, headers=[("cache-control", "no-cache")])
    return made.status, dict(made.headers), made.body


def test_each_coding_has_the_same_content_and_says_so() -> None:
    kept = CachedBody(TEXT, "text/plain")
    for accept, coding, decode in (
        ("br, gzip", "br", brotli.decompress),
        ("gzip", "gzip", lambda body: zlib.decompress(body, wbits=31)),
        (None, None, bytes),
    ):
        status, headers, body = answer(kept, accept)
        assert (status, headers.get("content-encoding"), decode(body)) == (200, coding, TEXT)
        assert headers["vary"] == "accept-encoding"
        assert headers["etag"] == kept.etag


def test_it_is_compressed_once() -> None:
    kept = CachedBody(TEXT, "text/plain")
    assert kept.body(BROTLI) is kept.body(BROTLI)


def test_who_has_it_gets_nothing() -> None:
    kept = CachedBody(TEXT, "text/plain")
    status, headers, body = answer(kept, "br", f'"other", {kept.etag}')
    assert (status, body, headers["etag"]) == (304, b"", kept.etag)
    assert headers["vary"] == "accept-encoding"
    assert answer(kept, "br", '"other"')[0] == 200


@pytest.mark.parametrize(
    ("if_none_match", "known"),
    [
        ('W/"a"', True),
        ('"a"', True),
        ("*", True),
        ('"b", W/"a"', True),
        ('"b"', False),
        ("", False),
        (None, False),
    ],
)
def test_tags_are_compared_weakly(if_none_match: str | None, known: bool) -> None:
    assert is_known('W/"a"', if_none_match) is known


def test_what_does_not_shrink_goes_out_as_it_is() -> None:
    noise = os.urandom(5000)
    status, headers, body = answer(CachedBody(noise, "image/png"), "br")
    assert (status, body) == (200, noise)
    assert "content-encoding" not in headers
    assert "content-encoding" not in answer(CachedBody(b"short", "text/plain"), "br")[1]


async def test_what_is_kept_for_long_becomes_as_small_as_it_gets() -> None:
    lines = b"".join(b"%d: row %d, seat %d\n" % (n, n // 30, n % 30) for n in range(3000))
    kept = await CachedBodies(InlineWorkers()).make(lines, "text/plain")
    quick = {coding: len(kept.body(coding)) for coding in (BROTLI, GZIP)}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(kept.body(BROTLI)) == quick[BROTLI]:  # noqa: ASYNC110 - it is replaced in the background
            await asyncio.sleep(0.001)
    assert brotli.decompress(kept.body(BROTLI)) == lines
    assert len(kept.body(GZIP)) <= quick[GZIP]


class Away:
    async def run(self, work: Callable[..., T], *arguments: Any, whose: str, most: int = 16) -> T:
        raise Unavailable("no process can be started")

    async def close(self) -> None:
        pass


async def test_without_a_worker_it_stays_as_it_is() -> None:
    kept = await CachedBodies(Away()).make(TEXT, "text/plain")
    await asyncio.sleep(0)
    assert brotli.decompress(kept.body(BROTLI)) == TEXT
