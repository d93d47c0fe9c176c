"""A seat bought by clicking, admitted once at the gate and refused the second time."""

import asyncio
import io
import json
import re
from collections.abc import Callable

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Locator, Page, Response, expect

from houseful.tools.sample_venues import theatre
from tests.browser.conftest import PHONE, Visit, picture
from tests.support.deployment import PASSWORD
from tests.support.live_server import LiveServer, live
from tests.support.patience import PATIENCE_SECONDS
from tests.system.harness import Harness

__all__ = ["live"]

pytestmark = pytest.mark.browser

TOKEN_SECONDS = 10

PLACE_WHEN_STILL = """
async ordinal => {
  const frame = () => new Promise(requestAnimationFrame);
  const place = () => window.__seatmap.screenPosition(ordinal);
  window.__seatmap.zoomToSeat(ordinal);
  for (let still = 0, before = place(); still < 5; ) {
    await frame();
    const now = place();
    still = now.x === before.x && now.y === before.y ? still + 1 : 0;
    before = now;
  }
  return place();
}"""

Start = Callable[..., LiveServer]


def buyer(server: LiveServer, email: str) -> None:
    body = {"email": email, "password": PASSWORD, "name": "Bo Buyer"}
    server.call("POST", "/api/auth/register", body).ok(201)


async def open_map(page: Page, url: str, event_id: str) -> None:
    """Also waits until the seats exist."""
    await page.goto(f"{url}/events/{event_id}/seats")
    await page.wait_for_selector('[data-testid="seat-canvas"][data-ready="true"]')


async def zoomed_to(page: Page, ordinal: int) -> dict[str, float]:
    """Where the seat is once the map stands still."""
    place: dict[str, float] = await page.evaluate(PLACE_WHEN_STILL, ordinal)
    return place


async def click_seat(page: Page, ordinal: int) -> None:
    spot = await zoomed_to(page, ordinal)
    await page.get_by_test_id("seat-canvas").click(position={"x": spot["x"], "y": spot["y"]})


async def pay(page: Page, card: str) -> None:
    await page.get_by_test_id("card-number").fill(card)
    await page.get_by_test_id("card-exp").fill("12/40")
    await page.get_by_test_id("card-cvc").fill("123")
    await page.get_by_test_id("pay-button").click()


async def must_be_scanned(qr: Locator, code: str) -> None:
    """A camera reads it off the screen, as soon as it is drawn. While the page moves a picture may show the
    ticket beside it.
    """
    qr_code = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    read = None
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while read != code:
                seen = zxingcpp.read_barcode(Image.open(io.BytesIO(await qr.screenshot())), formats=qr_code)
                read = None if seen is None else seen.text
    except TimeoutError:
        raise AssertionError(f"the QR code says {read}, and the ticket {code}") from None


@pytest.mark.parametrize("size", ["desktop", pytest.param("phone", marks=pytest.mark.long_when_split)])
async def test_a_seat_bought_by_clicking_admits_once(box_office: Harness, visit: Visit, size: str) -> None:
    """Where there are several gateways, the buyer comes by the first and the gate by the last."""
    plan, areas, prices = theatre(300)
    title, urls = f"The Glass Harbour on the {size}", box_office.installation.url.split(",")
    box_office.event(title=title, plan=plan, areas=areas, prices=prices)
    address = box_office.address()
    box_office.client().register(address, PASSWORD, "Bo Buyer")
    visitor = await visit(urls[0], PHONE) if size == "phone" else await visit(urls[0])
    page = await visitor.tab()
    await visitor.sign_in(page, address, PASSWORD)
    await page.get_by_test_id("event-card").filter(has_text=title).first.click()
    await page.get_by_test_id("choose-seats").first.click()
    await page.wait_for_selector('[data-testid="seat-canvas"][data-ready="true"]')
    for ordinal in (40, 41):
        await click_seat(page, ordinal)
    assert await page.evaluate("window.__seatmap.selected()") == [40, 41]
    await picture(page, f"purchase-{size}-1-chosen")
    await page.get_by_test_id("hold-button").click()
    await expect(page.get_by_test_id("countdown").first).to_be_visible()
    await picture(page, f"purchase-{size}-2-checkout")
    await page.get_by_test_id("buyer-name").fill("Bo Buyer")
    await page.get_by_test_id("buyer-email").fill("bo@example.com")
    await page.get_by_test_id("to-payment").click()
    await pay(page, "4000 0000 0000 0002")
    await expect(page.get_by_text("declined").first).to_be_visible()
    await picture(page, f"purchase-{size}-3-declined")
    await pay(page, "4242 4242 4242 4242")
    await expect(page.get_by_test_id("ticket")).to_have_count(2)
    code = (await page.get_by_test_id("ticket-code").first.inner_text()).strip()
    qr = page.get_by_test_id("ticket-qr").first
    await expect(qr).to_be_visible()
    await qr.scroll_into_view_if_needed()
    await must_be_scanned(qr, code)
    await picture(page, f"purchase-{size}-4-tickets")

    gate = await visit(urls[-1])
    door = await gate.tab()
    await gate.sign_in(door, "gate@example.org", PASSWORD)
    await door.goto(f"{urls[-1]}/gate")
    await door.get_by_test_id("gate-name").fill("North")
    await door.get_by_role("radio", name=title).check()
    await door.get_by_test_id("gate-start").click()
    for verdict in ("admitted", "already_used"):
        await door.get_by_test_id("gate-code").fill(code)
        await door.get_by_test_id("gate-check").click()
        shown = door.get_by_test_id("gate-verdict")
        await expect(shown).to_have_attribute("data-result", verdict)
        await picture(door, f"gate-{size}-{verdict}")


