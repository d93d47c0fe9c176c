"""`houseful check`: green after real sales, and red for each guarantee that is broken by hand."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from houseful.kernel.documents import Document
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Transaction
from houseful.kernel.roles import Role
from houseful.payments.domain import Intent, State
from houseful.settings import load_settings
from houseful.tickets.domain import orders, tickets
from houseful.tickets.domain.blocks import Block, SeatState
from houseful.tickets.domain.orders import Due, Order, OrderState, PaymentState
from houseful.tickets.domain.sales import Sales
from houseful.tickets.domain.scans import Scan, Verdict
from houseful.tickets.domain.shows import Show
from houseful.tickets.domain.tickets import Ticket, TicketState
from houseful.tools import invariants
from houseful.tools.invariants import Report, check_all
from tests.support.deployment import House, started

D = TypeVar("D", bound=Document)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "_PAUSE_SECONDS", 0.01)


@pytest.fixture
async def sold(tmp_path: Path) -> AsyncIterator[House]:
    """An event with one confirmed order of two seats and one cancelled one, all settled; nothing runs any
    more that could mend what a test breaks."""
    async with started(tmp_path / "data") as house:
        organizer, buyer = await house.user("organizer", Role.ORGANIZER), await house.user()
        event_id = await house.event(organizer)
        kept = await house.buy(buyer, event_id)
        cancelled = await house.buy(buyer, event_id, 1)
        (await house.call("POST", f"/api/orders/{cancelled['id']}/cancel", token=buyer)).ok(200)
        await house.order_that_is(buyer, cancelled["id"], "refunded")

        async def settled() -> bool:
            order = await house.app.stores["tickets"].get(Order, kept["id"])
            figures = [await store.outbox.stats() for store in house.app.stores.values()]
            return (
                order is not None and order.payment is PaymentState.CAPTURED
                and all(one.unpublished == 0 for one in figures)
            )  # fmt: skip

        await house.until(settled)
    async with started(tmp_path / "data", background=False) as house:
        yield house


async def report_of(house: House) -> Report:
    return await check_all(house.app.settings)


async def found(house: House) -> dict[str, list[str]]:
    """What is found, by check; those that hold are left out."""
    report = await report_of(house)
    assert report.ok == all(not result.violations for result in report.checks)
    return {
        one.code: [finding.detail for finding in one.violations] for one in report.checks if one.violations
    }


async def change(
    house: House, kind: type[D], edit: Callable[[D], D | None], service: str = "tickets"
) -> None:
    """Edit the first document of the kind for which `edit` returns one; what no code of ours would do."""
    store = house.app.stores[service]

    async def work(tx: Transaction) -> None:
        for document in await tx.find(kind, {}, limit=1000):
            current = await tx.get(kind, document.id)
            assert current is not None
            edited = edit(current)
            if edited is not None:
                tx.put(edited)
                return
        raise AssertionError("nothing to edit")

    await store.transact(work)


async def do(house: House, work: Callable[[Transaction], Awaitable[None]], service: str = "tickets") -> None:
    async with house.app.stores[service].begin() as tx:
        await work(tx)


def free_a_sold_seat(block: Block) -> Block | None:
    sold = [position for position, claim in block.claims.items() if claim.state is SeatState.SOLD]
    if not sold:
        return None
    kept = {position: claim for position, claim in block.claims.items() if position != sold[0]}
    return msgspec.structs.replace(block, claims=kept)


async def test_after_real_sales_everything_holds(sold: House) -> None:
    report = await report_of(sold)
    assert report.ok, report
    assert [result.code for result in report.checks] == [
        "C1",
        "C2",
        "C4",
        "C5",
        "C7",
        "C9",
        "C10",
        "C13",
        "C14",
        "C15",
    ]
    assert "2 sold seats, 3 tickets, 2 orders" in report.checks[0].scope


async def test_c1_a_ticket_for_a_seat_that_is_not_sold(sold: House) -> None:
    await change(sold, Block, free_a_sold_seat)
    assert list(await found(sold)) == ["C1"]


async def test_c1_a_sold_seat_without_a_ticket(sold: House) -> None:
    await change(sold, Ticket, lambda one: tickets.refunded(one) if one.state is TicketState.VALID else None)
    [detail] = (await found(sold))["C1"]
    assert "no living ticket" in detail


async def test_c1_a_seat_sold_twice(sold: House) -> None:
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


async def test_c1_an_order_in_two_minds(sold: House) -> None:
    def twice(order: Order) -> Order | None:
        confirmed = order.state is OrderState.CONFIRMED
        return msgspec.structs.replace(order, state=OrderState.REFUNDED) if confirmed else None

    await change(sold, Order, twice)
    result = await found(sold)
    assert any("no confirmed order" in detail for detail in result["C1"])
    assert "C2" in result  # and its money was not given back


async def test_c2_money_that_was_not_given_back(sold: House) -> None:
    def forget_the_refund(intent: Intent) -> Intent | None:
        return msgspec.structs.replace(intent, refunded_minor=0) if intent.refunded_minor else None

    await change(sold, Intent, forget_the_refund, "payments")
    assert "not given back" in (await found(sold))["C2"][0]


def cancelled(order: Order) -> Order | None:
    if order.state is not OrderState.REFUNDED:
        return None
    return msgspec.structs.replace(order, state=OrderState.CANCELLED)


async def test_c2_a_cancelled_order_whose_money_was_kept(sold: House) -> None:
    def forget_the_refund(intent: Intent) -> Intent | None:
        return msgspec.structs.replace(intent, refunded_minor=0) if intent.refunded_minor else None

    await change(sold, Order, cancelled)
    assert await found(sold) == {}
    await change(sold, Intent, forget_the_refund, "payments")
    assert "is cancelled" in (await found(sold))["C2"][0]


@pytest.mark.parametrize("state", [State.UNPAID, State.CHALLENGED, State.PROCESSING, State.AUTHORIZED])
async def test_c2_a_cancelled_order_that_can_still_be_paid(sold: House, state: State) -> None:
    def reopen(intent: Intent) -> Intent | None:
        if not intent.refunded_minor:
            return None
        return msgspec.structs.replace(intent, state=state, captured_minor=0, refunded_minor=0)

    await change(sold, Order, cancelled)
    await change(sold, Intent, reopen, "payments")
    assert "can still be paid" in (await found(sold))["C2"][0]


async def test_c1_a_cancelled_order_with_a_living_ticket(sold: House) -> None:
    def revive(ticket: Ticket) -> Ticket | None:
        if ticket.state is not TicketState.REFUNDED:
            return None
        key = tickets.seat_key(ticket.event_id, ticket.ordinal)
        return msgspec.structs.replace(ticket, state=TicketState.VALID, seat_key=key)

    await change(sold, Order, cancelled)
    await change(sold, Ticket, revive)
    assert "is not sold and has the living ticket" in (await found(sold))["C1"][0]


async def test_c2_too_little_was_taken(sold: House) -> None:
    def lose_some(intent: Intent) -> Intent | None:
        kept = intent.captured_minor - intent.refunded_minor
        return msgspec.structs.replace(intent, captured_minor=intent.captured_minor - 1) if kept else None

    await change(sold, Intent, lose_some, "payments")
    assert list(await found(sold)) == ["C2"]


async def test_c2_a_payment_for_no_order(sold: House) -> None:
    def misname(intent: Intent) -> Intent | None:
        kept = intent.captured_minor - intent.refunded_minor
        return msgspec.structs.replace(intent, reference="ord_gone") if kept else None

    await change(sold, Intent, misname, "payments")
    details = " ".join((await found(sold))["C2"])
    assert "does not exist" in details


async def test_c4_a_message_that_is_not_on_the_bus(sold: House) -> None:
    import apsw

    connection = apsw.Connection(str(sold.app.settings.data_folder / "events.sqlite3"))
    connection.execute("UPDATE outbox SET id = 'msg_lost' WHERE seq = 1")
    connection.close()
    assert "not on the bus" in (await found(sold))["C4"][0]


async def test_c4_a_gap_and_a_message_that_waits(sold: House) -> None:
    import apsw

    connection = apsw.Connection(str(sold.app.settings.data_folder / "tickets.sqlite3"))
    connection.execute(
        "UPDATE outbox SET seq = seq + 5 WHERE seq = (SELECT max(seq) FROM outbox WHERE seq > 1)"
    )
    assert connection.changes() == 1
    connection.execute("UPDATE outbox SET published_at = NULL, created_at = 1000 WHERE rowid = 1")
    connection.close()
    details = " ".join((await found(sold))["C4"])
    assert "follows #" in details
    assert "is not published after" in details


async def test_c4_where_somebody_else_publishes(sold: House) -> None:
    """Nobody marks rows then, and each has to be on the bus all the same."""
    import apsw

    connection = apsw.Connection(str(sold.app.settings.data_folder / "events.sqlite3"))
    connection.execute("UPDATE outbox SET published_at = NULL, created_at = created_at - 60000")
    assert "is not published after" in (await found(sold))["C4"][0]
    without_relay = msgspec.structs.replace(sold.app.settings, relay="off")
    assert (await check_all(without_relay)).ok
    connection.execute("UPDATE outbox SET id = 'msg_lost' WHERE seq = 1")
    connection.close()
    [lost] = [one for result in (await check_all(without_relay)).checks for one in result.violations]
    assert "is not on the bus" in lost.detail


async def test_c7_money_that_nobody_moves(sold: House) -> None:
    late = sold.app.clock.now() - invariants.LATE_MILLIS - 1000

    def stuck(order: Order) -> Order | None:
        return msgspec.structs.replace(order, due=Due.REFUND, look_at=late)

    await change(sold, Order, stuck)
    assert "refund is due since 31 s" in (await found(sold))["C7"][0]


async def test_c7_what_ends_by_itself_is_not_late(sold: House) -> None:
    late = sold.app.clock.now() - 10 * invariants.LATE_MILLIS

    def unpaid(order: Order) -> Order | None:
        if order.state is not OrderState.REFUNDED:
            return None
        return msgspec.structs.replace(
            order, state=OrderState.AWAITING_PAYMENT, payment=PaymentState.OPEN, due=None, look_at=late
        )

    await change(sold, Order, unpaid)
    assert "C7" not in await found(sold)


async def test_c9_a_block_that_is_missing(sold: House) -> None:
    def vanish(block: Block) -> Block | None:
        return None if block.claims else msgspec.structs.replace(block, event_id="evt_other")

    await change(sold, Block, vanish)
    details = (await found(sold))["C9"]
    assert any("are missing" in detail or "has " in detail for detail in details)
    assert any("no such event" in detail for detail in details)


async def test_c9_figures_that_count_other_seats_as_blocked(sold: House) -> None:
    def miscount(sales: Sales) -> Sales:
        assert sales.blocked == 0
        return msgspec.structs.replace(sales, blocked=1)

    await change(sold, Sales, miscount)
    [detail] = (await found(sold))["C9"]
    assert detail == "its figures say that 1 seats are blocked, and 0 are"


async def test_c9_a_plan_that_is_not_the_one(sold: House) -> None:
    await change(sold, Show, lambda show: msgspec.structs.replace(show, seats_total=show.seats_total + 1))
    assert list(await found(sold)) == ["C9"]


async def test_what_is_mended_meanwhile_is_no_finding(sold: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As beside a server that sells: a seat that was being sold while one looked."""
    await change(sold, Block, free_a_sold_seat)
    looks: list[Any] = []

    async def mended(installation: Any) -> invariants.Snapshot:
        looks.append(installation)
        if len(looks) == 1:
            return await invariants.seats_tickets_orders(installation)
        return invariants.Snapshot([], "all")

    monkeypatch.setattr(invariants, "CHECKS", (invariants.Check("C1", "claim", mended),))
    assert (await report_of(sold)).ok
    assert len(looks) == 2


