"""A seat is bought with an access code before the general sale."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from houseful.tools.sample_venues import theatre
from tests.browser.conftest import PHONE, Visit, picture
from tests.browser.test_accessibility import AXE, must_be_clean
from tests.support.deployment import PASSWORD
from tests.system.harness import Harness, event_body

pytestmark = pytest.mark.browser


def at(days: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime(form)


async def test_a_code_leads_to_a_seat_before_the_sale_opens(front: Harness, visit: Visit) -> None:
    plan, areas, prices = theatre(300)
    body = event_body(
        title="The Early Glass", plan=plan, areas=areas, prices=prices, on_sale_at=at(5), timezone="UTC"
    )
    event_id = front.organizer.call("POST", "/api/events", body).ok(201)["id"]
    event, address, url = f"/events/{event_id}", front.address(), front.installation.url
    front.organizer.call("POST", f"/api{event}/publish").ok(202)
    front.organizer.until(lambda: front.organizer.get(f"/api{event}/inventory")["state"] == "ready")
    front.client().register(address, PASSWORD, "Anna Ahrens")
    office, on_the_way = await visit(url), await visit(url, PHONE)
    for visitor in (office, on_the_way):
        await visitor.context.add_init_script(path=AXE)

    desk = await office.tab()
    await office.sign_in(desk, "organizer@example.org", PASSWORD)
    await desk.goto(f"{url}/organizer/{event_id}")
    await desk.get_by_label("Name", exact=True).fill("Friends")
    await desk.get_by_label("Presale opens").fill(at(-1, "%Y-%m-%dT%H:%M"))
    await desk.get_by_role("button", name="Add the presale").press("Enter")
    window = desk.get_by_role("article", name="Friends")
    await window.get_by_label("Codes to generate").fill("2")
    await window.get_by_role("button", name="Generate").press("Enter")
    await expect(window.get_by_role("row")).to_have_count(3)
    code = await window.get_by_role("rowheader").first.inner_text()
    async with desk.expect_download() as download:
        await window.get_by_role("button", name="Generated codes as CSV").click()
    saved = (await (await download.value).path()).read_text("utf-8-sig")
    assert saved.splitlines()[1] == f"{code},Friends,0,1,"
    await must_be_clean(desk, "the presales of an event")
    await picture(desk, "presale-1-organizer")

    phone = await on_the_way.tab(event)
    await phone.get_by_role("link", name="Sign in to use an access code").click()
    await phone.get_by_test_id("sign-in-email").fill(address)
    await phone.get_by_test_id("sign-in-password").fill(PASSWORD)
    await phone.get_by_test_id("sign-in-submit").click()
    field = phone.get_by_test_id("access-code")
    await field.fill("NEVER-GIVEN")
    await field.press("Enter")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await must_be_clean(phone, "an access code that is refused")
    await picture(phone, "presale-2-refused")
    await expect(phone.get_by_test_id("choose-seats")).to_have_count(0)
    await field.fill(code.lower().replace("-", " "))
    await field.press("Enter")
    await expect(phone.get_by_test_id("presale-accepted")).to_be_visible()
    await must_be_clean(phone, "an access code that is accepted")
    await picture(phone, "presale-3-accepted")
    await phone.reload()
    await phone.get_by_test_id("choose-seats").click()
    await phone.get_by_role("button", name="Find the best 2 seats").click()
    await phone.get_by_test_id("hold-button").click()
    await expect(phone.get_by_test_id("to-payment")).to_be_visible()

    await desk.reload()
    await expect(window.get_by_role("row", name=code)).to_contain_text("1 of 1")


async def test_the_seats_are_closed_to_who_has_no_code(front: Harness, visit: Visit) -> None:
    plan, areas, prices = theatre(300)
    body = event_body(plan=plan, areas=areas, prices=prices, on_sale_at=at(5))
    event = f"/events/{front.organizer.call('POST', '/api/events', body).ok(201)['id']}"
    front.organizer.call("POST", f"/api{event}/publish").ok(202)
    front.organizer.until(lambda: front.organizer.get(f"/api{event}/inventory")["state"] == "ready")
    presale = {"name": "Friends", "opens_at": at(-1)}
    front.organizer.call("POST", f"/api{event}/presales", presale).ok(201)
    page = await (await visit(front.installation.url)).tab(f"{event}/seats")
    await expect(page.get_by_role("heading", name="No seats to choose right now")).to_be_visible()
