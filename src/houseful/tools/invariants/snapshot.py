"""Checks of invariants: their input, a snapshot of the stores, and the violations that they find."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from houseful.kernel.documents import Document
from houseful.kernel.ports import BusInspection, Clock, Reader, Store

D = TypeVar("D", bound=Document)

_PAGE = 1000


class Violation(msgspec.Struct, frozen=True):
    """One broken invariant. `subject` is the id of the object that breaks it."""

    code: str
    subject: str
    detail: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    claim: str
    scope: str = msgspec.field(name="looked_at")
    violations: list[Violation] = msgspec.field(name="findings")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool
    checks: list[Result]


class Installation(NamedTuple):
    """The stores by service, and the bus. Services that have stored nothing have no store.

    `bus` is None where nothing was ever published. `marks` is True where our relays mark published rows.
    """

    stores: Mapping[str, Store]
    bus: BusInspection | None
    clock: Clock
    marks: bool = True


class Snapshot(NamedTuple):
    """The violations at one moment. `scope` says in words what was read."""

    violations: list[Violation]
    scope: str


class Check(NamedTuple):
    code: str
    claim: str
    take_snapshot: Callable[[Installation], Awaitable[Snapshot]]


async def all_documents(store: Reader, kind: type[D]) -> AsyncIterator[D]:
    """All documents of a kind, by id. Documents inserted meanwhile may be missed."""
    after: tuple[None, str] | None = None
    while True:
        page = await store.find(kind, {}, after=after, limit=_PAGE)
        for document in page:
            yield document
        if len(page) < _PAGE:
            return
        after = (None, page[-1].id)
