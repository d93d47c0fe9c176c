"""The gate's page with a slow, a lost and no network: no old verdict lets in, and no scan is lost."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import PHONE, Visit, picture
from tests.browser.test_accessibility import AXE, must_be_clean
from tests.support.deployment import PASSWORD
from tests.system.harness import Harness

pytestmark = pytest.mark.browser

FORGED = "HF2" + "A" * 135


def codes_of(front: Harness, title: str) -> tuple[dict[str, Any], list[str]]:
    event, buyer = front.event(title=title), front.buyer()
    order = buyer.buy(event["id"], best_available={"quantity": 4})
    return event, [ticket["code"] for ticket in buyer.tickets(order["id"])]


async def door_of(front: Harness, visit: Visit, title: str, size: dict[str, int] | None = None) -> Page:
    url = front.installation.url.split(",")[0]
    visitor = await (visit(url, size) if size else visit(url))
    door = await visitor.tab()
    await visitor.sign_in(door, "gate@example.org", PASSWORD)
    await door.goto(f"{url}/gate")
    await door.get_by_test_id("gate-name").fill("North")
    await door.get_by_role("radio", name=title).check()
    async with door.expect_response("**/api/tickets/keys"):
        await door.get_by_test_id("gate-start").click()
    return door


async def scan(door: Page, code: str) -> None:
    """As a hardware scanner does, with the focus anywhere: all keys in one turn."""
    await door.evaluate(
        """code => {
            const press = key => (document.activeElement ?? document.body).dispatchEvent(
                new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
            for (const key of code) press(key);
            press('Enter');
        }""",
        code,
    )


async def shows(door: Page, number: int, word: str) -> None:
    verdict = door.get_by_test_id("gate-verdict")
    await expect(verdict).to_have_attribute("data-number", str(number))
    await expect(verdict).to_contain_text(word)


async def test_a_slow_answer_shows_nothing_of_the_ticket_before(front: Harness, visit: Visit) -> None:
    _, codes = codes_of(front, "Slow Evening")
    door = await door_of(front, visit, "Slow Evening")
    await scan(door, codes[0])
    await shows(door, 1, "Admit")
    await expect(door.get_by_test_id("gate-verdict-event")).to_contain_text("Slow Evening")
    await picture(door, "gate-slow-1-admit")
    go_on = asyncio.Event()

    async def slow(route: Route) -> None:
        await go_on.wait()
        await route.continue_()

    await door.route("**/api/checkins", slow)
    await scan(door, FORGED)
    await expect(door.get_by_test_id("gate-checking")).to_be_visible()
    await expect(door.get_by_text("Admit", exact=True)).to_have_count(0)
    await picture(door, "gate-slow-2-checking")
    go_on.set()
    await shows(door, 2, "Invalid")
    await picture(door, "gate-slow-3-invalid")
    await scan(door, codes[0])
    await shows(door, 3, "Already used")
    await door.reload()
    await expect(door.get_by_test_id("gate-place")).to_contain_text("Slow Evening")
    await expect(door.get_by_test_id("gate-admitted")).to_contain_text("1 person")


async def test_a_lost_answer_admits_once(front: Harness, visit: Visit) -> None:
    _, codes = codes_of(front, "Lost Evening")
    door = await door_of(front, visit, "Lost Evening")

    async def lost(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await door.route("**/api/checkins", lost)
    await scan(door, codes[0])
    await shows(door, 1, "Admit")
    await expect(door.get_by_test_id("gate-verdict")).to_contain_text("No network")
    await door.unroute("**/api/checkins")
    await door.reload()  # what was kept is sent at once, and is the scan that the server has seen
    await expect(door.get_by_test_id("gate-queued")).to_have_count(0)
    await expect(door.get_by_test_id("gate-refused")).to_have_count(0)
    await expect(door.get_by_test_id("gate-admitted")).to_contain_text("1 person")
    await scan(door, codes[0])
    await shows(door, 1, "Already used")


async def test_scans_without_a_network_are_sent_when_it_is_back(front: Harness, visit: Visit) -> None:
    _, codes = codes_of(front, "Dark Evening")
    door = await door_of(front, visit, "Dark Evening", PHONE)
    await expect(door.get_by_text("Ready for the first ticket")).to_be_visible()
    await door.context.set_offline(True)
    elsewhere = front.gate.scan(codes[1], "elsewhere", gate="South")
    assert elsewhere["result"] == "admitted"
    await scan(door, codes[0])
    await shows(door, 1, "Admit")
    await picture(door, "gate-offline-1-admit")
    await scan(door, codes[0].lower())
    await shows(door, 2, "Already used")
    await scan(door, codes[1])
    await shows(door, 3, "Admit")  # South's admission can't be known here
    await scan(door, FORGED)
    await shows(door, 4, "Invalid")
    await expect(door.get_by_test_id("gate-queued")).to_contain_text("2 scans")
    await picture(door, "gate-offline-2-queued")
    await door.context.set_offline(False)
    await expect(door.get_by_test_id("gate-refused")).to_contain_text("1 person")
    await expect(door.get_by_test_id("gate-queued")).to_have_count(0)
    await door.get_by_test_id("gate-refused").locator("summary").click()
    await expect(door.get_by_test_id("gate-refused")).to_contain_text("admitted before, at South")
    await picture(door, "gate-offline-3-refused")
    assert front.gate.scan(codes[0], "again")["result"] == "already_used"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_gate_is_clean_by_the_rules_of_axe(front: Harness, visit: Visit, scheme: str) -> None:
    title = f"Clean Evening, {scheme}"
    _, codes = codes_of(front, title)
    door = await door_of(front, visit, title, PHONE)
    await door.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await door.evaluate(AXE.read_text())
    await must_be_clean(door, "ready")
    await scan(door, codes[0])
    await shows(door, 1, "Admit")
    await must_be_clean(door, "admitted")
    await door.get_by_role("radio", name="Letting in").focus()
    await door.keyboard.press("ArrowRight")  # by the keyboard alone
    await scan(door, codes[0])
    await shows(door, 2, "Out")
    await must_be_clean(door, "out")
    await scan(door, codes[0])
    await shows(door, 3, "Not inside")
    await door.reload()
    await expect(door.get_by_text("Ready for who leaves")).to_be_visible()
    await door.get_by_test_id("gate-direction").get_by_role("radio", name="Letting in").check()
    await scan(door, codes[0])
    await shows(door, 1, "Admit")
    await expect(door.get_by_test_id("gate-again")).to_be_visible()
    await door.reload()
    await expect(door.get_by_test_id("gate-inside")).to_contain_text("1 inside of 48")
    await door.get_by_text("Doors", exact=True).click()
    await door.evaluate(AXE.read_text())
    await must_be_clean(door, "doors")
    await door.get_by_test_id("gate-doors").scroll_into_view_if_needed()
    await picture(door, f"gate-doors-{scheme}")
