"""What a check looks at, and what it says."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from houseful.kernel.documents import Document
from houseful.kernel.ports import BusInspection, Clock, Reader, Store

D = TypeVar("D", bound=Document)

_PAGE = 1000


class Finding(msgspec.Struct, frozen=True):
    """`subject` is what it is about, by id."""

    code: str
    subject: str
    detail: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    claim: str
    looked_at: str
    findings: list[Finding]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool
    checks: list[Result]


class Installation(NamedTuple):
    """Stores by service; a service that has stored nothing yet has none. `bus` is None where nothing was ever
    published. `marks` says whether relays of ours mark what they publish."""

    stores: Mapping[str, Store]
    bus: BusInspection | None
    clock: Clock
    marks: bool = True


class Look(NamedTuple):
    """One look: what was found, and what was looked at, in words."""

    findings: list[Finding]
    looked_at: str


class Check(NamedTuple):
    code: str
    claim: str
    look: Callable[[Installation], Awaitable[Look]]


async def every(store: Reader, kind: type[D]) -> AsyncIterator[D]:
    """All documents of a kind, by id. What is inserted meanwhile may be missed."""
    after: tuple[None, str] | None = None
    while True:
        page = await store.find(kind, {}, after=after, limit=_PAGE)
        for document in page:
            yield document
        if len(page) < _PAGE:
            return
        after = (None, page[-1].id)
