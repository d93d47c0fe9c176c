"""The gate's camera: a real ticket held before it is read, with and without a network."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import segno
from playwright.async_api import async_playwright, expect

from tests.browser.conftest import ARGUMENTS, PATIENCE_MS, PHONE, Visit, Visitor, chromium_path, picture
from tests.browser.test_gate import codes_of, door_of, shows
from tests.system.harness import Harness

pytestmark = pytest.mark.browser

READER_IS_KEPT = """
() => caches.open('code-reader').then(kept => kept.keys()).then(all => all.length > 0)"""
WIDTH, HEIGHT, DOT = 640, 480, 6


def film_of(code: str, path: Path) -> None:
    """One frame of a QR code, as a camera for Chromium; YUV4MPEG2."""
    modules = [list(row) for row in segno.make_qr(code, error="m").matrix_iter(scale=DOT, border=4)]
    top, left = (HEIGHT - len(modules)) // 2, (WIDTH - len(modules)) // 2
    bright = bytearray(b"\xeb" * (WIDTH * HEIGHT))
    for y, row in enumerate(modules):
        for x, dark in enumerate(row):
            if dark:
                bright[(top + y) * WIDTH + left + x] = 16
    grey = b"\x80" * (WIDTH * HEIGHT // 2)
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(head + (b"FRAME\n" + bytes(bright) + grey) * 2)


@pytest_asyncio.fixture(loop_scope="session")
async def film(tmp_path: Path) -> Path:
    return tmp_path / "ticket.y4m"


@pytest_asyncio.fixture(loop_scope="session")
async def filming(film: Path, front: Harness) -> AsyncIterator[tuple[Visitor, str]]:
    """A phone whose camera sees a ticket, and the ticket's code."""
    _, codes = codes_of(front, "Filmed Evening")
    film_of(codes[0], film)
    camera = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path(), args=[*ARGUMENTS, *camera]
        )
        context = await browser.new_context(
            viewport={"width": PHONE["width"], "height": PHONE["height"]}, has_touch=True, is_mobile=True
        )
        context.set_default_timeout(PATIENCE_MS)
        visitor = Visitor(context, front.installation.url)
        yield visitor, codes[0]
        await browser.close()
        assert visitor.faults == []


async def test_a_ticket_before_the_camera_admits_once(front: Harness, filming: tuple[Visitor, str]) -> None:
    visitor, code = filming

    async def come(*_: object) -> Visitor:
        return visitor

    door = await door_of(front, come, "Filmed Evening")
    await door.get_by_test_id("gate-camera").click()
    await shows(door, 1, "Admit")
    await picture(door, "gate-camera")
    assert front.gate.scan(code, "by hand")["result"] == "already_used"

    await door.evaluate("navigator.serviceWorker.ready")
    await door.reload()  # now the app is kept, and what reads codes with it
    await expect(door.get_by_test_id("gate-listed")).to_be_attached()
    while not await door.evaluate(READER_IS_KEPT):
        await door.wait_for_timeout(100)
    await door.context.set_offline(True)
    await door.reload()
    await door.get_by_test_id("gate-camera").click()
    await shows(door, 1, "Already used")


async def test_a_device_without_a_camera_says_so(front: Harness, visit: Visit) -> None:
    codes_of(front, "Blind Evening")
    door = await door_of(front, visit, "Blind Evening", PHONE)
    await door.get_by_test_id("gate-camera").click()
    await expect(door.get_by_test_id("gate-camera-fault")).to_be_visible()
    await picture(door, "gate-camera-missing")
