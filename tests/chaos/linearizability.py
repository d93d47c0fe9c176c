"""Whether a history of a seat can be explained: is there one order of its operations, each at a moment
between its request and its answer, in which a seat is never two buyers' (linearizability, Herlihy and Wing
1990)?

Every seat is checked by itself; the search is that of Wing and Gong, with the states that were seen before
left out (Lowe).

    acquired    a hold was answered: the seat was free and is the hold's
    taken       a hold was refused: the seat was somebody's
    bought      an order was seen confirmed: the seat was the hold's, or free (a late payment), and is sold
    returned    a release or a cancellation was answered: what was the hold's is free
    expired     a hold's time has passed: it may be free from then on

An operation without an answer may have happened, at any time since, or not at all. So may an expiry.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from threading import Lock

Seat = tuple[str, str]
"""Event and seat."""


class Kind(Enum):
    ACQUIRED = "acquired"
    TAKEN = "taken"
    BOUGHT = "bought"
    RETURNED = "returned"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Operation:
    """`begin` and `end` are seconds since 1970; where `certain` is False it need not have happened."""

    kind: Kind
    seat: Seat
    hold_id: str
    begin: float
    end: float = inf
    certain: bool = True


@dataclass
class History:
    """What happened to seats, as those saw it who asked. Safe for threads."""

    operations: list[Operation] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def add(
        self,
        kind: Kind,
        event_id: str,
        seat_ids: Iterable[str],
        hold_id: str,
        begin: float,
        end: float | None,
    ) -> None:
        """`end` is None where no answer came, and for an expiry."""
        with self.lock:
            self.operations += [
                Operation(
                    kind, (event_id, seat_id), hold_id, begin, inf if end is None else end, end is not None
                )
                for seat_id in seat_ids
            ]


def unexplained(operations: Iterable[Operation]) -> list[str]:
    """What is wrong, a line for each seat whose history no order explains."""
    seats: dict[Seat, list[Operation]] = defaultdict(list)
    for operation in operations:
        seats[operation.seat].append(operation)
    return [
        f"{seat}: no order of its operations explains {_told(stuck)}"
        for seat, its in sorted(seats.items())
        if (stuck := _stuck_at(sorted(its, key=lambda one: one.begin)))
    ]


_State = tuple[Kind, str] | None
"""None is free; else ACQUIRED or BOUGHT, and whose hold it was."""

_IMPOSSIBLE = (Kind.TAKEN, "")


def _after(state: _State, operation: Operation) -> _State:
    mine = state is not None and state[1] == operation.hold_id
    match operation.kind:
        case Kind.ACQUIRED if state is None:
            return (Kind.ACQUIRED, operation.hold_id)
        case Kind.TAKEN if state is not None:
            return state
        case Kind.BOUGHT if mine or state is None:
            return (Kind.BOUGHT, operation.hold_id)
        case Kind.RETURNED:
            return None if mine else state
        case Kind.EXPIRED if mine and state is not None and state[0] is Kind.ACQUIRED:
            return None
        case _:
            return _IMPOSSIBLE


def _stuck_at(operations: Sequence[Operation]) -> list[Operation]:
    """Those that could not be placed after the longest order that was found; none where all can."""
    certain = sum(1 << index for index, one in enumerate(operations) if one.certain)
    seen: set[tuple[int, _State]] = set()
    stack: list[tuple[int, _State]] = [(0, None)]
    most, stuck = -1, list[Operation]()
    while stack:
        done, state = stack.pop()
        done = _with_reads(operations, done, state)
        if done & certain == certain:
            return []
        if (done, state) in seen:
            continue
        seen.add((done, state))
        possible = _possible(operations, done)
        placed = (done & certain).bit_count()
        if placed > most:
            most, stuck = placed, [operations[index] for index in possible]
        for index in reversed(possible):
            following = _after(state, operations[index])
            if following != _IMPOSSIBLE:
                stack.append((done | 1 << index, following))
    return stuck


def _possible(operations: Sequence[Operation], done: int) -> list[int]:
    """Those that may be next: they began before any other that is to be placed had ended."""
    to_place = [index for index in range(len(operations)) if not done >> index & 1]
    first_end = min(operations[index].end for index in to_place)
    return [index for index in to_place if operations[index].begin <= first_end]


def _with_reads(operations: Sequence[Operation], done: int, state: _State) -> int:
    """A refusal that fits now can be placed now: it changes nothing for the others."""
    while state is not None and done.bit_count() < len(operations):
        fits = [index for index in _possible(operations, done) if operations[index].kind is Kind.TAKEN]
        if not fits:
            break
        for index in fits:
            done |= 1 << index
    return done


def _told(operations: Sequence[Operation]) -> str:
    certain = [one for one in operations if one.certain]
    since = min(one.begin for one in certain)
    return ", ".join(
        f"{one.kind.value} {one.hold_id} ({one.begin - since:.3f} to {one.end - since:.3f} s)"
        for one in certain[:6]
    )
