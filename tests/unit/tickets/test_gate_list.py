"""The gate's list: whole at first, then what has changed; and what the doors are told of each other."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.tickets.use_cases import gate
from houseful.tools import invariants
from tests.support.deployment import started
from tests.unit.tickets.test_check_in_api import Door, door_of

STATES = ("inside", "outside", "refunded", "good")


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with started(tmp_path / "data") as deployment:
        yield await door_of(deployment)


@dataclass
class Device:
    """Applies the list as a gate's device does."""

    door: Door
    next: str | None = None
    known: dict[str, str] = field(default_factory=dict)
    pages: int = 0

    async def look(self) -> dict[str, str]:
        more = True
        while more:
            path = f"/api/events/{self.door.event_id}/gate-list"
            path += "" if self.next is None else f"?after={self.next}"
            page = (await self.door.deployment.call("GET", path, token=self.door.gate)).ok()
            self.pages += 1
            for state in STATES:
                ids = base64.b64decode(page[state])
                self.known |= {ids[at : at + 8].hex(): state for at in range(0, len(ids), 8)}
            self.next, more = page["next"], page["more"]
        return self.known


async def tickets_of(door: Door) -> list[str]:
    """The last eight bytes of the ids, in the order of the codes."""
    answers = [await door.scan(door.body(code, "look", event_id="evt_other")) for code in door.codes]
    assert {one["result"] for one in answers} == {"wrong_event"}
    return [one["ticket"]["id"][-16:] for one in answers]


async def test_a_list_is_whole_and_then_what_has_changed(door: Door) -> None:
    first, second, third, _ = await tickets_of(door)
    await door.scan(door.body(door.codes[0]))
    early, late = Device(door), Device(door)
    assert await early.look() == {first: "inside"}
    await door.scan(door.body(door.codes[1]))
    await door.scan(door.body(door.codes[0], "2", direction="out"))
    now = {first: "outside", second: "inside"}
    assert await early.look() == now == await late.look()
    await door.scan(door.body(door.codes[0], "3"))
    await door.scan(door.body(door.codes[2], "3"))
    now = dict.fromkeys((first, second, third), "inside")
    assert await early.look() == now == await late.look()


