"""Cancellations beside admissions, payments and deadlines at one instant."""

import asyncio
import itertools
from collections import Counter
from typing import Any

import pytest

from houseful.tickets.domain.shows import Show
from houseful.tickets.use_cases.ordering import Ordering
from tests.support.deployment import Reply, plan
from tests.system.fault_proxy import FaultProxy
from tests.system.faults import HeldSale
from tests.system.houses import HouseOfParts, OpenHouse, SystemHouse
from tests.system.racing import ROUNDS
from tests.system.support import (
    a_few_turns,
    findings,
    kept_minor,
    must_be_sound,
    on_sale,
    organizer_of,
    reserved_minor,
    token_of,
)
from tests.system.world import moment


async def test_admitting_and_cancelling_at_one_instant(house: SystemHouse) -> None:
    """Never both: who is in has no money back, who has the money back does not get in."""
    staff = organizer_of(house)
    event_id = await house.event(staff, plan=plan(rows=5, seats=20))
    for turn in range(house.rounds(30)):
        buyer = token_of(house, f"b{turn}")
        order = await house.buy(buyer, event_id, 1)
        path = f"/api/orders/{order['id']}/tickets"
        (ticket,) = (await house.call("GET", path, token=buyer)).ok()["items"]
        scan = {"code": ticket["code"], "gate": "North", "scan_id": f"scan-{turn}",
                "scanned_at": "2026-05-01T18:00:00Z"}  # fmt: skip

        async def admit(scan: dict[str, str] = scan, turns: int = turn % 3) -> Reply:
            await a_few_turns(turns)
            return await house.call("POST", "/api/checkins", scan, token=staff)

        cancelled, checked = await asyncio.gather(
            house.call("POST", f"/api/orders/{order['id']}/cancel", token=buyer), admit()
        )
        pair = (cancelled.status, checked.ok(200)["result"])
        assert pair in ((200, "refunded"), (409, "admitted"))
    await must_be_sound(house)


# Webhook, cancel and deadline at one instant
@pytest.mark.long_when_split
async def test_webhook_cancel_and_deadline_at_one_instant(open_house: OpenHouse) -> None:
    """In any order: either the seats are sold and paid for, or neither."""
    async with open_house(manual=True) as house:
        clock, fault_proxy = house.clock, house.fault_proxy
        event_id = await on_sale(
            house, organizer_of(house), plan=plan(rows=10, seats=30), hold_seconds=60, max_seats_per_order=2
        )
        orders_of_turns = itertools.cycle(itertools.permutations(range(3)))
        outcomes: Counter[str] = Counter()
        apart = (0, 5, 20, 60)
        for turn in range(house.rounds(ROUNDS)):
            buyer = token_of(house, f"b{turn}")
            order = await house.order(buyer, (await house.hold(buyer, event_id, 2))["hold_id"])
            fault_proxy.catches, fault_proxy.caught = True, []
            (await house.pay(order)).ok(200)
            await house.until(lambda: _caught(fault_proxy))
            fault_proxy.catches = False
            left = moment(order["expires_at"]).timestamp() - clock.now() / 1000
            await clock.advance(left - 0.1)  # the deadline is about to be

            async def webhook(turns: int) -> None:
                await a_few_turns(turns)
                (await fault_proxy.deliver(house)).ok(204)

            async def cancel(turns: int, order: dict[str, Any] = order, buyer: str = buyer) -> None:
                await a_few_turns(turns)
                reply = await house.call("POST", f"/api/orders/{order['id']}/cancel", token=buyer)
                assert reply.status == 200, reply.content

            async def deadline(turns: int) -> None:
                await a_few_turns(turns)
                await clock.advance(0.2)
                await house.app.services["tickets"].reconciliation.reconcile_due()

            first, second, third = (place * apart[turn % 4] for place in next(orders_of_turns))
            await asyncio.gather(webhook(first), cancel(second), deadline(third))
            await must_be_sound(house)
            status = (await house.call("GET", f"/api/orders/{order['id']}", token=buyer)).ok()["status"]
            assert status in ("cancelled", "refunded")
            assert (await kept_minor(house), await reserved_minor(house)) == (0, 0)
            path = f"/api/orders/{order['id']}/tickets"
            tickets = (await house.call("GET", path, token=buyer)).ok()["items"]
            assert {ticket["status"] for ticket in tickets} <= {"refunded"}
            outcomes["sold, then cancelled" if tickets else "cancelled first"] += 1
        # Else they were not close enough to prove anything; over the network that is nobody's to choose.
        assert len(outcomes) == 2 or isinstance(house, HouseOfParts), outcomes


