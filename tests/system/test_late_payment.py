"""What goes wrong between an order and its money: too late, twice, never, forged. Time moves by hand."""

import itertools
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from houseful.adapters.system import ManualClock
from houseful.common import webhooks
from houseful.payments.domain import State
from houseful.tickets.domain import orders
from tests.support import House, Reply, plan, started
from tests.system import outside_client as cards
from tests.system.support import (
    WEBHOOKS,
    Line,
    is_the_gateways,
    kept_minor,
    must_be_sound,
    on_sale,
    organizer_of,
    payment_states,
    reserved_minor,
    token_of,
)

HOLD_SECONDS = 60
AFTER_THE_DEADLINE = HOLD_SECONDS + 1


class Sale:
    """A hall of twelve seats, on sale, with a line on which things can go wrong."""

    def __init__(self, house: House, clock: ManualClock, event_id: str) -> None:
        self.house = house
        self.clock = clock
        self.event_id = event_id
        self.line = Line(house)
        self.bea = token_of(house, "bea")
        self.cem = token_of(house, "cem")

    async def hold(self, token: str, seats: list[str]) -> Reply:
        path = f"/api/events/{self.event_id}/holds"
        return await self.house.call("POST", path, {"seats": seats}, token=token)

    async def placed(self, token: str | None = None, seats: int = 2) -> dict[str, Any]:
        """An order that waits for its payment."""
        token = token or self.bea
        return await self.house.order(token, (await self.house.hold(token, self.event_id, seats))["hold_id"])

    async def status(self, order: dict[str, Any], token: str | None = None) -> str:
        reply = await self.house.call("GET", f"/api/orders/{order['id']}", token=token or self.bea)
        return str(reply.ok()["status"])

    async def becomes(
        self, order: dict[str, Any], *statuses: str, token: str | None = None, step_seconds: float = 0.5
    ) -> None:
        async def look() -> bool:
            return await self.status(order, token) in statuses

        await self.house.until(look, advance_seconds=step_seconds)

    async def tickets(self, order: dict[str, Any], token: str | None = None) -> list[dict[str, Any]]:
        path = f"/api/orders/{order['id']}/tickets"
        reply = await self.house.call("GET", path, token=token or self.bea)
        return list(reply.ok()["items"])

    async def seat_statuses(self, order: dict[str, Any]) -> set[str]:
        mine = {seat["id"] for seat in order["seats"]}
        seats = await self.house.seats(self.event_id)
        return {seat["status"] for seat in seats if seat["id"] in mine}

    async def caught(self, count: int) -> None:
        async def look() -> bool:
            return len(self.line.caught) >= count

        await self.house.until(look, advance_seconds=0.1)

    async def letter(self, kind: str, order: dict[str, Any]) -> str:
        file = self.house.app.settings.data_folder / "mail" / f"{kind}-{order['id']}.eml"

        async def look() -> bool:
            return file.exists()

        await self.house.until(look, advance_seconds=0.5)
        return file.read_text()


StartSale = Callable[..., AbstractAsyncContextManager[Sale]]


@pytest.fixture
def start(tmp_path: Path) -> StartSale:
    @asynccontextmanager
    async def open_sale(**settings: Any) -> AsyncIterator[Sale]:
        clock = ManualClock()
        async with started(tmp_path / "data", clock=clock, **settings) as house:
            event_id = await on_sale(
                house, organizer_of(house), plan=plan(rows=2, seats=6), hold_seconds=HOLD_SECONDS
            )
            yield Sale(house, clock, event_id)

    return open_sale


@pytest.fixture
async def sale(start: StartSale) -> AsyncIterator[Sale]:
    async with start() as sale:
        yield sale


both = pytest.mark.parametrize("sweepers", ["on", "off"])


# Time runs out


@both
async def test_a_hold_ends_by_the_clock_alone(start: StartSale, sweepers: str) -> None:
    async with start(sweepers=sweepers) as sale:
        hold = await sale.house.hold(sale.bea, sale.event_id, 2)
        seats = [seat["id"] for seat in hold["seats"]]
        (await sale.hold(sale.cem, seats)).refused(409, "seats_taken")
        await sale.clock.advance(AFTER_THE_DEADLINE)
        (await sale.hold(sale.cem, seats)).ok(201)
        body = {"hold_id": hold["hold_id"], "buyer": {"name": "Bea", "email": "bea@example.org"}}
        for _ in range(2):
            (await sale.house.call("POST", "/api/orders", body, token=sale.bea)).refused(409, "hold_expired")
        shown = await sale.house.call("GET", f"/api/holds/{hold['hold_id']}", token=sale.bea)
        assert shown.ok()["status"] == "expired"


