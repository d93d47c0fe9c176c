"""The plan of a published event is amended, from outside, in each topology: who has a seat keeps it, its
ticket is good at the gate, open maps learn of it, and a server that is killed in the middle goes on."""

import asyncio
import json
from functools import partial
from typing import Any

import pytest

from houseful.tools.sample_venues import stadium
from tests.support.deployment import PASSWORD
from tests.system.fixtures import OpenInstallation
from tests.system.harness import Harness, event_body, hall
from tests.system.installations import OwnInstallation, make_account, must_pass_the_check
from tests.system.outside_client import Client, new_key
from tests.system.support import findings

SEATS = 12_000


def edited(plan: dict[str, Any], *, without: set[str]) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(plan))
    for zone in copy["zones"]:
        for row in zone["rows"]:
            row["seats"] = [one for one in row["seats"] if one["seat_guid"] not in without]
    return copy


def amendment_of(client: Client, event_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/events/{event_id}/amendment")["amendment"]
    return found


def answered(client: Client, event_id: str) -> dict[str, Any] | None:
    found = amendment_of(client, event_id)
    return None if found["state"] == "pending" else found


def amended(client: Client, event_id: str, body: dict[str, Any]) -> dict[str, Any]:
    path = f"/api/events/{event_id}/amendment"
    client.call("POST", path, body, key=new_key()).ok(202)
    return client.until(partial(answered, client, event_id))


def test_a_plan_is_amended_and_nobody_loses_a_seat(harness: Harness) -> None:
    plan = hall(rows=3, seats=8)
    event_id = harness.event(plan=plan)["id"]
    organizer, buyer, other = harness.organizer, harness.buyer(), harness.buyer()
    order = buyer.buy(event_id, seats=["A-1", "A-2"])
    ticket = buyer.tickets(order["id"])[0]
    held = other.hold(event_id, seats=["B-1"]).ok(201)
    version = buyer.get(f"/api/events/{event_id}")["layout_version"]

    taking = {"plan": edited(plan, without={"A-1", "B-1"})}
    preview = organizer.call("POST", f"/api/events/{event_id}/amendment-preview", taking).ok()
    assert [(one["seat_id"], one["state"]) for one in preview["taken"]] == [("A-1", "sold"), ("B-1", "held")]
    refused = amended(organizer, event_id, taking)
    assert refused["state"] == "refused"
    assert [text.split(" is ")[0] for text in refused["taken"]] == [
        "Stalls, row A, seat 1",
        "Stalls, row B, seat 1",
    ]

    new = edited(plan, without={"B-8"})
    new["categories"].append({"name": "Box"})
    new["zones"][0]["rows"][1]["seats"][3]["category"] = "Box"
    seat = {"seat_guid": "C-99", "seat_number": "99", "position": {"x": 400, "y": 0}, "category": "Box"}
    new["zones"][0]["rows"][2]["seats"].append(seat)
    with buyer.stream(f"/api/events/{event_id}/availability/stream?v={version}") as messages:
        assert next(messages)[0] == "snapshot"
        assert amended(organizer, event_id, {"plan": new, "prices": {"Box": 9000}})["state"] == "applied"
        assert all(kind in ("delta", "ping") for kind, _ in messages)  # and then it ends
    after = buyer.until(
        lambda: (
            found if (found := buyer.get(f"/api/events/{event_id}"))["layout_version"] != version else None
        )
    )
    assert after["seats_total"] == 24
    with buyer.stream(f"/api/events/{event_id}/availability/stream?v={version}") as messages:
        kind, data = next(messages)
        assert (kind, json.loads(data)["version"]) == ("layout", after["layout_version"])
        assert next(messages)[0] == "snapshot"

    third = harness.buyer()
    third.hold(event_id, seats=["B-8"]).refused(422, "seat_not_found")
    bought = third.buy(event_id, seats=["C-99", "B-4"])
    assert [seat["price_minor"] for seat in bought["seats"]] == [9000, 9000]
    order_of_held = other.order(held["hold_id"]).ok(201)
    assert [(seat["id"], seat["price_minor"]) for seat in order_of_held["seats"]] == [("B-1", 3000)]
    other.pay(order_of_held).ok()
    other.order_that_is(order_of_held["id"], "confirmed")

    again = buyer.tickets(order["id"])[0]
    assert (again["code"], again["seat"]) == (ticket["code"], ticket["seat"])
    assert buyer.call("GET", f"/api/tickets/{ticket['id']}.pdf").content.startswith(b"%PDF")
    assert harness.gate.scan(ticket["code"], new_key(), event_id=event_id)["result"] == "admitted"
    new_ticket = third.tickets(bought["id"])[0]
    shown = harness.gate.scan(new_ticket["code"], new_key(), event_id=event_id)
    assert (shown["result"], shown["ticket"]["seat"]["label"]) == ("admitted", "Stalls, row C, seat 99")
    must_pass_the_check(harness.installation)


@pytest.mark.long_when_split
def test_a_server_that_is_killed_in_the_middle_goes_on(open_installation: OpenInstallation) -> None:
    installation = open_installation()
    make_account(installation, "olga@example.org", PASSWORD, "organizer")
    olga = signed_in(installation)
    plan, areas, prices = stadium(SEATS)
    event = olga.publish(event_body(plan=plan, areas=areas, prices=prices, title="The Final"))
    event_id = event["id"]
    order = olga.buy(event_id, best_available={"quantity": 4})
    own = {seat["id"] for seat in order["seats"]}
    gone: set[str] = set()
    for moment in range(3):
        rows = [row["seats"] for zone in plan["zones"] for row in zone["rows"]]
        gone |= {row[moment]["seat_guid"] for row in rows if len(row) > 3} - own
        body = {"plan": edited(plan, without=gone)}
        olga.call("POST", f"/api/events/{event_id}/amendment", body, key=new_key()).ok(202)
        if moment:
            olga.until(partial(is_under_way, olga, event_id))
        installation.kill()
        olga.close()
        installation.start_again()
        olga = signed_in(installation)
        found = olga.until(partial(answered, olga, event_id))
        assert (found["number"], found["state"]) == (moment + 1, "applied")
    assert {seat["id"] for seat in olga.get(f"/api/orders/{order['id']}")["seats"]} == own
    total = event["seats_total"] - len(gone)
    assert olga.get(f"/api/events/{event_id}")["seats_total"] == total
    sections = olga.items(f"/api/events/{event_id}/sections")
    assert sum(one["total"] for one in sections) == total
    assert sum(one["available"] for one in sections) == total - len(own)
    assert not gone & {seat["id"] for seat in olga.seats(event_id)}
    olga.close()
    asyncio.run(all_is_well(installation))


def is_under_way(client: Client, event_id: str) -> bool:
    """Until some seats are frozen; or until it is done, for a machine that is faster than we look."""
    status = client.call("GET", f"/api/events/{event_id}/availability").content[16:]
    blocked = sum((byte >> shift & 3) == 3 for byte in status for shift in (0, 2, 4, 6))
    return blocked > 0 or amendment_of(client, event_id)["state"] != "pending"


def signed_in(installation: OwnInstallation) -> Client:
    client = Client(installation.url)
    client.login("olga@example.org", PASSWORD)
    return client


async def all_is_well(installation: OwnInstallation) -> None:
    async with installation.stop() as deployment:
        assert await findings(deployment) == []


def test_prices_change_for_what_is_held_from_then_on(harness: Harness) -> None:
    event = harness.event(plan=hall(rows=2, seats=6))
    event_id, first, second = event["id"], harness.buyer(), harness.buyer()
    held = first.hold(event_id, seats=["A-1"]).ok(201)
    dearer = {**event["prices"], "Premium": 8000}
    changed = harness.organizer.call("PATCH", f"/api/events/{event_id}", {"prices": dearer}).ok()
    assert (changed["prices"], changed["price_to_minor"]) == (dearer, 8000)

    def shown() -> list[int]:
        return [one["price_minor"] for one in second.items(f"/api/events/{event_id}/categories")]

    second.until_equal(shown, [8000, 3000])
    assert second.buy(event_id, seats=["A-2"])["total_minor"] == 8000
    order = first.order(held["hold_id"]).ok(201)
    assert order["total_minor"] == 5000
    first.pay(order).ok()
    first.order_that_is(order["id"], "confirmed")
    sales = harness.organizer.get(f"/api/events/{event_id}/sales")
    assert sales["total"] == 12
    must_pass_the_check(harness.installation)
