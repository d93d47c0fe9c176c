"""Dead-letter operations of one service: `houseful messages parked|dead|replay`. Each is safe to repeat."""

from collections.abc import Awaitable, Callable, Mapping

from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.kernel.errors import StateConflict, not_found
from houseful.kernel.ports import Bus, Envelope, Reader, Store, Transaction
from houseful.kernel.tracing import trace
from houseful.messages import Message
from houseful.messaging.documents import DeadLetter, Parked
from houseful.messaging.key_queue import Handler, parse_message
from houseful.messaging.relay import envelope_of

_REPLAY_BATCH = 500


async def list_parked(store: Reader, *, limit: int = 1000) -> list[Parked]:
    """The parked keys, in order of their ids."""
    return await store.find(Parked, {}, limit=limit)


async def list_dead(store: Reader, *, limit: int = 1000) -> list[DeadLetter]:
    """The oldest first."""
    return await store.find(DeadLetter, {}, by="at", limit=limit)


async def unpark(
    store: Store,
    id: str,
    *,
    accept_gap: bool = False,
    also: Callable[[Transaction, Parked], Awaitable[None]] | None = None,
) -> None:
    """Make the consumer retry a parked key at once. Raises a refusal where no such key is parked.

    `accept_gap` skips missing messages; only for messages that `replay` can't bring back. `also` runs in the
    transaction that does it.
    """

    async def work(tx: Transaction) -> None:
        parked = await tx.get(Parked, id)
        if parked is None:
            raise not_found("parked_key")
        tx.put(replace(parked, state="retrying", attempts=0, retry_at=0, accept_gap=accept_gap))
        if also is not None:
            await also(tx, parked)

    await store.transact(work)


async def retry_dead(
    store: Store,
    handlers: Mapping[type[Message], Handler],
    id: str,
    *,
    also: Callable[[Transaction, DeadLetter], Awaitable[None]] | None = None,
) -> None:
    """Apply a dead letter out of order and remove it, in one transaction, in which `also` runs too.

    Raises a refusal where there is no such letter or this version can't parse it, and the handler's error.
    """

    async def work(tx: Transaction) -> None:
        letter = await tx.get(DeadLetter, id)
        if letter is None:
            raise not_found("dead_letter")
        if letter.envelope is None:
            raise StateConflict("not_understood", f"Not even its headers can be read: {letter.error}.")
        try:
            message = parse_message(letter.envelope, handlers)
        except (ValueError, RecursionError) as error:
            raise StateConflict("not_understood", f"It still can't be understood: {error}.") from error
        if message is not None:
            with trace(letter.envelope.traceparent):
                await handlers[type(message)](tx, message)
        tx.delete(letter)
        if also is not None:
            await also(tx, letter)

    await store.transact(work)


async def replay(
    store: Store,
    bus: Bus,
    service: str,
    *,
    aggregate: tuple[str, str] | None = None,
    since: Millis | None = None,
) -> int:
    """Publish rows of a service's outbox again. Returns the number of messages.

    `aggregate` (aggregatetype, aggregateid) and `since` narrow the rows. Unpublished rows are left to the
    relay. Consumers skip what they have applied.
    """
    batch: list[Envelope] = []
    count = 0
    async for row in store.outbox.rows():
        if row.published_at is None or (since is not None and row.created_at < since):
            continue
        if aggregate is not None and (row.aggregatetype, row.aggregateid) != aggregate:
            continue
        batch.append(envelope_of(row, service))
        count += 1
        if len(batch) == _REPLAY_BATCH:
            await bus.publish(service, batch)
            batch = []
    if batch:
        await bus.publish(service, batch)
    return count
