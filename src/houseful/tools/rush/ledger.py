"""What people were told they have: orders and seats. In the end it is compared with what is sold."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from houseful.tools.rush.people import Person


class Bought(NamedTuple):
    person: int
    seats: tuple[str, ...]


class Ledger:
    def __init__(self) -> None:
        self.open: dict[str, Bought] = {}
        """Orders whose end nobody has seen yet."""
        self.sold: dict[str, Bought] = {}
        """Confirmed orders."""
        self.contradictions: dict[str, list[str]] = {}
        """What was seen on the way and may not be, by what must hold."""

    def placed(self, person: Person, order: Mapping[str, Any]) -> None:
        seats = tuple(seat["id"] for seat in order["seats"])
        self.open[order["id"]] = Bought(person.index, seats)

    def confirmed(self, person: Person, order: Mapping[str, Any]) -> None:
        self.open.pop(order["id"], None)
        self.sold[order["id"]] = Bought(person.index, tuple(seat["id"] for seat in order["seats"]))

    def ended(self, order_id: str, status: str) -> None:
        """`status` is what the order is now."""
        bought = self.open.pop(order_id, None)
        if bought is not None and status == "confirmed":
            self.sold[order_id] = bought

    def broken(self, claim: str, detail: str) -> None:
        self.contradictions.setdefault(claim, []).append(detail)

    @property
    def seats_sold(self) -> int:
        return sum(len(bought.seats) for bought in self.sold.values())

    def sold_twice(self) -> list[str]:
        """Seats in two confirmed orders."""
        seen: set[str] = set()
        twice: list[str] = []
        for bought in self.sold.values():
            twice += [seat for seat in bought.seats if seat in seen]
            seen.update(bought.seats)
        return twice
