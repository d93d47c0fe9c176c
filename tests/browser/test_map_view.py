"""The map keeps its place, is lettered in its own face, and tells all prices."""

import pytest
from playwright.async_api import expect

from houseful.tools.sample_venues import theatre
from tests.browser.conftest import Visit, picture
from tests.browser.test_purchase import open_map, zoomed_to
from tests.system.harness import Harness

pytestmark = pytest.mark.browser


async def test_the_view_outlives_the_list(front: Harness, visit: Visit) -> None:
    plan, areas, prices = theatre(300)
    event_id = front.event(plan=plan, areas=areas, prices=prices)["id"]
    visitor = await visit(front.installation.url)
    page = await visitor.tab()
    await open_map(page, front.installation.url, event_id)
    while not await page.evaluate("document.fonts.check(`700 15px 'Barlow Condensed'`)"):
        await page.wait_for_timeout(50)
    place = await zoomed_to(page, 40)
    await page.get_by_test_id("list-view-toggle").click()
    await page.get_by_test_id("section-option").first.click()
    await picture(page, "list-with-prices")
    await expect(page.get_by_test_id("section-option").first).to_contain_text("–")
    await page.get_by_test_id("list-view-toggle").click()
    assert await page.evaluate("window.__seatmap.screenPosition(40)") == place
