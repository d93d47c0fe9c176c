"""Serves the built web app: a few dozen small files, kept in memory with their compressed forms.

A file server of a framework opens every file in a thread and compresses nothing; this is what a page of
hashed assets needs and no more. A file that changes on disk is noticed, so that a new build shows without a
restart.
"""

import asyncio
import mimetypes
import os
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from houseful.kernel.ports import Workers
from houseful.webapi.cached_bodies import CachedBodies, CachedBody
from houseful.webapi.problems import ProblemError
from houseful.webapi.responses import Response

_SCREENS = "screens.json"
_HASHED = "assets/"  # where the build puts files that have the hash of their content in their name
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_COMPRESSIBLE = (
    "text/",
    "application/javascript",
    "application/json",
    "application/wasm",
    "application/manifest",
    "image/svg",
)
_LARGEST = 32 * 1024 * 1024
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".map": "application/json",
}

_NOT_BUILT = CachedBody(
    b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Houseful</title>
<style>body{font:1rem/1.6 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}</style>
<h1>Houseful is running</h1>
<p>The server answers, but its web app has not been built. In the project's folder:</p>
<pre><code>cd web
npm ci --ignore-scripts
npm run build</code></pre>
<p>Then reload this page. Without Node, install a release: it brings the web app with it. Another
folder can be named in <code>HOUSEFUL_WEB_FOLDER</code>.</p>
<p>The API is there already: <a href="/api/docs">try it</a> or fetch
<a href="/api/openapi.json">its description</a>.</p>
</html>
""",
    "text/html; charset=utf-8",
)


@dataclass(frozen=True, slots=True)
class _File:
    stamp: tuple[int, int]
    kept: CachedBody
    cache: str
    compressible: bool


def find_folder(named: str) -> Path | None:
    """The folder of the built web app: the one that is named, else what comes with the package, else the
    repository's own build."""
    package = Path(__file__).resolve().parent.parent
    places = [Path(named)] if named else [package / "static", package.parent.parent / "web" / "dist"]
    return next((place.resolve() for place in places if (place / "index.html").is_file()), None)


class WebApp:
    """`folder` may be None: then a page says how to build the web app."""

    def __init__(self, folder: Path | None, workers: Workers) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._bodies = CachedBodies(workers)

    async def answer(
        self, path: str, *, if_none_match: str | None = None, accept_encoding: str | None = None
    ) -> Response:
        """The file at that path, or the app itself where the path may be one of its screens; where it is none
        the app says so, with status 404. Raises `ProblemError` (404) for what was to be a file."""
        if self._folder is None:
            if not _may_be_screen(path):
                raise _nothing_at(path)
            return _NOT_BUILT.answer(
                accept_encoding=accept_encoding,
                if_none_match=if_none_match,
                headers=[("cache-control", _ASK_AGAIN)],
            )
        file = await self._file(path.lstrip("/"))
        known = True
        if file is None:
            if not _may_be_screen(path):
                raise _nothing_at(path)
            known = await self._is_screen(path)
            file = await self._file("index.html")
        if file is None:
            raise ProblemError(
                503,
                "web_app_missing",
                "The web app is being replaced. Reload in a moment.",
                headers={"retry-after": "2"},
            )
        answer = file.kept.answer(
            accept_encoding=accept_encoding if file.compressible else None,
            if_none_match=if_none_match if known else None,
            headers=[("cache-control", file.cache)],
        )
        return answer if known else replace(answer, status=404)

    async def _is_screen(self, path: str) -> bool:
        """By the list that the build makes; without one each path is."""
        file = await self._file(_SCREENS)
        if file is None:
            return True
        asked = path.rstrip("/").split("/")
        return any(
            _matches(screen.rstrip("/").split("/"), asked)
            for screen in msgspec.json.decode(file.kept.plain, type=list[str])
        )

    async def _file(self, name: str) -> _File | None:
        assert self._folder is not None
        parts = (name or "index.html").split("/")
        if any(not part or part.startswith(".") or "\\" in part or "\0" in part for part in parts):
            return None
        place = self._folder.joinpath(*parts)
        try:
            status = os.stat(place)
        except (OSError, ValueError):
            return None
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._files.get(name)
        if known is not None and known.stamp == stamp:
            return known
        if (
            not place.is_file()
            or status.st_size > _LARGEST
            or not place.resolve().is_relative_to(self._folder)
        ):
            return None
        self._files[name] = file = await self._read(place, name, stamp)
        return file

    async def _read(self, place: Path, name: str, stamp: tuple[int, int]) -> _File:
        content = await asyncio.to_thread(place.read_bytes)
        media_type = (
            _TYPES.get(place.suffix) or mimetypes.guess_type(place.name)[0] or "application/octet-stream"
        )
        compressible = media_type.startswith(_COMPRESSIBLE)
        if media_type.startswith("text/"):
            media_type += "; charset=utf-8"
        kept = (
            await self._bodies.make(content, media_type) if compressible else CachedBody(content, media_type)
        )
        return _File(stamp, kept, _FOREVER if name.startswith(_HASHED) else _ASK_AGAIN, compressible)


def _matches(screen: list[str], asked: list[str]) -> bool:
    """`$name` is any segment."""
    return len(screen) == len(asked) and all(
        known == segment or (known.startswith("$") and segment)
        for known, segment in zip(screen, asked, strict=True)
    )


def _nothing_at(path: str) -> ProblemError:
    return ProblemError(404, "no_such_path", f"There is nothing at {path}.")


def _may_be_screen(path: str) -> bool:
    """What has a name like a file's, or is hidden, is none: who asks for `/.git/config` is to hear that there
    is nothing."""
    parts = path.split("/")
    return not (
        path.startswith("/" + _HASHED) or "." in parts[-1] or any(part.startswith(".") for part in parts)
    )
