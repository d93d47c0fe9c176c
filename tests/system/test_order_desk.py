"""The order desk from outside, in each topology: an order is found, corrected, sent again and refunded in
part and whole; seats, money and history agree."""

from typing import Any

from tests.system.harness import Harness, hall
from tests.system.installations import must_pass_the_check
from tests.system.outside_client import Client, new_key


def act(organizer: Client, event_id: str, order_id: str, what: str, body: Any, key: str | None = None) -> Any:
    path = f"/api/events/{event_id}/orders/{order_id}/{what}"
    return organizer.call("POST", path, body, key=key or new_key()).ok()


def test_what_a_desk_does_for_one_buyer(harness: Harness) -> None:
    event = harness.event(plan=hall(rows=2, seats=6))
    event_id, organizer, buyer = event["id"], harness.organizer, harness.buyer()
    order = buyer.buy(event_id, seats=["A-1", "A-2", "B-1"])
    buyer.buy(event_id, seats=["B-3"])
    orders = f"/api/events/{event_id}/orders"

    def found(text: str) -> list[str]:
        return [one["id"] for one in organizer.items(f"{orders}?q={text}")]

    code = buyer.tickets(order["id"])[0]["code"]
    for text in (order["id"], "a%202", code):
        assert found(text) == [order["id"]]
    assert len(found("")) == 2

    act(organizer, event_id, order["id"], "buyer", {"name": "Zoë Älg", "email": "zoe@example.org"})
    assert found("zoe%20alg") == found("alg") == found("ZOE@") == [order["id"]]
    buyer.until(lambda: harness.mail(f"confirmed-{order['id']}.eml"))
    # Until the first email is noted as sent, a second one is the same one.
    details = f"{orders}/{order['id']}"
    buyer.until(lambda: [one["state"] for one in organizer.get(details)["emails"]] == ["sent"])
    act(organizer, event_id, order["id"], "resend", None)
    again = buyer.until(lambda: harness.mail(f"confirmed-{order['id']}-1.eml"))
    assert b"zoe@example.org" in again

    key, body = new_key(), {"seats": ["A-2"], "reason": "ill"}
    first = act(organizer, event_id, order["id"], "refund", body, key)
    assert act(organizer, event_id, order["id"], "refund", body, key) == first
    assert (first["status"], len(first["places"])) == ("confirmed", 2)
    buyer.seats_that_are(event_id, {"A-1": "sold", "A-2": "available", "B-1": "sold"})
    buyer.until(lambda: harness.mail(f"part_refunded-{order['id']}-1.eml"))
    harness.buyer().buy(event_id, seats=["A-2"])
    act(organizer, event_id, order["id"], "refund", {"reason": "all of it"})
    buyer.order_that_is(order["id"], "refunded")
    buyer.seats_that_are(event_id, {"A-1": "available", "A-2": "sold", "B-1": "available"})
    act_path = f"{orders}/{order['id']}/refund"
    organizer.call("POST", act_path, {"reason": "x"}, key=new_key()).refused(409, "not_refundable")

    history = organizer.get(f"{orders}/{order['id']}")["history"]
    done = [(entry["event"], entry["by"]) for entry in history if entry["event"] != "emailed"]
    assert done == [
        ("placed", "buyer"), ("confirmed", "system"), ("corrected", "organizer"), ("resent", "organizer"),
        ("seats_refunded", "organizer"), ("refunded", "organizer"),
    ]  # fmt: skip
    must_pass_the_check(harness.installation)
