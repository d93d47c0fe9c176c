"""What must hold in the end, by the public API and by what people were told; where the data are at hand, by
`houseful check` too."""

from collections.abc import Sequence
from typing import Any

import msgspec

from houseful.kernel.errors import Unavailable
from houseful.line.domain.audit import Audit, contradictions, read
from houseful.settings import Settings
from houseful.tools.invariants import check_all
from houseful.tools.rush.ledger import Ledger
from houseful.tools.rush.people import Person
from houseful.tools.rush.rehearsal import Rehearsed
from houseful.tools.rush.target import Target

_REPEATED = "the draw can be repeated from its audit"
_ON_THE_WAY = (
    "a double click holds once",
    "a double click orders once",
    "nobody holds without a pass",
    "a person's story is told to its end",
)
_MOST_DETAILS = 5
_LOOK_SECONDS = 0.5


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that must hold. `details` say where it does not."""

    claim: str
    holds: bool
    details: list[str] = []
    seen: str = ""


async def verdicts(target: Target, seen: Rehearsed, settings: Settings | None) -> list[Verdict]:
    """`settings` are those of the installation, where its data are at hand."""
    found = [*of_ledger(seen.ledger), await _sales_agree(target, seen)]
    if seen.venue.has_line:
        answer = await target.read(f"{seen.venue.path}/line/audit")
        if answer.status == 200:
            found += of_draw(read(answer.body), seen)
        else:
            found.append(
                _verdict("the draw can be repeated from its audit", [f"it is answered {answer.code}"])
            )
        found += of_places(seen.people, seen.last_line.admitted_up_to)
    return found if settings is None else [*found, *await _checked(settings)]


async def _checked(settings: Settings) -> list[Verdict]:
    """What `houseful check` says."""
    try:
        report = await check_all(settings)
    except Unavailable as error:
        return [_verdict("the stores can be checked", [str(error)])]
    return [
        Verdict(
            claim=f"{result.code}: {result.claim}",
            holds=not result.violations,
            details=[f"{one.subject}: {one.detail}" for one in result.violations[:_MOST_DETAILS]],
            seen=result.scope,
        )
        for result in report.checks
    ]


def of_ledger(ledger: Ledger) -> list[Verdict]:
    """By what people were told alone."""
    claims: dict[str, list[str]] = {claim: [] for claim in _ON_THE_WAY}
    unsettled = [f"{order} of person {bought.person + 1}" for order, bought in ledger.open.items()]
    return [
        _verdict(
            "no seat is sold twice", [f"seat {seat}" for seat in ledger.sold_twice()],
            f"{len(ledger.sold):,} orders, {ledger.seats_sold:,} seats",
        ),
        _verdict("each order comes to an end", unsettled),
        *(_verdict(claim, details) for claim, details in (claims | ledger.contradictions).items()),
    ]  # fmt: skip


async def _sales_agree(target: Target, seen: Rehearsed) -> Verdict:
    """The organizer's figures may be a moment behind the orders."""
    claim = "what is sold is what people bought"
    deadline = target.clock.monotonic() + seen.plan.patience_seconds
    while True:
        answer = await target.as_staff("GET", f"{seen.venue.path}/sales", who=seen.venue.organizer_id)
        if answer.status == 200:
            verdict = of_sales(claim, answer.json, seen.ledger.seats_sold, len(seen.ledger.sold))
        else:
            verdict = _verdict(claim, [f"the sales are answered {answer.code}"])
        if verdict.holds or target.clock.monotonic() > deadline:
            return verdict
        await target.clock.sleep(_LOOK_SECONDS)


def of_sales(claim: str, sales: Any, seats: int, orders: int) -> Verdict:
    """`seats` and `orders` are what people have."""
    details = []
    if sales["sold"] != seats:
        details.append(f"{sales['sold']:,} seats are sold, and people have {seats:,}")
    if sales["orders"] != orders:
        details.append(f"there are {sales['orders']:,} orders, and people have {orders:,}")
    if sales["sold"] + sales["held"] + sales["available"] > sales["total"]:
        details.append(f"more seats are sold, held and free than the {sales['total']:,} that there are")
    return _verdict(claim, details, f"{sales['sold']:,} of {sales['total']:,} seats")


def of_draw(audit: Audit, seen: Rehearsed) -> list[Verdict]:
    """The draw, repeated; and it is the one that was promised to those in the lobby."""
    wrong = contradictions(audit)
    before = seen.first_line.commitment
    if before and before != audit.commitment:
        wrong.append("the commitment is not the one that was published before the draw")
    if seen.last_line.root not in (None, audit.root):
        wrong.append("the root is not the one that was published at the seal")
    numbers = dict(audit.entrants)
    drawn = [person for person in seen.people if person.in_lobby]
    lost, changed = [], []
    for person in drawn:
        number = numbers.get(person.entrant)
        if number is None and person.number is None:
            lost.append(f"person {person.index + 1}")
        elif number is not None and person.number not in (None, number):
            changed.append(f"person {person.index + 1} has {person.number:,}, and was drawn {number:,}")
    return [
        _verdict(_REPEATED, wrong, f"{len(numbers):,} entrants"),
        _verdict("whoever was in the lobby has a place", lost, f"{len(drawn):,} people"),
        _verdict("numbers are those of the draw", changed),
    ]


def of_places(people: Sequence[Person], front: int) -> list[Verdict]:
    """By what people were told: each number once, and nobody in before his turn."""
    by_number: dict[int, Person] = {}
    twice, early = [], []
    for person in people:
        if person.number is None:
            continue
        if person.number in by_number:
            twice.append(f"{person.number:,}, of {by_number[person.number].index + 1} and {person.index + 1}")
        by_number[person.number] = person
        if person.passed_at is not None and person.number > front:
            early.append(f"number {person.number:,}, and {front:,} were called")
    return [
        _verdict("no number is given twice", twice, f"{len(by_number):,} numbers"),
        _verdict("nobody has a pass before the turn", early),
    ]


def _verdict(claim: str, details: Sequence[str], seen: str = "") -> Verdict:
    shown = list(details[:_MOST_DETAILS])
    if len(details) > _MOST_DETAILS:
        shown.append(f"and {len(details) - _MOST_DETAILS:,} more")
    return Verdict(claim=claim, holds=not details, details=shown, seen=seen)
