"""An event is moved in a browser by the keyboard, and its buyer sees it: small phones and the dark too."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from houseful.tools.sample_venues import theatre
from tests.browser.conftest import DESKTOP, PHONE, Visit, picture
from tests.browser.test_accessibility import AXE, must_be_clean
from tests.browser.test_layout import nothing_is_outside
from tests.support.deployment import PASSWORD
from tests.system.harness import Harness, in_days

pytestmark = pytest.mark.browser

SMALL = {"width": 320, "height": 640}


@pytest.fixture
def sale(front: Harness) -> dict[str, Any]:
    """An event with an order of two seats, which its own rules would keep."""
    plan, areas, prices = theatre(300)
    event = front.event(
        title="Donaudampfschifffahrtsgesellschaft",
        plan=plan,
        areas=areas,
        prices=prices,
        timezone="UTC",
        refundable_until=in_days(-1),
    )
    buyer = front.buyer()
    order = buyer.buy(event["id"], best_available={"category": "Stalls", "quantity": 2})
    return {"event": event["id"], "order": order["id"], "buyer": buyer}


@pytest.mark.parametrize("size", [PHONE, SMALL, DESKTOP], ids=["390", "320", "desktop"])
async def test_an_event_is_moved_and_its_buyer_returns_the_order(
    front: Harness, visit: Visit, sale: dict[str, Any], size: dict[str, int]
) -> None:
    visitor = await visit(front.installation.url, size)
    await visitor.context.add_init_script(path=Path(AXE))
    page = await visitor.tab()
    await visitor.sign_in(page, "organizer@example.org", PASSWORD)
    await page.goto(f"{visitor.url}/organizer/{sale['event']}")
    await page.get_by_test_id("reschedule").focus()
    await page.keyboard.press("Enter")
    await page.get_by_test_id("reschedule-look").click()
    await expect(page.get_by_test_id("reschedule-starts-at")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_test_id("reschedule-starts-at")).to_be_focused()
    await nothing_is_outside(page)
    await must_be_clean(page, "move, with mistakes")
    await picture(page, f"reschedule-form-{size['width']}")

    await page.get_by_test_id("reschedule-starts-at").fill(f"{in_days(90)[:10]}T20:00")
    await page.get_by_test_id("reschedule-venue").fill("Town Hall")
    await page.get_by_test_id("reschedule-return-until").fill(f"{in_days(20)[:10]}T12:00")
    await page.get_by_test_id("reschedule-message").fill("The singer is ill.\nShe sings for you in spring.")
    await page.get_by_test_id("reschedule-look").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("reschedule-told")).to_have_text("The buyers of 1 order will be told")
    await expect(page.get_by_test_id("reschedule-told")).to_be_focused()
    await expect(page.get_by_test_id("reschedule-email")).to_contain_text("She sings for you in spring.")
    await nothing_is_outside(page)
    await must_be_clean(page, "move, looked at")
    await page.emulate_media(color_scheme="dark")
    await must_be_clean(page, "move, looked at, dark")
    await picture(page, f"reschedule-summary-{size['width']}")
    await page.emulate_media(color_scheme="light")
    await page.get_by_test_id("reschedule-confirm").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("reschedule-confirm")).to_have_count(0)
    await expect(page.locator("header", has=page.locator("h1"))).to_contain_text("Town Hall")

    await page.goto(f"{visitor.url}/events/{sale['event']}")
    await expect(page.get_by_test_id("moved")).to_contain_text("Town Hall")
    await nothing_is_outside(page)
    await must_be_clean(page, "event that was moved")
    await picture(page, f"reschedule-event-{size['width']}")

    buyer = sale["buyer"]
    buyer.until(lambda: buyer.get(f"/api/orders/{sale['order']}")["move"])
    account = buyer.get("/api/me")
    theirs = await visit(front.installation.url, size)
    await theirs.context.add_init_script(path=Path(AXE))
    page = await theirs.tab()
    await theirs.sign_in(page, account["email"], PASSWORD)
    await page.goto(f"{theirs.url}/orders/{sale['order']}")
    await expect(page.get_by_test_id("moved")).to_contain_text("She sings for you in spring.")
    await nothing_is_outside(page)
    await must_be_clean(page, "order of an event that was moved")
    await page.emulate_media(color_scheme="dark")
    await must_be_clean(page, "order of an event that was moved, dark")
    await picture(page, f"reschedule-order-{size['width']}")
    await page.get_by_test_id("cancel-order").click()
    await page.get_by_test_id("cancel-order-confirm").click()
    await expect(page.get_by_test_id("order-status")).to_have_attribute("data-status", "refunded")
