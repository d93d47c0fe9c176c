"""Open payments: seats whose time has passed, and that may have been paid for in time.

That a hold has lapsed makes its seats free, unless they were ordered: then the payment gateway may have
authorised the payment, and the answer may be on its way. Such a seat is given to nobody else before the
gateway has ended the payment.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from houseful.kernel.documents import Millis
from houseful.kernel.ports import Transaction
from houseful.tickets.domain import blocks, orders
from houseful.tickets.domain.blocks import Block, block_id
from houseful.tickets.domain.holds import Hold
from houseful.tickets.domain.orders import Order


class PaymentsOpen(Exception):
    """The gateway has to be asked about these orders first."""

    def __init__(self, order_ids: Iterable[str]) -> None:
        self.order_ids = sorted(order_ids)
        super().__init__(f"open payments of {self.order_ids}")


def lapsed_holds(
    event_id: str, wanted: Mapping[int, Sequence[int]], found: Mapping[str, Block], now: Millis
) -> set[str]:
    """The holds that have lapsed and still claim one of the seats that are wanted."""
    lapsed: set[str] = set()
    for index, ordinals in wanted.items():
        lapsed.update(blocks.lapsed_holds(found[block_id(event_id, index)], ordinals, now))
    return lapsed


async def check_open_payments(tx: Transaction, lapsed: Collection[str]) -> None:
    """Raises `PaymentsOpen` where one of these holds was ordered and its payment is open."""
    if not lapsed:
        return
    holds = await tx.get_many(Hold, sorted(lapsed))
    ordered = sorted(hold.order_id for hold in holds.values() if hold.order_id is not None)
    if not ordered:
        return
    open_ones = [
        order.id for order in (await tx.get_many(Order, ordered)).values() if orders.is_payable(order)
    ]
    if open_ones:
        raise PaymentsOpen(open_ones)
