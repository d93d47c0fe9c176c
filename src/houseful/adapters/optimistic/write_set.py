"""Write sets, and the overlay of documents that are not committed yet."""

import asyncio
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from houseful.adapters.optimistic.changes import Collection, Key
from houseful.kernel.documents import Document

C = TypeVar("C", bound=Collection[Any])
W = TypeVar("W")
M = TypeVar("M")
"""A message as the engine writes it into the outbox."""


class WriteSet(Generic[C, W, M]):
    """The writes of one transaction, and their outcome."""

    __slots__ = (
        "absent",
        "changed",
        "changes",
        "committed",
        "depends_on",
        "error",
        "failed",
        "messages",
        "overlaid",
        "settled",
        "uncertain",
        "waiters",
    )

    def __init__(
        self,
        changes: Sequence[W] = (),
        messages: Sequence[M] = (),
        depends_on: "Sequence[WriteSet[C, W, M]]" = (),
        absent: Sequence[tuple[C, str]] = (),
    ) -> None:
        self.changes = changes
        self.messages = messages
        self.depends_on = depends_on
        self.absent = absent
        """Documents that must not exist."""
        self.overlaid: list[tuple[C, Key, int, Document | None]] = []
        """Documents that later transactions may build on: their new version, None where deleted."""
        self.uncertain: list[tuple[C, Key]] = []
        """Inserts whose outcome is not certain before the commit."""
        self.waiters: list[asyncio.Future[None]] = []
        self.changed = 0
        """Rows that the last change changed, where the engine counts them."""
        self.error: Exception | None = None
        """The verdict. It is final once the write set is settled."""
        self.committed = False
        self.settled = False
        self.failed = False
        """It is certain that this write set is not committed, although it may not be settled yet."""

    async def wait(self) -> None:
        """Until it is settled. Each waiter has its own future: one can be cancelled without the others."""
        if not self.settled:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiters.append(future)
            await future

    def settle(self) -> None:
        """The outcome is final; every waiter goes on."""
        self.settled = True
        for future in self.waiters:
            if not future.done():
                future.set_result(None)
        # Each write set depends on the one before it; kept, a hot document's past would never be freed.
        self.depends_on = self.changes = self.messages = ()


class Overlay(dict[Key, tuple[int, Document | None, WriteSet[C, W, M]]], Generic[C, W, M]):
    """Documents that are not committed yet: version, document (None where deleted), write set.

    The overlay is a hint. A document that is missing from it costs a `Conflict`, never a wrong result.
    """

    def show(self, writes: WriteSet[C, W, M]) -> None:
        for _, key, version, document in writes.overlaid:
            self[key] = (version, document, writes)

    def hide(self, writes: WriteSet[C, W, M]) -> None:
        """Remove the entries that are still this write set's."""
        for _, key, _, _ in writes.overlaid:
            entry = self.get(key)
            if entry is not None and entry[2] is writes:
                del self[key]
        writes.overlaid.clear()