async def test_checks_beside_sales(house: House) -> None:
    """Under fire: nothing is found while seats are sold and cancelled all the time."""
    organizer = await house.user("organizer", Role.ORGANIZER)
    event_id = await house.event(organizer)
    buyers = [await house.user(f"buyer{number}") for number in range(4)]
    over = asyncio.Event()

    async def trade(token: str) -> None:
        while not over.is_set():
            order = await house.buy(token, event_id, 2)
            (await house.call("POST", f"/api/orders/{order['id']}/cancel", token=token)).ok(200)

    trading = [asyncio.create_task(trade(token)) for token in buyers]
    for _ in range(3):
        report = await report_of(house)
        assert report.ok, report
    over.set()
    await asyncio.gather(*trading)


async def test_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no installation"):
        await check_all(load_settings({}, data=str(tmp_path)))


def test_orders_are_what_these_tests_think() -> None:
    assert orders.TRANSITIONS[OrderState.REFUNDED] == frozenset()


async def admitted(house: House) -> None:
    """One of the sold tickets is at the gate."""
    gate, buyer = await house.user("gate", Role.GATE), await house.user()
    order = next(
        one
        for one in (await house.call("GET", "/api/orders", token=buyer)).ok()["items"]
        if one["status"] == "confirmed"
    )
    [ticket, _] = (await house.call("GET", f"/api/orders/{order['id']}/tickets", token=buyer)).ok()["items"]
    scan = {"gate": "North", "scan_id": "1", "scanned_at": "2026-11-01T18:00:00Z"}
    answer = await house.call("POST", "/api/checkins", scan | {"code": ticket["code"]}, token=gate)
    assert answer.ok()["result"] == "admitted"
    assert await found(house) == {}


async def test_c10_a_ticket_that_admitted_twice(sold: House) -> None:
    await admitted(sold)
    [scan] = await sold.app.stores["tickets"].find(Scan, {}, limit=2)

    async def work(tx: Transaction) -> None:
        tx.insert(msgspec.structs.replace(scan, id="another"))

    await do(sold, work)
    [detail] = (await found(sold))["C10"]
    assert "admitted 2 times" in detail


async def test_c10_a_ticket_that_is_used_and_admitted_nobody(sold: House) -> None:
    await admitted(sold)
    await change(sold, Scan, lambda one: msgspec.structs.replace(one, verdict=Verdict.ALREADY_USED))
    [detail] = (await found(sold))["C10"]
    assert "admitted nobody" in detail


async def test_c10_a_ticket_that_admitted_and_is_not_used(sold: House) -> None:
    await admitted(sold)
    fresh = {"state": TicketState.VALID, "used_at": None, "gate": None, "scan_id": None}
    await change(
        sold,
        Ticket,
        lambda one: msgspec.structs.replace(one, **fresh) if one.scan_id is not None else None,
    )
    [detail] = (await found(sold))["C10"]
    assert "names none" in detail
