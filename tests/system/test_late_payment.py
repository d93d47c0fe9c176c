"""What goes wrong between an order and its money: too late, or nobody there. Time moves by hand."""

from typing import Any

import pytest

from houseful.payments.domain import State
from houseful.tickets.domain import orders
from houseful.tickets.use_cases.lapsed_orders import KEPT_MILLIS
from tests.support.deployment import Reply
from tests.system import outside_client as cards
from tests.system.fault_proxy import WEBHOOKS, is_the_gateways, nothing
from tests.system.sale import AFTER_THE_DEADLINE, HOLD_SECONDS, Sale, StartSale
from tests.system.support import (
    kept_minor,
    must_be_sound,
    organizer_of,
    payment_states,
    reserved_minor,
    token_of,
)

both = pytest.mark.parametrize(
    "sweepers", ["on", pytest.param("off", marks=pytest.mark.environment("without sweepers"))]
)


# Time runs out


@pytest.mark.long_when_split
@both
async def test_a_hold_ends_by_the_clock_alone(start: StartSale, sweepers: str) -> None:
    async with start(sweepers=sweepers) as sale:
        hold = await sale.deployment.hold(sale.bea, sale.event_id, 2)
        seats = [seat["id"] for seat in hold["seats"]]
        (await sale.hold(sale.cem, seats)).refused(409, "seats_taken")
        await sale.clock.advance(AFTER_THE_DEADLINE)
        (await sale.hold(sale.cem, seats)).ok(201)
        body = {"hold_id": hold["hold_id"], "buyer": {"name": "Bea", "email": "bea@example.org"}}
        for _ in range(2):
            (await sale.deployment.call("POST", "/api/orders", body, token=sale.bea)).refused(
                409, "hold_expired"
            )
        shown = await sale.deployment.call("GET", f"/api/holds/{hold['hold_id']}", token=sale.bea)
        assert shown.ok()["status"] == "expired"


@pytest.mark.long_when_split
@both
async def test_an_expired_hold_orders_nothing_even_if_its_seats_are_free(
    start: StartSale, sweepers: str
) -> None:
    async with start(sweepers=sweepers) as sale:
        hold = await sale.deployment.hold(sale.bea, sale.event_id, 2)
        await sale.clock.advance(AFTER_THE_DEADLINE)
        body = {"hold_id": hold["hold_id"], "buyer": {"name": "Bea", "email": "bea@example.org"}}
        (await sale.deployment.call("POST", "/api/orders", body, token=sale.bea)).refused(409, "hold_expired")
        await sale.seats_are(hold, "available")


@pytest.mark.long_when_split
@both
async def test_an_unpaid_order_gives_its_seats_back(start: StartSale, sweepers: str) -> None:
    async with start(sweepers=sweepers) as sale:
        order = await sale.placed()
        await sale.seats_are(order, "held")
        await sale.clock.advance(AFTER_THE_DEADLINE)
        await sale.seats_are(order, "available")
        (await sale.hold(sale.cem, [seat["id"] for seat in order["seats"]])).ok(201)
        if sweepers == "on":
            await sale.becomes(order, "expired")
        await must_be_sound(sale.deployment)


# Money that comes too late


@pytest.mark.long_when_split
@both
async def test_late_and_the_seats_still_free(start: StartSale, sweepers: str) -> None:
    async with start(sweepers=sweepers) as sale:
        order = await sale.placed()
        await sale.clock.advance(AFTER_THE_DEADLINE)
        (await sale.deployment.pay(order)).ok(200)
        await sale.becomes(order, "confirmed")
        await sale.seats_are(order, "sold")
        assert [ticket["status"] for ticket in await sale.tickets(order)] == ["valid", "valid"]
        await must_be_sound(sale.deployment)
        assert await kept_minor(sale.deployment) == order["total_minor"]


@both
@pytest.mark.parametrize("bought", [True, False], ids=["sold meanwhile", "held meanwhile"])
async def test_late_and_the_seats_gone(start: StartSale, sweepers: str, bought: bool) -> None:
    """The payment was ended before the seats were given to another: nobody pays for what is gone."""
    async with start(sweepers=sweepers) as sale:
        order = await sale.placed()
        await sale.clock.advance(AFTER_THE_DEADLINE)
        hold = (await sale.hold(sale.cem, [seat["id"] for seat in order["seats"]])).ok(201)
        theirs = await sale.deployment.order(sale.cem, hold["hold_id"])
        if bought:
            (await sale.deployment.pay(theirs)).ok(200)
            await sale.becomes(theirs, "confirmed", token=sale.cem)
        (await sale.deployment.pay(order)).refused(409, "intent_not_payable")
        assert await sale.status(order) == "expired"
        assert await sale.tickets(order) == []
        await must_be_sound(sale.deployment)
        assert await reserved_minor(sale.deployment) == 0
        assert await kept_minor(sale.deployment) == (theirs["total_minor"] if bought else 0)


