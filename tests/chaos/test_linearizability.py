"""Which histories of a seat can be explained, and which can't."""

import random
import time

import pytest

from tests.chaos.linearizability import History, Kind, Operation, unexplained

SEAT = ("evt_1", "A-1")
A, T, B, R, E = Kind.ACQUIRED, Kind.TAKEN, Kind.BOUGHT, Kind.RETURNED, Kind.EXPIRED

Row = tuple[Kind, str, float, float | None]


def history(*rows: Row) -> list[Operation]:
    made = History()
    for kind, hold_id, begin, end in rows:
        made.add(kind, *SEAT[:1], SEAT[1:], hold_id, begin, end)
    return made.operations


EXPLAINED: dict[str, list[Row]] = {
    "bought, returned, and another's": [
        (A, "x", 0, 1), (B, "x", 2, 3), (R, "x", 4, 5), (A, "y", 6, 7),
    ],
    "two at once, one refused": [(A, "x", 0, 3), (T, "y", 0, 3)],
    "refused before the answer of the other": [(A, "x", 0, 9), (T, "y", 1, 2)],
    "expired": [(A, "x", 0, 1), (E, "x", 5, None), (A, "y", 6, 7)],
    "a late payment of free seats": [(A, "x", 0, 1), (E, "x", 5, None), (B, "x", 6, 9)],
    "refused while nobody knows whether a hold was made": [(A, "x", 0, None), (T, "y", 3, 4)],
    "had again after a hold without an answer": [(A, "x", 0, None), (A, "y", 3, 4)],
    "a cancellation without an answer": [(A, "x", 0, 1), (B, "x", 1, 2), (R, "x", 3, None), (A, "y", 8, 9)],
    "the cancellation of an order that had expired": [
        (A, "x", 0, 1), (E, "x", 2, None), (A, "y", 3, 4), (R, "x", 5, 6), (T, "z", 7, 8),
    ],
}  # fmt: skip
UNEXPLAINED: dict[str, list[Row]] = {
    "two holds": [(A, "x", 0, 1), (A, "y", 2, 3)],
    "a hold before the other has expired": [(A, "x", 0, 1), (E, "x", 5, None), (A, "y", 3, 4)],
    "sold twice": [(A, "x", 0, 1), (B, "x", 2, 3), (E, "x", 2, None), (A, "y", 4, 5)],
    "a stale read: refused when it was free for long": [
        (A, "x", 0, 1), (R, "x", 2, 3), (T, "y", 4, 5),
    ],
    "refused before anybody had it": [(T, "y", 0, 1), (A, "x", 2, 3)],
    "had before the cancellation was asked for": [(A, "x", 0, 1), (A, "y", 2, 3), (R, "x", 4, 5)],
}  # fmt: skip


@pytest.mark.parametrize("rows", EXPLAINED.values(), ids=EXPLAINED)
def test_explained(rows: list[Row]) -> None:
    assert unexplained(history(*rows)) == []


@pytest.mark.parametrize("rows", UNEXPLAINED.values(), ids=UNEXPLAINED)
def test_unexplained(rows: list[Row]) -> None:
    [told] = unexplained(history(*rows))
    assert "A-1" in told


def a_true_history(seed: int, length: int) -> list[Operation]:
    """Operations at moments, each seen as an interval around its moment."""
    chance = random.Random(seed)
    rows: list[Row] = []
    holder: tuple[str, bool] | None = None
    for moment in range(1, length):
        began, ended = moment - chance.uniform(0, 3), moment + chance.uniform(0, 3)
        answered = None if chance.random() < 0.05 else ended
        name = f"h{moment}"
        if holder is None:
            rows.append((A, name, began, answered))
            holder = (name, False)
        elif chance.random() < 0.5:
            rows.append((T, name, began, ended))
        elif not holder[1] and chance.random() < 0.5:
            rows.append((B, holder[0], began, answered))
            holder = (holder[0], True)
        elif not holder[1] and chance.random() < 0.5:
            rows.append((E, holder[0], moment, None))
            holder = None
        else:
            rows.append((R, holder[0], began, answered))
            holder = None
    return history(*rows)


@pytest.mark.parametrize("seed", range(10))
def test_what_has_happened_is_explained(seed: int) -> None:
    assert unexplained(a_true_history(seed, 300)) == []


@pytest.mark.parametrize("seed", range(10))
def test_a_second_owner_in_it_is_found(seed: int) -> None:
    """Somebody else's hold in the middle, while the seat was sold and nobody gave it back."""
    operations = a_true_history(seed, 200)
    end = max(one.begin for one in operations) + 10
    planted = [Operation(B, SEAT, "p", end, end + 1), Operation(A, SEAT, "q", end + 2, end + 3)]
    assert len(unexplained([*operations, *planted])) == 1


def test_seats_do_not_mix() -> None:
    made = History()
    now = time.time()
    made.add(A, "evt_1", ["A-1", "A-2"], "x", now, now + 1)
    made.add(A, "evt_1", ["A-2"], "y", now + 2, now + 3)
    made.add(A, "evt_2", ["A-1"], "y", now + 2, now + 3)
    [told] = unexplained(made.operations)
    assert "A-2" in told
