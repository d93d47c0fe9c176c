"""Proof of work (ALTCHA, version 2) for requests that are cheap for a program and bind something here.

The first requests of a network are free. A later request is refused with a challenge; the client repeats the
request with the solution. The cost grows with the requests of the network and with those of everybody. A
solved challenge is always enough: a network that many people share is asked for more, and never turned away.

A challenge names the kind of request and the subject, such as an account. A solution serves nobody else, so
that no process has to remember which solutions were used.
"""

import asyncio
import hashlib
from typing import NamedTuple

import altcha

from houseful.kernel.errors import Forbidden, Unavailable
from houseful.kernel.network_addresses import is_this_machine, network
from houseful.kernel.ports import Clock, Coordination
from houseful.webapi.asgi import WITHIN
from houseful.webapi.routes import Rate

HEADER = "x-proof-of-work"

_ALGORITHM = "PBKDF2/SHA-256"
_VALID_MILLIS = 10 * 60 * 1000
_SOLUTION_CHARACTERS = 4096
_ITERATIONS = (1_000, 4_000, 16_000)
"""PBKDF2's, by level. The expected number of tries is 256 at every level: a phone needs about a second at the
first level, a desktop a quarter of that. A check here costs one try."""


class Kind(NamedTuple):
    """A kind of request. `steps` are one network's rates; each exhausted rate is a level of cost.

    `everybody` is the rate of all networks together; while exhausted it adds a level.
    """

    name: str
    steps: tuple[Rate, ...]
    everybody: Rate


REGISTRATION = Kind(
    "register",
    (Rate(0.5, 500), Rate(1, 500), Rate(2, 2_000)),
    Rate(50, 5_000),
)
"""Five hundred phones behind one address make their accounts for nothing."""

JOIN = Kind("join", (Rate(1, 500), Rate(5, 2_000), Rate(20, 10_000)), Rate(2_000, 200_000))


class ProofOfWork:
    """The challenges of one service. Safe to be called concurrently, and by several processes with one key.

    While Coordination is unavailable everything is free: proof of work keeps nobody out.
    """

    def __init__(self, key: bytes, coordination: Coordination, clock: Clock, *, limited: bool) -> None:
        """`key` may serve other purposes: the key of challenges is derived from `key`."""
        self._key = hashlib.blake2b(b"proof of work", key=key, digest_size=32).hexdigest()
        self._coordination = coordination
        self._clock = clock
        self._limited = limited

    async def require(self, kind: Kind, subject: str, *, peer: str, solution: str | None) -> None:
        """Pass a request, or raise `Forbidden` `proof_of_work_required` with a `challenge`.

        Requests of this machine are free: of services, and of rehearsals.
        """
        if not self._limited or peer == WITHIN or is_this_machine(peer):
            return
        if solution is not None and await self._is_solved(kind, subject, solution):
            return
        level = await self._level(kind, network(peer))
        if level:
            raise Forbidden(
                "proof_of_work_required",
                "Many requests come from this network just now. Solve the challenge, and send the same "
                "request again with the solution in X-Proof-Of-Work. The web app does so by itself.",
                challenge=self._challenge(kind, subject, level),
            )

    async def _level(self, kind: Kind, origin: str) -> int:
        level = 0
        for step, rate in enumerate(kind.steps):
            if await self._has_token(f"work:{kind.name}:{step}:{origin}", rate):
                break
            level += 1
        busy = not await self._has_token(f"work:{kind.name}", kind.everybody)
        return min(level + busy, len(_ITERATIONS))

    async def _has_token(self, bucket: str, rate: Rate) -> bool:
        try:
            wait = await self._coordination.take(bucket, per_second=rate.per_second, burst=rate.burst)
        except Unavailable:
            return True
        return wait <= 0

    def _challenge(self, kind: Kind, subject: str, level: int) -> object:
        made = altcha.create_challenge(
            _ALGORITHM,
            _ITERATIONS[level - 1],
            data={
                "kind": kind.name,
                "subject": self._named(subject),
                "until": self._clock.now() + _VALID_MILLIS,
            },
            hmac_secret=self._key,
        )
        return made.to_dict()

    async def _is_solved(self, kind: Kind, subject: str, solution: str) -> bool:
        """Whether this is the solution of a challenge for this request that has not expired."""
        if len(solution) > _SOLUTION_CHARACTERS:
            return False
        # deriving takes milliseconds, and releases the interpreter's lock
        if not (await asyncio.to_thread(altcha.verify_solution, solution, self._key)).verified:
            return False
        about = altcha.Payload.from_base64(solution).challenge.parameters.data or {}
        return bool(
            about["kind"] == kind.name
            and about["subject"] == self._named(subject)
            and about["until"] >= self._clock.now()
        )

    def _named(self, subject: str) -> str:
        """A subject as others may read it."""
        return hashlib.blake2b(subject.encode(), key=bytes.fromhex(self._key), digest_size=16).hexdigest()
