"""Cached response bodies in every content coding. A body is compressed once and not for each request. A
client that has it already gets 304.
"""

import asyncio
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

import brotli

from houseful.kernel.errors import DomainError, Transient
from houseful.kernel.ports import Workers
from houseful.kernel.telemetry import get_logger
from houseful.webapi.responses import Response

log = get_logger(__name__)

BROTLI, GZIP, PLAIN = "br", "gzip", ""
_PREFERRED = (BROTLI, GZIP, PLAIN)
_LEAST_BYTES = 512
"""Below this a coding saves next to nothing."""

_THREAD_BYTES = 32 * 1024
_GZIP_FORMAT = 31  # zlib's window bits for a gzip header
_QUICK = {BROTLI: 4, GZIP: 5}
_SMALLEST = {BROTLI: 11, GZIP: 9}
_OUR_WORK = "kept answers"


@lru_cache(maxsize=256)  # browsers send but a few different ones
def accepted(accept_encoding: str) -> tuple[str, ...]:
    """The codings that this header of a request accepts, the best for both sides first (RFC 9110, 12.5.3).
    The plain form is always among them, at the end where it is refused: better that than nothing."""
    weights: dict[str, float] = {}
    for one in accept_encoding.lower().split(","):
        coding, *parameters = (part.strip() for part in one.split(";"))
        weights[coding] = next((_weight(value[2:]) for value in parameters if value.startswith("q=")), 1.0)
    others = weights.get("*")
    weight = {
        BROTLI: weights.get("br", others or 0.0),
        GZIP: max(weights.get("gzip", others or 0.0), weights.get("x-gzip", 0.0)),
        PLAIN: weights.get(
            "identity", 0.0 if others == 0 else 1e-4
        ),  # not named, it comes behind those that are
    }
    wanted = sorted((coding for coding in _PREFERRED if weight[coding] > 0), key=lambda one: -weight[one])
    return tuple(wanted) if PLAIN in wanted else (*wanted, PLAIN)


def takes(coding: str, accept_encoding: str) -> bool:
    """Whether the client would rather have that coding than the plain form."""
    wanted = accepted(accept_encoding)
    return coding in wanted[: wanted.index(PLAIN)]


def _weight(text: str) -> float:
    """What is no weight refuses nothing."""
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 1.0


def is_known(etag: str, if_none_match: str | None) -> bool:
    """Whether a client that sends this header has what the tag names: a coding makes no difference."""
    if if_none_match is None:
        return False
    bare = etag.removeprefix("W/")
    return any(
        tag == "*" or tag.removeprefix("W/") == bare for tag in map(str.strip, if_none_match.split(","))
    )


def _compressed(body: bytes, coding: str, level: int) -> bytes:
    if coding == BROTLI:
        return bytes(brotli.compress(body, quality=level))
    return zlib.compress(body, level, _GZIP_FORMAT)


def smallest(body: bytes) -> dict[str, bytes]:
    """The smallest bodies, by coding. It takes a second for half a megabyte."""
    return {coding: _compressed(body, coding, level) for coding, level in _SMALLEST.items()}


class CachedBody:
    """A body in its codings. A coding is made at its first use, with a quick level."""

    __slots__ = ("_bodies", "etag", "media_type")

    def __init__(self, body: bytes, media_type: str, etag: str | None = None) -> None:
        self.media_type = media_type
        self.etag = etag or f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        self._bodies = {PLAIN: body}

    @property
    def plain(self) -> bytes:
        return self._bodies[PLAIN]

    def body(self, coding: str) -> bytes:
        body = self._bodies.get(coding)
        if body is None:
            body = _compressed(self.plain, coding, _QUICK[coding])
            if len(body) >= len(self.plain):  # such as a photo
                body = self.plain
            self._bodies[coding] = body
        return body

    async def prepare(self, accept_encoding: str | None) -> None:
        """Make the coding that the client accepts. A large body is compressed in a thread."""
        if accept_encoding is None or len(self.plain) < _THREAD_BYTES:
            return
        coding = accepted(accept_encoding)[0]
        if coding not in self._bodies:
            await asyncio.to_thread(self.body, coding)

    def replace(self, bodies: Mapping[str, bytes]) -> None:
        """Replace bodies by smaller ones of the same content."""
        for coding, body in bodies.items():
            if len(body) < len(self.body(coding)):
                self._bodies[coding] = body

    def answer(
        self,
        *,
        accept_encoding: str | None,
        if_none_match: str | None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Response:
        """The response in a coding that the client accepts; 304 where the client has the body."""
        sent = [("etag", self.etag), ("vary", "accept-encoding"), *headers]
        if is_known(self.etag, if_none_match):
            return Response(b"", 304, self.media_type, sent)
        if accept_encoding is None or len(self.plain) < _LEAST_BYTES:
            return Response(self.plain, 200, self.media_type, sent)
        coding = accepted(accept_encoding)[0]
        body = self.body(coding)
        if body is not self.plain:
            sent.append(("content-encoding", coding))
        return Response(body, 200, self.media_type, sent)


class CachedBodies:
    """Makes bodies that are cached for long: quick codings at once, the smallest ones later in a worker
    process. For one event loop."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._shrinking: set[asyncio.Task[None]] = set()

    async def make(self, body: bytes, media_type: str, etag: str | None = None) -> CachedBody:
        kept = CachedBody(body, media_type, etag)
        if len(body) < _LEAST_BYTES:
            return kept
        if len(body) < _THREAD_BYTES:
            _make_quick(kept)
        else:
            await asyncio.to_thread(_make_quick, kept)
        task = asyncio.create_task(self._shrink(kept))
        self._shrinking.add(task)
        task.add_done_callback(self._shrinking.discard)
        return kept

    async def _shrink(self, kept: CachedBody) -> None:
        try:
            kept.replace(await self._workers.run(smallest, kept.plain, whose=_OUR_WORK, most=1000))
        except (Transient, DomainError) as error:
            log.info("a cached body stays larger than it could be", extra={"error": str(error)})


def _make_quick(kept: CachedBody) -> None:
    for coding in _QUICK:
        kept.body(coding)
