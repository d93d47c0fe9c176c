"""What a consumer keeps in its service's own store."""

from typing import Literal

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.ports import Envelope


def aggregate_id(aggregatetype: str, key: str) -> str:
    """The id of an aggregate's `Inbox` and `Parked`. Two senders never use the same `aggregatetype`."""
    return f"{aggregatetype}:{key}"


class Inbox(Document, frozen=True, kw_only=True):
    """How far this service has come with an aggregate: everything up to `seq` is applied and never again."""

    collection = "inbox"

    seq: int
    message_id: str


class Parked(Document, frozen=True, kw_only=True):
    """An aggregate whose next message can't be applied: it failed, or an earlier one is missing (a gap).

    Its messages wait behind each other in `ParkedMessage`s; everybody else's flow. While `state` is
    "retrying" the consumer tries again at `retry_at`; "parked" waits for an operator, or for the missing
    message. `attempts` counts since the last success, `messages` those that wait. `accept_gap`: an operator
    said that the missing won't come.
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
    """A message that waits in the line of a `Parked`, and where it came from."""

    collection = "parked_messages"
    indexes = (Index(("parked", "seq")),)

    parked: str
    seq: int
    envelope: Envelope
    topic: str
    partition: int
    offset: int


class DeadLetter(Document, frozen=True, kw_only=True):
    """A message that could not be understood, such as one of a newer version. `envelope` is None where not
    even its headers could be read; its aggregate then has a gap that `houseful messages replay` may fill."""

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
"""To be added to the documents of every store that a `Consumer` writes to."""
