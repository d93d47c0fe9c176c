"""When the faults are over: is everything that was acknowledged still so (C3, C10), and what does the
installation's own check find (C1, C2, C4, C7, C9)?
"""

import json
import subprocess
import time
from collections.abc import Iterable, Sequence
from typing import Any

from tests.chaos.buyers import Buyer, Gate
from tests.chaos.linearizability import unexplained
from tests.chaos.retrying_client import Book

SETTLE_SECONDS = 240.0
FINAL = ("confirmed", "expired", "cancelled", "refunded")


def verify(buyers: Sequence[Buyer], gates: Sequence[Gate], book: Book) -> None:
    """As the clients see it. What is missing or wrong becomes a fault in the book."""
    owners: dict[tuple[str, str], str] = {}
    for buyer in buyers:
        for order in _settled(buyer).values():
            if order["status"] == "confirmed":
                for seat in order["seats"]:
                    place = (order["event_id"], seat["id"])
                    if place in owners:
                        book.fault(f"{place} was sold to {owners[place]} and to {order['id']}")
                    owners[place] = order["id"]
    for line in unexplained(book.history.operations):
        book.fault(line)
    for ticket_id, scans in book.admitted.items():
        if len(set(scans)) > 1:
            book.fault(f"{ticket_id} was admitted by several scans: {scans}")
    for gate in gates:
        for ticket_id, code, scan_id in list(gate.admitted):
            again = gate.scan(ticket_id, code, scan_id)
            if again != "admitted":
                book.fault(f"{ticket_id} was admitted by {scan_id}, which now says {again}")


def _settled(buyer: Buyer) -> dict[str, dict[str, Any]]:
    """The buyer's orders when all of them have come to an end."""
    deadline = time.monotonic() + SETTLE_SECONDS
    buyer.sign_in()
    while True:
        orders = {order["id"]: order for order in buyer.client.items("/api/orders?limit=100")}
        open_ones = [order["id"] for order in orders.values() if order["status"] not in FINAL]
        if not open_ones:
            break
        if time.monotonic() > deadline:
            buyer.book.fault(f"still open: {open_ones}")
            break
        time.sleep(0.2)
    for hold_id in buyer.holds:
        if buyer.client.call("GET", f"/api/holds/{hold_id}").status != 200:
            buyer.book.fault(f"{hold_id} was acknowledged and is gone")
    for order_id, placed in buyer.orders.items():
        if order_id not in orders:
            buyer.book.fault(f"{order_id} was acknowledged and is gone")
        else:
            _compare(buyer, placed, orders[order_id])
    return orders


def _compare(buyer: Buyer, placed: dict[str, Any], found: dict[str, Any]) -> None:
    order_id, status = placed["id"], found["status"]

    def complain(what: str) -> None:
        buyer.book.fault(f"{order_id} {what}, and is {status}: {found['detail']}")

    seats = [seat["id"] for seat in placed["seats"]]
    if seats != [seat["id"] for seat in found["seats"]] or placed["total_minor"] != found["total_minor"]:
        complain("has other seats or another price than it had")
    if order_id in buyer.paid and status not in ("confirmed", "refunded"):
        complain("was paid")
    if order_id in buyer.cancelled and status not in ("cancelled", "refunded"):
        complain("was cancelled")
    if order_id in buyer.confirmed - buyer.cancelled and status != "confirmed":
        complain("was confirmed")
    known = buyer.tickets.get(order_id)
    if known is not None:
        there = {ticket["id"] for ticket in buyer.client.tickets(order_id)}
        if not there >= set(known):
            complain(f"has lost the tickets {set(known) - there}")


def take_report(done: "subprocess.CompletedProcess[str]", book: Book) -> list[str]:
    """Of `houseful check --json`: its findings become faults; what it looked at, a line a check."""
    if done.returncode not in (0, 1):
        book.fault(f"the check can't be made: {done.stdout}{done.stderr}")
        return []
    report = json.loads(done.stdout)
    lines = []
    for check in report["checks"]:
        lines.append(f"{check['code']} {len(check['findings'])} findings in {check['looked_at']}")
        for finding in check["findings"]:
            book.fault(f"{finding['code']} {finding['subject']}: {finding['detail']}")
    if done.returncode == 1 and report["ok"]:
        book.fault("the check says both yes and no")
    return lines


def traces(log: str) -> Iterable[str]:
    """What a process took for bugs of its own, whether or not anybody noticed. In a JSON log a warning with a
    trace is none."""
    for line in log.splitlines():
        if line.startswith('{"at":'):
            record = json.loads(line)
            if record["level"] in ("error", "critical") and "trace" in record:
                yield f"{record['message']}: {record['trace']}"
    prose = "\n".join(line for line in log.splitlines() if not line.startswith('{"at":'))
    yield from (trace[:3000] for trace in prose.split("Traceback (most recent call last):")[1:4])
