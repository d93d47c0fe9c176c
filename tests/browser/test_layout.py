"""Whatever people write into titles and however large they read, nothing leaves the screen."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from houseful.tools.sample_venues import theatre
from tests.browser.conftest import DESKTOP, PHONE, Visit, Visitor, picture
from tests.support.deployment import PASSWORD
from tests.system.harness import Harness

pytestmark = pytest.mark.browser

LONG = "Donaudampfschifffahrtsgesellschaft, and the very long evening of songs and stories of a whole family"
WORD = "Abcdefghijklmnopqrstuvwxyz"

OUTSIDE = """
() => [...document.querySelectorAll('body *')]
  .filter(one => {
    const { left, right, width, height } = one.getBoundingClientRect();
    const scrolls = one.closest('.overflow-x-auto, svg') !== null;
    return !scrolls && width > 1 && height > 1 && (right > innerWidth + 1 || left < -1);
  })
  .map(one => `${one.tagName} ${one.textContent.slice(0, 40)}`)
"""


@pytest.fixture(scope="module")
def events(front: Harness) -> dict[str, str]:
    plan, areas, prices = theatre(300)
    return {
        title: front.event(title=title, venue=f"{WORD} Hall", plan=plan, areas=areas, prices=prices)["id"]
        for title in (LONG, WORD)
    }


async def nothing_is_outside(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, page.url
    assert await page.evaluate(OUTSIDE) == [], page.url


async def a_buyer(front: Harness, visitor: Visitor, event_id: str) -> tuple[Page, list[str]]:
    """Somebody with an order and a hold, and the addresses of what that is seen at."""
    address = front.address()
    client = front.client()
    client.register(address, PASSWORD, "Bo Buyer")
    client.login(address, PASSWORD)
    offer: dict[str, Any] = {"best_available": {"category": "Stalls", "quantity": 2}}
    order = client.buy(event_id, **offer)
    hold: dict[str, Any] = client.hold(event_id, **offer).ok(201)
    page = await visitor.tab()
    await visitor.sign_in(page, address, PASSWORD)
    return page, [f"/orders/{order['id']}", "/orders", f"/checkout/{hold['hold_id']}", "/account"]


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("percent", [100, 200])
async def test_nothing_leaves_the_screen(
    front: Harness, visit: Visit, events: dict[str, str], size: dict[str, int], percent: int
) -> None:
    visitor = await visit(front.installation.url, size)
    await visitor.context.add_init_script(
        f"addEventListener('DOMContentLoaded', () => document.documentElement.style.fontSize = '{percent}%')"
    )
    page, own = await a_buyer(front, visitor, events[WORD])
    public = [f"/events/{event_id}" for event_id in events.values()]
    for path in ["/", *public, *own, "/nothing/here"]:
        await page.goto(visitor.url + path)
        await expect(page.locator("h1")).to_be_visible()
        await nothing_is_outside(page)
    await page.goto(f"{visitor.url}/events/{events[LONG]}/seats")
    canvas = page.get_by_test_id("seat-canvas")
    await expect(canvas).to_have_attribute("data-ready", "true")
    box = await canvas.bounding_box()
    assert box is not None
    assert box["height"] >= size["height"] / 3
    await nothing_is_outside(page)
    for name in ("One fewer", "One more", "Zoom in", "Show the whole hall"):
        await page.get_by_role("button", name=name).click()
    await page.get_by_test_id("find-best").click()
    await expect(page.get_by_test_id("hold-button")).to_be_in_viewport()
    await nothing_is_outside(page)
    await picture(page, f"picker-{size['width']}-{percent}")


async def test_the_one_action_of_an_event_is_in_the_first_screen(
    front: Harness, visit: Visit, events: dict[str, str]
) -> None:
    for size in (DESKTOP, PHONE):
        visitor = await visit(front.installation.url, size)
        for event_id in events.values():
            page = await visitor.tab(f"/events/{event_id}")
            await expect(page.get_by_test_id("choose-seats").first).to_be_in_viewport()
            await expect(page.get_by_text("Prices", exact=True)).to_be_attached()
            await picture(page, f"event-{size['width']}-{event_id[-4:]}")
