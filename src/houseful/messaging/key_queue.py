"""One message on arrival: applied, skipped, queued behind earlier messages of its key, or a dead letter."""

import enum
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from houseful.kernel.documents import Document, Millis
from houseful.kernel.errors import Conflict
from houseful.kernel.ports import Delivery, Envelope, Transaction
from houseful.messages import MESSAGES, Message
from houseful.messaging.documents import DeadLetter, Inbox, Parked, ParkedMessage, aggregate_id
from houseful.messaging.spans import MessageSpans

Handler = Callable[[Transaction, Any], Awaitable[None]]
"""Applies a message in the transaction that also records the message as applied: both commit or neither.

A handler may run several times (a conflict, a retry). Side effects outside the transaction must be safe to
repeat. One transaction applies a batch of messages. `find` and `count` do not see uncommitted writes: a
handler must not `find` documents that another message of its batch may have written. A `Transient` error
pauses the consumer. Any other error parks the message's key.
"""

RETRIES = 5
"""Attempts at a message before its key waits for an operator."""
_FIRST_RETRY_MILLIS = 500
_REASON_LENGTH = 500


class Outcome(enum.Enum):
    APPLIED = "applied"
    IGNORED = "ignored"
    DUPLICATE = "duplicate"
    GAP = "gap"
    QUEUED = "queued"
    DEAD = "dead"


class Incoming(msgspec.Struct, frozen=True):
    """A parsed delivery. `message` is None for a type without a handler, and where `error` is set."""

    topic: str
    partition: int
    offset: int
    envelope: Envelope | None
    raw: bytes
    message: Message | None
    error: str | None

    @property
    def aggregate(self) -> str:
        """The aggregate's id. Empty where the headers are unreadable."""
        return "" if self.envelope is None else aggregate_id(self.envelope.aggregatetype, self.envelope.key)

    def dead_letter(self, now: Millis) -> DeadLetter:
        return DeadLetter(
            id=f"{self.topic}:{self.partition}:{self.offset}",
            topic=self.topic,
            partition=self.partition,
            offset=self.offset,
            envelope=self.envelope,
            raw=self.raw,
            error=self.error or "",
            at=now,
        )


def parse_message(envelope: Envelope, handlers: Mapping[type[Message], Handler]) -> Message | None:
    """Parse an envelope's data. Returns None for a type without a handler.

    Raises `ValueError` for an unknown type and for data that does not fit the type.
    """
    kind = MESSAGES.get(envelope.type)
    if kind is None:
        raise ValueError(f"{envelope.type} is unknown to this version")
    return msgspec.json.decode(envelope.data, type=kind) if kind in handlers else None


def incoming(delivery: Delivery, handlers: Mapping[type[Message], Handler]) -> Incoming:
    envelope, message, error = delivery.envelope, None, None
    if envelope is None:
        error = "its headers can't be read"
    elif envelope.seq < 1:
        error = f"its sequence number is {envelope.seq}"
        envelope = None
    else:
        try:
            message = parse_message(envelope, handlers)
        except (ValueError, RecursionError) as problem:  # msgspec's and Unicode's errors are ValueErrors
            error = str(problem)
    return Incoming(
        topic=delivery.topic,
        partition=delivery.partition,
        offset=delivery.offset,
        envelope=envelope,
        raw=delivery.raw,
        message=message,
        error=error,
    )


class MessageMissing(Exception):
    """The next message of a key has not arrived."""


