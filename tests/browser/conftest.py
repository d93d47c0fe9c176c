"""A real Chromium against a real server."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Response, async_playwright, expect

from tests.support.live_server import UP
from tests.system.command import ByCommand
from tests.system.fixtures import SINGLE, SPLIT
from tests.system.harness import Harness
from tests.system.installations import TOGETHER, Installation, OneProcess, must_pass_the_check

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 240_000
"""For whatever a page is to show or do; machines may be slow."""

PICTURES = Path(__file__).parents[2] / "test-results"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Visitor:
    """One browser profile: its cookies, its tabs, and what went wrong in them."""

    context: BrowserContext
    url: str
    faults: list[str] = field(default_factory=list)

    async def tab(self, path: str = "/") -> Page:
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("response", self._look)
        await page.goto(self.url + path)
        return page

    def _look(self, answer: Response) -> None:
        if answer.status >= 500:
            self.faults.append(f"{answer.status} {answer.url}")

    async def sign_in(self, page: Page, email: str, password: str) -> None:
        await page.goto(self.url + "/sign-in")
        await page.get_by_test_id("sign-in-email").fill(email)
        await page.get_by_test_id("sign-in-password").fill(password)
        await page.get_by_test_id("sign-in-submit").click()
        await page.wait_for_url(lambda url: "/sign-in" not in url)


@pytest.fixture(scope="module")
def box_office(
    topology: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Harness]:
    """Each topology as people start it."""
    data = tmp_path_factory.mktemp("box-office") / "data"
    if topology == SPLIT:
        request.getfixturevalue("engines")  # skips where they are not to be had
        installation: Installation = ByCommand(data)
    else:
        installation = OneProcess(data, UP if topology == SINGLE else TOGETHER, {})
    harness = Harness(installation)
    yield harness
    must_pass_the_check(installation)
    harness.close()
    installation.close()


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """One process for all modules, for what happens in the browser alone."""
    installation = OneProcess(tmp_path_factory.mktemp("front") / "data", UP, {})
    harness = Harness(installation)
    yield harness
    must_pass_the_check(installation)
    harness.close()
    installation.close()


Visit = Callable[..., Awaitable[Visitor]]


def pytest_itemcollected(item: pytest.Item) -> None:
    """One event loop for all of them, since the browser is shared."""
    item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def chromium_path() -> str:
    """Skips where there is none."""
    path = os.environ.get("HOUSEFUL_TEST_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("there is no Chromium on this machine")
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests: its start takes a second of a core. A test brings a context of its own."""
    path = chromium_path()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(chromium: Browser) -> AsyncIterator[Visit]:
    """`await visit(url)`: a visitor on a desktop, or `visit(url, PHONE)`. None may have seen a fault."""
    visitors: list[Visitor] = []

    async def come(url: str, size: dict[str, int] = DESKTOP) -> Visitor:
        phone = size is PHONE
        context = await chromium.new_context(
            viewport={"width": size["width"], "height": size["height"]}, has_touch=phone, is_mobile=phone
        )
        context.set_default_timeout(PATIENCE_MS)
        visitors.append(Visitor(context, url))
        return visitors[-1]

    yield come
    for visitor in visitors:
        await visitor.context.close()
    assert not [fault for visitor in visitors for fault in visitor.faults]


async def picture(page: Page, name: str) -> bytes:
    """Kept in test-results/, to be looked at."""
    PICTURES.mkdir(exist_ok=True)
    return await page.screenshot(path=PICTURES / f"{name}.png")