async def test_two_buyers_race_for_a_seat(front: Harness, visit: Visit) -> None:
    plan, areas, prices = theatre(300)
    event_id = front.event(plan=plan, areas=areas, prices=prices)["id"]
    pages: list[Page] = []
    for address in (front.address(), front.address()):
        front.client().register(address, PASSWORD, "Bo Buyer")
        visitor = await visit(front.installation.url)
        page = await visitor.tab()
        await visitor.sign_in(page, address, PASSWORD)
        # Neither hears of the other's change, or the second would see the seat go before asking for it.
        await page.route(re.compile("/availability/stream"), lambda route: route.abort())
        await open_map(page, visitor.url, event_id)
        await click_seat(page, 40)
        pages.append(page)
    await pages[0].get_by_test_id("hold-button").click()
    await expect(pages[0].get_by_test_id("countdown").first).to_be_visible()
    await pages[1].get_by_test_id("hold-button").click()
    await expect(pages[1].get_by_role("alert").or_(pages[1].get_by_role("status")).first).to_be_visible()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await pages[1].evaluate("window.__seatmap.selected()"):
            await pages[1].wait_for_timeout(20)
    await picture(pages[1], "race-lost")
    assert await pages[1].evaluate("window.__seatmap.statusOf(40)") == 1


async def test_two_tabs_and_an_expired_token_refresh_once(live: Start, visit: Visit) -> None:
    server = live(HOUSEFUL_ACCESS_TOKEN_SECONDS=str(TOKEN_SECONDS))
    buyer(server, "bo@example.com")
    visitor = await visit(server.url)
    first = await visitor.tab()
    await visitor.sign_in(first, "bo@example.com", PASSWORD)
    second = await visitor.tab("/account")
    await expect(second.get_by_role("heading").first).to_be_visible()
    await first.goto(f"{server.url}/account")
    await expect(first.get_by_role("heading").first).to_be_visible()
    await first.wait_for_timeout((TOKEN_SECONDS + 1) * 1000)  # both tabs' token ends
    refreshes: list[str] = []
    expired: list[int] = []
    visitor.context.on(
        "request", lambda one: refreshes.append(one.url) if one.url.endswith("/auth/refresh") else None
    )
    answered: set[Page] = set()

    def heard(answer: Response) -> None:
        if answer.status == 401:
            expired.append(answer.status)
        elif answer.ok and "/api/orders" in answer.url:
            answered.add(answer.frame.page)

    visitor.context.on("response", heard)
    link = "a[href='/orders']"
    for tab in (first, second):
        await tab.evaluate("selector => document.querySelector(selector)?.click()", link)
    for tab in (first, second):
        await expect(tab).to_have_url(f"{server.url}/orders")
        while tab not in answered:
            await tab.wait_for_timeout(50)
        await expect(tab.get_by_text("Sign in")).to_have_count(0)
    assert expired, "the token had not expired"
    assert len(refreshes) == 1
    assert server.log().count("refresh_reused") == 0


async def test_an_organizer_puts_an_event_on_sale_from_a_plan_file(front: Harness, visit: Visit) -> None:
    plan, _, _ = theatre(300)
    visitor = await visit(front.installation.url)
    page = await visitor.tab()
    await visitor.sign_in(page, "organizer@example.org", PASSWORD)
    await page.goto(f"{visitor.url}/organizer/new")
    await page.get_by_test_id("event-title").fill("The Glass Harbour")
    await page.get_by_test_id("event-venue").fill("Harbour Theatre")
    await page.get_by_test_id("event-starts-at").fill("2031-05-01T19:30")
    upload = page.get_by_test_id("plan-file")
    await upload.set_input_files(
        {"name": "plan.json", "mimeType": "application/json", "buffer": json.dumps(plan).encode()}
    )
    prices = page.get_by_test_id("category-price")
    await expect(prices).to_have_count(len(plan["categories"]))
    for index in range(len(plan["categories"])):
        await prices.nth(index).fill("25")
    await picture(page, "organizer-1-form")
    await page.get_by_test_id("save-event").click()
    await page.get_by_test_id("publish-event").click()
    await expect(page.get_by_test_id("event-state")).to_have_attribute("data-state", "on_sale")
    await picture(page, "organizer-2-on-sale")
