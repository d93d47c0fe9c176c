"""Other servers: Redis, the other processes, the mail server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec.structs import replace

from houseful.adapters import factory
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import Unavailable
from houseful.settings import SERVICES, Settings, SettingsError, load_secrets
from houseful.tools.doctor.finding import Finding, clock_of, ok, problem, warning

if TYPE_CHECKING:
    from houseful.adapters.redis.health import Health

_SMTP_SECONDS = 5.0
_TESTED_REDIS = 7
_FULL = 0.9


async def redis(settings: Settings) -> AsyncIterator[Finding]:
    with factory.driver("coordination_url"):
        from houseful.adapters.redis import health as redis_health
    await factory.open_coordination(settings, clock=SystemClock()).close()  # complains of the URL itself
    try:
        health = await redis_health.probe(settings.coordination_url, settings.installation)
    except Unavailable as error:
        yield problem(
            "Redis",
            str(error),
            "It has to run, take writes of this user, and be reachable at HOUSEFUL_COORDINATION_URL.",
        )
        return
    for finding in redis_findings(health):
        yield finding


def redis_findings(health: "Health") -> Iterator[Finding]:
    if health.version is None:
        yield ok("Redis", f"{health.where} answers, and tells this user no more")
    elif int(health.version.partition(".")[0]) < _TESTED_REDIS:
        yield warning("Redis", f"{health.version} at {health.where}", "Update it: 7.0 is the oldest tested.")
    else:
        yield ok("Redis", f"{health.version} at {health.where}")
    if health.memory_limit:
        yield _memory(health, health.memory_limit)
    if health.saves:
        yield ok(
            "Redis on disk",
            f"it writes {health.saves}, which costs time and which nobody needs here",
            'CONFIG SET save "" and CONFIG SET appendonly no, unless others keep things in it.',
        )
    yield clock_of("Redis", health.ahead_seconds)


def _memory(health: "Health", limit: int) -> Finding:
    used = (health.memory_used or 0) / limit
    detail = f"{used:.0%} of {limit / 2**20:.0f} MB used, {health.eviction}"
    if health.eviction != "noeviction":
        return warning(
            "Redis memory",
            f"{detail}: when it is full, locks and counters vanish before their time",
            "CONFIG SET maxmemory-policy noeviction: all that Houseful writes ends by itself.",
        )
    if used > _FULL:
        return warning(
            "Redis memory", detail, "Raise maxmemory: when it is full, nothing is limited or locked."
        )
    return ok("Redis memory", detail)


async def processes(settings: Settings) -> AsyncIterator[Finding]:
    """The processes of other parts, as far as the settings name them.

    They report more to holders of the installation's key.
    """
    try:
        key = load_secrets(settings, parts=["gateway"], make=False).gateway_key
    except SettingsError:
        key = ""  # which is a finding of its own
    for part in ("gateway", *SERVICES):
        variable = f"HOUSEFUL_{part.upper()}_URL"
        urls = settings.copies(part)
        copies = await asyncio.gather(*(_process(f"{part} at {url}", url, variable, key) for url in urls))
        one_is_ready = any(first.state != "problem" for first, *_ in copies)
        for first, *others in copies:
            if first.state == "problem" and one_is_ready:
                first = replace(first, state="warning", detail=f"{first.detail}; another copy is ready")
            yield first
            for finding in others:
                yield finding
    if any(settings.copies(part) for part in SERVICES) and not settings.copies("line"):
        yield warning(
            "line",
            "no line service is named: events with a line can't be published, and none of one that is "
            "published can be sold",
            "Start `houseful serve line` and name it in HOUSEFUL_LINE_URL, unless no event has a line.",
        )


async def _process(name: str, url: str, variable: str, key: str) -> list[Finding]:
    from houseful.adapters.http import health as http_health

    try:
        health = await http_health.probe(url, key)
    except Unavailable as error:
        return [problem(name, str(error), f"Start it there, or correct {variable}.")]
    log = "The log of that process says more, and so does the doctor where it runs."
    if not health.ready:
        first = problem(name, f"not ready: {health.complaint}", log)
    elif health.complaint:
        first = warning(name, f"ready, but {health.complaint}", log)
    else:
        first = ok(name, "ready")
    clock = clock_of(name, health.ahead_seconds or 0.0)
    return [first] if clock.state == "ok" else [first, clock]


async def mail(settings: Settings) -> Finding:
    parts = urlsplit(settings.mail_url)
    if parts.scheme == "folder":
        where = parts.path or str(settings.data_folder / "mail")
        return ok("mail", f"letters are written into {where}, none is sent")
    port = parts.port or (465 if parts.scheme == "smtps" else 587 if parts.username else 25)
    try:
        async with asyncio.timeout(_SMTP_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, port)
        writer.close()
    except (OSError, TimeoutError) as error:
        reason = str(error) or f"no answer within {_SMTP_SECONDS:g} s"
        return problem(
            "mail",
            f"{parts.hostname}:{port} can't be reached: {reason}",
            "Correct HOUSEFUL_MAIL_URL, or let this machine out to that port.",
        )
    return ok("mail", f"{parts.hostname}:{port} answers")
