"""The order desk in a browser: found by the keyboard, corrected, refunded, on a phone of 320 px too."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from houseful.tools.sample_venues import theatre
from tests.browser.conftest import DESKTOP, PHONE, Visit, picture
from tests.browser.test_accessibility import AXE, must_be_clean
from tests.browser.test_layout import nothing_is_outside
from tests.support.deployment import PASSWORD
from tests.system.harness import Harness

pytestmark = pytest.mark.browser

SMALL = {"width": 320, "height": 640}


@pytest.fixture
def sale(front: Harness) -> dict[str, Any]:
    """An event with an order of two seats."""
    plan, areas, prices = theatre(300)
    event = front.event(title="Donaudampfschifffahrtsgesellschaft", plan=plan, areas=areas, prices=prices)
    buyer = front.buyer()
    order = buyer.buy(event["id"], best_available={"category": "Stalls", "quantity": 2})
    return {"event": event["id"], "order": order["id"], "buyer": buyer, "seats": order["seats"]}


async def confirm(page: Page, act: str) -> None:
    """Once the dialog is as it should be, by the keyboard."""
    await page.get_by_test_id(f"desk-{act}-confirm").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id(f"desk-{act}-confirm")).to_have_count(0)


@pytest.mark.parametrize("size", [PHONE, SMALL, DESKTOP], ids=["390", "320", "desktop"])
async def test_an_organizer_helps_a_buyer(
    front: Harness, visit: Visit, sale: dict[str, Any], size: dict[str, int]
) -> None:
    visitor = await visit(front.installation.url, size)
    await visitor.context.add_init_script(path=Path(AXE))
    page = await visitor.tab()
    await visitor.sign_in(page, "organizer@example.org", PASSWORD)
    await page.goto(f"{visitor.url}/organizer/{sale['event']}")
    await page.get_by_test_id("to-orders").click()
    search = page.get_by_test_id("desk-search")
    await search.fill("nobody")
    await search.press("Enter")
    await expect(page.get_by_test_id("no-orders")).to_be_visible()
    await search.fill(sale["seats"][0]["label"])
    await search.press("Enter")
    row = page.get_by_test_id("desk-order")
    await expect(row).to_have_count(1)
    await nothing_is_outside(page)
    await must_be_clean(page, "orders")
    await picture(page, f"desk-orders-{size['width']}")
    await row.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("desk-order-status")).to_have_attribute("data-status", "confirmed")

    await page.get_by_test_id("desk-correct-name-or-email").click()
    await page.get_by_test_id("desk-name").fill("Zoë Älg")
    await page.get_by_test_id("desk-email").fill("not an address")
    await page.get_by_test_id("desk-correct-name-or-email-confirm").click()
    await expect(page.get_by_test_id("desk-email")).to_have_attribute("aria-invalid", "true")
    await nothing_is_outside(page)
    await page.get_by_test_id("desk-email").fill("zoe@example.org")
    await confirm(page, "correct-name-or-email")
    await expect(page.locator("h1")).to_have_text("Zoë Älg")
    await expect(page.get_by_test_id("desk-history")).to_contain_text("zoe@example.org")

    await page.get_by_test_id("desk-refund").click()
    await page.get_by_test_id("refund-seat").first.check()
    await page.get_by_test_id("refund-reason").fill("broke a leg")
    await nothing_is_outside(page)
    await must_be_clean(page, "refund")
    await picture(page, f"desk-refund-{size['width']}")
    await confirm(page, "refund")
    await expect(page.locator('[data-testid="desk-seat"][data-status="refunded"]')).to_have_count(1)
    await expect(page.get_by_test_id("desk-history")).to_contain_text("broke a leg")
    await nothing_is_outside(page)
    await must_be_clean(page, "order")
    await page.emulate_media(color_scheme="dark")
    await must_be_clean(page, "order, dark")
    await picture(page, f"desk-order-{size['width']}")
    order = sale["buyer"].get(f"/api/orders/{sale['order']}")
    assert (order["status"], len(order["seats"]), order["buyer"]["name"]) == ("confirmed", 1, "Zoë Älg")
