"""After the purchase: the gate, giving back, figures. From outside, through a real port."""

import json
from typing import Any

from tests.support.deployment import PASSWORD
from tests.system.harness import Harness, code_with, moment
from tests.system.outside_client import Answer, Client, new_key

# The gate


def test_each_ticket_admits_once(harness: Harness, buyer: Client, event: dict[str, Any]) -> None:
    order = buyer.buy(event["id"], best_available={"quantity": 2})
    one, other = buyer.tickets(order["id"])
    admitted = harness.gate.scan(one["code"], new_key(), "North")
    assert admitted["result"] == "admitted"
    assert admitted["ticket"]["id"] == one["id"]
    assert admitted["first_admission"] is None

    again = harness.gate.scan(one["code"], new_key(), "South")
    assert again["result"] == "already_used"
    assert moment(again["first_admission"]["at"]) == moment("2026-05-01T18:00:00Z")
    assert again["first_admission"]["gate"] == "North"
    assert {ticket["id"]: ticket["status"] for ticket in buyer.tickets(order["id"])} == {
        one["id"]: "used",
        other["id"]: "valid",
    }
    elsewhere = harness.gate.scan(other["code"], new_key(), event_id="evt_another")
    assert elsewhere["result"] == "wrong_event"
    assert harness.gate.scan(other["code"], new_key(), event_id=event["id"])["result"] == "admitted"
    buyer.cancel(order["id"]).refused(409, "cancel_closed")


def test_a_lost_answer_at_the_gate_is_had_again(
    harness: Harness, buyer: Client, event: dict[str, Any]
) -> None:
    (ticket,) = buyer.tickets(buyer.buy(event["id"], best_available={"quantity": 1})["id"])
    scan_id = new_key()
    assert harness.gate.scan(ticket["code"], scan_id)["result"] == "admitted"
    assert harness.gate.scan(ticket["code"], scan_id)["result"] == "admitted"
    assert harness.gate.scan(ticket["code"], new_key())["result"] == "already_used"


def test_no_character_of_a_code_can_be_changed(
    harness: Harness, buyer: Client, event: dict[str, Any]
) -> None:
    (ticket,) = buyer.tickets(buyer.buy(event["id"], best_available={"quantity": 1})["id"])
    code = ticket["code"]
    forged = [code_with(code, place) for place in range(len(code))]
    forged += [code[:-1], code + "A", code + "=", "", "HF1..", "é" * 20]
    scans = [
        {"code": one, "gate": "North", "scan_id": new_key(), "scanned_at": "2026-05-01T18:00:00Z"}
        for one in forged
    ]
    answer = harness.gate.call("POST", "/api/checkins/batch", {"scans": scans}, key=new_key()).ok()
    assert [scan["result"] for scan in answer["scans"]] == ["invalid"] * len(forged)
    assert all(scan["ticket"] is None for scan in answer["scans"])
    assert harness.gate.scan(f"]Q1{code.swapcase()}\r", new_key())["result"] == "admitted"
    assert harness.gate.scan(code, new_key())["result"] == "already_used"


def test_a_batch_is_answered_in_order(harness: Harness, buyer: Client, event: dict[str, Any]) -> None:
    one, other = buyer.tickets(buyer.buy(event["id"], best_available={"quantity": 2})["id"])
    codes = [one["code"], other["code"], "HF1.nothing", one["code"]]
    scans = [
        {"code": code, "gate": f"Gate {i}", "scan_id": new_key(), "scanned_at": f"2026-05-01T18:00:0{i}Z"}
        for i, code in enumerate(codes)
    ]
    key = new_key()
    first = harness.gate.call("POST", "/api/checkins/batch", {"scans": scans}, key=key)
    results = first.ok()["scans"]
    assert [scan["result"] for scan in results] == ["admitted", "admitted", "invalid", "already_used"]
    assert moment(results[3]["first_admission"]["at"]) == moment("2026-05-01T18:00:00Z")
    assert results[3]["first_admission"]["gate"] == "Gate 0"
    again = harness.gate.call("POST", "/api/checkins/batch", {"scans": scans}, key=key)
    assert again.ok() == first.json
    assert again.headers["idempotent-replayed"] == "true"


# Giving back