@both
async def test_paid_in_time_and_told_too_late(start: StartSale, sweepers: str) -> None:
    """Its webhook does not arrive for a minute. Who wants the seats meanwhile makes us ask."""
    async with start(sweepers=sweepers) as sale:
        order, other = await sale.placed(), await sale.placed(sale.cem)
        sale.fault_proxy.down = lambda path: path == WEBHOOKS
        (await sale.deployment.pay(order)).ok(200)
        await sale.clock.advance(AFTER_THE_DEADLINE)
        dee = token_of(sale.deployment, "dee")
        seats = [seat["id"] for seat in order["seats"]]
        (await sale.hold(dee, seats)).refused(409, "seats_taken")
        (await sale.hold(dee, [seat["id"] for seat in other["seats"]])).ok(201)
        await sale.clock.advance(60)
        sale.fault_proxy.down = nothing
        await sale.becomes(order, "confirmed")
        await sale.seats_are(order, "sold")
        await must_be_sound(sale.deployment)
        assert await kept_minor(sale.deployment) == order["total_minor"]


@both
@pytest.mark.parametrize("paid", [True, False], ids=["paid", "not paid"])
async def test_the_gateway_is_away_when_the_time_runs_out(
    start: StartSale, sweepers: str, paid: bool
) -> None:
    """Nobody gets the seats before it was asked."""
    async with start(sweepers=sweepers) as sale:
        order = await sale.placed()
        seats = [seat["id"] for seat in order["seats"]]
        sale.fault_proxy.down = lambda path: path == WEBHOOKS or is_the_gateways(path)
        if paid:
            (await sale.deployment.pay(order)).ok(200)
        await sale.clock.advance(AFTER_THE_DEADLINE)
        for _ in range(3):
            (await sale.hold(sale.cem, seats)).refused(409, "seats_taken")
            await sale.seats_are(order, "held")
            await sale.clock.advance(KEPT_MILLIS / 1000 + 1)
        sale.fault_proxy.down = nothing
        if paid:
            (await sale.hold(sale.cem, seats)).refused(409, "seats_taken")
            await sale.becomes(order, "confirmed")
        else:
            (await sale.hold(sale.cem, seats)).ok(201)
            (await sale.deployment.pay(order)).refused(409, "intent_not_payable")
            await sale.becomes(order, "expired")
        await must_be_sound(sale.deployment)


@pytest.mark.long_when_split
@both
async def test_late_and_cancelled_before(start: StartSale, sweepers: str) -> None:
    """Its deadline has passed and its seats are free; but the buyer has said that it is over."""
    async with start(sweepers=sweepers) as sale:
        order, slow = await sale.placed(), await sale.placed(sale.cem)
        assert (await sale.deployment.pay(slow, cards.card(cards.SLOW))).ok(200)["status"] == "processing"
        await sale.clock.advance(AFTER_THE_DEADLINE)
        for one, token in ((order, sale.bea), (slow, sale.cem)):
            answer = await sale.deployment.call("POST", f"/api/orders/{one['id']}/cancel", token=token)
            assert answer.ok(200)["status"] in ("cancelled", "refunding", "refunded")
        late = await sale.deployment.pay(order)
        assert late.status in (200, 409)
        await sale.becomes(order, "cancelled", "refunded")
        await sale.becomes(slow, "cancelled", "refunded", token=sale.cem)
        await sale.clock.advance(AFTER_THE_DEADLINE)
        for one, token in ((order, sale.bea), (slow, sale.cem)):
            assert await sale.status(one, token) in ("cancelled", "refunded")
            assert all(one["status"] == "refunded" for one in await sale.tickets(one, token))
        await must_be_sound(sale.deployment)
        assert (await kept_minor(sale.deployment), await reserved_minor(sale.deployment)) == (0, 0)


@pytest.mark.long_when_split
async def test_one_of_two_seats_gone_is_all_gone(sale: Sale) -> None:
    order = await sale.placed()
    await sale.clock.advance(AFTER_THE_DEADLINE)
    (await sale.hold(sale.cem, [order["seats"][1]["id"]])).ok(201)
    (await sale.deployment.pay(order)).refused(409, "intent_not_payable")
    await sale.becomes(order, "expired")
    assert await sale.tickets(order) == []
    await must_be_sound(sale.deployment)
    assert await kept_minor(sale.deployment) == 0


