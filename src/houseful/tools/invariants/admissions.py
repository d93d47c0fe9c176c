"""Admissions and check-outs: the verdicts of scans, and the states of their tickets."""

from collections import defaultdict

from houseful.tickets.domain.scans import Scan, Verdict
from houseful.tickets.domain.tickets import Ticket, TicketState
from houseful.tools.invariants.snapshot import Installation, Snapshot, Violation, all_documents


async def admissions(installation: Installation) -> Snapshot:
    """C10: a ticket admits at most once a date until it is checked out, but for a supervisor's override, and
    is used if and only if a scan admitted it."""
    store = installation.stores.get("tickets")
    if store is None:
        return Snapshot([], "no tickets yet")
    admitted: dict[str, list[str]] = defaultdict(list)
    checked_out: dict[str, set[str]] = defaultdict(set)
    scans = 0
    # Scans first: the scan of a ticket used during the snapshot is only in the next snapshot.
    async for scan in all_documents(store, Scan):
        scans += 1
        if scan.verdict is Verdict.ADMITTED and not scan.override_reason:
            admitted[scan.ticket_id or "no ticket"].append(scan.id)
        elif scan.verdict is Verdict.CHECKED_OUT:
            checked_out[scan.ticket_id or "no ticket"].add(scan.id)
    violations = []
    async for ticket in all_documents(store, Ticket):
        earlier = {*ticket.earlier_scans, *(entry for entry, _ in ticket.exits if entry != ticket.scan_id)}
        entries = [id for id in admitted.pop(ticket.id, []) if id not in earlier]
        wrong = _wrong(ticket, entries) or _wrong_exits(ticket, checked_out.pop(ticket.id, set()))
        if wrong is not None:
            violations.append(Violation("C10", ticket.id, wrong))
    violations += [Violation("C10", id, "was admitted and does not exist") for id in admitted]
    violations += [Violation("C10", id, "was checked out and does not exist") for id in checked_out]
    return Snapshot(violations, f"{scans:,} scans")


def _wrong(ticket: Ticket, scans: list[str]) -> str | None:
    if len(scans) > 1:
        return f"the ticket admitted {len(scans)} times: scans {', '.join(scans)}"
    if scans and ticket.scan_id != scans[0]:
        return f"scan {scans[0]} admitted, and the ticket names {ticket.scan_id or 'none'}"
    if ticket.scan_id is not None and not scans:
        return f"the ticket names scan {ticket.scan_id}, which admitted nobody"
    if ticket.state is TicketState.USED and ticket.scan_id is None:
        return "the ticket is used, and no scan admitted"
    return None


def _wrong_exits(ticket: Ticket, scans: set[str]) -> str | None:
    """Each entry that was followed by another one has a check-out of its own."""
    entries, exits = [entry for entry, _ in ticket.exits], {exit for _, exit in ticket.exits}
    if len(set(entries)) != len(entries) or len(exits) != len(entries):
        return f"an entry of the ticket was checked out twice: scans {', '.join(entries)}"
    if missing := exits ^ scans:
        return f"the check-outs of the ticket and of its scans differ: {', '.join(sorted(missing))}"
    return None
