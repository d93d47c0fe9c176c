"""The sale opens for everybody at the server's time, whatever the clocks of their devices say."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from houseful.tools.sample_venues import theatre
from tests.browser.conftest import Visit, picture
from tests.system.world import World, event_body, moment

pytestmark = pytest.mark.browser

OPENS_IN_SECONDS = 12
LATE_MS = 8_000
"""Less than any of the clocks is wrong by, and enough for a slow machine."""

CLOCK = """
(ahead => {
  const Right = Date;
  globalThis.Date = class extends Right {
    constructor(...parts) { parts.length > 0 ? super(...parts) : super(Right.now() + ahead); }
    static now() { return Right.now() + ahead; }
  };
})"""


async def test_the_button_comes_by_the_clock_of_the_server(front: World, visit: Visit) -> None:
    """Devices 15 s and 0.3 s ahead, right, and 15 s behind."""
    plan, areas, prices = theatre(300)
    opens = (datetime.now(UTC) + timedelta(seconds=OPENS_IN_SECONDS)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = event_body(plan=plan, areas=areas, prices=prices, on_sale_at=opens)
    event = front.organizer.call("POST", "/api/events", body).ok(201)
    front.organizer.call("POST", f"/api/events/{event['id']}/publish").ok(202)
    front.organizer.event_that_is(event["id"], "scheduled")
    pages: list[Page] = []
    for ahead in (15_000, 300, 0, -15_000):
        visitor = await visit(front.site.url)
        await visitor.context.add_init_script(f"{CLOCK}({ahead})")
        pages.append(await visitor.tab(f"/events/{event['id']}"))
    for page in pages:
        await expect(page.get_by_test_id("countdown")).to_be_visible()
    await asyncio.sleep((moment(opens) - datetime.now(UTC)).total_seconds())
    for page in pages:
        await expect(page.get_by_test_id("choose-seats")).to_be_visible(timeout=LATE_MS)
    await picture(pages[0], "opening")
