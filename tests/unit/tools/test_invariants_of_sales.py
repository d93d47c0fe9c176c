"""`houseful check` is red when seats, tickets, money and scans do not fit together."""

import msgspec
import pytest

from houseful.kernel.ports import Transaction
from houseful.kernel.roles import Role
from houseful.payments.domain import Intent, State
from houseful.tickets.domain import refunds, tickets
from houseful.tickets.domain.blocks import Block
from houseful.tickets.domain.ordered_seats import PartRefund
from houseful.tickets.domain.orders import Due, Order, OrderState, PaymentState
from houseful.tickets.domain.refund_reasons import Reason
from houseful.tickets.domain.scans import Scan, Verdict
from houseful.tickets.domain.tickets import Ticket, TicketState
from tests.support.deployment import Deployment
from tests.unit.tools.sold_seats import change, do, found, free_a_sold_seat, impatient, sold

__all__ = ["impatient", "sold"]


async def test_c1_a_ticket_for_a_seat_that_is_not_sold(sold: Deployment) -> None:
    await change(sold, Block, free_a_sold_seat)
    assert list(await found(sold)) == ["C1"]


async def test_c1_a_sold_seat_without_a_ticket(sold: Deployment) -> None:
    await change(
        sold, Ticket, lambda one: tickets.refunded(one, 0) if one.state is TicketState.VALID else None
    )
    [detail] = (await found(sold))["C1"]
    assert "no living ticket" in detail


async def test_c1_a_seat_sold_twice(sold: Deployment) -> None:
    """The ticket's seat key is changed, so that the unique index, the last line of defence, does not help."""
    store = sold.app.stores["tickets"]
    [ticket, *_] = [one for one in await store.find(Ticket, {}, limit=10) if one.state is TicketState.VALID]
    copy = msgspec.structs.replace(ticket, id="tkt_copy", seat_key="elsewhere")

    async def insert(tx: Transaction) -> None:
        tx.insert(copy)

    await do(sold, insert)
    details = (await found(sold))["C1"]
    assert any("2 living tickets" in detail for detail in details)
    assert any("seat key" in detail for detail in details)


async def test_c1_an_order_in_two_minds(sold: Deployment) -> None:
    def twice(order: Order) -> Order | None:
        confirmed = order.state is OrderState.CONFIRMED
        return msgspec.structs.replace(order, state=OrderState.REFUNDED) if confirmed else None

    await change(sold, Order, twice)
    result = await found(sold)
    assert any("no confirmed order" in detail for detail in result["C1"])
    assert "C2" in result  # and its money was not given back


async def test_c2_money_that_was_not_given_back(sold: Deployment) -> None:
    def forget_the_refund(intent: Intent) -> Intent | None:
        return msgspec.structs.replace(intent, refunded_minor=0) if intent.refunded_minor else None

    await change(sold, Intent, forget_the_refund, "payments")
    assert "not given back" in (await found(sold))["C2"][0]


def cancelled(order: Order) -> Order | None:
    if order.state is not OrderState.REFUNDED:
        return None
    return msgspec.structs.replace(order, state=OrderState.CANCELLED)


async def test_c2_a_cancelled_order_whose_money_was_kept(sold: Deployment) -> None:
    def forget_the_refund(intent: Intent) -> Intent | None:
        return msgspec.structs.replace(intent, refunded_minor=0) if intent.refunded_minor else None

    await change(sold, Order, cancelled)
    assert await found(sold) == {}
    await change(sold, Intent, forget_the_refund, "payments")
    assert "is cancelled" in (await found(sold))["C2"][0]


@pytest.mark.parametrize("state", [State.UNPAID, State.CHALLENGED, State.PROCESSING, State.AUTHORIZED])
async def test_c2_a_cancelled_order_that_can_still_be_paid(sold: Deployment, state: State) -> None:
    def reopen(intent: Intent) -> Intent | None:
        if not intent.refunded_minor:
            return None
        return msgspec.structs.replace(intent, state=state, captured_minor=0, refunded_minor=0)

    await change(sold, Order, cancelled)
    await change(sold, Intent, reopen, "payments")
    assert "can still be paid" in (await found(sold))["C2"][0]


async def test_c1_a_cancelled_order_with_a_living_ticket(sold: Deployment) -> None:
    def revive(ticket: Ticket) -> Ticket | None:
        if ticket.state is not TicketState.REFUNDED:
            return None
        key = tickets.seat_key(ticket.event_id, ticket.ordinal)
        return msgspec.structs.replace(ticket, state=TicketState.VALID, seat_key=key)

    await change(sold, Order, cancelled)
    await change(sold, Ticket, revive)
    assert "is not sold and has the living ticket" in (await found(sold))["C1"][0]


