"""What Kafka's client library, librdkafka, is told; and what its errors mean."""

import time
from collections.abc import Callable
from typing import Any, Literal

from confluent_kafka import KafkaError, KafkaException

from houseful.common.errors import Unavailable
from houseful.common.telemetry import get_logger

_QUIET_SECONDS = 30.0

Protocol = Literal["consumer", "classic"]
Settings = dict[str, Any]

log = get_logger(__name__)


def client(servers: str) -> Settings:
    return {
        "bootstrap.servers": servers,
        "client.id": "houseful",
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,  # a broker that is back is noticed within a second
        "socket.keepalive.enable": True,
        "log_level": 2,  # it writes to stderr; what matters comes as an error to `error_cb` or the caller
    }


def producer(servers: str, patience_seconds: float, report: Callable[[KafkaError], None]) -> Settings:
    """Idempotent: what librdkafka itself sends again is neither doubled nor overtaken."""
    return client(servers) | {
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 1,  # callers bring batches; this is for those that publish one by one at the same time
        "message.timeout.ms": round(patience_seconds * 1000),
        "compression.type": "lz4",
        "error_cb": report,
    }


def consumer(servers: str, group: str, protocol: Protocol, report: Callable[[KafkaError], None]) -> Settings:
    settings = client(servers) | {
        "group.id": group,
        "group.protocol": protocol,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "fetch.wait.max.ms": 200,  # a new share and a rewind wait for the fetch that is under way
        "queued.min.messages": 10_000,
        "queued.max.messages.kbytes": 16_384,
        "fetch.queue.backoff.ms": 50,
        "error_cb": report,
    }
    if protocol == "classic":
        settings["partition.assignment.strategy"] = "cooperative-sticky"
    return settings


class Reporter:
    """Logs the errors that librdkafka deals with by itself, such as a connection that it makes again.

    There may be hundreds a second: of those that come soon after one that was logged, nothing is said.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._quiet_until = 0.0
        self.fatal = False
        """True after an error from which the client instance never recovers."""

    def __call__(self, error: KafkaError) -> None:
        self.fatal = self.fatal or is_fatal(error)
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _QUIET_SECONDS
            log.warning("%s: %s", self._what, error.str())


def unavailable(what: str, error: BaseException) -> Unavailable:
    """`error` is what confluent_kafka raised."""
    reason = error.args[0] if isinstance(error, KafkaException) and error.args else error
    return Unavailable(f"{what}: {reason.str() if isinstance(reason, KafkaError) else reason}")


def is_fatal(error: object) -> bool:
    """Is the client instance of no use any more?"""
    return isinstance(error, KafkaError) and (error.fatal() or error.code() == KafkaError._FATAL)
