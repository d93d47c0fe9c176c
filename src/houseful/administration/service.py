"""What an administrator does with one service: its audit log, its health, its messages that got stuck."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from houseful.kernel.documents import Document, Millis
from houseful.kernel.errors import StateConflict, not_found
from houseful.kernel.ports import Bus, Clock, Ids, OutboxStats, Store, Transaction
from houseful.messages import Message
from houseful.messaging import (
    DeadLetter,
    Handler,
    Parked,
    ParkedMessage,
    replay,
    retry_dead,
    unpark,
)
from houseful.webapi.audit import Actor, AuditEntry, AuditFilter, AuditLog, History, emails_of, read_log
from houseful.webapi.cursors import ByMoment
from houseful.webapi.idempotency import IdempotencyContext

D = TypeVar("D", bound=Document)
T = TypeVar("T")

Checks = Callable[[], Awaitable[Mapping[str, str]]]
"""What the process says of its engines and jobs, as `/readyz` does."""

_MESSAGES_SHOWN = 50
_HOUR_MILLIS = 3_600_000


class Health(NamedTuple):
    """`checks` are those of the process that answers."""

    checks: Mapping[str, str]
    outbox: OutboxStats
    parked: int
    retrying: int
    dead_letters: int
    now: Millis


class Listed(NamedTuple):
    """An entry of the log, and its actor's address at that time."""

    entry: AuditEntry
    email: str | None


class Administration:
    """Safe to be used in every process of the service."""

    def __init__(
        self,
        service: str,
        store: Store,
        bus: Bus | None,
        clock: Clock,
        ids: Ids,
        *,
        handlers: Mapping[type[Message], Handler],
        histories: Sequence[History] = (),
        checks: Checks | None = None,
    ) -> None:
        self.service = service
        self._store = store
        self._bus = bus
        self._clock = clock
        self._handlers = handlers
        self._histories = histories
        self._checks = checks
        self._log = AuditLog(clock, ids)

    # Reading

    async def audit(
        self, wanted: AuditFilter, after: ByMoment | None, limit: int
    ) -> tuple[list[Listed], ByMoment | None]:
        """A page of acts of staff, the newest first, and where the log goes on."""
        entries, last = await read_log(self._store, self._histories, wanted, after, limit)
        emails = await emails_of(self._store, entries)
        return [Listed(entry, emails[entry.id]) for entry in entries], last

    async def health(self) -> Health:
        """How the service does."""
        return Health(
            checks=await self._checks() if self._checks is not None else {},
            outbox=await self._store.outbox.stats(),
            parked=await self._store.count(Parked, {"state": "parked"}),
            retrying=await self._store.count(Parked, {"state": "retrying"}),
            dead_letters=await self._store.count(DeadLetter, {}),
            now=self._clock.now(),
        )

    async def parked(self, after: str | None, limit: int) -> list[Parked]:
        """Keys whose messages wait, in order of their ids."""
        return await self._store.find(Parked, {}, after=None if after is None else (None, after), limit=limit)

    async def parked_key(self, id: str) -> tuple[Parked, list[ParkedMessage]]:
        """A key with the first of its messages. Raises `NotFound`."""
        parked = await self._store.get(Parked, id)
        if parked is None:
            raise not_found("parked_key")
        return parked, await self._store.find(ParkedMessage, {"parked": id}, by="seq", limit=_MESSAGES_SHOWN)

    async def dead_letters(self, after: ByMoment | None, limit: int) -> list[DeadLetter]:
        """The oldest first."""
        return await self._store.find(DeadLetter, {}, by="at", after=after, limit=limit)

    # Acts

    async def unpark(
        self,
        id: str,
        by: Actor,
        *,
        accept_gap: bool,
        reason: str = "",
        outcome: object = None,
        context: IdempotencyContext | None = None,
    ) -> None:
        """The consumer tries a parked key again at once. Raises `NotFound`."""

        async def record(tx: Transaction, parked: Parked) -> None:
            await self._log.record(
                tx,
                by,
                "messages.unparked",
                f"parked_key:{id}",
                reason=reason,
                accept_gap=accept_gap,
                was=parked.reason,
            )
            if context is not None:
                context.store(tx, outcome)

        await unpark(self._store, id, accept_gap=accept_gap, also=record)

    async def retry_dead(
        self,
        id: str,
        by: Actor,
        *,
        reason: str = "",
        outcome: object = None,
        context: IdempotencyContext | None = None,
    ) -> None:
        """Apply a dead letter that this version understands. Raises `NotFound`, `StateConflict`."""

        async def record(tx: Transaction, letter: DeadLetter) -> None:
            await self._log.record(
                tx, by, "messages.retried", f"dead_letter:{id}", reason=reason, was=letter.error
            )
            if context is not None:
                context.store(tx, outcome)

        await retry_dead(self._store, self._handlers, id, also=record)

    async def replay(
        self,
        by: Actor,
        outcome: Callable[[int], T],
        *,
        aggregate: tuple[str, str] | None,
        since_hours: float | None,
        reason: str = "",
        context: IdempotencyContext | None = None,
    ) -> T:
        """Send messages of the outbox once more. It is recorded when they are on the bus, if there were any;
        receivers skip what they have applied, so that a repetition after a crash does no harm."""
        if self._bus is None:
            raise StateConflict("no_bus", "This process sends no messages.")
        since = None if since_hours is None else self._clock.now() - round(since_hours * _HOUR_MILLIS)
        if context is not None:
            await self._store.transact(context.check)
        count = await replay(self._store, self._bus, self.service, aggregate=aggregate, since=since)
        told = outcome(count)

        async def record(tx: Transaction) -> T:
            if count:
                await self._log.record(
                    tx,
                    by,
                    "messages.replayed",
                    f"outbox:{self.service}" if aggregate is None else ":".join(aggregate),
                    reason=reason,
                    messages=count,
                    since_hours=None if since_hours is None else f"{since_hours:g}",
                )
            if context is not None:
                context.store(tx, told)
            return told

        return await self._store.transact(record)
