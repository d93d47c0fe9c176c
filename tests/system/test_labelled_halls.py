"""Halls as editors draw them: imported, on sale, sold and admitted, and called what their plan calls them."""

from collections.abc import Callable

import pytest

from tests.support.plans import Json, aisle_theatre, bare, seats_of, tables, twin_zones
from tests.system.harness import Harness, event_body
from tests.system.installations import must_pass_the_check
from tests.system.outside_client import new_key
from tests.system.scanner import text_of


@pytest.mark.parametrize(
    ("make", "first", "warned"),
    [
        (aisle_theatre, "Parquet, row 1, seat 1", False),
        pytest.param(twin_zones, "Balcony, row 1, seat 1", True, marks=pytest.mark.long_when_split),
        pytest.param(tables, "Tisch 1, Platz 1", False, marks=pytest.mark.long_when_split),
        pytest.param(bare, "Sofa", True, marks=pytest.mark.long_when_split),
    ],
    ids=["aisle", "twins", "tables", "bare"],
)
def test_a_hall_is_sold_and_admitted(
    harness: Harness, make: Callable[[], Json], first: str, warned: bool
) -> None:
    plan = make()
    made = harness.organizer.call("POST", "/api/events", event_body(plan=plan, prices={"Seat": 2500})).ok(201)
    assert bool(made["plan_warnings"]) == warned
    event_id = made["id"]
    harness.organizer.call("POST", f"/api/events/{event_id}/publish").ok(202)
    harness.organizer.event_that_is(event_id, "on_sale")
    assert harness.buyer().get(f"/api/events/{event_id}")["plan_warnings"] == {}

    ids = [seat["seat_guid"] for seat in seats_of(plan)]
    offered = harness.organizer.seats(event_id)
    assert [seat["id"] for seat in offered] == ids
    assert offered[0]["label"] == first

    buyer = harness.buyer()
    order = buyer.buy(event_id, seats=[ids[0]])
    assert order["seats"][0]["label"] == first
    (ticket,) = buyer.tickets(order["id"])
    assert ticket["seat"]["label"] == first
    assert first in text_of(buyer.call("GET", f"/api/tickets/{ticket['id']}.pdf").content)
    admitted = harness.gate.scan(ticket["code"], new_key(), event_id=event_id)
    assert (admitted["result"], admitted["ticket"]["seat"]["label"]) == ("admitted", first)

    left = len(ids) - 1
    while left > 0:
        left -= len(buyer.buy(event_id, best_available={"quantity": min(left, 6)})["seats"])
    harness.organizer.event_that_is(event_id, "sold_out")
    must_pass_the_check(harness.installation)
