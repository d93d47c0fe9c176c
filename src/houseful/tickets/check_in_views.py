"""What the gate is told."""

from typing import Literal

from houseful.kernel.times import rfc3339
from houseful.tickets.domain.gate_staff import GateStaff
from houseful.tickets.domain.scans import Scan, Verdict
from houseful.tickets.domain.shows import Show
from houseful.tickets.domain.tickets import TicketState
from houseful.tickets.schemas import TicketSeatView, ticket_seat
from houseful.tickets.use_cases.check_in import NotStaff, Outcome, Place, Scanned
from houseful.webapi.responses import View

Flag = Literal[
    "clock_ahead", "clock_behind", "re_entry", "overridden", "not_supervisor", "not_staff", "malformed"
]

NO_TICKET = "This is not a ticket of this house."
_DAMAGED = "This looks like a ticket of this house, but it was not read whole, or it is forged."


class AdmissionView(View, frozen=True, kw_only=True):
    at: str
    gate: str


class GateTicketView(View, frozen=True, kw_only=True):
    """What the gate may know of a ticket: the seat, not the code."""

    id: str
    order_id: str
    event_id: str
    event_title: str
    seat: TicketSeatView
    status: TicketState


class GateEventView(View, frozen=True, kw_only=True):
    """The event that a ticket is for."""

    id: str
    title: str
    venue: str
    starts_at: str
    timezone: str


class CheckinView(View, frozen=True, kw_only=True):
    """`event` is the ticket's, also where it is not the gate's. `reason` says in words why somebody is not
    let in. `flags`: the scanner's clock was `clock_ahead` or `clock_behind`, so that the time of arrival
    counts; the holder was checked out before (`re_entry`); a supervisor let in (`overridden`), or somebody
    who is `not_supervisor` wanted to; the account is `not_staff` of the event; the scan was `malformed`.
    """

    scan_id: str
    result: Verdict
    ticket: GateTicketView | None
    first_admission: AdmissionView | None
    event: GateEventView | None
    scanned_at: str | None
    reason: str | None
    flags: list[Flag]


class StaffMemberView(View, frozen=True, kw_only=True):
    user_id: str
    email: str
    name: str
    added_at: str


def checkin_view(scan_id: str, code: str, outcome: Outcome) -> CheckinView:
    if isinstance(outcome, NotStaff):
        return not_staff_view(scan_id, outcome.place)
    scan = outcome.scan
    return CheckinView(
        scan_id=scan_id,
        result=scan.verdict,
        ticket=_ticket_view(outcome),
        first_admission=first_admission(scan),
        event=None if outcome.place is None else _event_view(outcome.place.show),
        scanned_at=rfc3339(scan.scanned_at),
        reason=_reason(scan.verdict, code, outcome.place),
        flags=_flags(scan),
    )


def first_admission(scan: Scan) -> AdmissionView | None:
    if scan.verdict is not Verdict.ALREADY_USED or scan.first_at is None:
        return None
    return AdmissionView(at=rfc3339(scan.first_at), gate=scan.first_gate or "")


def _flags(scan: Scan) -> list[Flag]:
    flags: list[Flag] = []
    if scan.clock != "right":
        flags.append("clock_ahead" if scan.clock == "ahead" else "clock_behind")
    if scan.re_entry:
        flags.append("re_entry")
    if scan.override_reason:
        flags.append("overridden")
    if scan.not_supervisor:
        flags.append("not_supervisor")
    return flags


def _reason(verdict: Verdict, code: str, place: Place | None) -> str | None:
    if verdict is Verdict.INVALID:
        return _DAMAGED if "HF1." in code or "HF2" in code.upper() else NO_TICKET
    if verdict is Verdict.WRONG_EVENT and place is not None:
        return f"This ticket is for another event: {place.show.title}."
    if verdict is Verdict.NOT_INSIDE:
        return "Nobody is inside by this ticket, so it can't be checked out."
    return None


def not_staff_detail(show: Show) -> str:
    return f"This account is not gate staff of {show.title}; its organizer can name it."


def not_staff_view(scan_id: str, place: Place) -> CheckinView:
    return _without_admission(scan_id, Verdict.WRONG_EVENT, not_staff_detail(place.show), "not_staff")


def malformed_view(scan_id: str, reason: str) -> CheckinView:
    return _without_admission(scan_id, Verdict.INVALID, reason, "malformed")


def _without_admission(scan_id: str, verdict: Verdict, reason: str, flag: Flag) -> CheckinView:
    """Nothing was done, and nothing is kept of it but the answer."""
    return CheckinView(
        scan_id=scan_id,
        result=verdict,
        ticket=None,
        first_admission=None,
        event=None,
        scanned_at=None,
        reason=reason,
        flags=[flag],
    )


def _ticket_view(outcome: Scanned) -> GateTicketView | None:
    ticket, place = outcome.ticket, outcome.place
    if ticket is None or place is None or place.layout is None or not outcome.trusted:
        return None
    return GateTicketView(
        id=ticket.id,
        order_id=ticket.order_id,
        event_id=ticket.event_id,
        event_title=place.show.title,
        seat=ticket_seat(place.layout, ticket.ordinal),
        status=ticket.state,
    )


def _event_view(show: Show) -> GateEventView:
    return GateEventView(
        id=show.id,
        title=show.title,
        venue=show.venue,
        starts_at=rfc3339(show.starts_at),
        timezone=show.timezone,
    )


def staff_views(staff: GateStaff) -> list[StaffMemberView]:
    return [
        StaffMemberView(user_id=one.user_id, email=one.email, name=one.name, added_at=rfc3339(one.added_at))
        for one in staff.members
    ]