@pytest.mark.long_when_split
@pytest.mark.environment("slow bank")
async def test_the_bank_is_slower_than_the_deadline(start: StartSale) -> None:
    """Its answer decides, not our clock, until somebody else wants the seats: then the payment is ended."""
    async with start(payments_delay_seconds=AFTER_THE_DEADLINE + 30.0) as sale:
        order, waits = await sale.placed(), await sale.placed(sale.cem)
        for one in (order, waits):
            assert (await sale.deployment.pay(one, cards.card(cards.SLOW))).ok(200)["status"] == "processing"
        await sale.becomes(order, "processing")
        await sale.clock.advance(AFTER_THE_DEADLINE)
        assert await sale.status(order) == "processing"
        (await sale.hold(sale.cem, [seat["id"] for seat in order["seats"]])).ok(201)
        await sale.becomes(order, "expired", step_seconds=10)
        await sale.becomes(waits, "confirmed", token=sale.cem, step_seconds=10)
        await must_be_sound(sale.deployment)
        assert await kept_minor(sale.deployment) == waits["total_minor"]


@pytest.mark.long_when_split
async def test_much_too_late_is_refused_by_the_gateway(sale: Sale) -> None:
    order = await sale.placed()
    await sale.becomes(order, "expired", step_seconds=HOLD_SECONDS)

    async def ended() -> bool:
        return await payment_states(sale.deployment) == [State.CANCELED]

    sale.clock.jump(orders.LATE_MILLIS / 1000)
    await sale.deployment.until(ended, advance_seconds=1)
    (await sale.deployment.pay(order)).refused(409, "intent_not_payable")
    await must_be_sound(sale.deployment)


# The gateway is away


@pytest.mark.long_when_split
async def test_the_gateway_is_down_when_one_orders(sale: Sale) -> None:
    hold = await sale.deployment.hold(sale.bea, sale.event_id, 2)
    body = {"hold_id": hold["hold_id"], "buyer": {"name": "Bea", "email": "bea@example.org"}}
    sale.fault_proxy.down = is_the_gateways
    path = "/api/orders"
    refused = await sale.deployment.call("POST", path, body, token=sale.bea, key="k")
    assert refused.status == 503
    assert refused.headers["retry-after"]
    sale.fault_proxy.down = nothing

    async def answered() -> Reply | None:
        reply = await sale.deployment.call("POST", path, body, token=sale.bea, key="k")
        return None if reply.status == 503 else reply

    order = (await sale.deployment.until(answered, advance_seconds=1)).ok(201)
    assert order["payment"]["client_secret"]
    (await sale.deployment.pay(order)).ok(200)
    await sale.becomes(order, "confirmed")
    await must_be_sound(sale.deployment)
    assert len(await payment_states(sale.deployment)) == 1


async def test_the_answer_about_a_new_payment_is_lost(sale: Sale) -> None:
    """The intent exists and we do not know it. Asked again by the same key, it is the same one."""
    hold = await sale.deployment.hold(sale.bea, sale.event_id, 2)
    body = {"hold_id": hold["hold_id"], "buyer": {"name": "Bea", "email": "bea@example.org"}}
    sale.fault_proxy.lost = is_the_gateways
    assert (await sale.deployment.call("POST", "/api/orders", body, token=sale.bea, key="k")).status == 503
    sale.fault_proxy.lost = nothing

    async def opened() -> Any:
        items = (await sale.deployment.call("GET", "/api/orders", token=sale.bea)).ok()["items"]
        return items[0] if items[0]["payment"]["intent_id"] else None

    order = await sale.deployment.until(opened, advance_seconds=1)  # the reconciler, without the buyer
    again = (await sale.deployment.call("POST", "/api/orders", body, token=sale.bea, key="k")).ok(201)
    assert again["id"] == order["id"]
    assert again["payment"] == order["payment"]
    assert len(await payment_states(sale.deployment)) == 1
    (await sale.deployment.pay(again)).ok(200)
    await sale.becomes(again, "confirmed")
    await must_be_sound(sale.deployment)


