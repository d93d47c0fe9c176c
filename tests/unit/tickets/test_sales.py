"""SalesReport: a fold that does not depend on the order of orders, and does not grow for ever."""

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from houseful.messages import OrderConfirmed, OrderRefunded, SoldSeat
from houseful.tickets.domain import sales
from houseful.tickets.domain.sales import KEPT_MINUTES, MINUTE_MILLIS, Sales, Tally

seats = st.lists(
    st.builds(
        SoldSeat,
        seat_id=st.just("A-1"),
        category=st.sampled_from(["Premium", "Standard"]),
        price_minor=st.integers(0, 10_000),
    ),
    min_size=1,
    max_size=5,
).map(tuple)


class Sold(msgspec.Struct, frozen=True):
    """An order's life: confirmed, and perhaps refunded."""

    seats: tuple[SoldSeat, ...]
    at: int
    refunded: bool

    @property
    def total(self) -> int:
        return sum(seat.price_minor for seat in self.seats)


lives = st.lists(st.builds(Sold, seats=seats, at=st.integers(0, 5 * MINUTE_MILLIS), refunded=st.booleans()))


def confirmed(id: str, at: int, seats: tuple[SoldSeat, ...], total: int | None = None) -> OrderConfirmed:
    total = sum(seat.price_minor for seat in seats) if total is None else total
    return OrderConfirmed(order_id=id, event_id="evt_1", confirmed_at=at, total_minor=total, seats=seats)


def refunded(id: str, at: int, seats: tuple[SoldSeat, ...]) -> OrderRefunded:
    total = sum(seat.price_minor for seat in seats)
    return OrderRefunded(order_id=id, event_id="evt_1", refunded_at=at, total_minor=total, seats=seats)


@given(lives, st.randoms(use_true_random=False))
def test_any_order_of_orders_gives_the_recount(orders: list[Sold], chance: st.DataObject) -> None:
    """Per order the refund comes after the confirmation; between orders anything goes."""
    turns = [n for n, life in enumerate(orders) for _ in range(2 if life.refunded else 1)]
    chance.shuffle(turns)  # type: ignore[attr-defined]
    figures, seen = Sales(id="evt_1"), set()
    for n in turns:
        life = orders[n]
        if n in seen:
            figures = sales.refunded(figures, refunded(f"ord_{n}", life.at, life.seats))
        else:
            figures = sales.confirmed(figures, confirmed(f"ord_{n}", life.at, life.seats))
        seen.add(n)

    kept = [life for life in orders if not life.refunded]
    assert figures.orders == len(orders)
    assert figures.sold == sum(len(life.seats) for life in kept)
    assert figures.gross_minor == sum(life.total for life in orders)
    assert figures.refunded_minor == sum(life.total for life in orders if life.refunded)
    assert figures.gross_minor - figures.refunded_minor == sum(life.total for life in kept)
    sold: Counter[str] = Counter(seat.category for life in kept for seat in life.seats)
    gross: Counter[str] = Counter()
    for seat in (seat for life in kept for seat in life.seats):
        gross[seat.category] += seat.price_minor
    assert {name: tally for name, tally in figures.by_category.items() if tally.seats} == {
        name: Tally(count, gross[name]) for name, count in sold.items()
    }
    minutes: Counter[int] = Counter()
    for life in orders:
        minutes[life.at // MINUTE_MILLIS * MINUTE_MILLIS] += len(life.seats)
    assert {at: tally.seats for at, tally in figures.per_minute.items()} == dict(minutes)


SEAT = SoldSeat(seat_id="A-1", category="Premium", price_minor=100)


def over_minutes(minutes: list[int]) -> Sales:
    figures = Sales(id="evt_1")
    for minute in minutes:
        figures = sales.confirmed(figures, confirmed(f"ord_{minute}", minute * MINUTE_MILLIS + 7, (SEAT,)))
    return figures


def test_the_newest_minutes_are_kept_and_no_more() -> None:
    many = list(range(KEPT_MINUTES + 60))
    figures = over_minutes(many)
    assert len(figures.per_minute) == KEPT_MINUTES
    assert min(figures.per_minute) == 60 * MINUTE_MILLIS
    assert figures.sold == len(many)  # forgotten minutes still count


def test_what_is_kept_does_not_depend_on_the_order() -> None:
    many = list(range(KEPT_MINUTES + 60))
    assert over_minutes(many[::-1]).per_minute == over_minutes(many).per_minute


def test_sold_out_is_told_when_it_changes_and_only_then() -> None:
    one_left, none_left = Sales(id="evt_1", sold=9), Sales(id="evt_1", sold=10)
    assert sales.marked(one_left, 10) == (one_left, False)
    marked, changed = sales.marked(none_left, 10)
    assert (marked.sold_out, changed) == (True, True)
    assert sales.marked(marked, 10) == (marked, False)
    back, changed = sales.marked(msgspec.structs.replace(marked, sold=9), 10)
    assert (back.sold_out, changed) == (False, True)


def test_the_last_minutes_have_no_gaps() -> None:
    now = 100 * MINUTE_MILLIS + 30_000
    shown = sales.last_minutes(over_minutes([97, 100, 101]), now, 5)
    assert [at // MINUTE_MILLIS for at, _ in shown] == [96, 97, 98, 99, 100]
    assert [tally.seats for _, tally in shown] == [0, 1, 0, 0, 1]


def test_a_fold_changes_nothing_in_place() -> None:
    before = over_minutes([1])
    kept = msgspec.json.encode(before)
    sales.refunded(sales.confirmed(before, confirmed("ord_2", 5, (SEAT,))), refunded("ord_2", 6, (SEAT,)))
    assert msgspec.json.encode(before) == kept
