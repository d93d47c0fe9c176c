"""What of emails and dates shows at the front door."""

from typing import Any

import icalendar
import pytest

from houseful.kernel.errors import Invalid
from houseful.kernel.ports import Email
from houseful.kernel.roles import Role
from tests.support.deployment import Deployment


@pytest.mark.parametrize(
    "email",
    ["bo..b@example.com", "bob.@example.com", "bob@example..com", "x@example.com.", "a@b", "x@[127.0.0.1]"],
)
async def test_an_order_needs_an_address_that_can_be_written_to(deployment: Deployment, email: str) -> None:
    event_id = await deployment.event(await deployment.user("organizer", Role.ORGANIZER))
    token = await deployment.user()
    hold_id = (await deployment.hold(token, event_id))["hold_id"]
    body = {"hold_id": hold_id, "buyer": {"name": "Bea", "email": email}}
    answer = await deployment.call("POST", "/api/orders", body, token=token)
    told = answer.refused(422, "validation_failed")["errors"]
    assert told["buyer.email"].startswith("is not an e-mail address: ")
    body["buyer"] = {"name": "Bea", "email": "bea@xn--mnchen-3ya.de"}
    order = (await deployment.call("POST", "/api/orders", body, token=token)).ok(201)
    assert order["buyer"]["email"] == "bea@münchen.de"


async def test_the_date_of_an_order_is_as_it_stands(deployment: Deployment) -> None:
    event_id = await deployment.event(await deployment.user("organizer", Role.ORGANIZER))
    token = await deployment.user()
    order = await deployment.order(token, (await deployment.hold(token, event_id))["hold_id"])
    path = f"/api/orders/{order['id']}/event.ics"
    (await deployment.call("GET", path, token=token)).refused(404, "no_tickets")
    (await deployment.pay(order)).ok(200)
    await deployment.order_that_is(token, order["id"], "confirmed")
    for method, status in (("PUBLISH", "CONFIRMED"), ("CANCEL", "CANCELLED")):
        answer = await deployment.call("GET", path, token=token)
        assert answer.headers["content-type"] == f"text/calendar; charset=utf-8; method={method}"
        calendar: Any = icalendar.Calendar.from_ical(answer.content)
        assert calendar["method"] == method
        assert [entry["status"] for entry in calendar.walk("VEVENT")] == [status]
        (await deployment.call("POST", f"/api/orders/{order['id']}/cancel", token=token)).ok(200)
        await deployment.order_that_is(token, order["id"], "refunded")


async def test_what_did_not_arrive_is_the_organizers_to_see_and_correct(deployment: Deployment) -> None:
    organizer, other = (
        await deployment.user("organizer", Role.ORGANIZER),
        await deployment.user("other", Role.ORGANIZER),
    )
    event_id = await deployment.event(organizer)
    token = await deployment.user()
    hold_id = (await deployment.hold(token, event_id))["hold_id"]
    body = {"hold_id": hold_id, "buyer": {"name": "Bea", "email": "bea@example.org"}}
    order = (await deployment.call("POST", "/api/orders", body, token=token)).ok(201)
    await refuse_emails_to(deployment, "bea@example.org")
    (await deployment.pay(order)).ok(200)
    path = f"/api/events/{event_id}/undelivered-letters"

    async def seen() -> list[dict[str, Any]]:
        return list((await deployment.call("GET", path, token=organizer)).ok()["items"])

    [email] = await deployment.until(seen)
    assert email["order_id"] == order["id"]
    assert (email["kind"], email["state"]) == ("confirmed", "refused")
    assert email["reason"] == "There is no such mailbox."
    assert email["buyer"] == {"name": "Bea", "email": "bea@example.org"}
    (await deployment.call("GET", path, token=other)).refused(404, "event_not_found")
    (await deployment.call("GET", path, token=token)).refused(403, "forbidden")

    correct = f"/api/events/{event_id}/orders/{order['id']}/email"
    answer = await deployment.call("POST", correct, {"email": "a@b"}, token=organizer)
    assert "email" in answer.refused(422, "validation_failed")["errors"]
    (await deployment.call("POST", correct, {"email": "x@example.org"}, token=other)).refused(
        404, "event_not_found"
    )
    (await deployment.call("POST", correct, {"email": "bea@example.net"}, token=organizer)).ok(200)

    async def arrived() -> bool:
        emails = (await deployment.call("GET", f"/api/orders/{order['id']}/letters", token=token)).ok()[
            "items"
        ]
        return [one["state"] for one in emails] == ["sent"]

    await deployment.until(arrived)
    assert await seen() == []
    shown = (await deployment.call("GET", f"/api/orders/{order['id']}", token=token)).ok()
    assert shown["buyer"]["email"] == "bea@example.net"
    (await deployment.call("GET", f"/api/orders/{order['id']}/letters", token=other)).refused(
        404, "order_not_found"
    )


async def refuse_emails_to(deployment: Deployment, address: str) -> None:
    post = deployment.app.services["tickets"].email_outbox
    send = post._mailer.send

    async def picky(email: Email) -> None:
        if email.to_address == address:
            raise Invalid("mail_refused", "There is no such mailbox.")
        await send(email)

    post._mailer.send = picky


async def test_a_proof_that_is_none(deployment: Deployment) -> None:
    for token in ("", "x" * 64, "ü"):
        answer = await deployment.call("POST", "/api/letters/proofs", {"token": token})
        assert answer.status in (404, 422)