async def _caught(fault_proxy: FaultProxy) -> bool:
    return bool(fault_proxy.caught)


async def test_confirmed_in_the_instant_of_the_cancellation_of_the_event(open_house: OpenHouse) -> None:
    async with open_house(manual=True) as house:
        organizer = organizer_of(house)
        for turn in range(house.rounds(12)):
            event_id = await on_sale(house, organizer)
            buyers = [token_of(house, f"b{turn}-{number}") for number in range(4)]
            orders = [
                await house.order(buyer, (await house.hold(buyer, event_id))["hold_id"]) for buyer in buyers
            ]

            async def pay(order: dict[str, Any], turns: int) -> None:
                await a_few_turns(turns)
                assert (await house.pay(order)).status in (200, 409)

            async def cancel(event_id: str = event_id) -> None:
                (await house.call("POST", f"/api/events/{event_id}/cancel", token=organizer)).ok(202)

            await asyncio.gather(
                cancel(), *(pay(order, number * 7 * (turn % 5)) for number, order in enumerate(orders))
            )

            async def all_back(orders: list[dict[str, Any]] = orders, buyers: list[str] = buyers) -> bool:
                found = [
                    (await house.call("GET", f"/api/orders/{order['id']}", token=buyer)).ok()["status"]
                    for order, buyer in zip(orders, buyers, strict=True)
                ]
                return set(found) <= {"refunded", "cancelled"}

            await house.until(all_back, advance_seconds=5)
            await must_be_sound(house)
            assert (await kept_minor(house), await reserved_minor(house)) == (0, 0)
        assert await findings(house) == []


@pytest.mark.long_when_split
async def test_paid_late_while_the_event_is_cancelled(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order paid late is being confirmed, the event is cancelled and with it this order, which can still
    be paid; then the confirmation goes on. It finds the cancellation, and the money goes back."""
    async with open_house(manual=True) as house:
        organizer, buyer = organizer_of(house), token_of(house, "bea")
        event_id = await on_sale(house, organizer, hold_seconds=60)
        order = await house.order(buyer, (await house.hold(buyer, event_id))["hold_id"])

        async def is_now(*statuses: str) -> bool:
            found = (await house.call("GET", f"/api/orders/{order['id']}", token=buyer)).ok()
            return bool(found["status"] in statuses)

        await house.until(lambda: is_now("expired"), advance_seconds=10)
        sales = HeldSale(house.faults)
        monkeypatch.setattr(Ordering, "sell", sales.around(Ordering.sell))
        sales.hold()
        (await house.pay(order)).ok(200)
        await house.until(sales.begun)
        (await house.call("POST", f"/api/events/{event_id}/cancel", token=organizer)).ok(202)

        async def looked_through() -> bool:
            show = await house.app.stores["tickets"].get(Show, event_id)
            return show is not None and show.cancelled_at is not None and show.look_at != show.cancelled_at

        await house.until(looked_through, advance_seconds=0.1)
        sales.go_on()
        # Which of the two depends on whether the processor still told of the payment.
        await house.until(lambda: is_now("cancelled", "refunded"), advance_seconds=1)

        async def nothing_is_reserved() -> bool:
            return await reserved_minor(house) == 0

        await house.until(nothing_is_reserved, advance_seconds=1)
        await must_be_sound(house)
        assert await kept_minor(house) == 0
