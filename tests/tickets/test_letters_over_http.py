"""What of letters and dates shows at the front door."""

from typing import Any

import icalendar
import pytest

from houseful.common.auth import Role
from tests.support import House


@pytest.mark.parametrize(
    "email",
    ["bo..b@example.com", "bob.@example.com", "bob@example..com", "x@example.com.", "a@b", "x@[127.0.0.1]"],
)
async def test_an_order_needs_an_address_that_can_be_written_to(house: House, email: str) -> None:
    event_id = await house.event(await house.user("organizer", Role.ORGANIZER))
    token = await house.user()
    hold_id = (await house.hold(token, event_id))["hold_id"]
    body = {"hold_id": hold_id, "buyer": {"name": "Bea", "email": email}}
    answer = await house.call("POST", "/api/orders", body, token=token)
    told = answer.refused(422, "validation_failed")["errors"]
    assert told["buyer.email"].startswith("is not an e-mail address: ")
    body["buyer"] = {"name": "Bea", "email": "bea@xn--mnchen-3ya.de"}
    order = (await house.call("POST", "/api/orders", body, token=token)).ok(201)
    assert order["buyer"]["email"] == "bea@münchen.de"


async def test_the_date_of_an_order_is_as_it_stands(house: House) -> None:
    event_id = await house.event(await house.user("organizer", Role.ORGANIZER))
    token = await house.user()
    order = await house.order(token, (await house.hold(token, event_id))["hold_id"])
    path = f"/api/orders/{order['id']}/event.ics"
    (await house.call("GET", path, token=token)).refused(404, "no_tickets")
    (await house.pay(order)).ok(200)
    await house.order_that_is(token, order["id"], "confirmed")
    for method, status in (("PUBLISH", "CONFIRMED"), ("CANCEL", "CANCELLED")):
        answer = await house.call("GET", path, token=token)
        assert answer.headers["content-type"] == f"text/calendar; charset=utf-8; method={method}"
        calendar: Any = icalendar.Calendar.from_ical(answer.content)
        assert calendar["method"] == method
        assert [entry["status"] for entry in calendar.walk("VEVENT")] == [status]
        (await house.call("POST", f"/api/orders/{order['id']}/cancel", token=token)).ok(200)
        await house.order_that_is(token, order["id"], "refunded")
