"""The store: one service's documents, its transactions and its outbox."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

import msgspec

from houseful.kernel.documents import Document, Millis, Scalar
from houseful.messages import Message

D = TypeVar("D", bound=Document)
T = TypeVar("T")


class Reader(Protocol):
    """Reads of committed documents."""

    async def get(self, kind: type[D], id: str) -> D | None: ...

    async def get_many(self, kind: type[D], ids: Sequence[str]) -> dict[str, D]:
        """The documents that exist, by id."""
        ...

    async def find(
        self,
        kind: type[D],
        equal: Mapping[str, Scalar],
        *,
        by: str = "id",
        since: Scalar = None,
        until: Scalar = None,
        after: tuple[Scalar, str] | None = None,
        descending: bool = False,
        limit: int,
    ) -> list[D]:
        """At most `limit` documents whose fields equal `equal`, in order of (`by`, id).

        `since <= document[by] < until`; `after` continues behind the (by, id) of the last one seen. An index
        must begin with the fields of `equal` and go on with `by` (unless `by` is "id"); anything else raises
        `ValueError`. A document whose `by` is None is not found by a search with `since` or `until`; else it
        comes before all others. None in `equal` finds documents with None there.
        """
        ...

    async def count(self, kind: type[Document], equal: Mapping[str, Scalar]) -> int:
        """How many there are. An index must begin with the fields of `equal`, or `ValueError` is raised."""
        ...


class Transaction(Reader, Protocol):
    """All or nothing.

    Each read remembers the version that it saw. At the end, what was put, deleted or locked is checked
    against that version; what was only read is not. A rule that spans documents locks the one that stands for
    it. `get` and `get_many` see this transaction's own writes, `find` and `count` do not. Nothing is written
    before the end of the block; an exception in the block writes nothing. A search sees at least what this
    transaction read before it.

    The first version counts: reading again after a rival has changed it does not help. A document that was
    deleted and inserted again has changed. `Conflict` goes before `Duplicate`: what was decided on a document
    that has changed is to be decided again.
    """

    def expect(self, kind: type[Document], ids: Sequence[str]) -> None:
        """These will be read next. A hint, by which documents of several kinds come in the time of one; it
        changes no answer.
        """
        ...

    def put(self, document: Document) -> None:
        """Replace a document that this transaction has read or inserted.

        Raises `LookupError` for one that it has not, or has deleted. A unique index may raise `Duplicate` at
        the end, as for `insert`.
        """
        ...

    def insert(self, document: Document) -> None:
        """Add a new one. At the end `Duplicate` is raised if its id or a unique index has an entry."""
        ...

    def insert_or_ignore(self, document: Document) -> None:
        """Add it unless a document with this id exists, which then stays as it is. `get` tells which.

        Another unique index still raises `Duplicate` at the end.
        """
        ...

    def absent(self, kind: type[Document], id: str) -> None:
        """Rely on there being no such document. At the end `Duplicate` is raised where there was one when
        this transaction began.
        """
        ...

    def delete(self, document: Document) -> None:
        """Remove a document that this transaction has read. Raises `LookupError` for one that it has not."""
        ...

    def lock(self, document: Document) -> None:
        """The pessimistic lock: of two transactions that lock or put the same document, one fails with
        `Conflict`. Changes nothing else. Raises `LookupError` for one that this transaction has not read.
        """
        ...

    def send(self, message: Message) -> None:
        """Write the message to the outbox with the next number (`seq`, from 1) of its aggregate."""
        ...


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way, with the field names of Debezium's outbox event router."""

    id: str
    aggregatetype: str
    aggregateid: str
    type: str
    payload: bytes
    seq: int
    traceparent: str | None
    created_at: Millis
    published_at: Millis | None = None


class OutboxStats(msgspec.Struct, frozen=True):
    unpublished: int
    oldest_unpublished_at: Millis | None


class Outbox(Protocol):
    async def unpublished(self, limit: int) -> list[OutboxRow]:
        """In order of (aggregateid, seq). Scans for what is not marked; never by a position or a time."""
        ...

    async def mark_published(self, ids: Sequence[str], at: Millis) -> None: ...

    async def stats(self) -> OutboxStats: ...

    def rows(self) -> AsyncIterator[OutboxRow]:
        """All rows, published or not, in order of (aggregatetype, aggregateid, seq)."""
        ...

    async def prune(self, published_before: Millis) -> int:
        """Delete published rows older than that, but never the newest of an aggregate; returns how many."""
        ...


class Store(Reader, Protocol):
    """One service's documents and its outbox. What `begin` acknowledged survives the death of the process and
    the machine.
    """

    @property
    def outbox(self) -> Outbox: ...

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """Leaving the block commits. Raises `Conflict`, `Duplicate`, or `Unavailable` (then the outcome is
        unknown). Callers that do not handle `Conflict` themselves use `transact`, also to read only: a
        transaction that saw the writes of one that fails, fails with it.
        """
        ...

    async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction, again after each `Conflict`, a bounded number of times with jitter."""
        ...

    @property
    def changes(self) -> int:
        """How many write sets of this process were committed: for whoever wants to know whether any was."""
        ...

    def on_send(self, wake: Callable[[], None]) -> None:
        """Call `wake` soon after a transaction that sent something has committed. A hint: it may be
        missed.
        """
        ...

    async def watch_outbox(self) -> None:
        """Wake also for what other processes send, until cancelled; returns at once where there are none. A
        hint, faster than looking now and then. Raises `Unavailable`.
        """
        ...

    async def ready(self) -> None:
        """Raises `Unavailable` with what is wrong, in words for the operator."""
        ...

    async def close(self) -> None: ...
