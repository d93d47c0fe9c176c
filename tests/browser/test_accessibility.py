"""Every screen by the rules of axe, light and dark, wide and narrow; and the focus, that is never lost."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from houseful.tools.sample_venues import arena
from tests.browser.conftest import DESKTOP, PHONE, Visit, picture
from tests.browser.test_purchase import click_seat, pay
from tests.support.deployment import PASSWORD
from tests.system.harness import Harness

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = json.dumps({"rules": {"target-size": {"enabled": True}}})
SETTLED = "() => document.getAnimations().every(one => one.effect.getTiming().iterations === Infinity)"


async def must_be_clean(page: Page, what: str) -> None:
    while not await page.evaluate(f"({SETTLED})()"):
        await page.wait_for_timeout(50)
    found = await page.evaluate(f"axe.run(document, {RULES})")
    faults = [
        f"{fault['id']}: {node['html'][:120]}" for fault in found["violations"] for node in fault["nodes"]
    ]
    assert faults == [], what


@pytest.fixture(scope="module")
def place(front: Harness) -> dict[str, str]:
    """An event with a standing area, and somebody's orders of each kind."""
    plan, areas, prices = arena(1000)
    event_id = front.event(title="The Glass Harbour", plan=plan, areas=areas, prices=prices)["id"]
    address = front.address()
    client = front.client()
    client.register(address, PASSWORD, "Bo Buyer")
    client.login(address, PASSWORD)
    offer: dict[str, Any] = {"best_available": {"category": next(iter(prices)), "quantity": 2}}
    order = client.buy(event_id, **offer)
    refunded = client.buy(event_id, **offer)
    client.cancel(refunded["id"])
    client.order_that_is(refunded["id"], "refunded")
    unpaid = client.order(client.hold(event_id, **offer).ok(201)["hold_id"]).ok(201)
    hold = client.hold(event_id, **offer).ok(201)
    return {
        "event": event_id,
        "address": address,
        "order": order["id"],
        "refunded": refunded["id"],
        "unpaid": unpaid["hold_id"],
        "hold": hold["hold_id"],
    }


@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        pytest.param(PHONE, "light", id="phone-light"),
        pytest.param(PHONE, "dark", id="phone-dark", marks=pytest.mark.long),
        pytest.param(DESKTOP, "light", id="desktop-light", marks=pytest.mark.long),
        pytest.param(DESKTOP, "dark", id="desktop-dark"),
    ],
)
async def test_every_screen_is_clean(
    front: Harness, visit: Visit, place: dict[str, str], size: dict[str, int], scheme: str
) -> None:
    visitor = await visit(front.installation.url, size)
    await visitor.context.add_init_script(path=AXE)
    page = await visitor.tab()
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")

    async def look(*paths: str) -> None:
        for path in paths:
            await page.goto(visitor.url + path)
            await expect(page.locator("h1").first).to_be_attached()
            await expect(page.get_by_text("Loading", exact=False)).to_have_count(0)
            await must_be_clean(page, f"{path} {scheme} {size['width']}")

    event, organizer = f"/events/{place['event']}", f"/organizer/{place['event']}"
    await look("/", "/?q=nothing-like-it", event, "/sign-in", "/sign-up", "/nothing/here")
    await visitor.sign_in(page, place["address"], PASSWORD)
    await look("/orders", f"/orders/{place['order']}", f"/orders/{place['refunded']}", "/account")
    await look(f"/checkout/{place['hold']}", f"/checkout/{place['unpaid']}", f"{event}/seats")
    await page.get_by_test_id("list-view-toggle").click()
    sections = page.get_by_test_id("section-option")
    for index in (0, await sections.count() - 1):
        await sections.nth(index).click()
        await must_be_clean(page, f"list {index} {scheme} {size['width']}")
    await picture(page, f"list-{size['width']}-{scheme}")
    for role, paths in {
        "organizer": ("/organizer", "/organizer/new", organizer, f"{organizer}/edit"),
        "gate": ("/gate",),
        "admin": ("/admin", "/admin/audit", "/admin/messages", "/admin/emails", "/admin/health"),
    }.items():
        staff = await visit(front.installation.url, size)
        await staff.context.add_init_script(path=AXE)
        page = await staff.tab()
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await staff.sign_in(page, f"{role}@example.org", PASSWORD)
        await look(*paths)


async def focused(page: Page) -> str:
    text: str = await page.evaluate(
        "`${document.activeElement.tagName} ${document.activeElement.textContent.slice(0, 60)}`"
    )
    return text


async def test_the_focus_goes_along_from_step_to_step(
    front: Harness, visit: Visit, place: dict[str, str]
) -> None:
    address = front.address()
    front.client().register(address, PASSWORD, "Bo Buyer")
    visitor = await visit(front.installation.url)
    page = await visitor.tab()
    await visitor.sign_in(page, address, PASSWORD)
    await page.goto(f"{visitor.url}/events/{place['event']}")
    await page.get_by_test_id("choose-seats").first.press("Enter")
    await page.wait_for_selector('[data-testid="seat-canvas"][data-ready="true"]')
    assert not (await focused(page)).startswith("BODY")
    await expect(page.get_by_test_id("announcer")).to_contain_text("Seats for The Glass Harbour")
    await click_seat(page, 40)
    await page.get_by_test_id("hold-button").press("Enter")
    await expect(page.get_by_test_id("to-payment")).to_be_visible()
    assert not (await focused(page)).startswith("BODY")
    await page.get_by_test_id("to-payment").press("Enter")
    await expect(page.get_by_test_id("pay-button")).to_be_visible()
    assert (await focused(page)).startswith("H")
    await pay(page, "4000 0000 0000 0002")
    await expect(page.get_by_test_id("payment-refused")).to_be_visible()
    assert not (await focused(page)).startswith("BODY")
    await pay(page, "4242 4242 4242 4242")
    await expect(page.get_by_test_id("ticket")).to_have_count(1)
    await expect(page.get_by_test_id("announcer")).to_contain_text("Order for")
    assert not (await focused(page)).startswith("BODY")
