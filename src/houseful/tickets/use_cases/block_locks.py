"""Short locks on blocks, which keep processes out of each other's way. They prove nothing: without them all
still holds.

Whoever holds seats in one process shares its locks: there the store lets one build on the other, and to wait
would cost a commit each.
"""

from collections.abc import Sequence

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Coordination

_SECONDS = 5.0


class BlockLocks:
    """`owner` names this process."""

    def __init__(self, coordination: Coordination, owner: str) -> None:
        self._coordination = coordination
        self._owner = owner
        self._users: dict[str, int] = {}

    async def acquire(self, block_ids: Sequence[str], *, wait_seconds: float) -> bool:
        """True where no other process is at these blocks, as far as can be known. `release` is due either
        way.
        """
        for id in block_ids:  # before anything is asked, so that nobody else lets go meanwhile
            self._users[id] = self._users.get(id, 0) + 1
        try:
            return await self._coordination.acquire(
                block_ids, self._owner, ttl_seconds=_SECONDS, wait_seconds=wait_seconds
            )
        except Unavailable:
            return True

    def release(self, block_ids: Sequence[str]) -> None:
        unused = []
        for id in block_ids:
            others = self._users.pop(id) - 1
            if others:
                self._users[id] = others
            else:
                unused.append(id)
        if unused:
            self._coordination.release(unused, self._owner)
