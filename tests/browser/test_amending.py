"""The plan of a published event is changed in a browser by the keyboard, and a map that is open follows."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Visit, picture
from tests.browser.test_accessibility import AXE, must_be_clean
from tests.browser.test_layout import nothing_is_outside
from tests.browser.test_purchase import open_map
from tests.support.deployment import PASSWORD
from tests.system.harness import Harness, hall

pytestmark = pytest.mark.browser

SMALL = {"width": 320, "height": 640}


def another(plan: dict[str, Any], *without: str) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(plan))
    for row in copy["zones"][0]["rows"]:
        row["seats"] = [seat for seat in row["seats"] if seat["seat_guid"] not in without]
    return copy


async def choose(page: Page, folder: Path, plan: dict[str, Any]) -> None:
    file = folder / "plan.json"
    file.write_text(json.dumps(plan))
    await page.get_by_test_id("plan-file").set_input_files(file)
    await page.get_by_test_id("amend-look").focus()
    await page.keyboard.press("Enter")


@pytest.mark.parametrize("size", [PHONE, SMALL, DESKTOP], ids=["390", "320", "desktop"])
async def test_a_plan_is_changed_and_an_open_map_follows(
    front: Harness, visit: Visit, tmp_path: Path, size: dict[str, int]
) -> None:
    plan = hall(rows=4, seats=10)
    event_id = front.event(plan=plan, title="Donaudampfschifffahrtsgesellschaft")["id"]
    front.buyer().buy(event_id, seats=["A-1"])

    watching = await visit(front.installation.url, size)
    map_ = await watching.tab()
    await open_map(map_, front.installation.url, event_id)
    assert await map_.evaluate("window.__seatmap.sections().length") == 1

    visitor = await visit(front.installation.url, size)
    await visitor.context.add_init_script(path=Path(AXE))
    page = await visitor.tab()
    await visitor.sign_in(page, "organizer@example.org", PASSWORD)
    await page.goto(f"{visitor.url}/organizer/{event_id}")
    await page.get_by_test_id("amend").focus()
    await page.keyboard.press("Enter")
    await page.get_by_test_id("amend-look").click()
    await expect(page.get_by_test_id("plan-file")).to_have_attribute("aria-invalid", "true")
    await nothing_is_outside(page)
    await must_be_clean(page, "change of the plan, with a mistake")

    await choose(page, tmp_path, another(plan, "A-1", "D-10"))
    await expect(page.get_by_test_id("amend-told")).to_be_focused()
    await expect(page.get_by_test_id("amend-taken")).to_contain_text("Stalls, row A, seat 1 is sold")
    await expect(page.get_by_test_id("amend-confirm")).to_have_count(0)
    await nothing_is_outside(page)
    await must_be_clean(page, "change of the plan, in somebody's way")
    await picture(page, f"amend-taken-{size['width']}")
    await page.get_by_test_id("amend-back").click()

    new = another(plan, "D-10")
    new["categories"].append({"name": "Box"})
    seat = {"seat_guid": "D-99", "seat_number": "99", "position": {"x": 300, "y": 0}, "category": "Box"}
    new["zones"][0]["rows"][3]["seats"].append(seat)
    await choose(page, tmp_path, new)
    await page.locator("[data-category=Box]").fill("90")
    await page.get_by_test_id("amend-look").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("amend-told")).to_have_text("40 seats now, 40 then")
    await page.locator("summary").click()
    await expect(page.get_by_text("Stalls, row D, seat 99 (added)")).to_be_visible()
    await nothing_is_outside(page)
    await must_be_clean(page, "change of the plan, looked at")
    await page.emulate_media(color_scheme="dark")
    await must_be_clean(page, "change of the plan, looked at, dark")
    await picture(page, f"amend-summary-{size['width']}")
    await page.emulate_media(color_scheme="light")
    await page.get_by_test_id("amend-confirm").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("amendment")).to_have_attribute("data-state", "applied")
    await nothing_is_outside(page)
    await must_be_clean(page, "event whose plan was changed")
    await picture(page, f"amend-done-{size['width']}")

    while await map_.evaluate("window.__seatmap?.sections().length") != 2:
        await map_.wait_for_timeout(50)
    assert await map_.evaluate("window.__seatmap.statusOf(40)") == 0
    assert await map_.evaluate("window.__seatmap.statusOf(39)") == 3
    await map_.get_by_test_id("list-view-toggle").click()
    await expect(map_.get_by_test_id("section-option")).to_have_count(2)
    await map_.get_by_test_id("section-option").nth(1).click()
    await map_.get_by_test_id("seat-option").last.click()
    await expect(map_.get_by_text("€90", exact=True).first).to_be_visible()
    await picture(map_, f"amend-map-{size['width']}")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["390", "desktop"])
async def test_prices_of_a_published_event_are_changed(
    front: Harness, visit: Visit, size: dict[str, int]
) -> None:
    event = front.event(plan=hall(rows=2, seats=6))
    visitor = await visit(front.installation.url, size)
    await visitor.context.add_init_script(path=Path(AXE))
    page = await visitor.tab()
    await visitor.sign_in(page, "organizer@example.org", PASSWORD)
    await page.goto(f"{visitor.url}/organizer/{event['id']}/edit")
    await page.locator("[data-category=Premium]").fill("80")
    await expect(page.get_by_text("What is held or ordered keeps the price")).to_be_visible()
    await nothing_is_outside(page)
    await must_be_clean(page, "prices of a published event")
    await picture(page, f"prices-{size['width']}")
    await page.get_by_test_id("save-event").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("amend")).to_be_visible()
    await page.goto(f"{visitor.url}/events/{event['id']}")
    await expect(page.get_by_text("€80").first).to_be_visible()
