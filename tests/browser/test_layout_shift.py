"""What arrives late takes a place that was kept for it: nothing moves under a finger."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import CDPSession, Page, expect

from houseful.tools.sample_venues import theatre
from tests.browser.conftest import DESKTOP, PHONE, Visit, picture
from tests.support.deployment import PASSWORD
from tests.system.harness import Harness, event_body, in_days

pytestmark = pytest.mark.browser

LARGEST_SHIFT = 0.02
"""Cumulative layout shift. Browsers call 0.1 good; a page of tickets can do better."""

SLOW_4G = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6 * 1024 * 1024 / 8,
    "uploadThroughput": 750 * 1024 / 8,
}
SLOW_CPU = 4
"""So many times slower. Chromium takes all of a core to be slow."""
QUIET_MS = 800

OBSERVE = """
window.__shifts = [];
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const moved = entry.sources.map(({ node, previousRect, currentRect }) => {
      const element = node?.nodeType === 1 ? node : node?.parentElement;
      const place = rect => [rect.x, rect.y, rect.width, rect.height].map(Math.round).join(' ');
      return `${element?.tagName}.${element?.className} "${element?.textContent.slice(0, 30)}" `
        + `${place(previousRect)} to ${place(currentRect)}`;
    });
    window.__shifts.push({ value: entry.value, moved });
  }
}).observe({ type: 'layout-shift', buffered: true });
"""


@dataclass
class Screens:
    """The address of each screen, and what is there once it is complete."""

    address: str
    at: dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
def screens(front: Harness) -> Screens:
    """Somebody who has tickets, holds two more seats and has not paid for another two."""
    plan, areas, prices = theatre(300)
    event, *_ = (
        front.event(title=title, plan=plan, areas=areas, prices=prices)["id"]
        for title in ("The Glass Harbour", "A Winter's Tale", "Nocturnes")
    )
    address = front.address()
    client = front.client()
    client.register(address, PASSWORD, "Bo Buyer")
    client.login(address, PASSWORD)
    offer: dict[str, Any] = {"best_available": {"category": "Stalls", "quantity": 2}}
    order = client.buy(event, **offer)
    hold: dict[str, Any] = client.hold(event, **offer).ok(201)
    unpaid = client.order(client.hold(event, **offer).ok(201)["hold_id"]).ok(201)
    soon = event_body(plan=plan, areas=areas, prices=prices, on_sale_at=in_days(1))
    opening = front.organizer.call("POST", "/api/events", soon).ok(201)["id"]
    front.organizer.call("POST", f"/api/events/{opening}/publish").ok(202)
    front.organizer.event_that_is(opening, "scheduled")
    return Screens(
        address,
        {
            "home": ("/", "[data-testid=event-card] >> nth=2"),
            "event": (f"/events/{event}", "text=left >> nth=0"),
            "picker": (f"/events/{event}/seats", "[data-testid=seat-canvas][data-ready=true]"),
            "checkout": (f"/checkout/{hold['hold_id']}", "aside >> text=The Glass Harbour"),
            "opening": (f"/events/{opening}", "article [data-testid=countdown]"),
            "payment": (f"/checkout/{unpaid['hold_id']}", "[data-testid=card-number]"),
            "order": (f"/orders/{order['id']}", "[data-testid=ticket-qr] >> nth=0"),
            "orders": ("/orders", "main a[href^='/orders/'] >> nth=0"),
            "account": ("/account", "main form >> nth=0"),
        },
    )


@pytest.fixture(params=[1, pytest.param(SLOW_CPU, marks=pytest.mark.long)], ids=["usual-cpu", "slow-cpu"])
def slowdown(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest_asyncio.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"], loop_scope="session")
async def page(request: pytest.FixtureRequest, front: Harness, visit: Visit) -> Page:
    visitor = await visit(front.installation.url, request.param)
    return await visitor.tab("/sign-in")


async def slow_down(page: Page, slowdown: int) -> CDPSession:
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    await session.send("Network.setBypassServiceWorker", {"bypass": True})
    await session.send("Network.emulateNetworkConditions", SLOW_4G)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
    return session


async def shifts(page: Page) -> list[dict[str, Any]]:
    """All of them, after the fonts are there and nothing has moved for a while."""
    await page.evaluate("document.fonts.ready.then(() => true)")
    await page.wait_for_timeout(QUIET_MS)
    found: list[dict[str, Any]] = await page.evaluate("window.__shifts")
    return found


async def shifts_of_each(
    page: Page, url: str, at: dict[str, tuple[str, str]], label: str, slowdown: int
) -> dict[str, Any]:
    """The screens that shift too much in a browser that has kept nothing of them."""
    session = await slow_down(page, slowdown)
    await page.add_init_script(OBSERVE)
    too_much: dict[str, Any] = {}
    for name, (path, complete) in at.items():
        await session.send("Network.clearBrowserCache")
        await page.goto(url + path, wait_until="commit")
        await expect(page.locator(complete)).to_be_visible()
        found = await shifts(page)
        total = sum(shift["value"] for shift in found)
        print(f"{label} {name}: {total:.4f}")
        size = page.viewport_size or DESKTOP
        await picture(page, f"shift-{label}-{size['width']}-{name}")
        if total > LARGEST_SHIFT:
            too_much[name] = [f"{shift['value']:.4f} {moved}" for shift in found for moved in shift["moved"]]
    return too_much


async def test_nothing_moves_while_a_visitor_s_page_is_loaded(
    front: Harness, page: Page, screens: Screens, slowdown: int
) -> None:
    public = {name: screens.at[name] for name in ("home", "event", "opening", "picker")}
    too_much = await shifts_of_each(page, front.installation.url, public, "visitor", slowdown)
    assert not too_much, json.dumps(too_much, indent=1)


async def test_nothing_moves_while_a_buyer_s_page_is_loaded(
    front: Harness, page: Page, screens: Screens, slowdown: int
) -> None:
    await page.get_by_test_id("sign-in-email").fill(screens.address)
    await page.get_by_test_id("sign-in-password").fill(PASSWORD)
    await page.get_by_test_id("sign-in-submit").click()
    await expect(page.get_by_test_id("hold-banner")).to_be_visible()
    too_much = await shifts_of_each(page, front.installation.url, screens.at, "buyer", slowdown)
    assert not too_much, json.dumps(too_much, indent=1)
