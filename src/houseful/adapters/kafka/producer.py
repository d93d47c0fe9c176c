"""Publishing to Kafka: a producer, and the thread that receives delivery reports."""

import asyncio
import threading
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from houseful.adapters.kafka import settings as kafka_settings
from houseful.adapters.kafka.records import headers_of
from houseful.adapters.kafka.settings import Cluster
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Envelope
from houseful.kernel.telemetry import get_logger

_POLL_SECONDS = 0.2

log = get_logger(__name__)


class _Batch:
    """Envelopes that were published together.

    `done` resolves on the event loop, once, after the last delivery report.
    """

    def __init__(self, count: int, on_timeout: Callable[[], None]) -> None:
        """`on_timeout` is called on the producer's thread for each message without an acknowledgement."""
        self._on_timeout = on_timeout
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()
        self._left = count
        self._failure: object = None
        self._lock = threading.Lock()

    def delivered(self, error: KafkaError | None, _: Message) -> None:
        """A delivery report. Runs on the producer's thread."""
        if error is not None and error.code() == KafkaError._MSG_TIMED_OUT:
            self._on_timeout()
        self.settle(1, error)

    def settle(self, count: int, failure: object) -> None:
        with self._lock:
            self._left -= count
            self._failure = self._failure or failure
            complete = self._left == 0
        if complete:
            try:
                self._loop.call_soon_threadsafe(self._finish)
            except RuntimeError:
                log.warning("the event loop ended before Kafka had acknowledged everything")

    def _finish(self) -> None:
        if self.done.done():
            return  # the caller was cancelled
        if self._failure is None:
            self.done.set_result(None)
        else:
            reason = self._failure.str() if isinstance(self._failure, KafkaError) else self._failure
            self.done.set_exception(Unavailable(f"Kafka did not take the messages: {reason}"))


class KafkaProducer:
    """An idempotent producer. `send` belongs to one event loop."""

    def __init__(self, cluster: Cluster, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._report = kafka_settings.Reporter("publishing to Kafka")
        self._producer = Producer(kafka_settings.producer(cluster, patience_seconds, self._report))
        self._silent = False
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="kafka-sender", daemon=True)
        self._thread.start()

    @property
    def broken(self) -> bool:
        """True after a fatal error, and when messages were not acknowledged in time. Make another producer
        then: a connection of librdkafka may stay broken for ever.
        """
        return self._report.fatal or self._silent

    async def send(self, topic: str, envelopes: Sequence[Envelope]) -> None:
        """Publish, and return when the broker has acknowledged all.

        Raises `Unavailable`, at the latest after the patience; any of the envelopes may or may not be
        published then.

        For each key, the order on the topic is the order of calls.
        """
        batch = _Batch(len(envelopes), self._timed_out)
        for index, envelope in enumerate(envelopes):
            try:
                self._producer.produce(
                    topic,
                    value=envelope.data,
                    key=envelope.key,
                    headers=headers_of(envelope),
                    on_delivery=batch.delivered,
                )
            except (BufferError, KafkaException) as error:  # its queue is full; a record is too large
                failure = error.args[0] if error.args else error
                if isinstance(failure, KafkaError):
                    self._report(failure)
                batch.settle(len(envelopes) - index, failure)
                break
        await batch.done

    def _timed_out(self) -> None:
        """Noticed for callers, too, that were cancelled."""
        self._silent = True

    def abandon(self) -> None:
        """Close without waiting. What is not acknowledged fails: its callers publish it again, in order."""
        self._producer.purge()
        self._stopping = True

    async def close(self) -> None:
        """Send earlier messages, if the broker is reachable, then close."""
        self._stopping = True
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        while not self._stopping:
            self._producer.poll(_POLL_SECONDS)
        if self._producer.flush(self._patience_seconds):
            self._producer.purge()
            self._producer.flush(self._patience_seconds)  # reports purged records to their callers
