"""Subscriptions to Redis: one connection for all channels of a process, reconnected after an outage."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from redis.asyncio.connection import AbstractConnection

from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.redis.connection import TROUBLE, ConnectionFactory, disconnect
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock
from houseful.kernel.telemetry import get_logger
from houseful.kernel.waiting import Backoff

log = get_logger(__name__)

_QUIET_SECONDS = 5.0
"""The silence after which the server is pinged."""

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0


class RedisPubSub:
    """Receives messages from Redis and passes them to the subscribers of this process, through the signals of
    `LocalCoordination`, which bound the backlog of a slow one.

    Subscriptions outlive the connection. Messages sent while there is none are lost.
    """

    def __init__(self, factory: ConnectionFactory, clock: Clock) -> None:
        self._factory = factory
        self._clock = clock
        self._listeners = LocalCoordination(clock)
        self._wanted: Counter[str] = Counter()
        self._heard: set[str] = set()  # channels that the server has confirmed
        self._pending: dict[str, asyncio.Future[None]] = {}
        self._connection: AbstractConnection | None = None
        self._trouble: str | None = None
        self._reader: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Raises `Unavailable` where the server does not confirm the subscription."""
        async with self._listeners.subscribe(channel) as signals:
            self._wanted[channel] += 1
            try:
                await self._confirmed(channel)
                yield signals
            finally:
                self._wanted[channel] -= 1
                if not self._wanted[channel]:
                    del self._wanted[channel]
                    await self._leave(channel)

    async def _confirmed(self, channel: str) -> None:
        if self._reader is None:
            self._reader = asyncio.create_task(self._receive())
        if channel in self._heard:
            return
        if self._trouble is not None:
            raise Unavailable(self._trouble)
        pending = self._pending.get(channel)
        try:
            async with asyncio.timeout(self._factory.answer_seconds):
                if pending is None:
                    pending = self._pending[channel] = asyncio.get_running_loop().create_future()
                    await self._send(b"SUBSCRIBE", [channel])
                await asyncio.shield(pending)
        except TROUBLE as error:
            raise Unavailable(self._factory.describe(error)) from error

    async def _leave(self, channel: str) -> None:
        self._heard.discard(channel)
        self._pending.pop(channel, None)
        with contextlib.suppress(*TROUBLE):  # without a connection there is nothing to leave
            async with asyncio.timeout(self._factory.answer_seconds):
                await self._send(b"UNSUBSCRIBE", [channel])

    async def _send(self, command: bytes, channels: Sequence[str] = ()) -> None:
        """Send a command. Without a connection nothing is sent: connecting subscribes to all channels."""
        if self._connection is not None:
            await self._connection.send_command(command, *channels, check_health=False)

    async def _receive(self) -> None:
        pauses = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, random.Random())  # noqa: S311 - jitter
        while True:
            try:
                await self._connect()
                pauses.succeeded()
                await self._receive_until_closed()
            except TROUBLE as error:
                self._lost(self._factory.describe(error))
            except Exception as error:
                log.exception("a bug ended the connection for signals; there will be another")
                self._lost(self._factory.describe(error))
            finally:
                await self._disconnect()
            await self._clock.sleep(pauses.failed())

    async def _connect(self) -> None:
        async with asyncio.timeout(self._factory.answer_seconds):
            connection = await self._factory.connect()
            self._connection = connection
            if self._wanted:
                await self._send(b"SUBSCRIBE", list(self._wanted))
        if self._trouble is not None:
            log.info("signals are heard again", extra={"server": self._factory.name})
            self._trouble = None

    async def _receive_until_closed(self) -> None:
        """Receive until the connection ends. Raises its error."""
        assert self._connection is not None
        asked = False
        while True:
            reply = await self._connection.read_response(timeout=_QUIET_SECONDS)
            if reply is not None:
                asked = False
                await self._handle(reply)
            elif asked:
                raise TimeoutError
            else:
                asked = True
                await self._send(b"PING")

    async def _handle(self, reply: list[bytes] | bytes) -> None:
        if isinstance(reply, bytes):
            return  # the answer to a PING while no channel is subscribed to
        kind, channel = reply[0], reply[1].decode()
        if kind == b"message":
            await self._listeners.publish(channel, reply[2])
        elif kind == b"subscribe" and channel in self._wanted:
            self._heard.add(channel)
            pending = self._pending.pop(channel, None)
            if pending is not None and not pending.done():
                pending.set_result(None)

    def _lost(self, trouble: str) -> None:
        if self._trouble is None:
            log.warning("no signals are heard", extra={"error": trouble})
        self._trouble = trouble
        self._heard.clear()
        for pending in self._pending.values():
            if not pending.done():
                pending.set_exception(Unavailable(trouble))
                pending.exception()  # retrieved, so that asyncio does not log it
        self._pending.clear()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await disconnect(connection)

    async def close(self) -> None:
        """End all subscriptions."""
        self._trouble = "coordination is closed"
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        self._lost("coordination is closed")
        await self._listeners.close()
