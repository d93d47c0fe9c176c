"""Admissions: the verdicts of scans, and the states of their tickets."""

from collections import defaultdict

from houseful.tickets.domain.scans import Scan, Verdict
from houseful.tickets.domain.tickets import Ticket, TicketState
from houseful.tools.invariants.snapshot import Installation, Snapshot, Violation, all_documents


async def admissions(installation: Installation) -> Snapshot:
    """C10: a ticket admits at most once a date, and is used if and only if a scan admitted it."""
    store = installation.stores.get("tickets")
    if store is None:
        return Snapshot([], "no tickets yet")
    admitted: dict[str, list[str]] = defaultdict(list)
    scans = 0
    # Scans first: the scan of a ticket used during the snapshot is only in the next snapshot.
    async for scan in all_documents(store, Scan):
        scans += 1
        if scan.verdict is Verdict.ADMITTED:
            admitted[scan.ticket_id or "no ticket"].append(scan.id)
    violations = []
    async for ticket in all_documents(store, Ticket):
        scans_of_it = admitted.pop(ticket.id, [])
        wrong = _wrong(ticket, [id for id in scans_of_it if id not in ticket.earlier_scans])
        if wrong is not None:
            violations.append(Violation("C10", ticket.id, wrong))
    violations += [Violation("C10", id, "was admitted and does not exist") for id in admitted]
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
