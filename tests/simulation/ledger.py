"""What buyers and gates were told. It outlives the process that told them."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.linearizability import History, unexplained


@dataclass
class Ledger:
    history: History = field(default_factory=History)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    """As placed, by id."""
    paid: set[str] = field(default_factory=set)
    confirmed: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    admitted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The scans that a ticket was admitted by."""

    def fault(self, what: str) -> None:
        self.faults.append(what)

    def compare(self, found: dict[str, Any]) -> None:
        """An order when all has come to an end, with what was said of it before."""
        id, status = found["id"], found["status"]
        placed = self.orders[id]
        if [seat["id"] for seat in placed["seats"]] != [seat["id"] for seat in found["seats"]]:
            self.fault(f"{id} has other seats than it had")
        if status not in ("confirmed", "expired", "cancelled", "refunded"):
            self.fault(f"{id} is {status} for ever")
        if id in self.paid and status not in ("confirmed", "refunded"):
            self.fault(f"{id} was paid and is {status}")
        if id in self.confirmed - self.cancelled and status != "confirmed":
            self.fault(f"{id} was confirmed and is {status}")
        if id in self.cancelled and status not in ("cancelled", "refunded"):
            self.fault(f"{id} was cancelled and is {status}")

    def close(self) -> None:
        """What is to be seen only when all is told."""
        self.faults += unexplained(self.history.operations)
        for ticket, scans in self.admitted.items():
            if len(scans) > 1:
                self.fault(f"{ticket} was admitted by {len(scans)} scans")
