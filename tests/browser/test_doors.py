"""Doors and end of a published event are changed in a browser, and everybody reads them."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import DESKTOP, PHONE, Visit, picture
from tests.browser.test_accessibility import AXE, must_be_clean
from tests.browser.test_layout import nothing_is_outside
from tests.support.deployment import PASSWORD
from tests.system.harness import Harness, hall, in_days

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["390", "desktop"])
async def test_doors_are_changed_and_read(front: Harness, visit: Visit, size: dict[str, int]) -> None:
    day = in_days(30)[:10]
    event = front.event(plan=hall(rows=2, seats=6), timezone="UTC", starts_at=f"{day}T19:00:00Z")
    buyer = front.buyer()
    order = buyer.buy(event["id"], seats=["A-1"])
    visitor = await visit(front.installation.url, size)
    await visitor.context.add_init_script(path=Path(AXE))
    page = await visitor.tab()
    await visitor.sign_in(page, "organizer@example.org", PASSWORD)
    await page.goto(f"{visitor.url}/organizer/{event['id']}/edit")
    await page.get_by_label("Doors (optional)").fill(f"{day}T20:00")
    await page.get_by_test_id("save-event").click()
    await expect(page.get_by_label("Doors (optional)")).to_have_attribute("aria-invalid", "true")
    await nothing_is_outside(page)
    await must_be_clean(page, "doors after the start")
    await page.get_by_label("Doors (optional)").fill(f"{day}T18:15")
    await page.get_by_label("Ends (optional)").fill(f"{day}T22:45")
    await page.get_by_test_id("save-event").click()
    await expect(page.get_by_test_id("amend")).to_be_visible()

    await page.goto(f"{visitor.url}/events/{event['id']}")
    for name, clock in (("Doors", ":15"), ("Ends", ":45")):
        fact = page.locator("dl > div", has=page.get_by_text(name, exact=True))
        await expect(fact).to_contain_text(clock)
    await nothing_is_outside(page)
    await must_be_clean(page, "event with doors")
    await picture(page, f"doors-event-{size['width']}")

    theirs = await visit(front.installation.url, size)
    page = await theirs.tab()
    await theirs.sign_in(page, buyer.get("/api/me")["email"], PASSWORD)
    await page.goto(f"{theirs.url}/orders/{order['id']}")
    await expect(page.get_by_test_id("ticket")).to_contain_text("Doors")
    await nothing_is_outside(page)
    await picture(page, f"doors-ticket-{size['width']}")
