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
        """The number of documents. Raises `ValueError` unless an index begins with the fields of `equal`."""
        ...


class Transaction(Reader, Protocol):
    """Reads and writes that commit together or not at all.

    Each read records the version of the document. The commit checks the versions of documents that were put,
    deleted or locked; documents that were only read are not checked. A rule that spans documents locks a
    document that stands for the rule. `get` and `get_many` see the transaction's own writes, `find` and
    `count` do not. Nothing is written before the end of the block; an exception in the block writes nothing.
    A search sees at least the state that the transaction has read before.

    The first recorded version counts: a second read after a rival's change does not help. A document that was
    deleted and inserted again has changed. `Conflict` takes precedence over `Duplicate`: a decision on a
    changed document has to be made again.
    """

    def expect(self, kind: type[Document], ids: Sequence[str]) -> None:
        """Announce documents that will be read next.

        A hint: documents of several kinds arrive in one round trip. Results stay the same.
        """
        ...

    def put(self, document: Document) -> None:
        """Replace a document that this transaction has read or inserted.

        Raises `LookupError` for any other document, and for a deleted one. The commit may raise `Duplicate`
        for a unique index, as for `insert`.
        """
        ...

    def insert(self, document: Document) -> None:
        """Add a document. The commit raises `Duplicate` if the id or a unique index has an entry."""
        ...

    def insert_or_ignore(self, document: Document) -> None:
        """Add a document unless its id exists; then the existing document stays.

        `get` returns the one that counts.

        The commit still raises `Duplicate` for another unique index.
        """
        ...

    def absent(self, kind: type[Document], id: str) -> None:
        """Rely on the absence of a document.

        The commit raises `Duplicate` where the document existed when this transaction began.
        """
        ...

    def delete(self, document: Document) -> None:
        """Remove a document that this transaction has read. Raises `LookupError` for any other."""
        ...

    def lock(self, document: Document) -> None:
        """Make two transactions that lock or put the same document exclude each other: one fails with
        `Conflict`. Changes nothing else. Raises `LookupError` for a document that this transaction has not
        read.
        """
        ...

    def send(self, message: Message) -> None:
        """Write the message to the outbox, with the next number (`seq`, from 1) of its aggregate."""
        ...


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """A message in the outbox, with the field names of Debezium's outbox event router."""

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
        """Unpublished rows in order of (aggregateid, seq).

        A scan for unmarked rows, never by a position or a time.
        """
        ...

    async def mark_published(self, ids: Sequence[str], at: Millis) -> None: ...

    async def stats(self) -> OutboxStats: ...

    def rows(self) -> AsyncIterator[OutboxRow]:
        """All rows, published or not, in order of (aggregatetype, aggregateid, seq)."""
        ...

    async def prune(self, published_before: Millis) -> int:
        """Delete rows published before `published_before`, except the newest of each aggregate.

        Returns the number of rows.
        """
        ...


class Store(Reader, Protocol):
    """One service's documents and its outbox. Commits survive the death of the process and of the machine."""

    @property
    def outbox(self) -> Outbox: ...

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that commits at the end of the block.

        Raises `Conflict`, `Duplicate`, or `Unavailable` (the outcome is unknown).

        Callers that do not handle `Conflict` use `transact`, also for reads: a transaction that saw the
        writes of a failed one fails with it.
        """
        ...

    async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction. Each `Conflict` repeats it, a bounded number of times with jitter."""
        ...

    @property
    def changes(self) -> int:
        """The number of write sets that this process has committed."""
        ...

    def on_send(self, wake: Callable[[], None]) -> None:
        """Call `wake` soon after the commit of a transaction that sent a message.

        A hint: calls may be missed.
        """
        ...

    async def watch_outbox(self) -> None:
        """Wake also for messages of other processes, until cancelled.

        Returns at once where there are none. A hint, faster than polling. Raises `Unavailable`.
        """
        ...

    async def ready(self) -> None:
        """Raises `Unavailable` with the reason, in words for the operator."""
        ...

    async def close(self) -> None: ...
