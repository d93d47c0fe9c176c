"""Two gates of one event, one of them without a network for 200 scans: who came in twice is reported."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PHONE, Visit, picture
from tests.browser.test_gate import door_of, scan
from tests.system.fixtures import SINGLE
from tests.system.harness import Harness, hall
from tests.system.outside_client import new_key

pytestmark = pytest.mark.browser

SCANS = 200
BEFORE = range(20)
"""Admitted at the other gate while both had a network."""
MEANWHILE = range(20, 60)
"""Admitted at the other gate while this one had none."""


@pytest.fixture
def house(topology: str, request: pytest.FixtureRequest) -> Harness:
    harness: Harness = request.getfixturevalue("front" if topology == SINGLE else "box_office")
    return harness


def codes_of(house: Harness, title: str) -> tuple[dict[str, Any], list[str]]:
    event = house.event(title=title, plan=hall(20, 12), max_seats_per_order=50)
    buyer = house.buyer()
    codes: list[str] = []
    for _ in range(SCANS // 50):
        order = buyer.buy(event["id"], best_available={"quantity": 50, "category": "Standard"})
        codes += [ticket["code"] for ticket in buyer.tickets(order["id"])]
    return event, codes


def scanned(house: Harness, event: dict[str, Any], codes: list[str], gate: str = "North") -> list[Any]:
    """The answers, in one request: an account that sent so many one by one would be told to wait."""
    moment = {"gate": gate, "scanned_at": "2026-05-01T18:00:00Z", "event_id": event["id"]}
    scans = [moment | {"code": code, "scan_id": new_key()} for code in codes]
    answer = house.gate.call("POST", "/api/checkins/batch", {"scans": scans}, key=new_key()).ok()
    return list(answer["scans"])


def let_in_at_the_other_gate(house: Harness, event: dict[str, Any], codes: list[str]) -> None:
    assert {answer["result"] for answer in scanned(house, event, codes, "South")} == {"admitted"}


async def verdict_of(door: Page, number: int) -> str:
    verdict = door.get_by_test_id("gate-verdict")
    await expect(verdict).to_have_attribute("data-number", str(number))
    return str(await verdict.get_attribute("data-result"))


async def test_who_came_in_twice_is_reported(house: Harness, visit: Visit) -> None:
    event, codes = codes_of(house, "Split Evening")
    let_in_at_the_other_gate(house, event, [codes[place] for place in BEFORE])
    door = await door_of(house, visit, "Split Evening", PHONE)
    await expect(door.get_by_test_id("gate-listed")).to_be_attached()
    await door.evaluate("navigator.serviceWorker.ready")
    await door.context.set_offline(True)
    let_in_at_the_other_gate(house, event, [codes[place] for place in MEANWHILE])

    said = {}
    for number, code in enumerate(codes[: SCANS // 2], 1):
        await scan(door, code)
        said[code] = await verdict_of(door, number)
    await picture(door, "gate-split-1-offline")
    await door.reload()  # the app was closed and is opened again, still without a network
    await expect(door.get_by_text("Ready for the first ticket")).to_be_visible()
    for number, code in enumerate(codes[SCANS // 2 :], 1):
        await scan(door, code)
        said[code] = await verdict_of(door, number)
    assert [said[codes[place]] for place in BEFORE] == ["already_used"] * len(BEFORE)
    here = {code for code, result in said.items() if result == "admitted"}
    assert here == set(codes[BEFORE.stop :])
    await expect(door.get_by_test_id("gate-queued")).to_contain_text(f"{len(here)} scans")

    await door.context.set_offline(False)
    await expect(door.get_by_test_id("gate-queued")).to_have_count(0)
    refused = door.get_by_test_id("gate-refused")
    await expect(refused).to_contain_text(f"{len(MEANWHILE)} people were admitted")
    await refused.locator("summary").click()
    await expect(refused.get_by_role("listitem")).to_have_count(len(MEANWHILE))
    await expect(refused.get_by_text("admitted before, at South")).to_have_count(len(MEANWHILE))
    await expect(door.get_by_test_id("gate-conflicts")).to_contain_text(f"{len(MEANWHILE)} conflicts")
    await picture(door, "gate-split-2-conflicts")

    told = house.gate.get(f"/api/events/{event['id']}/gate")
    twice = {code for code in here if codes.index(code) in MEANWHILE}
    tickets = {answer["ticket"]["id"] for answer in scanned(house, event, sorted(twice))}
    assert {one["ticket_id"] for one in told["conflicts"]} == tickets
    assert {one["gate"] for one in told["conflicts"]} == {"North"}
    assert told["admitted"] == SCANS
    again = scanned(house, event, codes)
    assert {answer["result"] for answer in again} == {"already_used"}, "nobody comes in a third time"
