"""The part of a store that does not depend on its engine."""

import asyncio
import zlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Generic, TypeVar

from houseful.adapters.optimistic.group_commit import GroupCommit
from houseful.adapters.optimistic.spans import StoreSpans
from houseful.adapters.optimistic.write_set import C, M, Overlay, W
from houseful.kernel.documents import Document, Scalar
from houseful.kernel.errors import Conflict
from houseful.kernel.ports import Clock, Ids, Transaction
from houseful.messages import Message

T = TypeVar("T")

ATTEMPTS = 12
JITTER_LIMIT_MS = 50


def jitter(ids: Ids) -> float:
    """A random number from 0 to 1, reproducible where `ids` is."""
    return zlib.crc32(ids.new("jitter").encode()) / 2**32


class OptimisticStore(ABC, Generic[C, W, M]):
    """Belongs to the event loop in which it is used."""

    gathers: ClassVar[bool] = False
    """Whether a transaction begins after the other callers of this turn of the loop have come as far."""

    def __init__(
        self,
        collections: Mapping[type[Document], C],
        overlay: Overlay[C, W, M],
        writer: GroupCommit[C, W, M] | None,
        clock: Clock,
        ids: Ids,
        *,
        engine: str,
        database: str,
    ) -> None:
        """`writer` is None where the store is read only. `engine` and `database` are for spans."""
        self.collections = collections
        self.overlay = overlay
        self.clock = clock
        self.ids = ids
        self._group_commit = writer
        self.spans = StoreSpans(engine, database)

    @abstractmethod
    def begin(self) -> AbstractAsyncContextManager[Transaction]: ...

    @abstractmethod
    async def count(self, kind: type[Document], equal: Mapping[str, Scalar]) -> int: ...

    @abstractmethod
    def new_version(self) -> int:
        """The first version of a document. It differs from the versions that any deleted document had."""

    @abstractmethod
    def encode_message(self, message: Message, traceparent: str | None) -> M: ...

    @property
    def writer(self) -> GroupCommit[C, W, M]:
        if self._group_commit is None:
            raise RuntimeError("the store was opened to be read only")
        return self._group_commit

    async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        if self.gathers:
            await asyncio.sleep(0)
        with self.spans.transaction() as span:
            for attempt in range(ATTEMPTS):
                if span is not None:
                    span.set_attribute("houseful.transaction.attempts", attempt + 1)
                try:
                    async with self.begin() as transaction:
                        return await work(transaction)
                except Conflict:
                    if attempt == ATTEMPTS - 1:
                        raise
                # Real time, whatever the clock says: another transaction has to end.
                await asyncio.sleep(jitter(self.ids) * min(2**attempt, JITTER_LIMIT_MS) / 1000)
            raise AssertionError("the last attempt returns or raises")

    @property
    def changes(self) -> int:
        return 0 if self._group_commit is None else self._group_commit.committed

    def on_send(self, wake: Callable[[], None]) -> None:
        if self._group_commit is not None:
            self._group_commit.wakes.append(wake)