@both
async def test_an_expired_hold_orders_nothing_even_if_its_seats_are_free(
    start: StartSale, sweepers: str
) -> None:
    async with start(sweepers=sweepers) as sale:
        hold = await sale.house.hold(sale.bea, sale.event_id, 2)
        await sale.clock.advance(AFTER_THE_DEADLINE)
        body = {"hold_id": hold["hold_id"], "buyer": {"name": "Bea", "email": "bea@example.org"}}
        (await sale.house.call("POST", "/api/orders", body, token=sale.bea)).refused(409, "hold_expired")
        seats = await sale.house.seats(sale.event_id)
        assert {seat["status"] for seat in seats} == {"available"}


@both
async def test_an_unpaid_order_gives_its_seats_back(start: StartSale, sweepers: str) -> None:
    async with start(sweepers=sweepers) as sale:
        order = await sale.placed()
        assert await sale.seat_statuses(order) == {"held"}
        await sale.clock.advance(AFTER_THE_DEADLINE)
        assert await sale.seat_statuses(order) == {"available"}
        (await sale.hold(sale.cem, [seat["id"] for seat in order["seats"]])).ok(201)
        if sweepers == "on":
            await sale.becomes(order, "expired")
        await must_be_sound(sale.house)


# Money that comes too late


@both
async def test_late_and_the_seats_still_free(start: StartSale, sweepers: str) -> None:
    async with start(sweepers=sweepers) as sale:
        order = await sale.placed()
        await sale.clock.advance(AFTER_THE_DEADLINE)
        (await sale.house.pay(order)).ok(200)
        await sale.becomes(order, "confirmed")
        assert await sale.seat_statuses(order) == {"sold"}
        assert [ticket["status"] for ticket in await sale.tickets(order)] == ["valid", "valid"]
        await must_be_sound(sale.house)
        assert await kept_minor(sale.house) == order["total_minor"]


@both
@pytest.mark.parametrize("bought", [True, False], ids=["sold meanwhile", "held meanwhile"])
async def test_late_and_the_seats_gone(start: StartSale, sweepers: str, bought: bool) -> None:
    async with start(sweepers=sweepers) as sale:
        order = await sale.placed()
        await sale.clock.advance(AFTER_THE_DEADLINE)
        hold = (await sale.hold(sale.cem, [seat["id"] for seat in order["seats"]])).ok(201)
        theirs = await sale.house.order(sale.cem, hold["hold_id"])
        if bought:
            (await sale.house.pay(theirs)).ok(200)
            await sale.becomes(theirs, "confirmed", token=sale.cem)
        (await sale.house.pay(order)).ok(200)
        await sale.becomes(order, "refunded")
        assert await sale.tickets(order) == []
        await must_be_sound(sale.house)
        assert await reserved_minor(sale.house) == 0
        assert await kept_minor(sale.house) == (theirs["total_minor"] if bought else 0)
        told = await sale.house.call("GET", f"/api/orders/{order['id']}", token=sale.bea)
        assert "after the seats had gone" in told.ok()["detail"]
        if sweepers == "on":
            assert "Payment returned" in await sale.letter("returned", order)


async def test_one_of_two_seats_gone_is_all_gone(sale: Sale) -> None:
    order = await sale.placed()
    await sale.clock.advance(AFTER_THE_DEADLINE)
    (await sale.hold(sale.cem, [order["seats"][1]["id"]])).ok(201)
    (await sale.house.pay(order)).ok(200)
    await sale.becomes(order, "refunded")
    assert await sale.tickets(order) == []
    await must_be_sound(sale.house)
    assert await kept_minor(sale.house) == 0


async def test_the_bank_is_slower_than_the_deadline(start: StartSale) -> None:
    """Its answer decides, not our clock; and meanwhile somebody else may have the seats."""
    async with start(payments_delay_seconds=AFTER_THE_DEADLINE + 30.0) as sale:
        order = await sale.placed()
        assert (await sale.house.pay(order, cards.card(cards.SLOW))).ok(200)["status"] == "processing"
        await sale.becomes(order, "processing")
        await sale.clock.advance(AFTER_THE_DEADLINE)
        assert await sale.status(order) == "processing"
        (await sale.hold(sale.cem, [seat["id"] for seat in order["seats"]])).ok(201)
        await sale.becomes(order, "refunded")
        await must_be_sound(sale.house)
        assert await kept_minor(sale.house) == 0


