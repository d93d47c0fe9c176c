"""The order desk at the front door: who may, what is told, and what is repeated."""

from typing import Any

import pytest

from houseful.kernel.roles import Role
from tests.support.deployment import Deployment


class Desk:
    def __init__(
        self, deployment: Deployment, organizer: str, buyer: str, event_id: str, order_id: str
    ) -> None:
        self.deployment = deployment
        self.organizer = organizer
        self.buyer = buyer
        self.orders = f"/api/events/{event_id}/orders"
        self.order = f"{self.orders}/{order_id}"
        self.order_id = order_id

    async def act(self, what: str, body: Any = None, *, token: str | None = None, **more: Any) -> Any:
        path = f"{self.order}/{what}"
        return await self.deployment.call("POST", path, body, token=token or self.organizer, **more)

    async def details(self) -> Any:
        return (await self.deployment.call("GET", self.order, token=self.organizer)).ok()

    async def events(self) -> list[str]:
        return [entry["event"] for entry in (await self.details())["history"]]


@pytest.fixture
async def desk(deployment: Deployment) -> Desk:
    organizer = await deployment.user("organizer", Role.ORGANIZER)
    event_id, buyer = await deployment.event(organizer), await deployment.user()
    order = await deployment.buy(buyer, event_id, 3)
    return Desk(deployment, organizer, buyer, event_id, order["id"])


BODIES: dict[str, Any] = {
    "resend": None,
    "buyer": {"name": "Bea", "email": "bea@example.net"},
    "refund": {"reason": "ill"},
    "notes": {"text": "Comes late"},
}


async def test_an_order_is_for_its_events_organizer(desk: Desk) -> None:
    other = await desk.deployment.user("other", Role.ORGANIZER)
    admin = await desk.deployment.user("ada", Role.ADMIN)
    for path in (desk.orders, desk.order):
        (await desk.deployment.call("GET", path, token=desk.buyer)).refused(403, "forbidden")
        (await desk.deployment.call("GET", path, token=other)).refused(404, "event_not_found")
        (await desk.deployment.call("GET", path)).refused(401, "not_authenticated")
    for what, body in BODIES.items():
        (await desk.act(what, body, token=desk.buyer)).refused(403, "forbidden")
        (await desk.act(what, body, token=other)).refused(404, "event_not_found")
    (await desk.act("notes", BODIES["notes"], token=admin)).ok(201)
    *_, entry = (await desk.details())["history"]
    assert (entry["event"], entry["by"], entry["text"]) == ("noted", "admin", "Comes late")


async def test_what_is_told_of_an_order_pays_for_nothing(desk: Desk) -> None:
    reply = await desk.deployment.call("GET", desk.order, token=desk.organizer)
    assert b"secret" not in reply.content
    assert b"pi_" not in reply.content
    told = reply.ok()
    assert told["order"]["buyer"] == {"name": "Bea Brandt", "email": "bea@example.org"}
    assert [seat["status"] for seat in told["seats"]] == ["valid"] * 3
    assert [entry["event"] for entry in told["history"]][:2] == ["placed", "confirmed"]


async def test_orders_are_searched_and_listed(desk: Desk) -> None:
    for query in ("", "?q=brandt", "?q=BEA%20b", "?q=bea%40ex", f"?q={desk.order_id}"):
        page = (await desk.deployment.call("GET", f"{desk.orders}{query}", token=desk.organizer)).ok()
        assert [order["id"] for order in page["items"]] == [desk.order_id], query
    page = (await desk.deployment.call("GET", f"{desk.orders}?q=nobody", token=desk.organizer)).ok()
    assert page == {"items": [], "next_cursor": None}
    told = await desk.deployment.call("GET", f"{desk.orders}?q=bea&cursor=x", token=desk.organizer)
    assert "cursor" in told.refused(422, "validation_failed")["errors"]


@pytest.mark.parametrize("what", BODIES)
async def test_each_act_is_done_once_for_each_key(desk: Desk, what: str) -> None:
    before = await desk.events()
    without = await desk.act(what, BODIES[what], headers={"idempotency-key": ""})
    without.refused(400, "idempotency_key_invalid")
    first = await desk.act(what, BODIES[what], key=f"once-{what}")
    again = await desk.act(what, BODIES[what], key=f"once-{what}")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.ok() == first.ok()
    added = [event for event in (await desk.events())[len(before) :] if event != "emailed"]
    assert len(added) == 1


async def test_what_is_wrong_is_named(desk: Desk) -> None:
    for what, body, field in (
        ("buyer", {"name": "Bea", "email": "a@b"}, "email"),
        ("buyer", {"name": " ", "email": "a@b.org"}, "name"),
        ("refund", {"reason": ""}, "reason"),
        ("refund", {"reason": "x", "seats": ["Z-1"]}, "seats[0]"),
        ("notes", {"text": "\n"}, "text"),
    ):
        assert field in (await desk.act(what, body)).refused(422, "validation_failed")["errors"]


async def test_a_refund_is_seen_by_the_buyer(desk: Desk) -> None:
    [seat, *_] = (await desk.details())["seats"]
    (await desk.act("refund", {"reason": "ill", "seats": [seat["id"]]})).ok(200)
    order = await desk.deployment.order_that_is(desk.buyer, desk.order_id, "confirmed")
    assert (len(order["seats"]), order["refunded_minor"]) == (2, seat["price_minor"])
    tickets = (
        await desk.deployment.call("GET", f"/api/orders/{desk.order_id}/tickets", token=desk.buyer)
    ).ok()["items"]
    assert [ticket["status"] for ticket in tickets] == ["valid", "valid", "refunded"]
    assert [seat["status"] for seat in (await desk.details())["seats"]] == ["valid", "valid", "refunded"]
    export = (await desk.deployment.call("GET", "/api/me/export", token=desk.buyer)).ok()
    [exported] = export["parts"]["orders"]
    assert exported["history"][-1]["text"] == "ill" or exported["history"][-2]["text"] == "ill"
    (await desk.act("refund", {"reason": "cancelled"})).ok(200)
    order = await desk.deployment.order_that_is(desk.buyer, desk.order_id, "refunded")
    assert order["reason"] == "organizer_refunded"
