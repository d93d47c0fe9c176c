"""What of emails and dates shows at the front door."""

from typing import Any

import icalendar
import pytest

from houseful.kernel.errors import Invalid
from houseful.kernel.ports import Email
from houseful.kernel.roles import Role
from tests.support.deployment import House


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


async def test_what_did_not_arrive_is_the_organizers_to_see_and_correct(house: House) -> None:
    organizer, other = (
        await house.user("organizer", Role.ORGANIZER),
        await house.user("other", Role.ORGANIZER),
    )
    event_id = await house.event(organizer)
    token = await house.user()
    hold_id = (await house.hold(token, event_id))["hold_id"]
    body = {"hold_id": hold_id, "buyer": {"name": "Bea", "email": "bea@example.org"}}
    order = (await house.call("POST", "/api/orders", body, token=token)).ok(201)
    await refuse_emails_to(house, "bea@example.org")
    (await house.pay(order)).ok(200)
    path = f"/api/events/{event_id}/undelivered-letters"

    async def seen() -> list[dict[str, Any]]:
        return list((await house.call("GET", path, token=organizer)).ok()["items"])

    [email] = await house.until(seen)
    assert email["order_id"] == order["id"]
    assert (email["kind"], email["state"]) == ("confirmed", "refused")
    assert email["reason"] == "There is no such mailbox."
    assert email["buyer"] == {"name": "Bea", "email": "bea@example.org"}
    (await house.call("GET", path, token=other)).refused(404, "event_not_found")
    (await house.call("GET", path, token=token)).refused(403, "forbidden")

    correct = f"/api/events/{event_id}/orders/{order['id']}/email"
    answer = await house.call("POST", correct, {"email": "a@b"}, token=organizer)
    assert "email" in answer.refused(422, "validation_failed")["errors"]
    (await house.call("POST", correct, {"email": "x@example.org"}, token=other)).refused(
        404, "event_not_found"
    )
    (await house.call("POST", correct, {"email": "bea@example.net"}, token=organizer)).ok(200)

    async def arrived() -> bool:
        emails = (await house.call("GET", f"/api/orders/{order['id']}/letters", token=token)).ok()["items"]
        return [one["state"] for one in emails] == ["sent"]

    await house.until(arrived)
    assert await seen() == []
    shown = (await house.call("GET", f"/api/orders/{order['id']}", token=token)).ok()
    assert shown["buyer"]["email"] == "bea@example.net"
    (await house.call("GET", f"/api/orders/{order['id']}/letters", token=other)).refused(
        404, "order_not_found"
    )


async def refuse_emails_to(house: House, address: str) -> None:
    post = house.app.services["tickets"].email_outbox
    send = post._mailer.send

    async def picky(email: Email) -> None:
        if email.to_address == address:
            raise Invalid("mail_refused", "There is no such mailbox.")
        await send(email)

    post._mailer.send = picky


async def test_a_proof_that_is_none(house: House) -> None:
    for token in ("", "x" * 64, "ü"):
        answer = await house.call("POST", "/api/letters/proofs", {"token": token})
        assert answer.status in (404, 422)