async def test_much_too_late_is_refused_by_the_gateway(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "LATE_MILLIS", 120_000)  # instead of an hour
    order = await sale.placed()
    await sale.becomes(order, "expired", step_seconds=HOLD_SECONDS)

    async def ended() -> bool:
        return await payment_states(sale.house) == [State.CANCELED]

    await sale.house.until(ended, advance_seconds=10)
    (await sale.house.pay(order)).refused(409, "intent_not_payable")
    await must_be_sound(sale.house)


# Webhooks


async def test_webhooks_in_any_order_and_number(sale: Sale) -> None:
    """Three of one payment: declined, authorised, captured. Every order, each of them twice."""
    for turn, places in enumerate(itertools.permutations(range(3))):
        buyer = token_of(sale.house, f"b{turn}")
        order = await sale.placed(buyer, 1)
        sale.line.catches, sale.line.caught = True, []
        assert (await sale.house.pay(order, cards.card(cards.DECLINED))).status == 402
        (await sale.house.pay(order)).ok(200)
        await sale.caught(2)
        # The order does not know yet; the deadline's poll finds it, and takes the money.
        await sale.becomes(order, "confirmed", token=buyer, step_seconds=HOLD_SECONDS)
        await sale.caught(3)
        sale.line.catches = False
        for place in [*places, *random.Random(turn).sample(range(3), 3)]:
            (await sale.line.deliver(sale.house, place)).ok(204)
        assert await sale.status(order, buyer) == "confirmed"
        assert len(await sale.tickets(order, buyer)) == 1
        await must_be_sound(sale.house)
        assert await kept_minor(sale.house) == sum(
            [(await _total(sale, token_of(sale.house, f"b{number}"))) for number in range(turn + 1)]
        )


async def _total(sale: Sale, token: str) -> int:
    items = (await sale.house.call("GET", "/api/orders", token=token)).ok()["items"]
    return sum(order["total_minor"] for order in items)


async def test_webhooks_shuffled_before_anything_is_known(sale: Sale) -> None:
    for turn, places in enumerate(itertools.permutations(range(2))):
        buyer = token_of(sale.house, f"b{turn}")
        order = await sale.placed(buyer, 1)
        sale.line.catches, sale.line.caught = True, []
        assert (await sale.house.pay(order, cards.card(cards.DECLINED))).status == 402
        (await sale.house.pay(order)).ok(200)
        await sale.caught(2)
        sale.line.catches = False
        for place in (*places, *places):
            (await sale.line.deliver(sale.house, place)).ok(204)
        await sale.becomes(order, "confirmed", token=buyer)
        assert len(await sale.tickets(order, buyer)) == 1
    await must_be_sound(sale.house)


async def test_webhooks_that_are_not_the_gateways(sale: Sale) -> None:
    order = await sale.placed()
    sale.line.catches = True
    (await sale.house.pay(order)).ok(200)
    await sale.caught(1)
    sale.line.catches = False
    body, headers = sale.line.caught[0]
    signature = headers[webhooks.HEADER]
    cheaper = json.loads(body)
    cheaper["data"]["intent"]["amount_minor"] = 1
    stamp, _, value = signature.partition(",v1=")
    forged: list[tuple[bytes, dict[str, str]]] = [
        (body, {}),
        (body, {webhooks.HEADER: ""}),
        (body, {webhooks.HEADER: f"{stamp},v1={'0' * 64}"}),
        (body, {webhooks.HEADER: f"t={int(stamp[2:]) + 1},v1={value}"}),
        (json.dumps(cheaper).encode(), {webhooks.HEADER: signature}),
        (body + b" ", {webhooks.HEADER: signature}),
        (body, {webhooks.HEADER: webhooks.sign([b"another key"], body, sale.clock.now())}),
    ]
    for altered, its_headers in forged:
        reply = await sale.house.call("POST", WEBHOOKS, altered, headers=its_headers)
        reply.refused(400, "bad_signature")
    assert await sale.status(order) == "awaiting_payment"

    await sale.clock.advance(webhooks.TOLERANCE_SECONDS + 1)
    (await sale.line.deliver(sale.house)).refused(400, "bad_signature")  # a recording