@pytest.mark.parametrize("ended", ["expired", "given back"])
async def test_c16_paid_in_time_and_told_too_late(sold: Deployment, ended: str) -> None:
    def lost(order: Order) -> Order | None:
        if order.state is not OrderState.REFUNDED:
            return None
        if ended == "expired":
            return msgspec.structs.replace(
                order, state=OrderState.EXPIRED, payment=PaymentState.CANCELED, reason=None
            )
        return msgspec.structs.replace(order, reason=Reason.SEATS_GONE)

    assert "C16" not in await found(sold)
    await change(sold, Order, lost)
    [told] = (await found(sold))["C16"]
    assert "before its deadline" in told

    def late(intent: Intent) -> Intent | None:
        return msgspec.structs.replace(intent, authorized_at=2**52) if intent.refunded_minor else None

    await change(sold, Intent, late, "payments")
    assert "C16" not in await found(sold)


async def test_c2_too_little_was_taken(sold: Deployment) -> None:
    def lose_some(intent: Intent) -> Intent | None:
        kept = intent.captured_minor - intent.refunded_minor
        return msgspec.structs.replace(intent, captured_minor=intent.captured_minor - 1) if kept else None

    await change(sold, Intent, lose_some, "payments")
    assert list(await found(sold)) == ["C2"]


@pytest.mark.parametrize("due", [None, Due.REFUND_PART])
async def test_c2_a_seat_that_went_back_without_its_money(sold: Deployment, due: Due | None) -> None:
    """What the order says is true at the gateway, or is asked for."""

    def refund_one(order: Order) -> Order | None:
        if order.state is not OrderState.CONFIRMED:
            return None
        part = refunds.part_refunded(order, order.ordinals[:1], 0)
        is_settled = due is None
        parts = tuple(PartRefund(one.at, one.seats, is_settled) for one in part.part_refunds)
        return msgspec.structs.replace(part, due=due, look_at=None, part_refunds=parts)

    def give_too_much_back(intent: Intent) -> Intent | None:
        kept = intent.captured_minor - intent.refunded_minor
        return msgspec.structs.replace(intent, refunded_minor=intent.captured_minor - 1) if kept else None

    await change(sold, Order, refund_one)
    assert ("C2" in await found(sold)) == (due is None)
    await change(sold, Intent, give_too_much_back, "payments")
    assert "C2" in await found(sold)


async def test_c2_a_payment_for_no_order(sold: Deployment) -> None:
    def misname(intent: Intent) -> Intent | None:
        kept = intent.captured_minor - intent.refunded_minor
        return msgspec.structs.replace(intent, reference="ord_gone") if kept else None

    await change(sold, Intent, misname, "payments")
    details = " ".join((await found(sold))["C2"])
    assert "does not exist" in details


async def admitted(deployment: Deployment) -> None:
    """One of the sold tickets is at the gate."""
    gate, buyer = await deployment.user("gate", Role.GATE), await deployment.user()
    order = next(
        one
        for one in (await deployment.call("GET", "/api/orders", token=buyer)).ok()["items"]
        if one["status"] == "confirmed"
    )
    [ticket, _] = (await deployment.call("GET", f"/api/orders/{order['id']}/tickets", token=buyer)).ok()[
        "items"
    ]
    scan = {"gate": "North", "scan_id": "1", "scanned_at": "2026-11-01T18:00:00Z"}
    answer = await deployment.call("POST", "/api/checkins", scan | {"code": ticket["code"]}, token=gate)
    assert answer.ok()["result"] == "admitted"
    assert await found(deployment) == {}


async def test_c10_a_ticket_that_admitted_twice(sold: Deployment) -> None:
    await admitted(sold)
    [scan] = await sold.app.stores["tickets"].find(Scan, {}, limit=2)

    async def work(tx: Transaction) -> None:
        tx.insert(msgspec.structs.replace(scan, id="another"))

    await do(sold, work)
    [detail] = (await found(sold))["C10"]
    assert "admitted 2 times" in detail


async def test_c10_a_ticket_that_is_used_and_admitted_nobody(sold: Deployment) -> None:
    await admitted(sold)
    await change(sold, Scan, lambda one: msgspec.structs.replace(one, verdict=Verdict.ALREADY_USED))
    [detail] = (await found(sold))["C10"]
    assert "admitted nobody" in detail


async def test_c10_a_ticket_that_admitted_and_is_not_used(sold: Deployment) -> None:
    await admitted(sold)
    fresh = {"state": TicketState.VALID, "used_at": None, "gate": None, "scan_id": None}
    await change(
        sold,
        Ticket,
        lambda one: msgspec.structs.replace(one, **fresh) if one.scan_id is not None else None,
    )
    [detail] = (await found(sold))["C10"]
    assert "names none" in detail
