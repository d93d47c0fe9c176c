"""What keeps passwords from being guessed: slow hashes, a bounded number of them at a time, and limited
attempts."""

import asyncio
import hashlib
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from houseful.common.errors import Refusal, Unavailable
from houseful.common.ports import Coordination, Ids

T = TypeVar("T")

OWASP = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""argon2id with 19 MiB, 2 passes, 1 lane: OWASP Password Storage Cheat Sheet."""

MOST_WAITING = 128
"""About three seconds of hashing; whoever comes later is told to come again."""

_RETRY_SECONDS = 2


class Passwords:
    """Hashes and verifies in threads of its own, on at most half of the cores, so that a flood of logins
    leaves the rest alone.

    Every method that hashes raises `Refusal` (429 `too_busy`) while `most_waiting` others wait. Whoever gives
    up waiting (the caller's connection ended) is not hashed for. For one event loop.
    """

    def __init__(
        self,
        ids: Ids,
        *,
        hasher: PasswordHasher = OWASP,
        workers: int | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._ids = ids
        self._hasher = hasher
        self._most_waiting = most_waiting
        self._waiting = 0
        workers = workers or max(1, (os.cpu_count() or 1) // 2)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="passwords")
        # What is verified for an address without an account, so that the answer takes as long as with one.
        self._nobody = hasher.hash(ids.secret(), salt=self._salt())

    async def hash(self, password: str) -> str:
        salt = self._salt()
        return await self._run(lambda: self._hasher.hash(password, salt=salt))

    async def verify(self, password: str, hash: str | None) -> bool:
        """Whether it is this one's password; False, after the same work, where there is no hash."""
        expected = hash or self._nobody

        def compare() -> bool:
            try:
                return self._hasher.verify(expected, password)
            except VerifyMismatchError:
                return False

        return await self._run(compare) and hash is not None

    def outdated(self, hash: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hash)

    def _salt(self) -> bytes:
        return hashlib.blake2b(self._ids.secret().encode(), digest_size=16).digest()

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._most_waiting:
            raise Refusal(
                429,
                "too_busy",
                "Too many people sign in at this moment. Try again in a few seconds.",
                headers={"retry-after": str(_RETRY_SECONDS)},
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


class Limit(NamedTuple):
    """A token bucket: so many at once, then so many a second."""

    burst: float
    per_second: float


PER_ACCOUNT = Limit(burst=10, per_second=1 / 6)
PER_ADDRESS = Limit(burst=60, per_second=1)
"""Behind one address there may be a whole venue, so that signing in costs it little; see `FAILURE_COSTS`."""
FAILURE_COSTS = 6
"""What a wrong password takes from the bucket of its address: ten of them at once, as for an account."""
REGISTRATIONS = Limit(burst=500, per_second=0.5)
"""Of one network: five hundred phones behind one address may make their accounts at once; who goes on making
them gets one every two seconds. What an account may hold that has paid for nothing yet is bounded by itself.
"""


class Attempts:
    """Token buckets in Coordination. While that is unavailable nothing is limited: it is never what keeps
    people out."""

    def __init__(self, coordination: Coordination, *, limited: bool) -> None:
        self._coordination = coordination
        self._limited = limited

    async def take(self, bucket: str, limit: Limit) -> None:
        """Before the work, so that parallel attempts count. Raises `Refusal` (429 `too_many_attempts`) at the
        bucket's end."""
        wait_seconds = await self._take(bucket, limit)
        if wait_seconds > 0:
            raise Refusal(
                429,
                "too_many_attempts",
                "Too many attempts. Wait a little, then try again.",
                headers={"retry-after": str(max(1, math.ceil(wait_seconds)))},
            )

    async def charge(self, bucket: str, limit: Limit, tokens: int) -> None:
        """Take so many tokens more, or what is left."""
        for _ in range(tokens):
            if await self._take(bucket, limit) > 0:
                return

    async def _take(self, bucket: str, limit: Limit) -> float:
        if not self._limited:
            return 0
        try:
            return await self._coordination.take(bucket, per_second=limit.per_second, burst=limit.burst)
        except Unavailable:
            return 0
