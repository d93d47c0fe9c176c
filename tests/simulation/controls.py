"""The negative controls: what has to be found when a guard is missing."""

from collections.abc import Sequence
from typing import Any

from houseful.kernel.ports import Delivery, OutboxRow, Subscription
from houseful.messaging import Consumer, Relay
from tests.chaos.broken_server import sell_to_everybody


def take_out(guard: str) -> None:
    """For the rest of this process. "" takes nothing out."""
    if guard:
        GUARDS[guard]()


def publish_by_cursor() -> None:
    """A relay that remembers how far it has read, and not what it has published."""
    read = Relay._next_rows

    async def next_rows(self: Any) -> list[OutboxRow]:
        rows = [row for row in await read(self) if row.id > getattr(self, "cursor", "")]
        if rows:
            self.cursor = rows[-1].id
        return rows

    setattr(Relay, "_next_rows", next_rows)  # noqa: B010


def acknowledge_before_the_commit() -> None:
    """A consumer that tells the bus that messages are done, and then does them."""
    take_all = Consumer._take_all

    async def acknowledged_first(
        self: Any, subscription: Subscription, deliveries: Sequence[Delivery]
    ) -> None:
        await subscription.commit(deliveries)
        await take_all(self, subscription, deliveries)

    setattr(Consumer, "_take_all", acknowledged_first)  # noqa: B010


GUARDS = {
    "seats": sell_to_everybody,
    "relay": publish_by_cursor,
    "acknowledgement": acknowledge_before_the_commit,
}
