"""What a buyer sees when the network goes away, or takes the answer to a hold with it."""

import pytest
from playwright.async_api import Page, Route, expect

from houseful.tools.sample_venues import theatre
from tests.browser.conftest import Visit, Visitor, picture
from tests.browser.test_purchase import click_seat, open_map
from tests.support.deployment import PASSWORD
from tests.system.harness import Harness

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def event_id(front: Harness) -> str:
    plan, areas, prices = theatre(300)
    event_id: str = front.event(plan=plan, areas=areas, prices=prices)["id"]
    return event_id


async def at_the_map(front: Harness, visit: Visit, event_id: str) -> tuple[Visitor, Page]:
    """Somebody who has signed in."""
    address = front.address()
    front.client().register(address, PASSWORD, "Bo Buyer")
    visitor = await visit(front.installation.url)
    page = await visitor.tab()
    await visitor.sign_in(page, address, PASSWORD)
    await open_map(page, front.installation.url, event_id)
    return visitor, page


async def test_without_a_network_hold_says_so_and_goes_on_afterwards(
    front: Harness, visit: Visit, event_id: str
) -> None:
    visitor, page = await at_the_map(front, visit, event_id)
    connection = page.get_by_test_id("connection")
    await expect(connection).to_have_text("Live")
    await click_seat(page, 20)
    await visitor.context.set_offline(True)
    await expect(page.get_by_test_id("offline")).to_contain_text("No connection")
    await expect(connection).not_to_have_text("Live")
    await page.get_by_test_id("hold-button").click()
    await expect(page.get_by_test_id("hold-problem")).to_be_visible()
    await picture(page, "offline-hold")
    assert await page.evaluate("window.__seatmap.selected()") == [20]
    await visitor.context.set_offline(False)
    await expect(page.get_by_test_id("offline")).to_have_text("")
    await expect(connection).to_have_text("Live")
    await page.get_by_test_id("hold-button").click()
    await page.wait_for_url("**/checkout/**")


async def test_a_hold_whose_answer_was_lost_is_found_while_others_buy(
    front: Harness, visit: Visit, event_id: str
) -> None:
    """Not "somebody else just took" one's own seats, and not two holds."""
    visitor, page = await at_the_map(front, visit, event_id)
    buyer = front.buyer()

    async def lose(route: Route) -> None:
        await route.fetch()  # it arrives; its answer does not
        await route.abort()

    async def nothing(route: Route) -> None:
        await route.abort()

    await click_seat(page, 40)
    await click_seat(page, 41)
    await page.route("**/api/events/*/holds", lose)
    await page.route("**/api/holds", nothing)
    await page.get_by_test_id("hold-button").click()
    await expect(page.get_by_test_id("hold-problem")).to_contain_text("don’t know yet")
    seats = {seat["ordinal"]: seat["id"] for seat in buyer.seats(event_id)}
    buyer.hold(event_id, seats=[seats[60]]).ok(201)
    while await page.evaluate("window.__seatmap.statusOf(60)") != 1:
        await page.wait_for_timeout(50)
    await expect(page.get_by_text("Someone else")).to_have_count(0)
    await page.unroute("**/api/holds")
    buyer.hold(event_id, seats=[seats[61]]).ok(201)
    await page.wait_for_url("**/checkout/**")
    await page.unroute("**/api/events/*/holds")
    await page.goto(f"{visitor.url}/")
    await expect(page.get_by_test_id("hold-banner")).to_contain_text("You hold 2 seats")
    await page.goto(f"{visitor.url}/events/{event_id}/seats")
    await page.wait_for_selector('[data-testid="seat-canvas"][data-ready="true"]')
    await page.evaluate("window.__seatmap.zoomToSeat(40)")
    await picture(page, "own-seats-on-the-map")