async def test_a_webhook_of_another_amount_sells_nothing(sale: Sale) -> None:
    """Signed, and about our order, but not what it costs: nothing is sold, and the money goes back."""
    order = await sale.placed()
    sale.line.catches = True
    (await sale.house.pay(order)).ok(200)
    await sale.caught(1)
    sale.line.catches = False
    news = json.loads(sale.line.caught[0][0])
    news["data"]["intent"]["amount_minor"] = 1
    body = json.dumps(news).encode()
    keys = webhooks.keys_of(sale.house.app.secrets.webhook_keys)
    headers = {webhooks.HEADER: webhooks.sign(keys, body, sale.clock.now())}
    (await sale.house.call("POST", WEBHOOKS, body, headers=headers)).ok(204)
    await sale.becomes(order, "refunded")
    assert await sale.tickets(order) == []
    await must_be_sound(sale.house)
    assert await kept_minor(sale.house) == 0


async def test_a_replayed_webhook_does_not_bring_back_what_was_cancelled(sale: Sale) -> None:
    order = await sale.placed()
    sale.line.catches = True
    (await sale.house.pay(order)).ok(200)
    await sale.caught(1)
    sale.line.catches = False
    (await sale.line.deliver(sale.house)).ok(204)
    await sale.becomes(order, "confirmed")
    (await sale.house.call("POST", f"/api/orders/{order['id']}/cancel", token=sale.bea)).ok(200)
    (await sale.line.deliver(sale.house)).ok(204)
    await sale.becomes(order, "refunded")
    (await sale.line.deliver(sale.house)).ok(204)
    assert await sale.status(order) == "refunded"
    assert {ticket["status"] for ticket in await sale.tickets(order)} == {"refunded"}
    await must_be_sound(sale.house)
    assert await kept_minor(sale.house) == 0


async def test_a_webhook_that_never_comes(sale: Sale) -> None:
    """The gateway believes that we have it. We ask at the deadline, and before the order is given up."""
    order = await sale.placed()
    sale.line.catches = True
    (await sale.house.pay(order)).ok(200)
    await sale.caught(1)
    await sale.becomes(order, "confirmed", step_seconds=HOLD_SECONDS / 4)
    sale.line.catches = False
    await must_be_sound(sale.house)
    assert await kept_minor(sale.house) == order["total_minor"]


async def test_webhooks_do_not_get_through_for_ten_minutes(sale: Sale) -> None:
    order = await sale.placed()
    sale.line.down = lambda path: path == WEBHOOKS or is_the_gateways(path)
    (await sale.house.pay(order)).ok(200)
    await sale.clock.advance(600)
    assert sale.line.cut > 10
    sale.line.down = lambda path: False
    await sale.becomes(order, "confirmed", "refunded", step_seconds=60)
    assert await sale.status(order) == "confirmed"  # nobody else wanted the seats
    await must_be_sound(sale.house)


# The gateway is away


async def test_the_gateway_is_down_when_one_orders(sale: Sale) -> None:
    hold = await sale.house.hold(sale.bea, sale.event_id, 2)
    body = {"hold_id": hold["hold_id"], "buyer": {"name": "Bea", "email": "bea@example.org"}}
    sale.line.down = is_the_gateways
    path = "/api/orders"
    refused = await sale.house.call("POST", path, body, token=sale.bea, key="k")
    assert refused.status == 503
    assert refused.headers["retry-after"]
    sale.line.down = lambda path: False
    order = (await sale.house.call("POST", path, body, token=sale.bea, key="k")).ok(201)
    assert order["payment"]["client_secret"]
    (await sale.house.pay(order)).ok(200)
    await sale.becomes(order, "confirmed")
    await must_be_sound(sale.house)
    assert len(await payment_states(sale.house)) == 1


async def test_the_answer_about_a_new_payment_is_lost(sale: Sale) -> None:
    """The intent exists and we do not know it. Asked again by the same key, it is the same one."""
    hold = await sale.house.hold(sale.bea, sale.event_id, 2)
    body = {"hold_id": hold["hold_id"], "buyer": {"name": "Bea", "email": "bea@example.org"}}
    sale.line.lost = is_the_gateways
    assert (await sale.house.call("POST", "/api/orders", body, token=sale.bea, key="k")).status == 503
    sale.line.lost = lambda path: False

    async def opened() -> Any:
        items = (await sale.house.call("GET", "/api/orders", token=sale.bea)).ok()["items"]
        return items[0] if items[0]["payment"]["intent_id"] else None

    order = await sale.house.until(opened, advance_seconds=1)  # the reconciler, without the buyer
    again = (await sale.house.call("POST", "/api/orders", body, token=sale.bea, key="k")).ok(201)
    assert again["id"] == order["id"]
    assert again["payment"] == order["payment"]
    assert len(await payment_states(sale.house)) == 1
    (await sale.house.pay(again)).ok(200)
    await sale.becomes(again, "confirmed")
    await must_be_sound(sale.house)


