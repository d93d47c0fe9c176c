"""A store's transactions and commits as spans, in the words of OpenTelemetry's semantic conventions for
databases and messages."""

from contextlib import AbstractContextManager

from houseful.kernel.tracing import CLIENT, NO_SPAN, PRODUCER, Span, inner_span, record, records
from houseful.messages import Message


class StoreSpans:
    """Of one database. Within a recorded request or message only."""

    __slots__ = ("_commit", "_described")

    def __init__(self, engine: str, database: str) -> None:
        self._described: dict[str, str | int] = {"db.system.name": engine, "db.namespace": database}
        self._commit = f"COMMIT {database}"

    def transaction(self) -> AbstractContextManager[Span | None]:
        """A use case's transaction, with all its attempts."""
        return inner_span("transaction", attributes=self._described)

    def commit(self, documents: int) -> AbstractContextManager[Span | None]:
        """From the hand-over of a write set to its verdict. It shares a commit of the engine with others."""
        if not records():
            return NO_SPAN
        attributes = self._described | {"db.operation.name": "COMMIT"}
        if documents > 1:
            attributes["db.operation.batch.size"] = documents
        return inner_span(self._commit, CLIENT, attributes)


def created(message: Message, traceparent: str | None) -> str | None:
    """Record that a message was put into the outbox; the trace context that it carries."""
    if not records():
        return traceparent
    attributes = {
        "messaging.system": "houseful",
        "messaging.operation.name": "create",
        "messaging.operation.type": "create",
        "messaging.destination.name": message.sender,
        "houseful.message.type": message.type(),
    }
    return record(traceparent, f"create {message.sender}", PRODUCER, attributes)
