"""Is everything there that this installation needs? Each answer comes with what to do about it. Changes
nothing."""

import asyncio
import os
import platform
import shutil
import stat
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from houseful.adapters import folder_lock, sqlite_health
from houseful.adapters.local_bus import LocalBus
from houseful.adapters.sqlite import SqliteStore
from houseful.adapters.system import SystemClock, SystemIds
from houseful.app import MANIFESTS, bus_file, open_store, store_file
from houseful.common.delivery import list_dead, list_parked
from houseful.common.errors import Unavailable
from houseful.common.service import Manifest
from houseful.gateway import find_folder
from houseful.settings import Settings

_SPACE_LEAST = 100 * 2**20
_SPACE_GOOD = 2**30
_OLD_SECONDS = 60.0
_LAG_MOST = 1000
_SMTP_SECONDS = 5.0
_EARLIEST = 1_767_225_600  # 2026-01-01: this program is no older
_AHEAD_MILLIS = 300_000
_SAFE_SQLITE = (3, 51, 3)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`state` "problem" means that something does not work; "warning" that it will not for long, or is not as
    it should be."""

    name: str
    state: Literal["ok", "warning", "problem"]
    detail: str
    fix: str | None = None


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """In the order in which things depend on each other."""
    for finding in (
        *_versions(),
        _clock(),
        *_folder(settings.data_folder),
        _keys(settings.data_folder),
        _server(settings),
    ):
        yield finding
    for manifest in MANIFESTS:
        for finding in await _store(settings.data_folder, manifest):
            yield finding
    yield await _bus(settings.data_folder)
    yield await _mail(settings)
    yield _web_app(settings)


def _versions() -> Iterator[Finding]:
    yield Finding(name="Python", state="ok", detail=platform.python_version())
    version = sqlite_health.library_version()
    if tuple(int(part) for part in version.split(".")[:3]) < _SAFE_SQLITE:
        yield Finding(
            name="SQLite",
            state="problem",
            detail=f"{version} can damage a database that two processes use",
            fix="Install apsw 3.51.3 or newer: it brings its own SQLite.",
        )
    else:
        yield Finding(name="SQLite", state="ok", detail=version)


def _clock() -> Finding:
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < _EARLIEST:
        return Finding(
            name="clock",
            state="problem",
            detail=f"it says {shown}, which is in the past",
            fix="Set it, and let NTP keep it right.",
        )
    return Finding(name="clock", state="ok", detail=shown)


def _folder(folder: Path) -> Iterator[Finding]:
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            name="data folder",
            state="problem",
            detail=f"{existing} is not writable for this user",
            fix=f"Give it to this user (chown), or name another than {folder} with --data or HOUSEFUL_DATA.",
        )
        return
    state = "exists" if folder.exists() else "will be made at the first start"
    yield Finding(name="data folder", state="ok", detail=f"{folder.absolute()} {state}")
    free = shutil.disk_usage(existing).free
    detail = f"{free / 2**30:.1f} GB free"
    if free < _SPACE_LEAST:
        yield Finding(
            name="disk space",
            state="problem",
            detail=detail,
            fix="Make room: without it nothing can be sold.",
        )
    elif free < _SPACE_GOOD:
        yield Finding(
            name="disk space", state="warning", detail=detail, fix="Make room before the next on-sale."
        )
    else:
        yield Finding(name="disk space", state="ok", detail=detail)


def _keys(folder: Path) -> Finding:
    file = folder / "keys.toml"
    if not file.exists():
        return Finding(
            name="keys", state="ok", detail="will be made at the first start, or come from the environment"
        )
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return Finding(
            name="keys",
            state="problem",
            detail=f"others can read {file} (mode {mode:o})",
            fix=f"chmod 600 {file}",
        )
    return Finding(name="keys", state="ok", detail=f"{file}, readable for its owner only")


def _server(settings: Settings) -> Finding:
    process = folder_lock.holder(settings.data_folder)
    detail = (
        "no server works on this folder" if process is None else f"process {process} works on this folder"
    )
    return Finding(name="server", state="ok", detail=detail)


async def _store(folder: Path, manifest: Manifest[Any]) -> list[Finding]:
    name = f"{manifest.name} store"
    file = store_file(folder, manifest.name)
    if not file.exists():
        return [Finding(name=name, state="ok", detail="will be made at the first start")]
    faults = await asyncio.to_thread(sqlite_health.faults, file)
    if faults:
        fix = f"Stop the server, keep {file} and its -wal file, and restore the last backup."
        return [
            Finding(name=name, state="problem", detail=f"{file} is damaged: {'; '.join(faults)}", fix=fix)
        ]
    try:
        async with _opened(manifest, folder) as store:
            return [
                Finding(name=name, state="ok", detail=f"{file.stat().st_size / 2**20:.1f} MB, sound"),
                *await _messages(manifest, store),
            ]
    except Unavailable as error:
        fix = "Start the server once: it brings older files up to date."
        return [Finding(name=name, state="problem", detail=str(error), fix=fix)]


@asynccontextmanager
async def _opened(manifest: Manifest[Any], folder: Path) -> AsyncIterator[SqliteStore]:
    store = open_store(manifest, folder, SystemClock(), SystemIds(), read_only=True)
    try:
        yield store
    finally:
        await store.close()


async def _messages(manifest: Manifest[Any], store: SqliteStore) -> Sequence[Finding]:
    found = []
    figures = await store.outbox.figures()
    if figures.oldest_unpublished_at is not None:
        age_seconds = (SystemClock().now() - figures.oldest_unpublished_at) / 1000
        if age_seconds * 1000 < -_AHEAD_MILLIS:
            found.append(
                Finding(
                    name=f"{manifest.name} outbox",
                    state="warning",
                    detail=f"a message was written {-age_seconds:.0f} s in the future",
                    fix="The clock was set back since; check it and let NTP keep it right.",
                )
            )
        elif age_seconds > _OLD_SECONDS:
            found.append(
                Finding(
                    name=f"{manifest.name} outbox",
                    state="warning",
                    detail=f"{figures.unpublished} messages wait, the oldest for {age_seconds:.0f} s",
                    fix="They go out when the server runs. If it does run, its log says what is in the way.",
                )
            )
    parked = [one for one in await list_parked(store) if one.state == "parked"]
    if parked:
        detail = f"{len(parked)} keys wait for a person, first {parked[0].id}: {parked[0].reason}"
        fix = "houseful messages parked; then houseful messages unpark SERVICE KEY"
        found.append(Finding(name=f"{manifest.name} messages", state="problem", detail=detail, fix=fix))
    dead = await list_dead(store)
    if dead:
        detail = f"{len(dead)} messages were not understood, first {dead[0].id}: {dead[0].error}"
        fix = "houseful messages dead; after an update, houseful messages retry SERVICE ID"
        found.append(Finding(name=f"{manifest.name} messages", state="problem", detail=detail, fix=fix))
    return found


async def _bus(folder: Path) -> Finding:
    file = bus_file(folder)
    if not file.exists():
        return Finding(name="bus", state="ok", detail="will be made at the first start")
    try:
        bus = LocalBus.open(file, clock=SystemClock(), read_only=True)
    except Unavailable as error:
        return Finding(
            name="bus", state="problem", detail=str(error), fix="Start the server once, or restore a backup."
        )
    try:
        lags = await bus.lags()
    finally:
        await bus.close()
    behind = {f"{group} on {topic}": lag for (group, topic), lag in lags.items() if lag > _LAG_MOST}
    if behind:
        detail = ", ".join(f"{who} is {lag} messages behind" for who, lag in behind.items())
        return Finding(
            name="bus",
            state="warning",
            detail=detail,
            fix="Let the server run until it has caught up; see its log.",
        )
    return Finding(name="bus", state="ok", detail=f"{sum(lags.values())} messages under way")


async def _mail(settings: Settings) -> Finding:
    parts = urlsplit(settings.mail_url)
    if parts.scheme == "folder":
        where = parts.path or str(settings.data_folder / "mail")
        return Finding(name="mail", state="ok", detail=f"letters are written into {where}, none is sent")
    port = parts.port or (465 if parts.scheme == "smtps" else 587 if parts.username else 25)
    try:
        async with asyncio.timeout(_SMTP_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, port)
        writer.close()
    except (OSError, TimeoutError) as error:
        reason = str(error) or f"no answer within {_SMTP_SECONDS:g} s"
        return Finding(
            name="mail",
            state="problem",
            detail=f"{parts.hostname}:{port} can't be reached: {reason}",
            fix="Correct HOUSEFUL_MAIL_URL, or let this machine out to that port.",
        )
    return Finding(name="mail", state="ok", detail=f"{parts.hostname}:{port} answers")


def _web_app(settings: Settings) -> Finding:
    folder = find_folder(settings.web_folder)
    if folder is None:
        return Finding(
            name="web app",
            state="warning",
            detail="not built: browsers see a page that says so, the API works",
            fix="cd web && npm ci --ignore-scripts && npm run build, or install a release.",
        )
    return Finding(name="web app", state="ok", detail=str(folder))


def works(findings: Sequence[Finding]) -> bool:
    return all(finding.state != "problem" for finding in findings)
