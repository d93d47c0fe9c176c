"""Bodies of more than the usual size, such as a stadium's plan: few at a time, and read by another process.

Each takes memory of its size several times over, and reading one holds the interpreter for as long as it
takes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from houseful.kernel.errors import Refusal
from houseful.kernel.ports import Workers
from houseful.webapi.endpoint import BODY_BYTES, Endpoint, decode

MOST_OF_ONE = 2
"""One that is worked on, and one behind it."""

MOST = 6
_RETRY_SECONDS = 2


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
        """Until its request is answered. Raises `Refusal`: 429 for too many of this user's, 503 for too many
        of everybody's."""
        if self._by_user[user_id] >= MOST_OF_ONE:
            raise Refusal(
                429,
                "too_busy",
                "What you have sent before is still being read. Wait for its answer.",
                headers={"retry-after": str(_RETRY_SECONDS), "connection": "close"},
            )
        if self._by_user.total() >= MOST:
            raise Refusal(
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

    async def decoded(self, endpoint: Endpoint, raw: bytes, user_id: str) -> Any:
        """As `decode`."""
        if len(raw) <= BODY_BYTES:
            return decode(endpoint.body, raw)
        return await self._workers.run(decode, endpoint.body, raw, whose=user_id)
