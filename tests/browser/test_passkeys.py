"""Passkeys in a browser, with an authenticator that the browser itself plays."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pyotp
import pytest
import pytest_asyncio
from playwright.async_api import CDPSession, Page, ViewportSize, expect

from houseful.adapters.http.server import listen
from houseful.adapters.processes.pool import InlineWorkers
from houseful.app import running
from houseful.settings import load_settings
from tests.browser.conftest import PHONE, Visit, Visitor, picture
from tests.browser.test_accessibility import AXE, must_be_clean
from tests.support.deployment import PASSWORD
from tests.system.harness import Harness
from tests.system.serving import Servers, url_of

pytestmark = pytest.mark.browser

NARROW: ViewportSize = {"width": 320, "height": 640}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest_asyncio.fixture(loop_scope="session")
async def named(tmp_path: Path) -> AsyncIterator[str]:
    """A server with a name: browsers have no passkeys for addresses."""
    listener = listen("127.0.0.1", 0)
    url = url_of(listener).replace("127.0.0.1", "localhost")
    settings = load_settings({}, data=str(tmp_path), public_url=url)
    async with running(settings, workers=InlineWorkers(), access_log=False) as app:
        servers = Servers()
        await servers.add(app.entry, listener)
        try:
            yield url
        finally:
            await servers.close()


async def authenticator(page: Page) -> tuple[CDPSession, str]:
    """A phone's own: it finds passkeys by itself, verifies who holds it, and answers at once."""
    browser = await page.context.new_cdp_session(page)
    await browser.send("WebAuthn.enable")
    made = await browser.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return browser, made["authenticatorId"]


async def presence(browser: CDPSession, authenticator_id: str, *, at_once: bool) -> None:
    """Whether it answers by itself; else it waits, as for a finger that does not come."""
    await browser.send(
        "WebAuthn.setAutomaticPresenceSimulation",
        {"authenticatorId": authenticator_id, "enabled": at_once},
    )


async def registered(visitor: Visitor, page: Page) -> None:
    await page.goto(f"{visitor.url}/sign-up")
    await page.get_by_test_id("sign-up-name").fill("Bea Brandt")
    await page.get_by_test_id("sign-up-email").fill("bea@example.org")
    await page.get_by_test_id("sign-up-password").fill(PASSWORD)
    await page.get_by_test_id("sign-up-submit").click()
    await page.wait_for_url(f"{visitor.url}/account")


async def add(page: Page, name: str, code: str = "") -> None:
    form = page.get_by_role("form", name="Add a passkey")
    await form.get_by_label("Name of the passkey").fill(name)
    await form.get_by_label("Password").fill(PASSWORD)
    if code:
        await form.get_by_label("recovery code").fill(code)
    await form.get_by_test_id("passkey-add").press("Enter")
    await expect(page.get_by_test_id("passkeys").get_by_text(name, exact=True)).to_be_visible()


async def sign_out(page: Page) -> None:
    await page.get_by_test_id("sign-out").click()
    await page.wait_for_url(lambda url: not url.endswith("/account"))


