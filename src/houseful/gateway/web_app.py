"""Serves the built web app: a few dozen small files, kept in memory with their compressed form.

A file server of a framework opens every file in a thread and compresses nothing; this is what a page of
hashed assets needs and no more. A file that changes on disk is noticed, so that a new build shows without a
restart.
"""

import hashlib
import mimetypes
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from houseful.common.errors import Refusal
from houseful.common.http import Answer

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
_SMALL = 512
_LARGEST = 32 * 1024 * 1024
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".map": "application/json",
}

_NOT_BUILT = b"""<!doctype html>
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
"""


@dataclass(frozen=True, slots=True)
class _File:
    stamp: tuple[int, int]
    content: bytes
    gzipped: bytes | None
    media_type: str
    etag: str
    cache: str


def find_folder(named: str) -> Path | None:
    """The folder of the built web app: the one that is named, else what comes with the package, else the
    repository's own build."""
    package = Path(__file__).resolve().parent.parent
    places = [Path(named)] if named else [package / "static", package.parent.parent / "web" / "dist"]
    return next((place.resolve() for place in places if (place / "index.html").is_file()), None)


class WebApp:
    """`folder` may be None: then a page says how to build the web app."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}

    def answer(self, path: str, *, if_none_match: str | None, gzip: bool) -> Answer:
        """The file at that path, or the app itself where the path is one of its screens. Raises `Refusal`
        (404)."""
        if self._folder is None:
            if not _may_be_screen(path):
                raise _nothing_at(path)
            return Answer(_NOT_BUILT, 200, "text/html; charset=utf-8", [("cache-control", "no-store")])
        file = self._file(path.lstrip("/"))
        if file is None:
            if not _may_be_screen(path):
                raise _nothing_at(path)
            file = self._file("index.html")
        if file is None:
            raise Refusal(
                503,
                "web_app_missing",
                "The web app is being replaced. Reload in a moment.",
                headers={"retry-after": "2"},
            )
        headers = [("etag", file.etag), ("cache-control", file.cache), ("vary", "accept-encoding")]
        if if_none_match is not None and file.etag in if_none_match:
            return Answer(b"", 304, file.media_type, headers)
        if gzip and file.gzipped is not None:
            return Answer(file.gzipped, 200, file.media_type, [*headers, ("content-encoding", "gzip")])
        return Answer(file.content, 200, file.media_type, headers)

    def _file(self, name: str) -> _File | None:
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
        self._files[name] = file = _read(place, name, stamp)
        return file


def _nothing_at(path: str) -> Refusal:
    return Refusal(404, "no_such_path", f"There is nothing at {path}.")


def _may_be_screen(path: str) -> bool:
    """What has a name like a file's, or is hidden, is none: who asks for `/.git/config` is to hear that there
    is nothing."""
    parts = path.split("/")
    return not (
        path.startswith("/" + _HASHED) or "." in parts[-1] or any(part.startswith(".") for part in parts)
    )


def _read(place: Path, name: str, stamp: tuple[int, int]) -> _File:
    content = place.read_bytes()
    media_type = _TYPES.get(place.suffix) or mimetypes.guess_type(place.name)[0] or "application/octet-stream"
    gzipped = None
    if media_type.startswith(_COMPRESSIBLE) and len(content) >= _SMALL:
        gzipped = zlib.compress(content, 9, 31)
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    etag = f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    return _File(
        stamp, content, gzipped, media_type, etag, _FOREVER if name.startswith(_HASHED) else _ASK_AGAIN
    )
