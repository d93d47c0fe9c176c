"""The ports: what the services need from the world. Each docstring is the contract that every adapter is
tested on.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

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


class OutboxFigures(msgspec.Struct, frozen=True):
    unpublished: int
    oldest_unpublished_at: Millis | None


class Outbox(Protocol):
    async def unpublished(self, limit: int) -> list[OutboxRow]:
        """In order of (aggregateid, seq). Scans for what is not marked; never by a position or a time."""
        ...

    async def mark_published(self, ids: Sequence[str], at: Millis) -> None: ...

    async def figures(self) -> OutboxFigures: ...

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
        unknown).
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


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A message on the wire: a CloudEvent. `key` is the aggregate's id; `seq` counts the aggregate's messages
    from 1.
    """

    id: str
    source: str
    type: str
    aggregatetype: str
    key: str
    seq: int
    time: Millis
    traceparent: str | None
    data: bytes


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope as received. `envelope` is None where the bytes could not be understood; `raw` has them."""

    topic: str
    partition: int
    offset: int
    envelope: Envelope | None
    raw: bytes


class Subscription(Protocol):
    """A member of a consumer group. At least once; in order per key; members share the keys between them."""

    async def receive(self, limit: int, wait_seconds: float) -> list[Delivery]:
        """The next deliveries, at least one unless the time runs out. Those not committed come again to a
        later member.
        """
        ...

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        """These, and all before them in their partitions, are done."""
        ...

    async def rewind(self) -> None:
        """Forget what was received and not committed: `receive` starts again behind the last commit."""
        ...

    async def lag(self) -> int:
        """How many messages are not committed yet."""
        ...

    async def close(self) -> None: ...


class Bus(Protocol):
    """Durable topics. A topic is named after the service that sends to it."""

    async def publish(self, topic: str, envelopes: Sequence[Envelope]) -> None:
        """Returns when all are durable; raises `Unavailable`, and then any of them may or may not be
        there.
        """
        ...

    async def subscribe(self, group: str, topics: Sequence[str]) -> Subscription:
        """A new group starts at the beginning."""
        ...

    async def length(self, topic: str) -> int:
        """How many messages the topic has ever had, as its offsets say; 0 where there is none. Less than it
        was means that messages were lost.
        """
        ...

    async def keep_house(self) -> None:
        """Forget, now and then, what everybody has had for a week, until cancelled; returns at once where the
        broker does that by itself.
        """
        ...

    async def ready(self) -> None: ...

    async def close(self) -> None: ...


class BusLook(Bus, Protocol):
    """A bus as an operator looks at it, from outside and beside those who work with it. Looking leaves no
    trace."""

    def entries(self, topic: str) -> AsyncIterator[Envelope]:
        """Everything of a topic that is kept when it begins, copies included, in order per key; nothing where
        there is no such topic. What can't be understood is passed over.
        """
        ...

    async def lags(self) -> dict[tuple[str, str], int]:
        """How many messages each (group, topic) has not committed. Where a group has committed nothing of a
        topic yet, the two may be left out.
        """
        ...


class Coordination(Protocol):
    """Short agreements between processes. Never the truth about a seat: everything holds with it empty, slow
    or down.

    Every method but `release` may raise `Unavailable`; callers then go on without.
    """

    async def acquire(
        self, names: Sequence[str], owner: str, *, ttl_seconds: float, wait_seconds: float = 0
    ) -> bool:
        """Take all of these locks or none; each expires by itself. True where they were free or became so in
        time.
        """
        ...

    def release(self, names: Sequence[str], owner: str) -> None:
        """Free those of them that are still this owner's, before anything that is asked for later is done.
        Nobody waits for it; if it gets lost they expire.
        """
        ...

    async def take(self, bucket: str, *, per_second: float, burst: float) -> float:
        """Take one token. 0 where there was one, else the seconds until there will be."""
        ...

    async def peek(self, bucket: str, *, per_second: float, burst: float) -> float:
        """What `take` would say. Takes none."""
        ...

    async def publish(self, channel: str, payload: bytes) -> None:
        """Signal whoever listens now. A hint: it may be lost."""
        ...

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Signals from now on. A slow listener loses the oldest."""
        ...

    async def ready(self) -> None: ...

    async def close(self) -> None: ...


class PaymentIntent(msgspec.Struct, frozen=True, kw_only=True):
    """What the payment gateway says of a payment. `status` is one of the intent's states, see
    `payments.domain`.
    """

    id: str
    client_secret: str
    status: str
    amount_minor: int
    currency: str
    captured_minor: int = 0
    refunded_minor: int = 0


class PaymentGateway(Protocol):
    """A card processor, by its server-side interface. Every call carries its own idempotency key: repeating
    it is safe.

    Raises `Unavailable` where the outcome is unknown (repeat with the same key), and `Refusal` where the
    gateway says no.
    """

    async def create_intent(
        self, *, key: str, amount_minor: int, currency: str, reference: str
    ) -> PaymentIntent:
        """An intent for manual capture. `reference` comes back in every webhook; it is the order's id."""
        ...

    async def intent(self, intent_id: str) -> PaymentIntent: ...

    async def capture(self, intent_id: str, *, key: str) -> PaymentIntent: ...

    async def cancel(self, intent_id: str, *, key: str) -> PaymentIntent:
        """End an intent that is not captured; an authorisation is given back (void)."""
        ...

    async def refund(self, intent_id: str, *, key: str, amount_minor: int) -> PaymentIntent: ...


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    filename: str
    media_type: str
    content: bytes


class CalendarDate(msgspec.Struct, frozen=True, kw_only=True):
    """An iCalendar object, and its `METHOD`."""

    method: str
    content: bytes


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """An e-mail. `id` makes its Message-ID, so that a copy is recognisable as one. `date` is told beside the
    text, as a version of it for calendars. Texts are UTF-8.
    """

    id: str
    to_name: str
    to_address: str
    subject: str
    text: str
    html: str | None = None
    date: CalendarDate | None = None
    attachments: tuple[Attachment, ...] = ()


class Mailer(Protocol):
    async def send(self, letter: Letter) -> None:
        """Raises `Unavailable` where it may be tried again, `Refusal` where the address is refused for
        good.
        """
        ...


class Workers(Protocol):
    """Where work is done that would keep an event loop or its interpreter from everybody else: reading a
    large plan, drawing a document.
    """

    async def run(self, work: Callable[..., T], *arguments: Any, whose: str, most: int = 16) -> T:
        """What `work(*arguments)` returns or raises. It is a function of a module, and everything that goes
        in or out can be pickled.

        Of one `whose` (a user's id, say) one piece of work is done at a time, in order. Raises `Refusal`:
        429 where `most` of theirs are not done yet, 503 where too many of everybody's are; and `Unavailable`
        where the outcome is not known. Whoever stops waiting for what has not begun takes it back.
        """
        ...

    async def close(self) -> None: ...


class Clock(Protocol):
    def now(self) -> Millis: ...

    async def sleep(self, seconds: float) -> None: ...


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """Unguessable, sortable by time: `prefix` + "_" + a UUIDv7 in hex."""
        ...

    def secret(self) -> str:
        """256 random bits, URL-safe."""
        ...


class ServiceAnswer(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes


class ServiceClient(Protocol):
    """How services reach each other: HTTP to the gateway's URL, or the same app in this process."""

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceAnswer:
        """Raises `Unavailable` where no answer came. Header names in the answer are lower-case."""
        ...
