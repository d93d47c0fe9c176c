"""A seat bought through a line, from the lobby to the turn, on two devices of one account."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from houseful.tools.sample_venues import theatre
from tests.browser.conftest import PHONE, Visit, picture
from tests.browser.test_accessibility import AXE, must_be_clean
from tests.browser.test_purchase import pay
from tests.support.deployment import PASSWORD
from tests.system.fixtures import SINGLE
from tests.system.harness import Harness, event_body
from tests.system.outside_client import new_key

pytestmark = [pytest.mark.browser, pytest.mark.long_when_split]


@pytest.fixture
def shop(topology: str, request: pytest.FixtureRequest) -> Harness:
    """The process that others use too, where one process is enough."""
    harness: Harness = request.getfixturevalue("front" if topology == SINGLE else "box_office")
    return harness


def in_hours(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_lobby(shop: Harness) -> str:
    """An event whose lobby is open, and stays so until the test moves the sale."""
    plan, areas, prices = theatre(300)
    line = {"mode": "on", "lobby_opens_at": in_hours(-1)}
    body = event_body(
        title="The Glass Line", plan=plan, areas=areas, prices=prices, on_sale_at=in_hours(1), line=line
    )
    event = f"/api/events/{shop.organizer.call('POST', '/api/events', body).ok(201)['id']}"
    shop.organizer.call("POST", f"{event}/publish").ok(202)
    shop.organizer.until(lambda: shop.organizer.get(f"{event}/inventory")["state"] == "ready")

    def is_open() -> bool:
        answer = shop.organizer.call("GET", f"{event}/line")
        return answer.status == 200 and answer.json["phase"] == "lobby"

    shop.organizer.until(is_open)
    return event.removeprefix("/api")


async def act(room: Page, name: str, label: str = "", value: str = "") -> None:
    """What the organizer does in the control room."""
    await room.get_by_role("button", name=name, exact=True).click()
    if label:
        await room.get_by_label(label).fill(value)
    await room.get_by_test_id("control-confirm").click()
    await expect(room.get_by_role("dialog")).to_have_count(0)


async def shows_the_shop(room: Page) -> None:
    """The figures, the last hour once there are two points of it, and the hall; on a phone without a scroll
    sideways, and in the dark."""
    await expect(
        room.get_by_text("Holds in the last minute").locator("xpath=following-sibling::dd")
    ).not_to_have_text("Not known")
    await expect(room.get_by_text("No hold was refused.")).to_be_visible()
    people = room.get_by_role("figure", name="People")
    await expect(people.locator("canvas")).to_be_attached()
    await people.get_by_text("People as a table").click()
    await expect(people.get_by_role("row").nth(1)).to_be_visible()
    hall = room.get_by_test_id("heat-map")
    await expect(hall.locator("path:not([data-step='0'])").first).to_be_attached()
    await room.get_by_text("The hall as a table").click()
    await expect(room.get_by_role("region", name="The hall, table").get_by_role("row").nth(1)).to_be_visible()
    assert await room.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    await room.emulate_media(color_scheme="dark")
    await expect(people.locator("canvas")).to_be_attached()
    await must_be_clean(room, "the control room in the dark")
    await room.emulate_media(color_scheme="light")


async def test_a_place_is_the_same_on_every_device_and_leads_to_a_seat(shop: Harness, visit: Visit) -> None:
    event, address = with_lobby(shop), shop.address()
    shop.client().register(address, PASSWORD, "Anna Ahrens")
    for other in (shop.buyer(), shop.buyer()):
        other.call("POST", f"/api{event}/line", key=new_key()).ok(201)
    urls = shop.installation.url.split(",")
    at_home, on_the_way, office = (
        await visit(urls[0]),
        await visit(urls[-1], PHONE),
        await visit(urls[0], PHONE),
    )
    for visitor in (on_the_way, office):
        await visitor.context.add_init_script(path=AXE)

    desk = await at_home.tab()
    await at_home.sign_in(desk, address, PASSWORD)
    await desk.goto(urls[0] + event)
    await desk.get_by_test_id("join-line").click()
    await expect(desk.get_by_test_id("line-joined")).to_contain_text("You are in")
    phone = await on_the_way.tab()
    await on_the_way.sign_in(phone, address, PASSWORD)
    await phone.goto(f"{on_the_way.url}{event}/line")
    await expect(phone.get_by_test_id("line-joined")).to_be_visible()

    room = await office.tab()
    await office.sign_in(room, "organizer@example.org", PASSWORD)
    await room.goto(f"{office.url}/organizer/{event.rpartition('/')[2]}/control")
    await expect(room.get_by_test_id("control-phase")).to_have_text("Lobby")
    await act(room, "Cap the rate", "People a minute, at most", "0")
    shop.organizer.call("PATCH", f"/api{event}", {"on_sale_at": in_hours(0)}).ok()
    await expect(room.get_by_test_id("control-phase")).to_have_text("Open")

    number = await desk.get_by_test_id("line-number").inner_text()
    await expect(phone.get_by_test_id("line-number")).to_have_text(number)
    await phone.goto(f"{on_the_way.url}{event}/seats")
    await expect(phone.get_by_test_id("line-why")).to_contain_text("It is not your turn yet")
    await phone.get_by_text("How the draw can be checked").click()
    await phone.get_by_test_id("check-draw").click()
    await expect(phone.get_by_test_id("draw-holds")).to_contain_text(f"Yours is {number}.")
    await must_be_clean(phone, "a place in the line")
    await picture(phone, "line-1-place")

    await act(room, "Write a message", "Message to everybody who waits", "Doors open at seven.")
    await expect(desk.get_by_test_id("line-message")).to_contain_text("Doors open at seven.")
    await act(room, "Cap the rate", "People a minute, at most", "")
    await desk.get_by_test_id("choose-seats").press("Enter")
    await act(room, "Pause")
    await expect(room.get_by_test_id("control-phase")).to_have_text("Paused")
    await desk.get_by_role("button", name="Find the best 2 seats").click()
    await desk.get_by_test_id("hold-button").click()
    await desk.get_by_test_id("to-payment").click()
    await pay(desk, "4242424242424242")
    await expect(desk.get_by_text("Your tickets")).to_be_visible()
    await expect(room.get_by_text("2 sold, 0 held right now")).to_be_visible()
    await shows_the_shop(room)
    await must_be_clean(room, "the control room")
    await picture(room, "line-2-control-room")
    await act(room, "Close the line")
    await expect(phone.get_by_test_id("line-phase")).to_have_text("The line has ended.")
