"""A load generator that costs less than what it measures: requests made beforehand, bytes in and out."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import jwt

from houseful.users.tokens import AccessTokens
from houseful.webapi.auth import AUDIENCE, ISSUER, TOKEN_TYPE


class Tokens:
    """Access tokens for buyers that never registered: hashing passwords is not what is measured."""

    def __init__(self, seed: bytes) -> None:
        self._kid = AccessTokens(seed, seconds=600).kid
        self._key = AccessTokens(seed, seconds=600)._key

    def token(self, user_id: str, *roles: str) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 600,
            "sub": user_id,
            "sid": f"ses_{user_id}",
            "jti": user_id,
            "roles": list(roles) or ["buyer"],
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"typ": TOKEN_TYPE, "kid": self._kid})


def request(method: str, path: str, body: bytes, token: str | None, key: str | None = None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: localhost"]
    if token is not None:
        lines.append(f"authorization: Bearer {token}")
    lines += ["content-type: application/json", f"content-length: {len(body)}"]
    if key is not None:
        lines.append(f"idempotency-key: {key}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Connection(asyncio.Protocol):
    """Sends the next request when the last is answered."""

    def __init__(
        self, requests: Iterator[tuple[int, bytes]], result: "Result", done: "asyncio.Future[None]"
    ) -> None:
        self._requests = requests
        self._result = result
        self._done = done
        self._buffer = b""
        self._number = 0
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        following = next(self._requests, None)
        if following is None:
            self._transport.close()
            if not self._done.done():
                self._done.set_result(None)
            return
        self._number, message = following
        self._sent_at = time.perf_counter()
        self._transport.write(message)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        at = head.find(b"content-length: ")
        length = int(head[at + 16 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < head_end + 4 + length:
            return
        self._result.statuses[int(head[9:12])] += 1
        self._result.bodies[self._number] = self._buffer[head_end + 4 : head_end + 4 + length]
        self._result.seconds.append(time.perf_counter() - self._sent_at)
        self._buffer = self._buffer[head_end + 4 + length :]
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionError("the server closed the connection"))


class Result:
    def __init__(self, count: int) -> None:
        self.bodies = [b""] * count
        """In the order of the requests."""
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []
        self.wall_seconds = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.wall_seconds

    def percentile(self, share: float) -> float:
        return sorted(self.seconds)[min(int(len(self.seconds) * share), len(self.seconds) - 1)]


async def run(port: int, requests: Sequence[bytes], connections: int) -> Result:
    """Send all, `connections` at a time: a closed loop, which measures a rate."""
    result, shared = Result(len(requests)), enumerate(requests)
    loop = asyncio.get_running_loop()
    done: list[asyncio.Future[None]] = [loop.create_future() for _ in range(connections)]
    started = time.perf_counter()
    for one in done:
        await loop.create_connection(partial(_Connection, shared, result, one), "127.0.0.1", port)
    await asyncio.gather(*done)
    result.wall_seconds = time.perf_counter() - started
    return result
