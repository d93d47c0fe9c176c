"""This machine: its Python, clock, folder and keys."""

import ipaddress
import os
import platform
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from houseful.adapters.sqlite import folder_lock
from houseful.adapters.sqlite import health as sqlite_health
from houseful.gateway import find_folder
from houseful.settings import KEYS_OF, Settings, SettingsError, load_secrets
from houseful.tools.doctor.finding import Finding, ok, problem, warning

_SPACE_LEAST = 100 * 2**20
_SPACE_GOOD = 2**30
_EARLIEST = 1_767_225_600  # 2026-01-01: this program is no older
_SAFE_SQLITE = (3, 51, 3)


def python() -> Finding:
    return ok("Python", platform.python_version())


def clock() -> Finding:
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < _EARLIEST:
        return problem(
            "clock", f"it says {shown}, which is in the past", "Set it, and let NTP keep it right."
        )
    return ok("clock", shown)


def embedded(settings: Settings) -> Iterator[Finding]:
    """Requirements of an installation with files in its data folder."""
    yield _sqlite()
    yield from _folder(settings.data_folder)
    yield _server(settings.data_folder)


def _sqlite() -> Finding:
    version = sqlite_health.library_version()
    if tuple(int(part) for part in version.split(".")[:3]) < _SAFE_SQLITE:
        return problem(
            "SQLite",
            f"{version} can damage a database that two processes use",
            "Install apsw 3.51.3 or newer: it brings its own SQLite.",
        )
    return ok("SQLite", version)


def _folder(folder: Path) -> Iterator[Finding]:
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        yield problem(
            "data folder",
            f"{existing} is not writable for this user",
            f"Give it to this user (chown), or name another than {folder} with --data or HOUSEFUL_DATA.",
        )
        return
    state = "exists" if folder.exists() else "will be made at the first start"
    yield ok("data folder", f"{folder.absolute()} {state}")
    free = shutil.disk_usage(existing).free
    detail = f"{free / 2**30:.1f} GB free"
    if free < _SPACE_LEAST:
        yield problem("disk space", detail, "Make room: without it nothing can be sold.")
    elif free < _SPACE_GOOD:
        yield warning("disk space", detail, "Make room before the next on-sale.")
    else:
        yield ok("disk space", detail)


def _server(folder: Path) -> Finding:
    holder = folder_lock.holder(folder)
    if holder is None:
        return ok("server", "no server works on this folder")
    return ok("server", f"process {holder.process} works on this folder")


def links(settings: Settings) -> Finding:
    """The URL that links in e-mails lead to.

    A running server may have another host setting than this command.
    """
    holder = folder_lock.holder(settings.data_folder)
    url = settings.public_url or (holder.links if holder else "") or settings.base_url
    if settings.public_url:
        return ok("links", f"letters lead to {url}")
    if settings.listens_everywhere or not _is_loopback(url):
        return warning(
            "links",
            f"letters lead to {url}, which buyers may not reach: nobody said where they open this",
            "Set HOUSEFUL_PUBLIC_URL to the address that they open, such as https://tickets.example.org.",
        )
    return ok("links", f"letters lead to {url}, which is for this machine alone")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def own_keys(settings: Settings) -> Finding:
    """The keys of an installation that makes its own."""
    file = settings.data_folder / "keys.toml"
    if not file.exists():
        return ok("keys", "will be made at the first start, or come from the environment")
    return _readable_by_others(file) or ok("keys", f"{file}, readable for its owner only")


def shared_keys(settings: Settings) -> Finding:
    """The keys of an installation whose processes share keys.

    A process has the keys of its parts, so that some may be missing here.
    """
    wrong: dict[str, Mapping[str, str]] = {}
    for part in KEYS_OF:
        try:
            load_secrets(settings, parts=[part], make=False)
        except SettingsError as error:
            wrong[part] = error.errors
    complete = [part for part in KEYS_OF if part not in wrong]
    errors = {name: what for found in wrong.values() for name, what in found.items()}
    unusable = any(not what.startswith("is missing") for what in errors.values())
    if unusable or not complete:
        detail = "; ".join(f"{name} {what}" for name, what in errors.items())
        fix = "Give every process the keys of its parts in its environment; `houseful keys` makes a set."
        return problem("keys", detail, fix)
    file = settings.data_folder / "keys.toml"
    which = "all are there" if not wrong else f"those of {', '.join(complete)} are there"
    return (file.exists() and _readable_by_others(file)) or ok("keys", which)


def _readable_by_others(file: Path) -> Finding | None:
    mode = stat.S_IMODE(file.stat().st_mode)
    if not mode & 0o077:
        return None
    return problem("keys", f"others can read {file} (mode {mode:o})", f"chmod 600 {file}")


def web_app(settings: Settings) -> Finding:
    folder = find_folder(settings.web_folder)
    if folder is None:
        return warning(
            "web app",
            "not built: browsers see a page that says so, the API works",
            "cd web && npm ci --ignore-scripts && npm run build, or install a release.",
        )
    return ok("web app", str(folder))
