"""Envelopes as Kafka records: CloudEvents 1.0 in the binary mode of the Kafka protocol binding.

The record's value is the body, its headers `ce_…` are the attributes in UTF-8. The record's key, which
determines the order, is the aggregate's id; `subject` and `partitionkey` repeat it. Extension attributes:
`aggregatetype`, `seq` (decimal), and `traceparent` if there is one.
"""

from datetime import datetime

from confluent_kafka import Message

from houseful.kernel.ports import Delivery, Envelope
from houseful.kernel.times import millis, rfc3339

Headers = list[tuple[str, str | bytes | None]]

_SPECVERSION = b"1.0"


def headers_of(envelope: Envelope) -> Headers:
    headers: Headers = [
        ("content-type", "application/json"),
        ("ce_specversion", _SPECVERSION),
        ("ce_id", envelope.id),
        ("ce_source", envelope.source),
        ("ce_type", envelope.type),
        ("ce_time", rfc3339(envelope.time)),
        ("ce_subject", envelope.key),
        ("ce_partitionkey", envelope.key),
        ("ce_aggregatetype", envelope.aggregatetype),
        ("ce_seq", str(envelope.seq)),
    ]
    if envelope.traceparent is not None:
        headers.append(("ce_traceparent", envelope.traceparent))
    return headers


def delivery_of(topic: str, message: Message) -> Delivery:
    """`topic` is the bus' own name of the topic."""
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return Delivery(
        topic=topic,
        partition=partition,
        offset=offset,
        envelope=_envelope(message),
        raw=message.value() or b"",
    )


def _envelope(message: Message) -> Envelope | None:
    """The envelope, or None for a record that is no valid CloudEvent of ours."""
    headers = {name: _bytes(value) for name, value in _pairs(message)}
    key = message.key()
    if key is None or headers.get("ce_specversion") != _SPECVERSION:
        return None
    traceparent = headers.get("ce_traceparent")  # a sender without a trace may send an empty header
    try:
        return Envelope(
            id=headers["ce_id"].decode(),
            source=headers["ce_source"].decode(),
            type=headers["ce_type"].decode(),
            aggregatetype=headers["ce_aggregatetype"].decode(),
            key=key.decode(),
            seq=_count(headers["ce_seq"]),
            time=millis(datetime.fromisoformat(headers["ce_time"].decode())),
            traceparent=traceparent.decode() if traceparent else None,
            data=message.value() or b"",
        )
    except (KeyError, ValueError):  # UnicodeDecodeError is a ValueError
        return None


def _pairs(message: Message) -> Headers:
    headers = message.headers() or []
    return list(headers.items()) if isinstance(headers, dict) else list(headers)


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


def _count(digits: bytes) -> int:
    """A message's number, from 1."""
    count = int(digits)
    if count < 1:
        raise ValueError(f"{count} is no number of a message")
    return count
