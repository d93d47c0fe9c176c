"""Messages as spans, in the words of OpenTelemetry's semantic conventions.

create    the store, when a message is put into the outbox; the message carries this span's context
send      the relay, below it: from the attempt to the bus' acknowledgement
receive   the consumer, for a batch: below the message's if it is the only one, else linked with each
process   the handler of a message, below the message's own
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from houseful.kernel.ports import Envelope
from houseful.kernel.tracing import (
    CLIENT,
    CONSUMER,
    NO_SPAN,
    PRODUCER,
    Span,
    is_sampled,
    record,
    records,
    span,
    trace,
)


class MessageSpans:
    """Of one service, on a bus of this kind ("kafka", "sqlite")."""

    __slots__ = ("_service", "_system")

    def __init__(self, service: str, system: str) -> None:
        self._service = service
        self._system = system

    def sending(self, topic: str, envelopes: Sequence[Envelope]) -> AbstractContextManager[None]:
        return self._sending(topic, envelopes) if records() else nullcontext()

    @contextmanager
    def _sending(self, topic: str, envelopes: Sequence[Envelope]) -> Iterator[None]:
        started_ns, failure = time.time_ns(), None
        try:
            yield
        except Exception as error:
            failure = error
            raise
        finally:
            for envelope in envelopes:
                attributes = self._described("send", topic) | _about(envelope)
                record(
                    envelope.traceparent,
                    f"send {topic}",
                    PRODUCER,
                    attributes,
                    started_ns=started_ns,
                    error=failure,
                )

    @contextmanager
    def receiving(self, envelopes: Sequence[Envelope | None]) -> Iterator[None]:
        """A batch, from its transaction's beginning until it is durable."""
        traced = [one.traceparent for one in envelopes if one is not None and is_sampled(one.traceparent)]
        if not traced:
            yield
            return
        attributes = self._described("receive", None)
        attributes["messaging.batch.message_count"] = len(envelopes)
        alone = len(envelopes) == 1
        with (
            trace(traced[0] if alone else None),
            span(f"receive {self._service}", CLIENT, attributes, links=() if alone else traced),
        ):
            yield

    @contextmanager
    def processing(self, envelope: Envelope, topic: str) -> Iterator[Span | None]:
        """What happens inside belongs to the message's trace."""
        with trace(envelope.traceparent), self._process(envelope, topic) as process:
            yield process

    def _process(self, envelope: Envelope, topic: str) -> AbstractContextManager[Span | None]:
        if not records():
            return NO_SPAN
        attributes = self._described("process", topic) | _about(envelope)
        return span(f"process {topic}", CONSUMER, attributes)

    def _described(self, operation: str, topic: str | None) -> dict[str, str | int]:
        described: dict[str, str | int] = {
            "messaging.system": self._system,
            "messaging.operation.name": operation,
            "messaging.operation.type": operation,
            "houseful.part": self._service,
        }
        if operation != "send":
            described["messaging.consumer.group.name"] = self._service
        if topic is not None:
            described["messaging.destination.name"] = topic
        return described


def _about(envelope: Envelope) -> dict[str, str | int]:
    return {
        "messaging.message.id": envelope.id,
        "messaging.message.body.size": len(envelope.data),
        "houseful.message.type": envelope.type,
    }