class KeyQueues:
    """The inboxes and per-key queues that one transaction reads and changes.

    `load` reads the documents once, `save` writes each changed document once.
    """

    def __init__(
        self,
        tx: Transaction,
        handlers: Mapping[type[Message], Handler],
        now: Millis,
        spans: MessageSpans,
    ) -> None:
        self._spans = spans
        self._tx = tx
        self._handlers = handlers
        self._now = now

    async def load(self, aggregates: Iterable[str]) -> None:
        wanted = list(dict.fromkeys(aggregates))
        self._loaded_inboxes = await self._tx.get_many(Inbox, wanted)
        self._loaded_parked = await self._tx.get_many(Parked, wanted)
        self._inboxes = dict(self._loaded_inboxes)
        self._parked = dict(self._loaded_parked)

    def save(self) -> None:
        for id, inbox in self._inboxes.items():
            self._save(inbox, self._loaded_inboxes.get(id))
        for id, parked in self._parked.items():
            self._save(parked, self._loaded_parked.get(id))
        for id, ended in self._loaded_parked.items():
            if id not in self._parked:
                self._tx.delete(ended)

    def _save(self, document: Document, loaded: Document | None) -> None:
        if loaded is None:
            self._tx.insert(document)
        elif document is not loaded:
            self._tx.put(document)

    async def take(self, item: Incoming) -> Outcome:
        """Take one message from the bus. After a handler's error the caller abandons the transaction."""
        if item.envelope is None:
            self._tx.insert_or_ignore(item.dead_letter(self._now))
            return Outcome.DEAD
        aggregate, known = item.aggregate, self._applied_seq(item.aggregate)
        if item.envelope.seq <= known:
            return Outcome.DUPLICATE
        if aggregate in self._parked:
            # the missing message has arrived late: the key can go on
            return await self._queue(item, item.envelope, due=item.envelope.seq == known + 1)
        if item.envelope.seq > known + 1:
            self._park(aggregate, f"message {known + 1} has not come")
            await self._queue(item, item.envelope, due=False)
            return Outcome.GAP
        return await self._apply(item, item.envelope)

    async def park(self, item: Incoming, reason: str) -> Outcome:
        """Park the key of a failed message and queue the message, unless another consumer has applied it."""
        envelope = item.envelope
        if (
            envelope is None
            or item.aggregate in self._parked
            or envelope.seq != self._applied_seq(item.aggregate) + 1
        ):
            return await self.take(item)
        self._park(item.aggregate, reason)
        return await self._queue(item, envelope, due=False)

    async def advance(self, aggregate: str) -> bool:
        """Apply the first queued message of a key. Returns whether more are queued.

        Raises the handler's error, and `MessageMissing` at a gap.
        """
        parked = self._parked.get(aggregate)
        if parked is None:
            return False
        waiting = await self._tx.find(ParkedMessage, {"parked": aggregate}, by="seq", limit=1)
        if not waiting:
            raise Conflict(f"a message that is being queued under {aggregate} is not visible yet")
        await self._apply_queued(waiting[0], parked)
        if parked.messages <= 1:
            # a rival that queues a message changes this document too, so one of the two fails
            del self._parked[aggregate]
            return False
        self._parked[aggregate] = replace(
            parked, state="retrying", attempts=0, retry_at=self._now, messages=parked.messages - 1
        )
        return True

    def failed(self, aggregate: str, reason: str) -> None:
        """Record a failed attempt at a key."""
        if aggregate in self._parked:
            self._parked[aggregate] = _with_failure(self._parked[aggregate], reason, self._now)

    async def _apply_queued(self, first: ParkedMessage, parked: Parked) -> None:
        known = self._applied_seq(first.parked)
        if first.seq > known + 1 and not parked.accept_gap:
            raise MessageMissing(f"message {known + 1} has not come")
        if first.seq > known:
            await self._apply(reparsed(first, self._handlers), first.envelope)
        self._tx.delete(first)

    async def _apply(self, item: Incoming, envelope: Envelope) -> Outcome:
        outcome = Outcome.IGNORED
        if item.error is not None:
            self._tx.insert_or_ignore(item.dead_letter(self._now))
            outcome = Outcome.DEAD
        elif item.message is not None:
            with self._spans.processing(envelope, item.topic):
                await self._handlers[type(item.message)](self._tx, item.message)
            outcome = Outcome.APPLIED
        aggregate = item.aggregate
        self._inboxes[aggregate] = Inbox(id=aggregate, seq=envelope.seq, message_id=envelope.id)
        return outcome

    async def _queue(self, item: Incoming, envelope: Envelope, *, due: bool) -> Outcome:
        aggregate = item.aggregate
        id = f"{aggregate}:{envelope.seq:012}"
        if await self._tx.get(ParkedMessage, id) is not None:
            return Outcome.DUPLICATE
        self._tx.insert(
            ParkedMessage(
                id=id,
                parked=aggregate,
                seq=envelope.seq,
                envelope=envelope,
                topic=item.topic,
                partition=item.partition,
                offset=item.offset,
            )
        )
        parked = self._parked[aggregate]
        parked = replace(parked, messages=parked.messages + 1)
        if due:
            parked = replace(parked, state="retrying", attempts=0, retry_at=self._now)
        self._parked[aggregate] = parked
        return Outcome.QUEUED

    def _park(self, aggregate: str, reason: str) -> None:
        self._parked[aggregate] = _with_failure(
            Parked(id=aggregate, reason="", since=self._now), reason, self._now
        )

    def _applied_seq(self, aggregate: str) -> int:
        inbox = self._inboxes.get(aggregate)
        return 0 if inbox is None else inbox.seq


def _with_failure(parked: Parked, reason: str, now: Millis) -> Parked:
    attempts = parked.attempts + 1
    reason = reason[:_REASON_LENGTH]
    if attempts >= RETRIES:
        return replace(parked, attempts=attempts, reason=reason, state="parked", retry_at=None)
    pause = _FIRST_RETRY_MILLIS * 2 ** (attempts - 1)
    return replace(parked, attempts=attempts, reason=reason, state="retrying", retry_at=now + pause)


def reparsed(waiting: ParkedMessage, handlers: Mapping[type[Message], Handler]) -> Incoming:
    """Parse a queued message again: this version may know types that the version that queued it did not."""
    return incoming(
        Delivery(
            topic=waiting.topic,
            partition=waiting.partition,
            offset=waiting.offset,
            envelope=waiting.envelope,
            raw=waiting.envelope.data,
        ),
        handlers,
    )
