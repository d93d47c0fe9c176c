"""An event is sold out when no seat of it can be bought, whichever store it is kept in."""

from tests.system.harness import Harness, hall
from tests.system.outside_client import Client


def set_blocked(organizer: Client, event_id: str, **seats: list[str]) -> None:
    organizer.call("POST", f"/api/events/{event_id}/blocked-seats", seats).ok(204)


def test_without_the_blocked_seats_and_back(harness: Harness) -> None:
    event = harness.event(plan=hall(rows=1, seats=4), prices={"Premium": 5000, "Standard": 3000})
    buyer, organizer = harness.buyer(), harness.organizer
    set_blocked(organizer, event["id"], block=["A-4"])
    order = buyer.buy(event["id"], seats=["A-1", "A-2", "A-3"])
    buyer.event_that_is(event["id"], "sold_out")
    set_blocked(organizer, event["id"], unblock=["A-4"])
    buyer.event_that_is(event["id"], "on_sale")
    set_blocked(organizer, event["id"], block=["A-4"])
    buyer.event_that_is(event["id"], "sold_out")
    buyer.cancel(order["id"]).ok(200)
    buyer.event_that_is(event["id"], "on_sale")
    set_blocked(organizer, event["id"], block=["A-1", "A-2", "A-3"])
    buyer.event_that_is(event["id"], "sold_out")


def test_places_of_a_standing_area(harness: Harness) -> None:
    area = {"zone": "Stalls", "name": "Floor", "category": "Standard", "capacity": 3}
    event = harness.event(plan=hall(rows=1, seats=1), areas=[area])
    floor = [seat["id"] for seat in harness.organizer.seats(event["id"]) if seat["category"] == "Standard"]
    assert len(floor) == 3
    set_blocked(harness.organizer, event["id"], block=floor[:2])
    buyer = harness.buyer()
    buyer.buy(event["id"], seats=["A-1"])
    assert buyer.get(f"/api/events/{event['id']}")["state"] == "on_sale"
    buyer.buy(event["id"], best_available={"category": "Standard", "quantity": 1})
    buyer.event_that_is(event["id"], "sold_out")
    set_blocked(harness.organizer, event["id"], unblock=floor[:1])
    buyer.event_that_is(event["id"], "on_sale")


def test_ones_own_seats_are_ones_own(harness: Harness) -> None:
    event = harness.event(plan=hall(rows=1, seats=6))
    buyer, other = harness.buyer(), harness.buyer()
    hold = buyer.hold(event["id"], seats=["A-1", "A-2"]).ok(201)
    other.hold(event["id"], seats=["A-3"]).ok(201)
    told = buyer.hold(event["id"], seats=["A-2", "A-3", "A-4"]).refused(409, "seats_taken")
    assert told["taken"] == ["A-2", "A-3"]
    assert (told["yours"], told["hold_id"]) == (["A-2"], hold["hold_id"])
    assert "yours" not in other.hold(event["id"], seats=["A-1"]).refused(409, "seats_taken")
