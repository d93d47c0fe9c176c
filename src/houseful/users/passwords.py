"""Slow hashes, a bounded number of them at a time, in an order that is fair."""

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from houseful.kernel.errors import LimitReached
from houseful.kernel.ports import Ids

T = TypeVar("T")

OWASP = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""argon2id with 19 MiB, 2 passes, 1 lane: OWASP Password Storage Cheat Sheet."""

MOST_WAITING = 800
"""Some twenty seconds of hashing on one worker; whoever comes later is told to come again."""

_REGISTRATION_EVERY = 8
"""While people wait to sign in, so many turns go by before somebody who registers has one."""
_COME_AGAIN_SECONDS = 5


class Passwords:
    """Hashes and verifies in threads of its own, on at most half of the cores, so that a flood of logins
    leaves the rest alone.

    `whose` is the network that asks, or an account: they take turns. Every method that hashes raises
    `LimitReached` (`too_busy`) while `most_waiting` others wait. Whoever gives up waiting (the caller's
    connection ended) is not hashed for. For one event loop.
    """

    usual_hasher = OWASP

    def __init__(
        self,
        ids: Ids,
        *,
        hasher: PasswordHasher | None = None,
        workers: int | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._ids = ids
        self._hasher = hasher or self.usual_hasher
        self._most_waiting = most_waiting
        self._sign_ins, self._registrations = _Queue(), _Queue()
        self._turns = 0
        workers = workers or max(1, (os.cpu_count() or 1) // 2)
        self._free = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="passwords")
        # What is verified for an address without an account, so that the answer takes as long as with one.
        self._nobody = self._hasher.hash(ids.secret(), salt=self._salt())

    async def hash(self, password: str, *, whose: str, new_account: bool = False) -> str:
        """Those who sign in go before those who register."""
        salt = self._salt()
        queue = self._registrations if new_account else self._sign_ins
        return await self._run(lambda: self._hasher.hash(password, salt=salt), queue, whose)

    async def verify(self, password: str, hash: str | None, *, whose: str) -> bool:
        """Whether it is this one's password; False, after the same work, where there is no hash."""
        expected = hash or self._nobody

        def compare() -> bool:
            try:
                return self._hasher.verify(expected, password)
            except VerifyMismatchError:
                return False

        return await self._run(compare, self._sign_ins, whose) and hash is not None

    def outdated(self, hash: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hash)

    def _salt(self) -> bytes:
        return hashlib.blake2b(self._ids.secret().encode(), digest_size=16).digest()

    async def _run(self, work: Callable[[], T], queue: "_Queue", whose: str) -> T:
        await self._turn(queue, whose)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._give_turn()

    async def _turn(self, queue: "_Queue", whose: str) -> None:
        """Returns when one of the workers is ours, until `_give_turn`."""
        if self._free > 0:
            self._free -= 1
            return
        if queue.length >= self._most_waiting:
            raise LimitReached(
                "too_busy",
                "Too many people sign in at this moment. Try again in a few seconds.",
                retry_after_seconds=_COME_AGAIN_SECONDS,
            )
        turn = queue.join(whose)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._give_turn()  # it came at the moment at which nobody wanted it any more
            raise
        finally:
            queue.length -= 1

    def _give_turn(self) -> None:
        self._turns += 1
        first, second = self._sign_ins, self._registrations
        if self._turns % _REGISTRATION_EVERY == 0:
            first, second = second, first
        turn = first.next() or second.next()
        if turn is None:
            self._free += 1
        else:
            turn.set_result(None)


class _Queue:
    """Those who wait for a worker. Networks take turns, so that a crowd in one does not keep others waiting;
    in one network who came first is first."""

    def __init__(self) -> None:
        self.length = 0
        self._networks: dict[str, deque[asyncio.Future[None]]] = {}

    def join(self, whose: str) -> "asyncio.Future[None]":
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._networks.setdefault(whose, deque()).append(turn)
        self.length += 1
        return turn

    def next(self) -> "asyncio.Future[None] | None":
        while self._networks:
            whose, waiting = next(iter(self._networks.items()))
            del self._networks[whose]
            turn = waiting.popleft()
            if waiting:
                self._networks[whose] = waiting  # behind the others
            if not turn.done():
                return turn
        return None
