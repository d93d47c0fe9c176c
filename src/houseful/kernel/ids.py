"""Ids and secrets: random ones, and reproducible ones for tests and simulations."""

import base64
import os
import random
import time
from array import array

from houseful.kernel.documents import Millis
from houseful.kernel.ports import Clock


class _Uuid7:
    """Successive UUIDv7s (RFC 9562, 6.2 method 1): 12 bits behind the milliseconds count within one
    millisecond.
    """

    def __init__(self) -> None:
        self._last = 0

    def hex(self, now: Millis, chance: int) -> str:
        """`chance` is 62 random bits.

        The id sorts behind all earlier ids, even after the clock was set back.
        """
        self._last = max(now << 12, self._last + 1)
        moment, count = self._last >> 12, self._last & 0xFFF
        return f"{moment << 80 | 0x7 << 76 | count << 64 | 0b10 << 62 | chance:032x}"


_CHANCES_AT_ONCE = 256


class SystemIds:
    """Ids from the operating system's randomness. Ids of one process sort in order of creation."""

    def __init__(self) -> None:
        self._uuids = _Uuid7()
        self._chances: list[int] = []

    def new(self, prefix: str) -> str:
        if not self._chances:  # asked for by the hundred: each asking is a system call
            self._chances = [number >> 2 for number in array("Q", os.urandom(8 * _CHANCES_AT_ONCE))]
        chance = self._chances.pop()
        return f"{prefix}_{self._uuids.hex(time.time_ns() // 1_000_000, chance)}"

    def secret(self) -> str:
        return base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()


class SeededIds:
    """The same ids for the same seed and times. The ids are guessable: for tests and simulations only."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self._random = random.Random(seed)  # noqa: S311 - see above
        self._clock = clock
        self._uuids = _Uuid7()

    def new(self, prefix: str) -> str:
        return f"{prefix}_{self._uuids.hex(self._clock.now(), self._random.getrandbits(62))}"

    def secret(self) -> str:
        return base64.urlsafe_b64encode(self._random.randbytes(32)).rstrip(b"=").decode()
