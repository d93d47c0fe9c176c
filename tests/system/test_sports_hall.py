"""A real hall, sold to the last seat over HTTP by several buyers at once, then all of it given back."""

import json
from collections import Counter, deque
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from houseful.tools.sample_venues import theatre
from tests.system.harness import Harness, at_once, event_body
from tests.system.installations import must_pass_the_check
from tests.system.outside_client import Answer, Client

PLAN = Path(__file__).parents[3] / "shared" / "data" / "plans" / "sportshall.json"
"""A plan that a visitor of the project may have beside it; without it, a theatre of about the same size."""

BUYERS = 6
SEATS_AN_ORDER = 10


def the_hall() -> tuple[dict[str, Any], dict[str, int], int]:
    """Plan, prices, and the number of seats."""
    if not PLAN.exists():
        plan, _, prices = theatre(1200)
    else:
        plan = json.loads(PLAN.read_text())
        prices = {one["name"]: 1500 + 500 * place for place, one in enumerate(plan["categories"])}
    seats = sum(len(row["seats"]) for zone in plan["zones"] for row in zone["rows"])
    return plan, prices, seats


def buy_until_nothing_is_left(buyer: Client, event_id: str) -> list[dict[str, Any]]:
    """Ten seats an order, fewer at the end. A house that is full for others is not yet sold: their holds may
    come back."""
    bought = []
    quantity = SEATS_AN_ORDER
    while True:
        held = buyer.hold(event_id, best_available={"quantity": quantity})
        if held.status == 201:
            order = buyer.order(held.json["hold_id"]).ok(201)
            assert buyer.pay(order).ok()["status"] == "succeeded"
            bought.append(order)
            continue
        available = held.refused(409, "not_enough_seats")["available"]
        if available == 0:
            return bought
        quantity = min(quantity - 1, available) if quantity > 1 else 1


@pytest.mark.long_when_split
def test_the_hall_is_sold_and_given_back(harness: Harness) -> None:
    plan, prices, seats_total = the_hall()
    event = harness.organizer.publish(event_body(plan=plan, prices=prices, title="Handball"))
    event_id = event["id"]
    assert event["seats_total"] == seats_total
    buyers = [harness.buyer() for _ in range(BUYERS)]

    bought = at_once([partial(buy_until_nothing_is_left, buyer, event_id) for buyer in buyers])
    seats = [seat["id"] for orders in bought for order in orders for seat in order["seats"]]
    assert len(seats) == len(set(seats)) == seats_total
    for buyer, orders in zip(buyers, bought, strict=True):
        for order in orders:
            buyer.order_that_is(order["id"], "confirmed")
    harness.organizer.event_that_is(event_id, "sold_out")
    gross_minor = sum(order["total_minor"] for orders in bought for order in orders)
    everything = Counter(seat["category"] for seat in harness.organizer.seats(event_id))
    must_become(
        harness.organizer,
        event_id,
        sold=seats_total,
        available=0,
        held=0,
        gross_minor=gross_minor,
        refunded_minor=0,
        orders=sum(map(len, bought)),
        by_category=everything,
    )
    assert gross_minor == sum(prices[category] * count for category, count in everything.items())
    buyers[0].hold(event_id, best_available={"quantity": 1}).refused(409, "not_enough_seats")
    must_pass_the_check(harness.installation)

    given_back = [give_back_half(buyer, orders) for buyer, orders in zip(buyers, bought, strict=True)]
    back = [order for orders in given_back for order in orders]
    must_become(
        harness.organizer,
        event_id,
        sold=seats_total - sum(len(order["seats"]) for order in back),
        available=sum(len(order["seats"]) for order in back),
        gross_minor=gross_minor,
        refunded_minor=sum(order["total_minor"] for order in back),
    )
    harness.organizer.event_that_is(event_id, "on_sale")

    harness.organizer.call("POST", f"/api/events/{event_id}/cancel").ok(202)
    for buyer, orders in zip(buyers, bought, strict=True):
        for order in orders:
            buyer.order_that_is(order["id"], "refunded")
    must_become(
        harness.organizer,
        event_id,
        sold=0,
        gross_minor=gross_minor,
        refunded_minor=gross_minor,
        by_category=dict.fromkeys(everything, 0),
    )
    must_pass_the_check(harness.installation)


def give_back_half(buyer: Client, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One by one."""
    given = orders[: len(orders) // 2]
    answers = deque[Answer](buyer.cancel(order["id"]) for order in given)
    for order in given:
        answers.popleft().ok()
        buyer.order_that_is(order["id"], "refunded")
    return given


def must_become(
    organizer: Client, event_id: str, by_category: Mapping[str, int] | None = None, **figures: int
) -> None:
    """The sales figures, which follow in a moment; they come to exactly these."""

    def look() -> dict[str, Any]:
        sales = organizer.get(f"/api/events/{event_id}/sales")
        shown = {name: sales[name] for name in figures}
        if by_category is not None:
            shown["by_category"] = {one["category"]: one["sold"] for one in sales["by_category"]}
        return shown

    expected: dict[str, Any] = dict(figures)
    if by_category is not None:
        expected["by_category"] = dict(by_category)
    organizer.until_equal(look, expected)
