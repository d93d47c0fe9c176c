"""The sale opens for everybody at the server's time, whatever the clocks of their devices say."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from houseful.tools.sample_venues import theatre
from tests.browser.conftest import Visit, picture
from tests.system.harness import Harness, event_body, moment

pytestmark = pytest.mark.browser

LEADS_SECONDS = (12, 45, 180)
"""For so long before the sale opens everybody has to have come; more where that was too soon."""

WRONG_MS = 600_000
"""By so much clocks are wrong: more than any lead, and than anybody waits for the page."""

CLOCK = """
(ahead => {
  const Right = Date;
  globalThis.Date = class extends Right {
    constructor(...parts) { parts.length > 0 ? super(...parts) : super(Right.now() + ahead); }
    static now() { return Right.now() + ahead; }
  };
})"""


async def all_waiting(front: Harness, visit: Visit, opens: str) -> list[Page]:
    """One page for each clock, on which the event whose sale begins then is counted down."""
    plan, areas, prices = theatre(300)
    body = event_body(plan=plan, areas=areas, prices=prices, on_sale_at=opens)
    event = front.organizer.call("POST", "/api/events", body).ok(201)
    front.organizer.call("POST", f"/api/events/{event['id']}/publish").ok(202)
    inventory = f"/api/events/{event['id']}/inventory"
    front.organizer.until(lambda: front.organizer.get(inventory)["state"] == "ready")
    pages: list[Page] = []
    for ahead in (WRONG_MS, 300, 0, -WRONG_MS):
        visitor = await visit(front.installation.url)
        await visitor.context.add_init_script(f"{CLOCK}({ahead})")
        pages.append(await visitor.tab(f"/events/{event['id']}"))
    for page in pages:
        either = page.get_by_test_id("countdown").or_(page.get_by_test_id("choose-seats"))
        await expect(either.first).to_be_visible()
    return pages


async def test_the_button_comes_by_the_clock_of_the_server(front: Harness, visit: Visit) -> None:
    """Devices 10 min and 0.3 s ahead, right, and 10 min behind."""
    for lead in LEADS_SECONDS:
        opens = (datetime.now(UTC) + timedelta(seconds=lead)).strftime("%Y-%m-%dT%H:%M:%SZ")
        pages = await all_waiting(front, visit, opens)
        shown = [await page.get_by_test_id("choose-seats").count() for page in pages]
        if datetime.now(UTC) < moment(opens):
            break
    assert shown == [0] * len(pages), "the sale has not opened yet"
    await asyncio.sleep((moment(opens) - datetime.now(UTC)).total_seconds())
    for page in pages:
        await expect(page.get_by_test_id("choose-seats").first).to_be_visible()
    await picture(pages[0], "opening")
