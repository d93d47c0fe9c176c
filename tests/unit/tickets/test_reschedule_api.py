"""What an organizer sees of a reschedule before it happens, and a buyer afterwards."""

from typing import Any

import pytest

from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from tests.support.deployment import Deployment

DAY = 24 * 3_600_000


class House:
    def __init__(self, deployment: Deployment, organizer: str, buyer: str, event_id: str) -> None:
        self.deployment = deployment
        self.organizer = organizer
        self.buyer = buyer
        self.event_id = event_id

    async def ask(self, what: str, body: Any, token: str | None = None) -> Any:
        path = f"/api/events/{self.event_id}/{what}"
        return await self.deployment.call("POST", path, body, token=token or self.organizer)

    def move(self, **changes: Any) -> dict[str, Any]:
        now = self.deployment.app.clock.now()
        return {
            "starts_at": rfc3339(now + 60 * DAY),
            "venue": "Town Hall",
            "message": "The singer is ill.",
            "return_until": rfc3339(now + 20 * DAY),
        } | changes


@pytest.fixture
async def house(deployment: Deployment) -> House:
    organizer = await deployment.user("organizer", Role.ORGANIZER)
    event_id, buyer = await deployment.event(organizer), await deployment.user()
    return House(deployment, organizer, buyer, event_id)


async def test_what_is_previewed_is_what_is_sent(house: House) -> None:
    order = await house.deployment.buy(house.buyer, house.event_id, 2)
    given_up = await house.deployment.buy(house.buyer, house.event_id, 1)
    path = f"/api/orders/{given_up['id']}/cancel"
    (await house.deployment.call("POST", path, token=house.buyer)).ok(200)
    body = house.move()
    shown = (await house.ask("reschedule-preview", body)).ok(200)
    assert shown["orders"] == 1
    for part in ("Town Hall", "The singer is ill.", "(the buyer’s name)"):
        assert part in shown["text"]
        assert part in shown["html"]
    event = (await house.deployment.call("GET", f"/api/events/{house.event_id}")).ok()
    assert event["reschedules"] == []  # nothing was done

    (await house.ask("reschedule", body)).ok(202)

    async def moved() -> Any:
        found = (await house.deployment.call("GET", f"/api/orders/{order['id']}", token=house.buyer)).ok()
        return found["move"]

    move = await house.deployment.until(moved)
    assert (move["venue"], move["return_until"]) == ("Town Hall", body["return_until"])

    async def told() -> Any:
        letters = f"/api/orders/{order['id']}/letters"
        found = (await house.deployment.call("GET", letters, token=house.buyer)).ok()["items"]
        return [one for one in found if one["kind"] == "rescheduled" and one["state"] == "sent"]

    assert len(await house.deployment.until(told)) == 1
    calendar = await house.deployment.call("GET", f"/api/orders/{order['id']}/event.ics", token=house.buyer)
    assert b"SEQUENCE:1" in calendar.content
    assert b"Moved from" in calendar.content
    desk = f"/api/events/{house.event_id}/orders/{order['id']}"
    history = (await house.deployment.call("GET", desk, token=house.organizer)).ok()["history"]
    assert [one["email_kind"] for one in history if one["event"] == "emailed"][-1] == "rescheduled"


async def test_what_moves_only_in_place_or_not_at_all_can_be_previewed(house: House) -> None:
    body = house.move()
    del body["starts_at"]
    shown = (await house.ask("reschedule-preview", body)).ok(200)
    assert (shown["orders"], shown["subject"].partition(":")[0]) == (0, "New place")


async def test_a_preview_is_for_the_events_organizer(house: House) -> None:
    other = await house.deployment.user("other", Role.ORGANIZER)
    (await house.ask("reschedule-preview", house.move(), house.buyer)).refused(403, "forbidden")
    (await house.ask("reschedule-preview", house.move(), other)).refused(404, "event_not_found")
    long = (await house.ask("reschedule-preview", house.move(message="x" * 2001))).refused(
        422, "validation_failed"
    )
    assert list(long["errors"]) == ["message"]