async def test_a_large_list_comes_in_pages(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LISTED_AT_ONCE", 1)
    device, ids = Device(door), await tickets_of(door)
    await device.look()
    for number, code in enumerate(door.codes):
        await door.scan(door.body(code, f"{number}"))
    assert await device.look() == dict.fromkeys(ids, "inside")
    assert await Device(door).look() == dict.fromkeys(ids, "inside")
    assert device.pages > len(ids)


async def test_refunded_tickets_are_listed_and_changes_too(door: Door) -> None:
    buyer = await door.deployment.user("returner")
    order = await door.deployment.buy(buyer, door.event_id, 1)
    path = f"/api/orders/{order['id']}/tickets"
    [ticket] = (await door.deployment.call("GET", path, token=buyer)).ok()["items"]
    before = Device(door)
    assert await before.look() == {}
    (await door.deployment.call("POST", f"/api/orders/{order['id']}/cancel", token=buyer, key="1")).ok()
    assert await before.look() == {ticket["id"][-16:]: "refunded"} == await Device(door).look()


async def test_only_who_may_scan_gets_the_list(door: Door) -> None:
    rival = await door.deployment.user("rival")
    for what in ("gate", "gate-list"):
        path = f"/api/events/{door.event_id}/{what}"
        (await door.deployment.call("GET", path, token=rival)).refused(403, "forbidden")
    (await door.staff("POST", body={"email": "gate@example.org"})).ok()
    other = await door.deployment.user("other", Role.GATE)
    for what in ("gate", "gate-list"):
        path = f"/api/events/{door.event_id}/{what}"
        (await door.deployment.call("GET", path, token=other)).refused(403, "not_gate_staff")
    path = f"/api/events/{door.event_id}/gate-list?after=nonsense"
    problem = (await door.deployment.call("GET", path, token=door.gate)).refused(422, "validation_failed")
    assert "leave it out" in problem["errors"]["after"]


# Names


async def names(door: Door, token: str | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        path = f"/api/events/{door.event_id}/gate-names{cursor}"
        page = (await door.deployment.call("GET", path, token=token or door.gate)).ok()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"?cursor={page['next_cursor']}"


async def test_names_have_the_seat_and_nothing_else_of_a_buyer(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "NAMED_AT_ONCE", 2)
    await door.scan(door.body(door.codes[0]))
    found = await names(door)
    assert len({one["ticket_id"] for one in found}) == len(found) == 4
    assert {frozenset(one) for one in found} == {frozenset({"ticket_id", "name", "seat"})}
    assert all(one["name"] and one["seat"] for one in found)
    assert sorted(one["ticket_id"][-16:] for one in found) == sorted(await tickets_of(door))
    (await door.staff("POST", body={"email": "gate@example.org"})).ok()
    other = await door.deployment.user("other", Role.GATE)
    path = f"/api/events/{door.event_id}/gate-names"
    (await door.deployment.call("GET", path, token=other)).refused(403, "not_gate_staff")
    problem = (await door.deployment.call("GET", f"{path}?cursor=x", token=door.gate)).refused(
        422, "validation_failed"
    )
    assert "cursor" in problem["errors"]


async def test_who_is_found_by_name_is_let_in_once(door: Door) -> None:
    person = (await names(door))[0]
    body = door.body(person["ticket_id"], by_name=True, event_id=door.event_id)
    assert (await door.scan(body))["result"] == "admitted"
    assert (await door.scan(body))["result"] == "admitted"  # the same scan
    assert (await door.scan(body | {"scan_id": "2"}))["result"] == "already_used"
    assert (await door.scan(body | {"scan_id": "3", "by_name": False}))["result"] == "invalid"
    unknown = door.body("tkt_unknown", by_name=True, event_id=door.event_id)
    assert (await door.scan(unknown))["result"] == "invalid"
    rival = await door.deployment.user("rival", Role.ORGANIZER)
    own = await door.deployment.event(rival)
    answer = await door.scan(body | {"scan_id": "4", "event_id": own}, rival)
    assert (answer["result"], answer["ticket"]) == ("wrong_event", None)
    (await door.ask(door.body(person["ticket_id"], "5", by_name=True), rival)).refused(403, "not_gate_staff")
    assert await door.admissions() == 1


# Figures and conflicts


async def doors(door: Door) -> dict[str, Any]:
    path = f"/api/events/{door.event_id}/gate"
    return dict((await door.deployment.call("GET", path, token=door.gate)).ok())


async def test_who_is_inside_is_counted_by_gate_and_minute(door: Door) -> None:
    now = door.deployment.app.clock.now()
    at = rfc3339(now - 120_000)
    scans: list[tuple[str, dict[str, Any]]] = [
        (door.codes[0], {"scanned_at": at}), (door.codes[0], {"scanned_at": at}),
        (door.codes[1], {}), (door.codes[1], {"direction": "out"}), (door.codes[2], {"gate": "South"}),
        ("nonsense", {"gate": "South"}),
    ]  # fmt: skip
    scans = [(code, {"event_id": door.event_id} | changes) for code, changes in scans]
    bodies = [door.body(code, f"{number}", **changes) for number, (code, changes) in enumerate(scans)]
    results = [one["result"] for one in await door.batch(*bodies)]
    assert results == ["admitted", "already_used", "admitted", "checked_out", "admitted", "invalid"]
    await door.batch(*bodies)  # sent again, counted once
    seen = await doors(door)
    assert {name: seen[name] for name in ("inside", "admitted", "checked_out", "refused", "sold")} == {
        "inside": 2, "admitted": 3, "checked_out": 1, "refused": 2, "sold": 4,
    }  # fmt: skip
    assert seen["capacity"] >= 4
    north, south = seen["gates"]
    assert (north["gate"], north["admitted"], north["checked_out"], north["refused"]) == ("North", 2, 1, 1)
    assert (south["gate"], south["admitted"], south["refused"]) == ("South", 1, 1)
    minutes = [one["admitted"] for one in north["minutes"]]
    assert (len(minutes), sum(minutes), max(minutes)) == (30, 2, 1)


async def test_who_was_let_in_without_a_network_and_should_not_have_been_is_reported(door: Door) -> None:
    await door.scan(door.body(door.codes[0]))
    offline = {"gate": "South", "decided_offline": True}
    bodies = [door.body(code, "9", **offline) for code in door.codes[:2]]
    assert [one["result"] for one in await door.batch(*bodies)] == ["already_used", "admitted"]
    [conflict] = (await doors(door))["conflicts"]
    assert (conflict["gate"], conflict["result"]) == ("South", "already_used")
    assert conflict["first_admission"]["gate"] == "North"
    assert conflict["seat"]["label"]


async def test_a_scan_whose_answer_was_lost_is_reported_when_the_gate_has_let_in(door: Door) -> None:
    """The server refused it, the gate did not hear so and let in: the copy says what the gate did."""
    await door.scan(door.body(door.codes[0]))
    lost = door.body(door.codes[0], "9", gate="South")
    assert (await door.scan(lost))["result"] == "already_used"
    assert (await doors(door))["conflicts"] == []
    for _ in range(2):
        assert (await door.batch(lost | {"decided_offline": True}))[0]["result"] == "already_used"
        assert len((await doors(door))["conflicts"]) == 1


async def test_entries_and_check_outs_hold_the_invariants(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invariants, "_PAUSE_SECONDS", 0.01)
    for number in range(3):
        for direction, result in (("in", "admitted"), ("out", "checked_out")):
            answer = await door.scan(door.body(door.codes[0], f"{number}", direction=direction))
            assert (answer["result"], answer["flags"]) == (
                result,
                ["re_entry"] if number and direction == "in" else [],
            )
    again = await door.scan(door.body(door.codes[0], "x", direction="out"))
    assert (again["result"], again["reason"]) == (
        "not_inside",
        "Nobody is inside by this ticket, so it can't be checked out.",
    )
    report = await invariants.check_all(door.deployment.app.settings)
    assert report.ok, report


# A supervisor's override


async def test_a_supervisor_lets_in_with_a_reason_which_is_in_the_orders_history(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invariants, "_PAUSE_SECONDS", 0.01)
    first = await door.scan(door.body(door.codes[0]))
    order_id = first["ticket"]["order_id"]
    body = door.body(door.codes[0], "2", override_reason="the first one was her twin")
    refused = await door.scan(body)  # a gate account may not
    assert (refused["result"], refused["flags"]) == ("already_used", ["not_supervisor"])
    body |= {"scan_id": "3", "decided_offline": True}
    for _ in range(2):
        answer = (await door.batch(body, token=door.organizer))[0]
        assert (answer["result"], answer["flags"]) == ("admitted", ["overridden"])
    assert (await door.scan(door.body(door.codes[0], "4")))["result"] == "already_used"
    for code in ("nonsense", door.codes[1]):
        other = door.body(code, "5", override_reason="never mind", event_id="evt_other")
        assert (await door.scan(other, door.organizer))["result"] in ("invalid", "wrong_event")

    path = f"/api/events/{door.event_id}/orders/{order_id}"
    order = (await door.deployment.call("GET", path, token=door.organizer)).ok()
    [act] = [one for one in order["history"] if one["event"] == "let_in"]
    assert (act["text"], act["by"], len(act["places"])) == ("the first one was her twin", "organizer", 1)
    seen = await doors(door)
    assert (seen["admitted"], seen["conflicts"]) == (2, [])
    report = await invariants.check_all(door.deployment.app.settings)
    assert report.ok, report


async def test_a_reason_says_something(door: Door) -> None:
    body = door.body(door.codes[0], override_reason="x")
    problem = (await door.ask(body, door.organizer)).refused(422, "validation_failed")
    assert "override_reason" in problem["errors"]
