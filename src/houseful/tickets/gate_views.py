"""What a gate's device is told besides verdicts: the list, the figures, the conflicts."""

from houseful.kernel.times import rfc3339
from houseful.tickets.check_in_views import AdmissionView, first_admission
from houseful.tickets.domain.gate_counts import GateCount, last_minutes
from houseful.tickets.domain.gate_list import packed
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.scans import Scan, Verdict
from houseful.tickets.domain.shows import Show
from houseful.tickets.domain.tickets import Ticket
from houseful.tickets.schemas import TicketSeatView, ticket_seat
from houseful.tickets.use_cases.gate import GateFigures
from houseful.webapi.responses import View

_MINUTES = 30


class GateListView(View, frozen=True, kw_only=True):
    """Tickets by state, each as the last eight bytes of its id; base64. One that is not listed is good, and
    so is what `good` has, whatever an earlier page said of it. Ask for `after=next`: at once where there is
    `more`.
    """

    inside: str
    outside: str
    refunded: str
    good: str
    next: str
    more: bool


class GateMinuteView(View, frozen=True, kw_only=True):
    at: str
    admitted: int
    checked_out: int


class GateCountView(View, frozen=True, kw_only=True):
    """`minutes` are the last 30, oldest first, by the times of the scans."""

    gate: str
    admitted: int
    checked_out: int
    refused: int
    minutes: list[GateMinuteView]


class ConflictView(View, frozen=True, kw_only=True):
    """Somebody was let in by a gate without a network, and should not have been. `result` is what the scan
    would have got.
    """

    at: str
    gate: str
    result: Verdict
    ticket_id: str | None
    seat: TicketSeatView | None
    first_admission: AdmissionView | None


class GateView(View, frozen=True, kw_only=True):
    """`capacity` is all seats of the event; `inside` who was admitted and not checked out. `conflicts` are
    the newest 200.
    """

    capacity: int
    sold: int
    inside: int
    admitted: int
    checked_out: int
    refused: int
    gates: list[GateCountView]
    conflicts: list[ConflictView]


class GateNameView(View, frozen=True, kw_only=True):
    """A ticket with its buyer's name, and no more of the buyer than that."""

    ticket_id: str
    name: str
    seat: str


def name_view(ticket: Ticket, name: str, layout: Layout) -> GateNameView:
    return GateNameView(ticket_id=ticket.id, name=name, seat=layout.place(ticket.ordinal))


def list_view(tickets: list[Ticket], next: str, *, more: bool) -> GateListView:
    return GateListView(
        inside=packed(tickets, "inside"),
        outside=packed(tickets, "outside"),
        refunded=packed(tickets, "refunded"),
        good=packed(tickets, "good"),
        next=next,
        more=more,
    )


def gate_view(show: Show, figures: GateFigures, layout: Layout) -> GateView:
    admitted = sum(one.admitted for one in figures.counts)
    checked_out = sum(one.checked_out for one in figures.counts)
    return GateView(
        capacity=show.seats_total,
        sold=figures.sold,
        inside=admitted - checked_out,
        admitted=admitted,
        checked_out=checked_out,
        refused=sum(one.refused for one in figures.counts),
        gates=[_count_view(one, figures.now) for one in sorted(figures.counts, key=lambda count: count.gate)],
        conflicts=[
            _conflict_view(scan, figures.conflict_tickets.get(scan.ticket_id or ""), layout)
            for scan in figures.conflicts
        ],
    )


def _count_view(count: GateCount, now: int) -> GateCountView:
    return GateCountView(
        gate=count.gate,
        admitted=count.admitted,
        checked_out=count.checked_out,
        refused=count.refused,
        minutes=[
            GateMinuteView(at=rfc3339(at), admitted=one.admitted, checked_out=one.checked_out)
            for at, one in last_minutes(count, now, _MINUTES)
        ],
    )


def _conflict_view(scan: Scan, ticket: Ticket | None, layout: Layout) -> ConflictView:
    is_here = ticket is not None and ticket.event_id == scan.event_id
    return ConflictView(
        at=rfc3339(scan.scanned_at),
        gate=scan.gate,
        result=scan.verdict,
        ticket_id=scan.ticket_id,
        seat=ticket_seat(layout, ticket.ordinal) if ticket is not None and is_here else None,
        first_admission=first_admission(scan),
    )
