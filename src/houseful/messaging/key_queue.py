"""One message's way into a service: applied, skipped, put in line behind others of its key, or a dead
letter."""

import enum
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from houseful.kernel.documents import Document, Millis
from houseful.kernel.errors import Conflict
from houseful.kernel.ports import Delivery, Envelope, Transaction
from houseful.kernel.telemetry import trace
from houseful.messages import MESSAGES, Message
from houseful.messaging.documents import DeadLetter, Inbox, Parked, ParkedMessage, aggregate_id

Handler = Callable[[Transaction, Any], Awaitable[None]]
"""Applies a message within the transaction that also records it as applied: all of it happens or none.

It may run several times before that (a conflict, another attempt), so what it does outside the transaction
must be safe to repeat. Messages are applied in batches in one transaction, and `find` and `count` do not see
what it wrote: a handler must not `find` what another message of its batch may have written.
`Transient` errors pause the consumer; any other is the message's own and sets its key aside.
"""

RETRIES = 5
"""Attempts at a message before its key waits for an operator."""
_FIRST_RETRY_MILLIS = 500
_REASON_LENGTH = 500


class Outcome(enum.Enum):
    APPLIED = "applied"
    NOT_FOR_US = "not for us"
    COPY = "copy"
    GAP = "gap"
    IN_LINE = "in line"
    DEAD = "dead"


class Incoming(msgspec.Struct, frozen=True):
    """A message as far as it was understood: `message` is None where nobody here handles it, or where `error`
    says why."""

    topic: str
    partition: int
    offset: int
    envelope: Envelope | None
    raw: bytes
    message: Message | None
    error: str | None

    @property
    def aggregate(self) -> str:
        """Empty where it is not known."""
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


def understand(envelope: Envelope, handlers: Mapping[type[Message], Handler]) -> Message | None:
    """None for what is not handled. Raises `ValueError` for a type that is unknown and data that does not
    fit."""
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
            message = understand(envelope, handlers)
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


class Missing(Exception):
    """The next message of a line has not come."""


class Line:
    """What one transaction knows and changes of the aggregates that it deals with; `save` writes each of them
    once."""

    def __init__(self, tx: Transaction, handlers: Mapping[type[Message], Handler], now: Millis) -> None:
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
        """A message from the bus. What its handler raises goes through; the transaction is then of no more
        use."""
        if item.envelope is None:
            self._tx.insert_or_ignore(item.dead_letter(self._now))
            return Outcome.DEAD
        aggregate, known = item.aggregate, self._known(item.aggregate)
        if item.envelope.seq <= known:
            return Outcome.COPY
        if aggregate in self._parked:
            # the one that all others wait for came late: the line can go on
            return await self._queue(item, item.envelope, due=item.envelope.seq == known + 1)
        if item.envelope.seq > known + 1:
            self._park(aggregate, f"message {known + 1} has not come")
            await self._queue(item, item.envelope, due=False)
            return Outcome.GAP
        return await self._apply(item, item.envelope)

    async def set_aside(self, item: Incoming, reason: str) -> Outcome:
        """A message that failed: it becomes the first of a line, unless meanwhile somebody has dealt with
        it."""
        envelope = item.envelope
        if (
            envelope is None
            or item.aggregate in self._parked
            or envelope.seq != self._known(item.aggregate) + 1
        ):
            return await self.take(item)
        self._park(item.aggregate, reason)
        return await self._queue(item, envelope, due=False)

    async def advance(self, aggregate: str) -> bool:
        """Apply the first in a line; whether there are more. Raises what its handler raises, and
        `Missing`."""
        parked = self._parked.get(aggregate)
        if parked is None:
            return False
        waiting = await self._tx.find(ParkedMessage, {"parked": aggregate}, by="seq", limit=1)
        if not waiting:
            raise Conflict(f"a message that joins the line of {aggregate} can't be seen yet")
        await self._apply_waiting(waiting[0], parked)
        if parked.messages <= 1:
            del self._parked[aggregate]  # one that joins the line just now changes it too, so one of us fails
            return False
        self._parked[aggregate] = replace(
            parked, state="retrying", attempts=0, retry_at=self._now, messages=parked.messages - 1
        )
        return True

    def failed(self, aggregate: str, reason: str) -> None:
        """Another attempt at a line was in vain."""
        if aggregate in self._parked:
            self._parked[aggregate] = _after_failure(self._parked[aggregate], reason, self._now)

    async def _apply_waiting(self, first: ParkedMessage, parked: Parked) -> None:
        known = self._known(first.parked)
        if first.seq > known + 1 and not parked.accept_gap:
            raise Missing(f"message {known + 1} has not come")
        if first.seq > known:
            await self._apply(waiting_again(first, self._handlers), first.envelope)
        self._tx.delete(first)

    async def _apply(self, item: Incoming, envelope: Envelope) -> Outcome:
        outcome = Outcome.NOT_FOR_US
        if item.error is not None:
            self._tx.insert_or_ignore(item.dead_letter(self._now))
            outcome = Outcome.DEAD
        elif item.message is not None:
            with trace(envelope.traceparent):
                await self._handlers[type(item.message)](self._tx, item.message)
            outcome = Outcome.APPLIED
        aggregate = item.aggregate
        self._inboxes[aggregate] = Inbox(id=aggregate, seq=envelope.seq, message_id=envelope.id)
        return outcome

    async def _queue(self, item: Incoming, envelope: Envelope, *, due: bool) -> Outcome:
        aggregate = item.aggregate
        id = f"{aggregate}:{envelope.seq:012}"
        if await self._tx.get(ParkedMessage, id) is not None:
            return Outcome.COPY
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
        return Outcome.IN_LINE

    def _park(self, aggregate: str, reason: str) -> None:
        self._parked[aggregate] = _after_failure(
            Parked(id=aggregate, reason="", since=self._now), reason, self._now
        )

    def _known(self, aggregate: str) -> int:
        inbox = self._inboxes.get(aggregate)
        return 0 if inbox is None else inbox.seq


def _after_failure(parked: Parked, reason: str, now: Millis) -> Parked:
    attempts = parked.attempts + 1
    reason = reason[:_REASON_LENGTH]
    if attempts >= RETRIES:
        return replace(parked, attempts=attempts, reason=reason, state="parked", retry_at=None)
    pause = _FIRST_RETRY_MILLIS * 2 ** (attempts - 1)
    return replace(parked, attempts=attempts, reason=reason, state="retrying", retry_at=now + pause)


def waiting_again(waiting: ParkedMessage, handlers: Mapping[type[Message], Handler]) -> Incoming:
    """Understood anew: the program may be a newer one than when it was put in line."""
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
