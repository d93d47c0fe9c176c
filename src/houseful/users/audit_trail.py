"""One audit log of the installation: the services' logs, asked for through the gateway in the admin's own
name and merged by time."""

import asyncio
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec

from houseful.administration import AUDIT, AuditEntryView
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import ServiceClient
from houseful.kernel.times import millis
from houseful.webapi.audit import Part, merged
from houseful.webapi.cursors import ByMoment, moment_of

SERVICES = ("users", "events", "tickets", "line")
"""Those that have acts of staff."""

_NO_SUCH_SERVICE = 404


class _Page(msgspec.Struct, frozen=True):
    items: list[AuditEntryView]
    next_cursor: str | None = None


class Trail(NamedTuple):
    """`missing` are services that did not answer: their acts are not in it."""

    entries: list[AuditEntryView]
    last: ByMoment | None
    missing: list[str]


class AuditTrail:
    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def page(self, query: dict[str, str], limit: int, authorization: str) -> Trail:
        """Newest first. One cursor is good for all services, since each log is in order of time."""
        asked = f"?{urlencode(query)}"
        parts = await asyncio.gather(*(self._part(name, asked, authorization) for name in SERVICES))
        missing = [name for name, part in zip(SERVICES, parts, strict=True) if part is None]
        entries, last = merged([part for part in parts if part is not None], limit, _position)
        return Trail(entries, last, missing)

    async def _part(self, service: str, query: str, authorization: str) -> Part | None:
        """None where the service does not answer; one that the installation does not have has no acts."""
        try:
            answer = await self._client.request(
                "GET", f"{AUDIT}/{service}{query}", headers={"authorization": authorization}
            )
        except Unavailable:
            return None
        if answer.status == _NO_SUCH_SERVICE:
            return Part([], None)
        if answer.status != 200:
            return None
        page = msgspec.json.decode(answer.body, type=_Page)
        return Part(page.items, moment_of(page.next_cursor))


def _position(entry: AuditEntryView) -> ByMoment:
    return millis(datetime.fromisoformat(entry.at)), entry.id