def test_a_cancelled_order_is_paid_back(harness: Harness, buyer: Client, event: dict[str, Any]) -> None:
    order = buyer.buy(event["id"], best_available={"quantity": 2})
    tickets = buyer.tickets(order["id"])
    key = new_key()
    first = buyer.cancel(order["id"], key=key)
    assert first.ok()["status"] in ("refunding", "refunded")
    buyer.order_that_is(order["id"], "refunded")
    again = buyer.cancel(order["id"], key=key)
    assert again.ok() == first.json
    assert again.headers["idempotent-replayed"] == "true"
    assert {ticket["status"] for ticket in buyer.tickets(order["id"])} == {"refunded"}
    assert harness.gate.scan(tickets[0]["code"], new_key())["result"] == "refunded"

    somebody = harness.buyer()
    seats = [seat["id"] for seat in order["seats"]]
    theirs = somebody.hold(event["id"], seats=seats).ok(201)  # the seats are free again
    somebody.call("DELETE", f"/api/holds/{theirs['hold_id']}").ok(204)
    buyer.until(lambda: harness.mail(f"refunded-{order['id']}.eml"))


def test_an_order_that_is_cancelled_can_not_be_paid(buyer: Client, order: dict[str, Any]) -> None:
    assert buyer.cancel(order["id"]).ok()["status"] == "cancelled"

    def look() -> Answer | None:
        reply = buyer.pay(order)
        return reply if reply.status == 409 else None

    buyer.until(look).refused(409, "intent_not_payable")
    assert buyer.get(f"/api/orders/{order['id']}")["status"] in ("cancelled", "refunding", "refunded")
    assert all(ticket["status"] == "refunded" for ticket in buyer.tickets(order["id"]))


def test_an_event_is_cancelled(harness: Harness) -> None:
    event, buyer = harness.event(), harness.buyer()
    paid = buyer.buy(event["id"], best_available={"quantity": 3})
    waiting = buyer.order(buyer.hold(event["id"], best_available={"quantity": 1}).ok(201)["hold_id"]).ok(201)
    harness.organizer.call("POST", f"/api/events/{event['id']}/cancel").ok(202)
    buyer.order_that_is(paid["id"], "refunded")
    buyer.order_that_is(waiting["id"], "cancelled", "refunded")
    buyer.hold(event["id"], best_available={"quantity": 1}).refused(409, "event_cancelled")
    assert buyer.get(f"/api/events/{event['id']}")["state"] == "cancelled"


# Figures


def test_figures_and_the_list_of_orders(harness: Harness) -> None:
    event, buyer = harness.event(), harness.buyer()
    kept = buyer.buy(event["id"], best_available={"quantity": 2, "category": "Premium"})
    given_back = buyer.buy(event["id"], best_available={"quantity": 1, "category": "Standard"})
    buyer.cancel(given_back["id"]).ok()
    buyer.order_that_is(given_back["id"], "refunded")
    harness.gate.scan(buyer.tickets(kept["id"])[0]["code"], new_key())
    held = buyer.hold(event["id"], best_available={"quantity": 3}).ok(201)

    expected = {
        "sold": 2,
        "held": 3,
        "available": 43,
        "total": 48,
        "gross_minor": 13_000,
        "refunded_minor": 3000,
        "admitted": 1,
        "orders": 2,
    }

    def look() -> dict[str, Any]:
        sales = harness.organizer.get(f"/api/events/{event['id']}/sales")
        return {name: sales[name] for name in expected}

    harness.organizer.until_equal(look, expected)  # the figures follow, each in its time
    with harness.organizer.stream(f"/api/events/{event['id']}/sales/stream") as messages:
        name, data = next(messages)
        assert (name, json.loads(data)["sold"]) == ("sales", 2)

    answer = harness.organizer.call("GET", f"/api/events/{event['id']}/orders.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = answer.content.decode().splitlines()
    assert len(lines) == 3
    assert kept["id"] in lines[1]
    assert given_back["id"] in lines[2]
    buyer.call("GET", f"/api/events/{event['id']}/sales").refused(403)
    buyer.call("DELETE", f"/api/holds/{held['hold_id']}").ok(204)


def test_figures_of_somebody_elses_event(harness: Harness, event: dict[str, Any]) -> None:
    address = harness.address()
    user = harness.client().register(address, PASSWORD, "Rival")
    harness.admin.call("PATCH", f"/api/users/{user['id']}", {"roles": ["organizer"]}).ok()
    rival = harness.sign_in(address)
    for path in ("sales", "orders.csv"):
        rival.call("GET", f"/api/events/{event['id']}/{path}").refused(404)
    rival.call("PATCH", f"/api/events/{event['id']}", {"title": "Mine"}).refused(404)
    for step in ("publish", "cancel"):
        rival.call("POST", f"/api/events/{event['id']}/{step}").refused(404)
