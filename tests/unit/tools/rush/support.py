"""A rehearsal as it was seen, without an installation."""

from collections.abc import Sequence
from typing import Any

from houseful.tools.rush.figures import Figures, figures
from houseful.tools.rush.ledger import Ledger
from houseful.tools.rush.lobby import LineNow
from houseful.tools.rush.people import Person
from houseful.tools.rush.plan import Plan
from houseful.tools.rush.recording import Recording
from houseful.tools.rush.rehearsal import Rehearsed
from houseful.tools.rush.venue import Venue
from houseful.tools.rush.verdict import Verdict, of_ledger

NOW = 1_800_000_000_000


def order(id: str, *seats: str) -> dict[str, Any]:
    return {"id": id, "seats": [{"id": seat} for seat in seats]}


def seen(*, line: bool = True, orders: int = 120, slowness: float = 1.0) -> Rehearsed:
    """A sale of a minute: each second two are let in and buy two seats."""
    recording, ledger, people = Recording(0.0), Ledger(), []
    for index in range(orders):
        at = index / 2
        person = Person(index, "bots" if index % 10 == 0 else "best")
        person.number, person.passed_at, person.in_lobby = index + 1, at, True
        person.seats, person.outcome = 2, "bought"
        people.append(person)
        for what in ("arrived", "admitted", "orders"):
            recording.happened(what, at)
        for step in ("join", "hold", "order", "pay", "confirmed"):
            recording.took(step, at, at + 0.01 * slowness * (1 + index % 7))
        ledger.placed(person, order(f"ord_{index}", f"seat_{index}_1", f"seat_{index}_2"))
        ledger.confirmed(person, order(f"ord_{index}", f"seat_{index}_1", f"seat_{index}_2"))
        recording.level(at, waiting=orders - index, shopping=3, front=index, sold=2 * index, held=4)
    people.append(Person(orders, "sections"))
    people[-1].number = orders + 1
    recording.mark(1.0, "open")
    recording.refused("hold", "seats_taken")
    venue = Venue(
        event_id="evt_1", organizer_id="usr_1", seats=2 * orders, has_line=line, hold_seconds=120,
        seats_per_order=6, lobby_opens_at=0, on_sale_at=0, popular=(),
    )  # fmt: skip
    plan = Plan(urls=["http://127.0.0.1:8000"], people=orders + 1, seats=2 * orders, line=line)
    line_now = LineNow(phase="sold_out", admitted_up_to=orders)
    return Rehearsed(plan, venue, people, recording, ledger, LineNow(), line_now, True)


def recorded(verdicts: Sequence[Verdict] | None = None, **options: Any) -> Figures:
    one = seen(**options)
    return figures(one, of_ledger(one.ledger) if verdicts is None else verdicts, NOW)
