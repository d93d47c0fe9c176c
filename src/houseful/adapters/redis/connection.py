"""The pipelined connection: all commands of a process go to Redis over it.

A single command costs the driver some 100 µs, most of it per round trip. So commands of one turn of the event
loop, and commands made while earlier ones are in flight, share one write. Each caller gets its own reply.

    closed      commands are sent; the first failure opens the circuit
    open        every command is refused at once, at the cost of raising an exception
    half open   one PING is tried after a growing pause; its reply closes the circuit
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError

from houseful.adapters.redis.scripts import Script
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock
from houseful.kernel.telemetry import get_logger
from houseful.kernel.waiting import Backoff

log = get_logger(__name__)

ANSWER_SECONDS = 0.25
"""The default time limit of a reply. Coordination is optional: a longer wait would cost more than it helps.
"""

MOST_WAITING = 10_000
"""The most commands that may wait to be sent."""

_MOST_AT_ONCE = 256
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0

TROUBLE = (RedisError, OSError, TimeoutError)


class ConnectionFactory:
    """Makes connections to one server.

    `name` is the server's address without its password. `answer_seconds` is the time limit of a reply.
    """

    def __init__(self, make: Callable[[], AbstractConnection], name: str, answer_seconds: float) -> None:
        self._make = make
        self.name = name
        self.answer_seconds = answer_seconds

    async def connect(self) -> AbstractConnection:
        connection = self._make()
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await disconnect(connection)
            raise
        return connection

    def describe(self, error: BaseException) -> str:
        if isinstance(error, TimeoutError):
            return f"Redis at {self.name} does not answer within {self.answer_seconds:g} s"
        return f"Redis at {self.name}: {error or type(error).__name__}"


async def disconnect(connection: AbstractConnection) -> None:
    with contextlib.suppress(*TROUBLE):  # it is of no use any more, however it ends
        await connection.disconnect(nowait=True)


class PendingCommand:
    """A command without a reply yet.

    `undo` is sent if the reply is 0 and the caller was cancelled. With `in_order` the text of a script is
    sent at once: a server without the script would run it after later commands.
    """

    __slots__ = ("arguments", "asked_at", "in_order", "reply", "script", "undo")

    reply: asyncio.Future[Any]
    asked_at: float

    def __init__(self, arguments: Sequence[bytes | str | int], *, script: Script | None = None) -> None:
        self.arguments = arguments
        self.script = script
        self.undo: PendingCommand | None = None
        self.in_order = False

    def command(self, *, in_full: bool) -> Sequence[bytes | str | int]:
        if self.script is None:
            return self.arguments
        if in_full or self.in_order:
            return (b"EVAL", self.script.text, *self.arguments)
        return (b"EVALSHA", self.script.digest, *self.arguments)


def script_command(script: Script, keys: Sequence[str], *arguments: str | int) -> PendingCommand:
    return PendingCommand((len(keys), *keys, *arguments), script=script)


class PipelinedConnection:
    """Sends commands. For one event loop."""

    def __init__(self, factory: ConnectionFactory, clock: Clock) -> None:
        self._factory = factory
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._connection: AbstractConnection | None = None
        self._waiting: deque[PendingCommand] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._prober: asyncio.Task[None] | None = None
        self._trouble: str | None = None

    async def request(self, call: PendingCommand) -> Any:
        """Send a command and return its reply.

        Raises `Unavailable`; the command may or may not have run then.
        """
        self._enqueue(call)
        try:
            return await call.reply
        except asyncio.CancelledError:
            reply = call.reply
            if reply.done() and not reply.cancelled() and reply.exception() is None:
                self._undo(call, reply.result())  # the reply has arrived, and the caller is cancelled
            raise

    def send_in_order(self, call: PendingCommand, then: Callable[[], None]) -> None:
        """Send a command before all later ones, without waiting.

        `then` is called when it has ended. Failures are ignored.
        """
        call.in_order = True
        with contextlib.suppress(Unavailable):
            self._enqueue(call)
            call.reply.add_done_callback(lambda _: then())

    def _enqueue(self, call: PendingCommand) -> None:
        if self._trouble is not None:
            raise Unavailable(self._trouble)
        if len(self._waiting) >= MOST_WAITING:
            raise Unavailable(f"{MOST_WAITING} calls wait for Redis at {self._factory.name}")
        call.reply = self._loop.create_future()
        call.asked_at = self._loop.time()
        self._waiting.append(call)
        if self._sender is None:
            self._sender = self._loop.create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._waiting and self._trouble is None:
                batch = self._next_batch()
                if batch:
                    await self._send_and_receive(batch)
        finally:
            self._sender = None

    def _next_batch(self) -> list[PendingCommand]:
        batch: list[PendingCommand] = []
        oldest = self._loop.time() - self._factory.answer_seconds
        while self._waiting and len(batch) < _MOST_AT_ONCE:
            call = self._waiting.popleft()
            if call.reply.done():
                continue  # the caller was cancelled
            if call.asked_at < oldest:
                _fail(call, f"Redis at {self._factory.name} is behind")
            else:
                batch.append(call)
        return batch

    async def _send_and_receive(self, batch: list[PendingCommand]) -> None:
        try:
            async with asyncio.timeout(self._factory.answer_seconds):
                unknown = await self._exchange(batch, in_full=False)
                if unknown:
                    await self._exchange(unknown, in_full=True)
        except TROUBLE as error:
            await self._open_circuit(self._factory.describe(error))
        finally:
            for call in batch:
                self._refuse(call)  # those without an answer

    async def _exchange(self, calls: list[PendingCommand], *, in_full: bool) -> list[PendingCommand]:
        """Send commands and read all replies.

        Returns the commands whose script the server does not know; those did nothing.

        The server may have closed the connection unnoticed (a restart, an idle limit). If that shows before
        any reply, all commands are sent again on a new connection. Commands may therefore run twice.
        """
        kept = self._connection is not None
        unanswered = deque(calls)
        try:
            return await self._over_connection(unanswered, in_full)
        except RedisConnectionError:
            if not kept or len(unanswered) < len(calls):
                raise
            await self._disconnect()
            return await self._over_connection(unanswered, in_full)

    async def _over_connection(
        self, unanswered: deque[PendingCommand], in_full: bool
    ) -> list[PendingCommand]:
        connection = self._connection
        if connection is None:
            connection = self._connection = await self._factory.connect()
        commands = [call.command(in_full=in_full) for call in unanswered]
        await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        unknown = []
        while unanswered:
            try:
                reply: Any = await connection.read_response()
            except ResponseError as error:
                reply = error
            call = unanswered.popleft()
            if isinstance(reply, NoScriptError) and not in_full:
                unknown.append(call)
            else:
                self._give(call, reply)
        return unknown

    def _give(self, call: PendingCommand, reply: Any) -> None:
        if call.reply.done():
            self._undo(call, reply)
        elif isinstance(reply, ResponseError):
            _fail(call, self._factory.describe(reply))
        else:
            call.reply.set_result(reply)

    def _undo(self, call: PendingCommand, reply: Any) -> None:
        if reply == 0 and call.undo is not None:
            with contextlib.suppress(Unavailable):  # it expires by itself
                self._enqueue(call.undo)

    def _refuse(self, call: PendingCommand) -> None:
        if not call.reply.done():
            _fail(call, self._trouble or "the call was cut short")

    async def _open_circuit(self, trouble: str) -> None:
        log.warning("going on without coordination", extra={"error": trouble})
        self._trouble = trouble
        while self._waiting:
            self._refuse(self._waiting.popleft())
        self._prober = self._loop.create_task(self._probe())
        await self._disconnect()

    async def _probe(self) -> None:
        pauses = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS, random.Random())  # noqa: S311 - jitter
        while True:
            await self._clock.sleep(pauses.failed())
            try:
                async with asyncio.timeout(self._factory.answer_seconds):
                    await self._ping()
            except TROUBLE as error:
                self._trouble = self._factory.describe(error)
                await self._disconnect()
            else:
                self._trouble = self._prober = None
                log.info("coordination is back", extra={"server": self._factory.name})
                return

    async def _ping(self) -> None:
        if self._connection is None:
            self._connection = await self._factory.connect()
        await self._connection.send_command(b"PING", check_health=False)
        await self._connection.read_response()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await disconnect(connection)

    async def close(self) -> None:
        """Wait for replies of earlier commands, then close. Later commands raise `Unavailable`."""
        if self._sender is not None:
            await asyncio.wait([self._sender], timeout=self._factory.answer_seconds)
        self._trouble = "coordination is closed"
        tasks = [task for task in (self._sender, self._prober) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._waiting:
            self._refuse(self._waiting.popleft())
        await self._disconnect()


def _fail(call: PendingCommand, words: str) -> None:
    call.reply.set_exception(Unavailable(words))
    call.reply.exception()  # retrieved, so that asyncio does not log it
