"""`houseful check` is red when somebody who bought before an event was moved is not told."""

import msgspec
import pytest

from houseful.kernel.ports import Transaction
from houseful.messages import Reschedule
from houseful.tickets.domain.emails import QueuedEmail, email_id
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.reschedules import applied
from houseful.tickets.domain.shows import Show
from tests.support.deployment import Deployment
from tests.unit.tools.sold_seats import do, found, impatient, report_of, sold

__all__ = ["impatient", "sold"]


async def moved(sold: Deployment, *, told_of: int, email: bool, is_telling: bool = False) -> Order:
    store = sold.app.stores["tickets"]
    [show] = await store.find(Show, {}, limit=2)
    [order] = [one for one in await store.find(Order, {}, limit=9) if one.state is OrderState.CONFIRMED]
    at = sold.app.clock.now()
    reschedule = Reschedule(
        number=1,
        at=at,
        from_starts_at=show.starts_at,
        from_ends_at=show.ends_at,
        from_venue=show.venue,
        starts_at=show.starts_at + 86_400_000,
        ends_at=None,
        venue=show.venue,
        message="The singer is ill.",
        return_until=show.starts_at,
    )

    async def work(tx: Transaction) -> None:
        for kind, id in ((Show, show.id), (Order, order.id)):
            await tx.get(kind, id)
        after = applied(show, reschedule, at)
        tx.put(after if is_telling else msgspec.structs.replace(after, look_at=None))
        tx.put(msgspec.structs.replace(order, told_of=told_of))
        if email:
            id = email_id("rescheduled", order.id, 1)
            tx.insert(QueuedEmail(id=id, kind="rescheduled", order_id=order.id, due_at=None, reschedule=1))

    await do(sold, work)
    return order


async def test_c19_a_buyer_who_is_told(sold: Deployment) -> None:
    await moved(sold, told_of=1, email=True)
    assert await found(sold) == {}
    [check] = [result for result in (await report_of(sold)).checks if result.code == "C19"]
    assert check.scope == "1 orders of events that were moved"


async def test_c19_while_buyers_are_told_nobody_is_late(sold: Deployment) -> None:
    await moved(sold, told_of=0, email=False, is_telling=True)
    assert "C19" not in await found(sold)


@pytest.mark.parametrize(
    ("told_of", "wrong"),
    [
        (0, "is not told of reschedule 1"),
        (1, "is told of reschedule 1, and there is no email about it"),
        (2, "is told of 2 reschedules, and there are 1"),
    ],
)
async def test_c19_a_buyer_who_is_not(sold: Deployment, told_of: int, wrong: str) -> None:
    await moved(sold, told_of=told_of, email=False)
    assert await found(sold) == {"C19": [wrong]}
