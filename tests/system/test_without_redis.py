"""Coordination is a help and never the truth: with every one of its methods failing, a sale still works."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from houseful.tickets.use_cases.order_notifications import OrderNotifications
from tests.system.deployments import Down, OpenDeployment, SystemDeployment
from tests.system.support import must_be_sound, organizer_of, token_of

DOWN, FORGETFUL = (
    pytest.param(what, marks=pytest.mark.environment(f"{what}, limited")) for what in ("down", "forgetful")
)


@pytest.fixture(params=[DOWN, FORGETFUL])
def coordination(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def deployment(open_deployment: OpenDeployment, coordination: str) -> AsyncIterator[SystemDeployment]:
    """With rates limited, as far as they can be."""
    async with open_deployment(coordination=coordination, rate_limits="on") as deployment:
        yield deployment
        if isinstance(deployment.app.coordination, Down):
            assert deployment.app.coordination.asked, "somebody would have liked its help"


async def test_a_purchase_goes_through(deployment: SystemDeployment) -> None:
    event_id, buyer = await deployment.event(organizer_of(deployment)), await deployment.user("bea")
    order = await deployment.buy(buyer, event_id, 2)
    path = f"/api/orders/{order['id']}/tickets"
    tickets = (await deployment.call("GET", path, token=buyer)).ok()["items"]
    assert len(tickets) == 2
    (await deployment.call("POST", f"/api/orders/{order['id']}/cancel", token=buyer)).ok(200)
    await deployment.order_that_is(buyer, order["id"], "refunded")
    await must_be_sound(deployment)


async def test_a_hundred_parallel_holds_give_one(deployment: SystemDeployment) -> None:
    event_id = await deployment.event(organizer_of(deployment))
    seat = (await deployment.seats(event_id))[0]["id"]
    path = f"/api/events/{event_id}/holds"
    buyers = [token_of(deployment, f"b{number}") for number in range(100)]
    replies = await asyncio.gather(
        *(deployment.call("POST", path, {"seats": [seat]}, token=buyer) for buyer in buyers)
    )
    assert Counter(reply.status for reply in replies) == {201: 1, 409: 99}
    assert all(reply.json["code"] == "seats_taken" for reply in replies if reply.status == 409)


async def test_one_key_a_hundred_times_is_one_hold(deployment: SystemDeployment) -> None:
    event_id, buyer = await deployment.event(organizer_of(deployment)), token_of(deployment, "bea")
    seat = (await deployment.seats(event_id))[0]["id"]
    path = f"/api/events/{event_id}/holds"
    replies = await asyncio.gather(
        *(deployment.call("POST", path, {"seats": [seat]}, token=buyer, key="the key") for _ in range(100))
    )
    done = [reply for reply in replies if reply.status == 201]
    assert len({reply.content for reply in done}) == 1
    assert sum("idempotent-replayed" not in reply.headers for reply in done) == 1
    refused = {reply.json["code"] for reply in replies if reply.status != 201}
    assert refused <= {"still_running", "too_many_requests"}
    assert len((await deployment.call("GET", "/api/holds", token=buyer)).ok()["items"]) == 1


@pytest.mark.environment("forgetful")
async def test_an_answer_is_had_again_before_its_key_is_let_go(open_deployment: OpenDeployment) -> None:
    """By a process that died after it had done the work, say."""
    async with open_deployment(coordination="stuck") as deployment:
        event_id, buyer = await deployment.event(organizer_of(deployment)), token_of(deployment, "bea")
        path = f"/api/events/{event_id}/holds"
        body = {"best_available": {"quantity": 2}}
        first = await deployment.call("POST", path, body, token=buyer, key="the key")
        again = await deployment.call("POST", path, body, token=buyer, key="the key")
        assert (again.status, again.content) == (201, first.content)
        assert again.headers["idempotent-replayed"] == "true"
        order = {"hold_id": first.json["hold_id"], "buyer": {"name": "Bea", "email": "bea@example.org"}}
        placed, repeated = [
            await deployment.call("POST", "/api/orders", order, token=buyer, key="the key") for _ in range(2)
        ]
        assert (repeated.status, repeated.content) == (201, placed.content)


async def test_the_best_seats_are_given_to_one_each(deployment: SystemDeployment) -> None:
    event_id = await deployment.event(organizer_of(deployment))
    path, body = f"/api/events/{event_id}/holds", {"best_available": {"quantity": 3}}
    replies = await asyncio.gather(
        *(
            deployment.call("POST", path, body, token=token_of(deployment, f"b{number}"))
            for number in range(15)
        )
    )
    assert {reply.status for reply in replies} <= {201, 409}
    given = [seat["id"] for reply in replies if reply.status == 201 for seat in reply.json["seats"]]
    assert len(given) == len(set(given)) >= 24


@pytest.mark.parametrize("coordination", [FORGETFUL], indirect=True)
async def test_who_watches_an_order_sees_it_change_without_a_signal(deployment: SystemDeployment) -> None:
    event_id, buyer = await deployment.event(organizer_of(deployment)), token_of(deployment, "bea")
    order = await deployment.order(buyer, (await deployment.hold(buyer, event_id))["hold_id"])
    async with deployment.messages(f"/api/orders/{order['id']}/stream", buyer) as messages:
        assert "awaiting_payment" in await anext(messages)
        (await deployment.pay(order)).ok(200)
        while "confirmed" not in await anext(messages):
            pass


async def test_who_watches_an_order_goes_on_without_signals() -> None:
    """A beat at once, as for everybody else; the next ones by the clock."""
    watching = OrderNotifications(Down()).watch("ord_1")
    await anext(watching)
    await watching.aclose()  # type: ignore[attr-defined]