@pytest.mark.parametrize("lost", [False, True], ids=["nothing gets through", "answers are lost"])
async def test_the_gateway_is_away_for_ten_minutes(sale: Sale, lost: bool) -> None:
    """Paid just before, cancelled just before, paid too late: all of it is settled once it is back."""
    dee = token_of(sale.house, "dee")
    confirmed, cancelled, late = await sale.placed(), await sale.placed(sale.cem), await sale.placed(dee)
    (await sale.house.pay(cancelled)).ok(200)
    await sale.becomes(cancelled, "confirmed", token=sale.cem)
    if lost:
        sale.line.lost = is_the_gateways
    else:
        sale.line.down = is_the_gateways
    (await sale.house.pay(confirmed)).ok(200)
    await sale.becomes(confirmed, "confirmed")  # a sale needs no answer of the gateway's server side
    (await sale.house.call("POST", f"/api/orders/{cancelled['id']}/cancel", token=sale.cem)).ok(200)
    await sale.clock.advance(AFTER_THE_DEADLINE)
    (await sale.hold(sale.bea, [seat["id"] for seat in late["seats"]])).ok(201)
    (await sale.house.pay(late)).ok(200)
    await sale.becomes(late, "refunding", token=dee)
    await sale.clock.advance(600)
    assert sale.line.cut > 3
    if not lost:
        assert await sale.status(late, dee) == "refunding"
    sale.line.down = sale.line.lost = lambda path: False
    await sale.becomes(cancelled, "refunded", token=sale.cem, step_seconds=10)
    await sale.becomes(late, "refunded", token=dee, step_seconds=10)
    await must_be_sound(sale.house)
    assert await reserved_minor(sale.house) == 0
    assert await kept_minor(sale.house) == confirmed["total_minor"]


# The event is cancelled


async def test_a_cancelled_event_gives_everything_back(sale: Sale) -> None:
    dee, eli = token_of(sale.house, "dee"), token_of(sale.house, "eli")
    paid = await sale.placed()
    (await sale.house.pay(paid)).ok(200)
    await sale.becomes(paid, "confirmed")
    expired = await sale.placed(dee)
    await sale.clock.advance(AFTER_THE_DEADLINE)
    unpaid, slow = await sale.placed(sale.cem), await sale.placed(eli, 1)
    assert (await sale.house.pay(slow, cards.card(cards.SLOW))).ok(200)["status"] == "processing"
    organizer = organizer_of(sale.house)
    (await sale.house.call("POST", f"/api/events/{sale.event_id}/cancel", token=organizer)).ok(202)
    await sale.becomes(paid, "refunded")
    await sale.becomes(slow, "cancelled", "refunded", token=eli)
    await sale.becomes(unpaid, "cancelled", token=sale.cem)
    late = await sale.house.pay(expired)  # its payment was never ended
    assert late.status in (200, 409)
    if late.status == 200:
        await sale.becomes(expired, "refunded", token=dee)
        assert await sale.tickets(expired, dee) == []
    assert {ticket["status"] for ticket in await sale.tickets(paid)} == {"refunded"}
    assert "Refunded" in await sale.letter("refunded", paid)
    await must_be_sound(sale.house)
    assert (await kept_minor(sale.house), await reserved_minor(sale.house)) == (0, 0)
    hold = {"best_available": {"quantity": 1}}
    path = f"/api/events/{sale.event_id}/holds"
    (await sale.house.call("POST", path, hold, token=sale.bea)).refused(409, "event_cancelled")


@pytest.mark.parametrize("jump_seconds", [600, -600])
async def test_a_clock_that_jumps_may_cost_a_refund_and_never_a_seat(sale: Sale, jump_seconds: int) -> None:
    order = await sale.placed()
    sale.clock.jump(jump_seconds)
    hold = await sale.hold(sale.cem, [seat["id"] for seat in order["seats"]])
    assert hold.status == (201 if jump_seconds > 0 else 409)
    (await sale.house.pay(order)).ok(200)
    await sale.becomes(order, "refunded" if jump_seconds > 0 else "confirmed")
    if hold.status == 201:
        theirs = await sale.house.order(sale.cem, hold.json["hold_id"])
        (await sale.house.pay(theirs)).ok(200)
        await sale.becomes(theirs, "confirmed", token=sale.cem)
    await must_be_sound(sale.house)
