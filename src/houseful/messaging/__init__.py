"""At-least-once delivery, applied once.

A service's transaction writes its messages to its outbox (`tx.send`). A `Relay` publishes them to the bus.
The receiving service's `Consumer` applies each in one transaction with the inbox that records it.
`dead_letters` is for what needs a person.
"""

from houseful.messaging.consumer import Consumer
from houseful.messaging.dead_letters import list_dead, list_parked, replay, retry_dead, unpark
from houseful.messaging.documents import (
    DELIVERY_DOCUMENTS,
    DeadLetter,
    Inbox,
    Parked,
    ParkedMessage,
    aggregate_id,
)
from houseful.messaging.key_queue import Handler
from houseful.messaging.relay import Relay

__all__ = [
    "DELIVERY_DOCUMENTS",
    "Consumer",
    "DeadLetter",
    "Handler",
    "Inbox",
    "Parked",
    "ParkedMessage",
    "Relay",
    "aggregate_id",
    "list_dead",
    "list_parked",
    "replay",
    "retry_dead",
    "unpark",
]
