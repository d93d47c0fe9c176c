"""The app itself without a network, and after a newer one was put in its place."""

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.browser.conftest import Visit, picture
from tests.system.harness import Harness

pytestmark = pytest.mark.browser

ADDRESSES = """
async () => {
  await navigator.serviceWorker.ready;
  const stores = await Promise.all((await caches.keys()).map(name => caches.open(name)));
  return (await Promise.all(stores.map(store => store.keys()))).flat().map(one => one.url);
}"""


async def go_to_sign_in(page: Page) -> None:
    await page.evaluate("document.querySelector('a[href^=\"/sign-in\"]').click()")


async def test_a_page_never_seen_opens_without_a_network(front: Harness, visit: Visit) -> None:
    visitor = await visit(front.installation.url)
    page = await visitor.tab()
    while not any("SignInPage" in url for url in await page.evaluate(ADDRESSES)):
        await page.wait_for_timeout(50)
    await visitor.context.set_offline(True)
    await go_to_sign_in(page)
    await expect(page.get_by_test_id("sign-in-email")).to_be_visible()
    await page.reload()
    await expect(page.get_by_test_id("sign-in-email")).to_be_visible()
    await expect(page.get_by_test_id("offline")).to_contain_text("No connection")
    assert not [url for url in await page.evaluate(ADDRESSES) if "/api/" in url]


async def test_without_the_kept_app_one_stays_in_it_all_the_same(front: Harness, chromium: Browser) -> None:
    context = await chromium.new_context(service_workers="block")
    page = await context.new_page()
    await page.goto(front.installation.url)
    await expect(page.locator("h1")).to_be_visible()
    await page.evaluate("window.still = true")
    await context.set_offline(True)
    await go_to_sign_in(page)
    await expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    await picture(page, "page-not-loaded")
    await context.set_offline(False)
    await expect(page.get_by_test_id("sign-in-email")).to_be_visible()
    assert await page.evaluate("window.still")
    await context.close()


async def test_what_failed_once_is_loaded_again_without_a_reload(front: Harness, chromium: Browser) -> None:
    """As in the moment in which a connection comes back."""
    context = await chromium.new_context(service_workers="block")
    page = await context.new_page()
    await page.goto(front.installation.url)
    await expect(page.locator("h1")).to_be_visible()
    await page.evaluate("window.still = true")
    await page.route("**/assets/SignInPage*", lambda route: route.abort(), times=1)
    await go_to_sign_in(page)
    await expect(page.get_by_test_id("sign-in-email")).to_be_visible()
    assert await page.evaluate("window.still")
    await context.close()


async def test_an_old_tab_reloads_once_after_a_deploy(front: Harness, chromium: Browser) -> None:
    context = await chromium.new_context(service_workers="block")
    page = await context.new_page()
    await page.goto(front.installation.url)
    await expect(page.locator("h1")).to_be_visible()
    gone = 0

    async def missing(route: Route) -> None:
        nonlocal gone
        gone += 1
        await route.fulfill(status=404)

    await page.route("**/assets/SignInPage*", missing)
    loads: list[str] = []
    page.on("load", lambda _: loads.append(page.url))
    await go_to_sign_in(page)
    await expect(page.get_by_role("heading", name="There is a new version")).to_be_visible()
    await page.wait_for_load_state()
    assert gone >= 2
    assert len(loads) == 1
    await picture(page, "new-version")
    await page.unroute("**/assets/SignInPage*")
    await page.get_by_role("main").get_by_role("button", name="Reload").click()
    await expect(page.get_by_test_id("sign-in-email")).to_be_visible()
    await context.close()
