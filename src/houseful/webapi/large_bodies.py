"""Large request bodies, such as a stadium's plan: few at a time, each parsed by a worker process.

A body takes memory of several times its size, and parsing it holds the interpreter.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from houseful.kernel.pieces import Pieces
from houseful.kernel.ports import Workers
from houseful.webapi.endpoint import BODY_BYTES, Endpoint
from houseful.webapi.idempotency import digest_of_pieces
from houseful.webapi.problems import ProblemError
from houseful.webapi.requests import read

MOST_OF_ONE = 2
"""Of one user: one that is parsed, and one that waits."""

MOST = 6
_RETRY_SECONDS = 2


class ReadBody(NamedTuple):
    """`content` is what the endpoint's handler gets."""

    content: Any
    digest: str


class LargeBodies:
    """For one process and its event loop."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._by_user: Counter[str] = Counter()

    @staticmethod
    def is_one(endpoint: Endpoint, headers: Mapping[str, str]) -> bool:
        """A body whose length is not said may be large."""
        if endpoint.body_bytes <= BODY_BYTES:
            return False
        length = headers.get("content-length", "")
        return not (length.isascii() and length.isdigit() and int(length) <= BODY_BYTES)

    @contextmanager
    def admitted(self, user_id: str) -> Iterator[None]:
        """Until its request is answered. Raises `ProblemError`: 429 for too many of this user's, 503 for
        too many of everybody's."""
        if self._by_user[user_id] >= MOST_OF_ONE:
            raise ProblemError(
                429,
                "too_busy",
                "What you have sent before is still being read. Wait for its answer.",
                headers={"retry-after": str(_RETRY_SECONDS), "connection": "close"},
            )
        if self._by_user.total() >= MOST:
            raise ProblemError(
                503,
                "too_busy",
                "Too many large files arrive at this moment. Try again in a few seconds.",
                headers={"retry-after": str(_RETRY_SECONDS), "connection": "close"},
            )
        self._by_user[user_id] += 1
        try:
            yield
        finally:
            self._by_user[user_id] -= 1
            if not self._by_user[user_id]:
                del self._by_user[user_id]

    async def read(self, endpoint: Endpoint, pieces: Pieces, user_id: str) -> ReadBody:
        """Raises as `decode`."""
        if len(pieces) <= BODY_BYTES:
            return read_whole(endpoint.signature.body, endpoint.prepare, pieces)
        return await self._workers.run(
            read_whole, endpoint.signature.body, endpoint.prepare, pieces, whose=user_id
        )


def read_whole(kind: Any, prepare: Callable[[Any], Any] | None, pieces: Pieces) -> ReadBody:
    return ReadBody(read(kind, prepare, pieces.joined()), digest_of_pieces(pieces))
