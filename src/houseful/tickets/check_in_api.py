"""The gate over HTTP: scans one by one and in batches, and who may send them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from houseful.kernel.errors import DomainError, Forbidden, invalid
from houseful.kernel.ports import Transaction
from houseful.kernel.times import millis
from houseful.tickets import check_in_views
from houseful.tickets.check_in_views import CheckinView, StaffMemberView
from houseful.tickets.domain.scans import Direction, ScanRequest
from houseful.tickets.domain.shows import Show
from houseful.tickets.organizer_api import own_show
from houseful.tickets.use_cases import Tickets
from houseful.tickets.use_cases.check_in import NotStaff, Outcome
from houseful.webapi.audit import actor_of
from houseful.webapi.endpoint import GATE, ORGANIZER, Endpoint
from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.requests import Input, Request, decode
from houseful.webapi.responses import Page, View
from houseful.webapi.validation import ONE_LINE

MOST_SCANS = 500

GateName = Annotated[str, Meta(min_length=1, max_length=100, pattern=ONE_LINE)]
OverrideReason = Annotated[str, Meta(min_length=3, max_length=200, pattern=ONE_LINE)]
ScanId = Annotated[str, Meta(min_length=1, max_length=100)]


class ScanInput(Input, frozen=True, kw_only=True):
    """`code` is what the scanner read, whatever that is. `event_id` says which event the gate belongs to;
    without it a ticket of any event that the account may scan is admitted. `direction` is `out` for who
    leaves and may come in again. `decided_offline`: the gate had no network, and somebody has gone through
    already. `by_name`: `code` is the id of a ticket that was found in the list of names. `override_reason`:
    the event's organizer, or an administrator, lets in by a ticket that is used or refunded.
    """

    code: str
    gate: GateName
    scan_id: ScanId
    scanned_at: datetime
    event_id: str | None = None
    direction: Direction = "in"
    decided_offline: bool = False
    by_name: bool = False
    override_reason: OverrideReason | None = None


class BatchInput(Input, frozen=True, kw_only=True):
    """A scan that is not as it should be gets the result `invalid`; the others count."""

    scans: Annotated[list[ScanInput], Meta(min_length=1, max_length=MOST_SCANS)]


class _Batch(Input, frozen=True, kw_only=True):
    scans: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MOST_SCANS)]


class BatchView(View, frozen=True, kw_only=True):
    scans: list[CheckinView]


class StaffInput(Input, frozen=True, kw_only=True):
    email: Annotated[str, Meta(min_length=3, max_length=320)]


async def check_in(
    tickets: Tickets, request: Request, body: ScanInput, context: IdempotencyContext
) -> CheckinView:
    """Admit a ticket, once.

    The same scan (code, gate, scan_id, scanned_at, event_id) always gets the same answer, whoever sends it.
    """
    requests = [_scan_request(body)]

    def keep(tx: Transaction, outcomes: list[Outcome]) -> CheckinView:
        [outcome] = outcomes
        if isinstance(outcome, NotStaff):
            raise not_staff(outcome.place.show)
        view = check_in_views.checkin_view(body.scan_id, body.code, outcome)
        context.store(tx, view)
        return view

    return await tickets.check_in.check_in(request.user, requests, keep)


async def check_in_batch(
    tickets: Tickets, request: Request, body: Annotated[bytes, BatchInput], context: IdempotencyContext
) -> BatchView:
    """Scans made without a network, in the order in which they were made; each has its own result."""
    batch: _Batch = decode(_Batch, body)
    read = [_read(bytes(raw)) for raw in batch.scans]
    requests = [one for one in read if isinstance(one, ScanRequest)]

    def keep(tx: Transaction, outcomes: list[Outcome]) -> BatchView:
        left = iter(outcomes)
        view = BatchView(
            scans=[
                check_in_views.checkin_view(one.scan_id, one.code, next(left))
                if isinstance(one, ScanRequest)
                else one
                for one in read
            ]
        )
        context.store(tx, view)
        return view

    return await tickets.check_in.check_in(request.user, requests, keep)


def _read(raw: bytes) -> ScanRequest | CheckinView:
    """A scan of a batch, or the answer to one that is none."""
    try:
        return _scan_request(decode(ScanInput, raw))
    except DomainError as refusal:
        wrong = "; ".join(f"{field} {error}" for field, error in refusal.errors.items())
        return check_in_views.malformed_view(
            _scan_id(raw), f"This scan can't be read: {wrong or refusal.detail}"
        )


def _scan_id(raw: bytes) -> str:
    """Of a scan of which something else may be wrong."""
    try:
        return msgspec.json.decode(raw, type=_OnlyId).scan_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


class _OnlyId(msgspec.Struct):
    scan_id: ScanId


def _scan_request(scan: ScanInput) -> ScanRequest:
    try:
        scanned_at = millis(scan.scanned_at)
    except ValueError as error:
        raise invalid({"scanned_at": str(error)}) from error
    return ScanRequest(
        code=scan.code,
        gate=scan.gate,
        scan_id=scan.scan_id,
        scanned_at=scanned_at,
        event_id=scan.event_id,
        direction=scan.direction,
        decided_offline=scan.decided_offline,
        by_name=scan.by_name,
        override_reason=scan.override_reason or "",
    )


def not_staff(show: Show) -> DomainError:
    return Forbidden("not_gate_staff", check_in_views.not_staff_detail(show))


# Who may scan


async def gate_staff(tickets: Tickets, request: Request, event_id: str) -> Page[StaffMemberView]:
    """The gate accounts that one of my events names; where it names none, every gate account may scan"""
    return Page(
        check_in_views.staff_views(await tickets.staff.of(await own_show(tickets, request, event_id)))
    )


async def add_gate_staff(
    tickets: Tickets, request: Request, event_id: str, body: StaffInput
) -> Page[StaffMemberView]:
    """Name a gate account for one of my events; from then on only named ones may scan for it"""
    show = await own_show(tickets, request, event_id)
    authorization = request.headers["authorization"]
    staff = await tickets.staff.name(show, body.email, authorization, actor_of(request.user))
    return Page(check_in_views.staff_views(staff))


async def remove_gate_staff(tickets: Tickets, request: Request, event_id: str, user_id: str) -> None:
    """Take a gate account off one of my events"""
    show = await own_show(tickets, request, event_id)
    await tickets.staff.remove(show, user_id, actor_of(request.user))


_STAFF = "/api/events/{event_id}/gate-staff"

ENDPOINTS: Sequence[Endpoint] = (
    Endpoint("POST", "/api/checkins", check_in, who=GATE, idempotent=True),
    Endpoint("POST", "/api/checkins/batch", check_in_batch, who=GATE, idempotent=True),
    Endpoint("GET", _STAFF, gate_staff, who=ORGANIZER),
    Endpoint("POST", _STAFF, add_gate_staff, who=ORGANIZER),
    Endpoint("DELETE", f"{_STAFF}/{{user_id}}", remove_gate_staff, who=ORGANIZER),
)
