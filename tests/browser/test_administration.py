"""Administration in a browser, by an administrator, on a phone of 320 px too: each screen, and an act."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import DESKTOP, PHONE, Visit, picture
from tests.browser.test_accessibility import AXE, must_be_clean
from tests.browser.test_layout import nothing_is_outside
from tests.support.deployment import PASSWORD
from tests.system.harness import Harness

pytestmark = pytest.mark.browser

SMALL = {"width": 320, "height": 640}


@pytest.mark.parametrize("size", [PHONE, SMALL, DESKTOP], ids=["390", "320", "desktop"])
async def test_an_admin_changes_a_role_and_finds_it_in_the_log(
    front: Harness, visit: Visit, size: dict[str, int]
) -> None:
    address = front.address()
    front.client().register(address, PASSWORD, "Donaudampfschifffahrtsgesellschaft Älg")
    visitor = await visit(front.installation.url, size)
    await visitor.context.add_init_script(path=Path(AXE))
    page = await visitor.tab()
    await visitor.sign_in(page, "admin@example.org", PASSWORD)
    await page.goto(f"{visitor.url}/admin")
    search = page.get_by_test_id("users-search")
    await search.fill("nobody at all")
    await search.press("Enter")
    await expect(page.get_by_test_id("no-user")).to_be_visible()
    await search.fill(address)
    await search.press("Enter")
    await expect(page.get_by_test_id("user")).to_have_count(1)
    await nothing_is_outside(page)
    await must_be_clean(page, "users")
    await picture(page, f"admin-users-{size['width']}")
    await page.get_by_test_id("user").get_by_role("link").press("Enter")
    await page.get_by_test_id("user-change-roles").click()
    await page.get_by_test_id("role-gate").check()
    await nothing_is_outside(page)
    await must_be_clean(page, "roles")
    await page.get_by_test_id("user-change-roles-confirm").press("Enter")
    await expect(page.get_by_test_id("user-roles")).to_have_text("buyer and gate")
    await nothing_is_outside(page)
    await must_be_clean(page, "user")
    await picture(page, f"admin-user-{size['width']}")
    await page.get_by_role("link", name="Changes of this account").click()
    entry = page.get_by_test_id("audit-entry")
    await expect(entry).to_have_count(1)
    await expect(entry).to_contain_text("Roles changed")
    await expect(entry).to_contain_text("admin@example.org")
    await nothing_is_outside(page)
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await must_be_clean(page, f"log, {scheme}")
        await picture(page, f"admin-log-{size['width']}-{scheme}")
    for path, there in (("messages", "replay"), ("emails", "no-order-email"), ("health", "health-tickets")):
        await page.goto(f"{visitor.url}/admin/{path}")
        await expect(page.get_by_test_id(there)).to_be_visible()
        await nothing_is_outside(page)
        await must_be_clean(page, f"{path}, dark")
        await picture(page, f"admin-{path}-{size['width']}")
    await expect(page.get_by_test_id("health-tickets").locator('[data-good="false"]')).to_have_count(0)
