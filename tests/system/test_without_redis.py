"""Coordination is a help and never the truth: with every one of its methods failing, a sale still works."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from houseful.tickets.use_cases.order_notifications import OrderNotifications
from tests.system.houses import Down, OpenHouse, SystemHouse
from tests.system.support import must_be_sound, organizer_of, token_of


@pytest.fixture(params=["down", "forgetful"])
def coordination(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def house(open_house: OpenHouse, coordination: str) -> AsyncIterator[SystemHouse]:
    """With rates limited, as far as they can be."""
    async with open_house(coordination=coordination, rate_limits="on") as house:
        yield house
        if isinstance(house.app.coordination, Down):
            assert house.app.coordination.asked, "somebody would have liked its help"


async def test_a_purchase_goes_through(house: SystemHouse) -> None:
    event_id, buyer = await house.event(organizer_of(house)), await house.user("bea")
    order = await house.buy(buyer, event_id, 2)
    path = f"/api/orders/{order['id']}/tickets"
    tickets = (await house.call("GET", path, token=buyer)).ok()["items"]
    assert len(tickets) == 2
    (await house.call("POST", f"/api/orders/{order['id']}/cancel", token=buyer)).ok(200)
    await house.order_that_is(buyer, order["id"], "refunded")
    await must_be_sound(house)


async def test_a_hundred_parallel_holds_give_one(house: SystemHouse) -> None:
    event_id = await house.event(organizer_of(house))
    seat = (await house.seats(event_id))[0]["id"]
    path = f"/api/events/{event_id}/holds"
    buyers = [token_of(house, f"b{number}") for number in range(100)]
    replies = await asyncio.gather(
        *(house.call("POST", path, {"seats": [seat]}, token=buyer) for buyer in buyers)
    )
    assert Counter(reply.status for reply in replies) == {201: 1, 409: 99}
    assert all(reply.json["code"] == "seats_taken" for reply in replies if reply.status == 409)


async def test_one_key_a_hundred_times_is_one_hold(house: SystemHouse) -> None:
    event_id, buyer = await house.event(organizer_of(house)), token_of(house, "bea")
    seat = (await house.seats(event_id))[0]["id"]
    path = f"/api/events/{event_id}/holds"
    replies = await asyncio.gather(
        *(house.call("POST", path, {"seats": [seat]}, token=buyer, key="the key") for _ in range(100))
    )
    done = [reply for reply in replies if reply.status == 201]
    assert len({reply.content for reply in done}) == 1
    assert sum("idempotent-replayed" not in reply.headers for reply in done) == 1
    refused = {reply.json["code"] for reply in replies if reply.status != 201}
    assert refused <= {"still_running", "too_many_requests"}
    assert len((await house.call("GET", "/api/holds", token=buyer)).ok()["items"]) == 1


async def test_an_answer_is_had_again_before_its_key_is_let_go(open_house: OpenHouse) -> None:
    """By a process that died after it had done the work, say."""
    async with open_house(coordination="stuck") as house:
        event_id, buyer = await house.event(organizer_of(house)), token_of(house, "bea")
        path = f"/api/events/{event_id}/holds"
        body = {"best_available": {"quantity": 2}}
        first = await house.call("POST", path, body, token=buyer, key="the key")
        again = await house.call("POST", path, body, token=buyer, key="the key")
        assert (again.status, again.content) == (201, first.content)
        assert again.headers["idempotent-replayed"] == "true"
        order = {"hold_id": first.json["hold_id"], "buyer": {"name": "Bea", "email": "bea@example.org"}}
        placed, repeated = [
            await house.call("POST", "/api/orders", order, token=buyer, key="the key") for _ in range(2)
        ]
        assert (repeated.status, repeated.content) == (201, placed.content)


async def test_the_best_seats_are_given_to_one_each(house: SystemHouse) -> None:
    event_id = await house.event(organizer_of(house))
    path, body = f"/api/events/{event_id}/holds", {"best_available": {"quantity": 3}}
    replies = await asyncio.gather(
        *(house.call("POST", path, body, token=token_of(house, f"b{number}")) for number in range(15))
    )
    assert {reply.status for reply in replies} <= {201, 409}
    given = [seat["id"] for reply in replies if reply.status == 201 for seat in reply.json["seats"]]
    assert len(given) == len(set(given)) >= 24


@pytest.mark.parametrize("coordination", ["forgetful"], indirect=True)
async def test_who_watches_an_order_sees_it_change_without_a_signal(house: SystemHouse) -> None:
    event_id, buyer = await house.event(organizer_of(house)), token_of(house, "bea")
    order = await house.order(buyer, (await house.hold(buyer, event_id))["hold_id"])
    async with house.messages(f"/api/orders/{order['id']}/stream", buyer) as messages:
        assert "awaiting_payment" in await anext(messages)
        (await house.pay(order)).ok(200)
        while "confirmed" not in await anext(messages):
            pass


async def test_who_watches_an_order_goes_on_without_signals() -> None:
    """A beat at once, as for everybody else; the next ones by the clock."""
    watching = OrderNotifications(Down()).watch("ord_1")
    await anext(watching)
    await watching.aclose()  # type: ignore[attr-defined]
