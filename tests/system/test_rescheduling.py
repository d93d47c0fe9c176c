"""An event moves, from outside, in each topology: every buyer is told once, the tickets say the new date, and
an order goes back that the event's own rules would keep."""

from email import message_from_bytes, policy
from functools import partial
from typing import Any

from tests.system.harness import Harness, hall, in_days, moment
from tests.system.installations import must_pass_the_check
from tests.system.outside_client import new_key


def test_an_event_moves_and_its_buyers_with_it(harness: Harness) -> None:
    event = harness.event(
        plan=hall(rows=2, seats=6),
        refundable_until=in_days(-1),
        starts_at=in_days(30),
        doors_at=in_days(29.9),
    )
    event_id, organizer = event["id"], harness.organizer
    going, returning = harness.buyer(), harness.buyer()
    kept = going.buy(event_id, seats=["A-1", "A-2"])
    back = returning.buy(event_id, seats=["B-1"])
    returning.cancel(back["id"]).refused(409, "cancel_closed")
    going.until(lambda: harness.mail(f"confirmed-{kept['id']}.eml"))

    path, key = f"/api/events/{event_id}/reschedule", new_key()
    body: dict[str, Any] = {
        "starts_at": in_days(90),
        "venue": "Town Hall",
        "message": "The singer is ill.",
        "return_until": in_days(60),
    }
    assert organizer.call("POST", f"{path}-preview", body).ok()["orders"] == 2
    past = organizer.call("POST", path, body | {"starts_at": in_days(-1)}, key=new_key())
    assert "future" in past.refused(422)["errors"]["starts_at"]
    late = organizer.call("POST", path, body | {"return_until": in_days(91)}, key=new_key())
    assert "choose a time until" in late.refused(422)["errors"]["return_until"]
    first = organizer.call("POST", path, body, key=key).ok(202)
    assert organizer.call("POST", path, body, key=key).ok(202) == first

    for buyer, order in ((going, kept), (returning, back)):
        letter = buyer.until(partial(harness.mail, f"rescheduled-{order['id']}-1.eml"))
        email = message_from_bytes(letter, policy=policy.default)
        assert email["subject"] == "New date: An Evening"
        parts = {part.get_content_type(): part for part in email.walk()}
        text = parts["text/plain"].get_content()
        assert "The singer is ill." in text
        assert "The Hall" in text
        assert "Town Hall" in parts["text/html"].get_content()
        assert "application/pdf" in parts
        assert "SEQUENCE:1" in str(parts["text/calendar"].get_content())

    shown = going.get(f"/api/orders/{kept['id']}")
    shown_event = going.get(f"/api/events/{event_id}")
    assert shown["move"]["from_starts_at"] == event["starts_at"]
    assert shown["move"]["starts_at"] == going.get(f"/api/events/{event_id}")["starts_at"]
    calendar = going.call("GET", f"/api/orders/{kept['id']}/event.ics").content
    assert b"SEQUENCE:1" in calendar
    assert b"Doors " in calendar
    assert moment(shown_event["doors_at"]) < moment(shown_event["starts_at"])
    assert b"Moved from" in calendar

    returning.cancel(back["id"]).ok()
    returning.order_that_is(back["id"], "refunded")
    returning.seats_that_are(event_id, {"A-1": "sold", "B-1": "available"})
    harness.buyer().buy(event_id, seats=["B-1"])

    again = {"starts_at": in_days(100), "message": "Later still.", "return_until": in_days(60)}
    organizer.call("POST", path, again, key=new_key()).ok(202)
    going.until(lambda: harness.mail(f"rescheduled-{kept['id']}-2.eml"))
    kinds = [one["kind"] for one in going.items(f"/api/orders/{kept['id']}/letters")]
    assert kinds.count("rescheduled") == 2
    must_pass_the_check(harness.installation)
