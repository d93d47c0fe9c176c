"""How often a password may be tried. Only what is refused counts: nobody's right password is turned away for
what others do behind the same address."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from houseful.kernel.errors import DomainError, LimitReached, Unavailable
from houseful.kernel.ports import Clock, Coordination
from houseful.webapi.delayed_responses import DelayedResponses


class Limit(NamedTuple):
    """A token bucket: so many at once, then so many a second."""

    burst: float
    per_second: float


PER_ACCOUNT_AND_NETWORK = Limit(burst=10, per_second=1 / 6)
"""Wrong passwords. At its end attempts are refused: this is somebody who guesses, or who has forgotten."""
PER_ACCOUNT = Limit(burst=30, per_second=1 / 6)
"""Wrong passwords from everywhere. At its end attempts wait for their turn: the owner may be among them."""
PER_NETWORK = Limit(burst=60, per_second=1)
"""Wrong passwords, whatever the account. At its end each is answered late, up to `_LATE_SECONDS`."""
REFRESHES = Limit(burst=30, per_second=1)
"""Of one session; each costs a transaction."""
VERIFICATIONS = Limit(burst=5, per_second=10 / 86_400)
"""Emails with a code, of one account: five codes an email may be tried, so that guessing one takes years."""
ADDRESS_CHANGES = Limit(burst=5, per_second=10 / 86_400)
"""Of one account: emails to addresses that it says it has."""
FACTOR_CODES = Limit(burst=10, per_second=10 / 3600)
"""Of one account, right ones too: who has the password guesses a code in years."""
EXPORTS = Limit(burst=5, per_second=5 / 3600)
"""Of one account: each reads all that there is of it."""
RESETS = Limit(burst=100, per_second=0.2)
"""Of one network: passwords that are asked for anew, whatever the account."""
EMAILS_TO_ADDRESS = Limit(burst=6, per_second=6 / 3600)
"""Emails that anybody can bring about by typing an address, whatever they are about."""

_LATE_SECONDS = 5.0
_MOST_AT_A_TIME = 30
_MOST_WAITING = 8
_LOOKS = 3


class _Queue:
    """Those who try the same account from the same network, one after the other: of guesses made at one
    moment each sees what became of the one before it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.length = 0


class Attempts:
    """Token buckets in Coordination. While that is unavailable nothing is limited: it is never what keeps
    people out."""

    def __init__(self, coordination: Coordination, clock: Clock, *, limited: bool) -> None:
        self._coordination = coordination
        self._clock = clock
        self._limited = limited
        self._queues: dict[str, _Queue] = {}
        self._waiting: dict[str, int] = {}
        self._guesses = DelayedResponses(
            clock,
            burst=round(PER_NETWORK.burst),
            per_second=PER_NETWORK.per_second,
            longest_seconds=_LATE_SECONDS,
        )

    async def take(self, bucket: str, limit: Limit) -> None:
        """Whatever comes of it. Raises `LimitReached` (`too_many_attempts`) at the bucket's end."""
        wait_seconds = await self._asked(self._coordination.take, bucket, limit)
        if wait_seconds > 0:
            raise _too_many(wait_seconds)

    async def allows(self, bucket: str, limit: Limit) -> bool:
        """Take one, and tell whether there was one."""
        return await self._asked(self._coordination.take, bucket, limit) <= 0

    async def judge(self, account: str, network: str, verify: Callable[[], Awaitable[bool]]) -> bool:
        """What `verify` says of a password for this account. Raises `LimitReached` (`too_many_attempts`)
        instead of asking it, and returns False late, where too many were wrong."""
        if not self._limited:
            return await verify()
        pair = f"guesses:{account}:{network}"
        async with self._alone(pair):
            await self._refuse_at_end(pair)
            await self._wait_at_end(f"guesses:{account}")
            if await verify():
                return True
            await self._asked(self._coordination.take, pair, PER_ACCOUNT_AND_NETWORK)
            await self._asked(self._coordination.take, f"guesses:{account}", PER_ACCOUNT)
        await self._guesses.turn(network)
        return False

    @asynccontextmanager
    async def _alone(self, pair: str) -> AsyncIterator[None]:
        queue = self._queues.setdefault(pair, _Queue())
        if queue.length >= _MOST_AT_A_TIME:
            raise _too_many(1 / PER_ACCOUNT_AND_NETWORK.per_second)
        queue.length += 1
        try:
            async with queue.lock:
                yield
        finally:
            queue.length -= 1
            if queue.length == 0:
                del self._queues[pair]

    async def _refuse_at_end(self, pair: str) -> None:
        wait_seconds = await self._asked(self._coordination.peek, pair, PER_ACCOUNT_AND_NETWORK)
        if wait_seconds > 0:
            raise _too_many(wait_seconds)

    async def _wait_at_end(self, bucket: str) -> None:
        for _ in range(_LOOKS):
            wait_seconds = await self._asked(self._coordination.peek, bucket, PER_ACCOUNT)
            if wait_seconds <= 0:
                return
            waiting = self._waiting.get(bucket, 0)
            if waiting >= _MOST_WAITING:
                raise _too_many(wait_seconds)
            self._waiting[bucket] = waiting + 1
            try:
                await self._clock.sleep(wait_seconds)
            finally:
                self._waiting[bucket] -= 1
                if not self._waiting[bucket]:
                    del self._waiting[bucket]
        raise _too_many(1 / PER_ACCOUNT.per_second)

    async def _asked(self, ask: Callable[..., Awaitable[float]], bucket: str, limit: Limit) -> float:
        if not self._limited:
            return 0
        try:
            return await ask(bucket, per_second=limit.per_second, burst=limit.burst)
        except Unavailable:
            return 0


def address_bucket(key: str) -> str:
    """Of emails to the address with this key."""
    return f"emails:{account_digest(key)}"


def account_digest(key: str) -> str:
    """What a bucket is called by, in the place of an address."""
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def _too_many(wait_seconds: float) -> DomainError:
    return LimitReached(
        "too_many_attempts",
        "Too many attempts. Wait a little, then try again.",
        retry_after_seconds=wait_seconds,
    )
