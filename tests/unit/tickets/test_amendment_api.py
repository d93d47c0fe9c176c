"""A plan is looked at, amended, and everybody sees it: through the gateway."""

from typing import Any

import pytest

from houseful.kernel.roles import Role
from tests.support.deployment import Deployment, plan
from tests.unit.tickets.test_amended_layouts import changed, with_seat, without


class House:
    def __init__(self, deployment: Deployment, organizer: str, buyer: str, event_id: str) -> None:
        self.deployment = deployment
        self.organizer = organizer
        self.buyer = buyer
        self.event_id = event_id

    async def ask(self, what: str, new: Any, token: str | None = None, **more: Any) -> Any:
        path = f"/api/events/{self.event_id}/{what}"
        return await self.deployment.call("POST", path, {"plan": new, **more}, token=token or self.organizer)

    async def get(self, what: str = "", **more: Any) -> Any:
        return await self.deployment.call("GET", f"/api/events/{self.event_id}{what}", **more)

    async def amended(self, new: Any, **more: Any) -> Any:
        """What became of it."""
        number = (await self.ask("amendment", new, **more)).ok(202)["amendment"]["number"]

        async def done() -> Any:
            found = (await self.get("/amendment", token=self.organizer)).ok()["amendment"]
            return found if (found["number"], found["state"]) != (number, "pending") else None

        return await self.deployment.until(done)


@pytest.fixture
async def house(deployment: Deployment) -> House:
    organizer = await deployment.user("organizer", Role.ORGANIZER)
    event_id, buyer = await deployment.event(organizer), await deployment.user()
    return House(deployment, organizer, buyer, event_id)


def another() -> Any:
    new = changed(without(plan(), "B-10"), "B-9", category="Premium", seat_number="9a")
    return with_seat(changed(new, "C-10", position={"x": 300, "y": 0}), 2, "C-99", 400)


async def test_what_is_previewed_is_what_is_done(house: House) -> None:
    before = (await house.get()).ok()
    shown = (await house.ask("amendment-preview", another())).ok(200)
    counts = {
        name: shown[name] for name in ("added", "moved", "renamed", "category", "removed", "seats_total")
    }
    assert counts == {"added": 1, "moved": 1, "renamed": 1, "category": 1, "removed": 1, "seats_total": 30}
    assert shown["taken"] == []
    assert {
        "seat_id": "B-9",
        "kinds": ["renamed", "category"],
        "from_place": "Stalls, row B, seat 9",
        "to_place": "Stalls, row B, seat 9a",
    } in shown["changes"]
    assert (await house.get()).ok()["layout_version"] == before["layout_version"]  # nothing was done

    assert (await house.amended(another()))["state"] == "applied"
    after = (await house.get()).ok()
    assert after["layout_version"] != before["layout_version"]
    sections = (await house.get("/sections")).ok()["items"]
    assert [(one["id"], one["total"]) for one in sections] == [("stalls", 29), ("stalls-2", 1)]
    seats = (await house.get("/sections/stalls/seats")).ok()["items"]
    assert "B-10" not in {seat["id"] for seat in seats}
    prices = (await house.get("/categories")).ok()["items"]
    assert [(one["name"], one["total"]) for one in prices] == [("Premium", 11), ("Standard", 19)]
    inventory = (await house.get("/inventory")).ok()
    assert (inventory["state"], inventory["generated"], inventory["total"]) == ("ready", 30, 30)


async def test_who_knows_an_old_map_is_told(house: House) -> None:
    before = (await house.get()).ok()["layout_version"]
    old = await house.get(f"/geometry?v={before}")
    assert "immutable" in old.headers["cache-control"]
    assert (await house.get("/availability")).headers["x-layout-version"] == before
    await house.amended(another())
    version = (await house.get()).ok()["layout_version"]
    status = await house.get("/availability")
    assert status.headers["x-layout-version"] == version
    assert int.from_bytes(status.content[4:8], "little") == 31
    new = await house.get(f"/geometry?v={version}")
    assert "immutable" in new.headers["cache-control"]
    assert new.headers["etag"] != old.headers["etag"]
    late = await house.get(f"/geometry?v={before}")
    assert late.headers["cache-control"] == "public, max-age=60"
    assert late.content == new.content
    known = await house.get(f"/geometry?v={before}", headers={"if-none-match": old.headers["etag"]})
    assert known.status == 200


async def test_sold_and_held_seats_are_named_with_what_to_do(house: House) -> None:
    order = await house.deployment.buy(house.buyer, house.event_id, 2)
    seats = [seat["id"] for seat in order["seats"]]
    shown = (await house.ask("amendment-preview", without(plan(), *seats, "C-1"))).ok(200)
    assert [(one["seat_id"], one["state"], one["order_id"]) for one in shown["taken"]] == [
        (seat, "sold", order["id"]) for seat in sorted(seats)
    ]
    assert "refund it at the order desk first" in shown["taken"][0]["what_to_do"]
    refused = await house.amended(without(plan(), *seats, "C-1"))
    assert refused["state"] == "refused"
    assert refused["taken"] == [one["what_to_do"] for one in shown["taken"]]
    assert (await house.get()).ok()["seats_total"] == 30
    assert (await house.amended(without(plan(), "C-1")))["state"] == "applied"
    ticket = (
        await house.deployment.call("GET", f"/api/orders/{order['id']}/tickets", token=house.buyer)
    ).ok()
    assert sorted(one["seat"]["id"] for one in ticket["items"]) == sorted(seats)
    pdf = await house.deployment.call(
        "GET", f"/api/tickets/{ticket['items'][0]['id']}.pdf", token=house.buyer
    )
    assert pdf.content.startswith(b"%PDF")


async def test_a_preview_is_for_the_events_organizer_and_says_what_is_wrong(house: House) -> None:
    other = await house.deployment.user("other", Role.ORGANIZER)
    (await house.ask("amendment-preview", plan(), house.buyer)).refused(403, "forbidden")
    (await house.ask("amendment-preview", plan(), other)).refused(404, "event_not_found")
    broken = (await house.ask("amendment-preview", {"name": "x"})).refused(422, "invalid_plan")
    assert broken["errors"]
    new = {**plan(), "categories": [*plan()["categories"], {"name": "Box"}]}
    new = changed(new, "C-10", category="Box")
    missing = (await house.ask("amendment-preview", new)).refused(422, "invalid_plan")
    assert list(missing["errors"]) == ["prices[Box]"]
    assert (await house.ask("amendment-preview", new, prices={"Box": 1})).ok(200)["category"] == 1