async def test_a_passkey_is_made_signs_in_and_is_removed(visit: Visit, named: str) -> None:
    visitor = await visit(named, PHONE)
    await visitor.context.add_init_script(path=AXE)
    page = await visitor.tab()
    browser, key = await authenticator(page)
    await registered(visitor, page)
    await add(page, "My phone")
    held = await browser.send("WebAuthn.getCredentials", {"authenticatorId": key})
    assert [one["isResidentCredential"] for one in held["credentials"]] == [True]
    await presence(browser, key, at_once=False)  # else what is offered in the field is taken at once
    await sign_out(page)
    await page.goto(f"{visitor.url}/sign-in")
    await expect(page.get_by_test_id("sign-in-passkey")).to_be_visible()
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size(NARROW)
        await must_be_clean(page, f"sign-in {scheme}")
        assert await page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
        await picture(page, f"passkey-sign-in-{scheme}")
    await presence(browser, key, at_once=True)
    await page.get_by_test_id("sign-in-passkey").press("Enter")
    await page.wait_for_url(lambda url: "/sign-in" not in url)

    await page.goto(f"{visitor.url}/account")
    await expect(page.get_by_test_id("passkeys").get_by_text("last used")).to_be_visible()
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        await must_be_clean(page, f"account {scheme}")
        assert await page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
        await page.get_by_test_id("passkeys").scroll_into_view_if_needed()
        await picture(page, f"passkeys-{scheme}")
    await page.get_by_role("button", name="Rename My phone").press("Enter")
    await page.get_by_role("dialog").get_by_label("Name of the passkey").fill("Blue key")
    await must_be_clean(page, "renaming")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Remove Blue key").press("Enter")
    await page.get_by_role("dialog").get_by_label("Password").fill(PASSWORD)
    await must_be_clean(page, "removing")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("passkeys").get_by_text("Blue key")).to_have_count(0)
    await sign_out(page)
    await page.goto(f"{visitor.url}/sign-in")
    await page.get_by_test_id("sign-in-passkey").click()
    await expect(page.get_by_role("alert")).to_contain_text("does not sign in here")


async def test_browsers_offer_it_in_the_field_of_the_address(visit: Visit, named: str) -> None:
    visitor = await visit(named)
    page = await visitor.tab()
    await authenticator(page)
    await registered(visitor, page)
    await add(page, "My phone")
    await sign_out(page)
    await page.goto(f"{visitor.url}/sign-in")
    await page.wait_for_url(lambda url: "/sign-in" not in url)  # chosen by the browser, as if by a person
    await page.goto(f"{visitor.url}/account")
    await expect(page.get_by_test_id("sign-out")).to_be_visible()


async def test_it_takes_the_place_of_a_code(visit: Visit, named: str) -> None:
    visitor = await visit(named)
    page = await visitor.tab()
    browser, key = await authenticator(page)
    await registered(visitor, page)
    factor = page.get_by_test_id("second-factor")
    await factor.get_by_label("Password").fill(PASSWORD)
    await factor.get_by_role("button", name="Set up").click()
    secret = await factor.locator("code").inner_text()
    await factor.get_by_label("Code of the app").fill(pyotp.TOTP(secret).now())
    await factor.get_by_role("button", name="Confirm").click()
    recovery = await page.get_by_test_id("recovery-codes").locator("li").first.inner_text()
    await add(page, "My phone", recovery)
    await presence(browser, key, at_once=False)
    await sign_out(page)
    await page.goto(f"{visitor.url}/sign-in")
    await page.get_by_test_id("sign-in-email").fill("bea@example.org")
    await page.get_by_test_id("sign-in-password").fill(PASSWORD)
    await page.get_by_test_id("sign-in-submit").click()
    await expect(page.get_by_test_id("sign-in-code")).to_be_visible()
    await presence(browser, key, at_once=True)
    async with page.expect_response("**/api/auth/login") as answer:
        await page.get_by_role("button", name="Use a passkey instead of a code").click()
    assert (await answer.value).status == 200  # not the passkey alone, by the field of the address
    await page.wait_for_url(lambda url: "/sign-in" not in url)


async def test_where_there_are_none_the_page_says_why(front: Harness, visit: Visit) -> None:
    visitor = await visit(front.installation.url)
    page = await visitor.tab()
    address = front.address()
    front.client().register(address, PASSWORD, "Bo Buyer")
    await visitor.sign_in(page, address, PASSWORD)
    await page.goto(f"{visitor.url}/account")
    await expect(page.get_by_test_id("passkeys-unavailable")).to_contain_text("HOUSEFUL_PUBLIC_URL")
    await expect(page.get_by_test_id("passkey-add")).to_have_count(0)
    await sign_out(page)
    await page.goto(f"{visitor.url}/sign-in")
    await expect(page.get_by_test_id("sign-in-submit")).to_be_visible()
    await expect(page.get_by_test_id("sign-in-passkey")).to_have_count(0)
