import os
import zlib
from pathlib import Path

import pytest

from houseful.adapters.processes.pool import InlineWorkers
from houseful.gateway import WebApp, find_folder
from tests.unit.gateway.harness import Front, Harness


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>app</title>")
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "assets" / "app-1a2b.js").write_text("console.log(1);" * 100)
    (folder / "assets" / "photo.bin").write_bytes(os.urandom(3000))
    (folder / ".secret").write_text("no")
    (tmp_path / "outside.txt").write_text("classified")
    return folder


@pytest.fixture
def front(folder: Path) -> Front:
    return Harness().gateway(web_app=WebApp(folder.resolve(), InlineWorkers()))


async def test_hashed_assets_are_kept_for_ever(front: Front) -> None:
    reply = await front.call("GET", "/assets/app-1a2b.js", headers={"accept-encoding": "gzip"})
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
    assert reply.headers["content-encoding"] == "gzip"
    assert zlib.decompress(reply.content, wbits=31).startswith(b"console.log")
    plain = await front.call("GET", "/assets/app-1a2b.js")
    assert plain.content.startswith(b"console.log")


@pytest.mark.parametrize("path", ["/", "/index.html", "/events/evt_1", "/problems/seats_taken", "/a.b/c"])
async def test_screens_are_the_app_and_asked_for_each_time(front: Front, path: str) -> None:
    reply = await front.call("GET", path)
    assert (reply.status, reply.headers["cache-control"]) == (200, "no-cache")
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    again = await front.call("GET", path, headers={"if-none-match": reply.headers["etag"]})
    assert (again.status, again.content) == (304, b"")


async def test_a_path_that_the_build_does_not_name_is_a_404_that_the_app_shows(
    front: Front, folder: Path
) -> None:
    (folder / "screens.json").write_text('["/","/events/$eventId","/orders"]')
    for path in ("/", "/events/evt_1", "/events/evt_1/", "/orders", "/orders/", "/index.html"):
        assert (await front.call("GET", path)).status == 200
    for path in ("/wp-admin", "/events", "/events//", "/events/evt_1/more", "/orders/x", "//orders"):
        reply = await front.call("GET", path, headers={"if-none-match": "*"})
        assert reply.status == 404
        assert b"<title>app</title>" in reply.content


@pytest.mark.parametrize(
    "path",
    ["/assets/app-gone.js", "/assets/gone", "/favicon.ico", "/events/robots.txt", "/.git/config", "/.env",
     "/.git/", "/.git", "/events/.svn/entries", "/wp-login.php", "/../outside", "/.", "/a/./b"],
)  # fmt: skip
async def test_a_file_that_is_not_there_is_no_screen(front: Front, path: str) -> None:
    (await front.call("GET", path)).refused(404, "no_such_path")
    (await Harness().gateway(web_app=WebApp(None, InlineWorkers())).call("GET", path)).refused(
        404, "no_such_path"
    )


@pytest.mark.parametrize(
    "path",
    ["/../outside.txt", "/assets/../../outside.txt", "/.secret", "//etc/passwd", "/..\\outside.txt", "/a\0b"],
)
async def test_nothing_outside_of_the_folder_is_served(front: Front, path: str) -> None:
    reply = await front.call("GET", path)
    assert b"<title>app</title>" in reply.content or reply.status == 404
    assert b"root:" not in reply.content
    assert b"classified" not in reply.content


async def test_a_link_out_of_the_folder_is_not_followed(front: Front, folder: Path) -> None:
    (folder / "leak.txt").symlink_to(folder.parent / "outside.txt")
    assert b"classified" not in (await front.call("GET", "/leak.txt")).content


async def test_a_new_build_shows_at_once(front: Front, folder: Path) -> None:
    await front.call("GET", "/")
    (folder / "index.html").write_text("<!doctype html><title>newer app</title>")
    assert b"newer" in (await front.call("GET", "/")).content


async def test_only_reading(front: Front) -> None:
    (await front.call("POST", "/")).refused(405, "method_not_allowed")
    assert (await front.call("HEAD", "/")).content == b""


async def test_without_a_build_a_page_says_what_to_do() -> None:
    reply = await Harness().gateway(web_app=WebApp(None, InlineWorkers())).call("GET", "/anything")
    assert reply.status == 200
    assert b"npm run build" in reply.content


def test_where_the_web_app_is_looked_for(folder: Path, tmp_path: Path) -> None:
    assert find_folder(str(folder)) == folder.resolve()
    assert find_folder(str(tmp_path)) is None
