"""The documents that a consumer writes to the store of its service."""

from typing import Literal

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.ports import Envelope


def aggregate_id(aggregatetype: str, key: str) -> str:
    """The id of an aggregate's `Inbox` and `Parked`. Two senders never use the same `aggregatetype`."""
    return f"{aggregatetype}:{key}"


class Inbox(Document, frozen=True, kw_only=True):
    """The progress of one aggregate: messages up to `seq` are applied, and never applied again."""

    collection = "inbox"

    seq: int
    message_id: str


class Parked(Document, frozen=True, kw_only=True):
    """An aggregate whose next message can't be applied: it failed, or an earlier one is missing (a gap).

    Its messages are queued as `ParkedMessage`s; messages of other aggregates flow. In `state` "retrying" the
    consumer retries at `retry_at`. In "parked" the key waits for an operator or for the missing message.
    `attempts` counts failures since the last success. `messages` counts queued messages. `accept_gap`: an
    operator decided to skip the missing message.
    """

    collection = "parked"
    indexes = (Index(("retry_at",)), Index(("state",)))

    reason: str
    since: Millis
    state: Literal["retrying", "parked"] = "retrying"
    attempts: int = 0
    messages: int = 0
    retry_at: Millis | None = None
    accept_gap: bool = False


class ParkedMessage(Document, frozen=True, kw_only=True):
    """A message queued under a `Parked` key, with its origin on the bus."""

    collection = "parked_messages"
    indexes = (Index(("parked", "seq")),)

    parked: str
    seq: int
    envelope: Envelope
    topic: str
    partition: int
    offset: int


class DeadLetter(Document, frozen=True, kw_only=True):
    """A message that this version could not parse, such as one of a newer version.

    `envelope` is None where the headers were unreadable. The aggregate then has a gap, which
    `houseful messages replay` may fill.
    """

    collection = "dead_letters"
    indexes = (Index(("at",)),)

    topic: str
    partition: int
    offset: int
    envelope: Envelope | None
    raw: bytes
    error: str
    at: Millis


DELIVERY_DOCUMENTS: tuple[type[Document], ...] = (Inbox, Parked, ParkedMessage, DeadLetter)
"""Part of the documents of every store that a `Consumer` writes to."""