@pytest.mark.long_when_split
@pytest.mark.parametrize("lost", [False, True], ids=["nothing gets through", "answers are lost"])
async def test_the_gateway_is_away_for_ten_minutes(sale: Sale, lost: bool) -> None:
    """Paid just before, cancelled just before, paid after the deadline: all of it is settled once it is
    back.
    """
    dee = token_of(sale.deployment, "dee")
    confirmed, cancelled, late = await sale.placed(), await sale.placed(sale.cem), await sale.placed(dee)
    (await sale.deployment.pay(cancelled)).ok(200)
    await sale.becomes(cancelled, "confirmed", token=sale.cem)
    if lost:
        sale.fault_proxy.lost = is_the_gateways
    else:
        sale.fault_proxy.down = is_the_gateways
    (await sale.deployment.pay(confirmed)).ok(200)
    await sale.becomes(confirmed, "confirmed")  # a sale needs no answer of the gateway's server side
    (await sale.deployment.call("POST", f"/api/orders/{cancelled['id']}/cancel", token=sale.cem)).ok(200)
    await sale.clock.advance(AFTER_THE_DEADLINE)
    wanted = await sale.hold(sale.bea, [seat["id"] for seat in late["seats"]])
    if wanted.status != 201:  # nobody knows whether it was paid: it is nobody else's
        wanted.refused(409, "seats_taken")
    paid = await sale.deployment.pay(late)
    assert (wanted.status, paid.status) != (201, 200)
    if paid.status != 200:  # the gateway has ended the payment, and only the answer did not arrive
        assert lost
        paid.refused(409, "intent_not_payable")
    await sale.clock.advance(600)
    await sale.fails(4)
    sale.fault_proxy.down = sale.fault_proxy.lost = nothing
    await sale.becomes(cancelled, "refunded", token=sale.cem, step_seconds=10)
    await sale.becomes(late, "confirmed" if paid.status == 200 else "expired", token=dee, step_seconds=10)
    await must_be_sound(sale.deployment)
    assert await reserved_minor(sale.deployment) == 0
    kept = confirmed["total_minor"] + (late["total_minor"] if paid.status == 200 else 0)
    assert await kept_minor(sale.deployment) == kept


# The event is cancelled


@pytest.mark.long_when_split
async def test_a_cancelled_event_gives_everything_back(sale: Sale) -> None:
    dee, eli = token_of(sale.deployment, "dee"), token_of(sale.deployment, "eli")
    paid = await sale.placed()
    (await sale.deployment.pay(paid)).ok(200)
    await sale.becomes(paid, "confirmed")
    expired = await sale.placed(dee)
    await sale.clock.advance(AFTER_THE_DEADLINE)
    unpaid, slow = await sale.placed(sale.cem), await sale.placed(eli, 1)
    assert (await sale.deployment.pay(slow, cards.card(cards.SLOW))).ok(200)["status"] == "processing"
    organizer = organizer_of(sale.deployment)
    (await sale.deployment.call("POST", f"/api/events/{sale.event_id}/cancel", token=organizer)).ok(202)
    await sale.becomes(paid, "refunded")
    await sale.becomes(slow, "cancelled", "refunded", token=eli)
    await sale.becomes(unpaid, "cancelled", token=sale.cem)
    late = await sale.deployment.pay(expired)  # its payment was never ended
    assert late.status in (200, 409)
    if late.status == 200:
        await sale.becomes(expired, "refunded", token=dee)
        assert await sale.tickets(expired, dee) == []
    assert {ticket["status"] for ticket in await sale.tickets(paid)} == {"refunded"}
    assert "Refunded" in await sale.letter("refunded", paid)
    await must_be_sound(sale.deployment)
    assert (await kept_minor(sale.deployment), await reserved_minor(sale.deployment)) == (0, 0)
    hold = {"best_available": {"quantity": 1}}
    path = f"/api/events/{sale.event_id}/holds"
    (await sale.deployment.call("POST", path, hold, token=sale.bea)).refused(409, "event_cancelled")


@pytest.mark.long_when_split
@pytest.mark.parametrize("jump_seconds", [600, -600])
async def test_a_clock_that_jumps_may_cost_an_order_and_never_a_seat(sale: Sale, jump_seconds: int) -> None:
    order = await sale.placed()
    sale.clock.jump(jump_seconds)
    hold = await sale.hold(sale.cem, [seat["id"] for seat in order["seats"]])
    assert hold.status == (201 if jump_seconds > 0 else 409)
    if jump_seconds > 0:
        (await sale.deployment.pay(order)).refused(409, "intent_not_payable")
    else:
        (await sale.deployment.pay(order)).ok(200)
    await sale.becomes(order, "expired" if jump_seconds > 0 else "confirmed")
    if hold.status == 201:
        theirs = await sale.deployment.order(sale.cem, hold.json["hold_id"])
        (await sale.deployment.pay(theirs)).ok(200)
        await sale.becomes(theirs, "confirmed", token=sale.cem)
    await must_be_sound(sale.deployment)
