"""What a control room is told of a shop of many processes, and the hour that it remembers."""

import msgspec
import pytest

from houseful.kernel.tallies import HOLD_BOUNDS, Count, Tally
from houseful.line.domain import records
from houseful.line.domain.records import Gauges, LineHistory, LineRecord, Point
from houseful.line.schemas import ControlView
from tests.unit.line.harness import EVENT, ON_SALE, ORGANIZER, Harness, who
from tests.unit.tickets.harness import refusal

AT = 1_800_000_000_000
GAUGES = Gauges(waiting=3, inside=2, rate=1.5, held=4, sold=5, outbox_seconds=0.1)


def holds(**counts: int) -> tuple[int, ...]:
    """By the bound in milliseconds: `ms_50=3` are three holds that took 30 to 50."""
    buckets = [0] * (len(HOLD_BOUNDS) + 1)
    for name, count in counts.items():
        buckets[HOLD_BOUNDS.index(int(name.removeprefix("ms_")) / 1000)] += count
    return tuple(buckets)


def count(of: str, tally: Tally) -> Count:
    return Count(of=of, tally=tally)


def noted(record: LineRecord, *counts: Count, at: int = AT) -> LineRecord:
    after, _ = records.noted(record, counts, GAUGES, at)
    return after


EMPTY = LineRecord(id=EVENT)
FAST = Tally(holds=holds(ms_3=90), refused={"seats_taken": 2})
SLOW = Tally(
    holds=holds(ms_500=10), refused={"seats_taken": 1, "hold_limit": 4}, declined={"card_declined": 1}
)


def test_buckets_of_processes_are_added_and_percentiles_are_taken_of_the_sum() -> None:
    record = noted(EMPTY, count("one", FAST), count("other", SLOW))
    tally = records.lately(record, AT)
    assert tally is not None
    assert sum(tally.holds) == 100
    assert tally.refused == {"seats_taken": 3, "hold_limit": 4}
    assert tally.declined == {"card_declined": 1}
    half, most = (records.percentile(tally.holds, share) for share in (0.5, 0.95))
    assert half is not None
    assert 0.002 < half < 0.003  # the mean of the two processes' would be 0.2
    assert most == pytest.approx(0.35 + 0.15 * 5 / 10)


def test_what_is_told_again_counts_once_and_what_a_lost_signal_would_have_told_counts() -> None:
    record = noted(EMPTY, count("one", FAST))
    record = noted(record, count("one", FAST))
    more = Tally(holds=holds(ms_3=91, ms_50=2), refused={"seats_taken": 7})
    record = noted(record, count("one", more), at=AT + 3000)
    assert record.total == more


def test_another_process_that_has_heard_less_counts_nothing_twice() -> None:
    record = noted(noted(EMPTY, count("one", SLOW)), count("one", FAST))
    assert record.total is not None
    assert record.total.refused == {"seats_taken": 2, "hold_limit": 4}
    again = noted(record, count("one", SLOW), count("one", FAST))
    assert again.total == record.total


def test_a_process_that_began_anew_is_another_counting() -> None:
    record = noted(noted(EMPTY, count("one", SLOW)), count("another", SLOW))
    assert record.total is not None
    assert record.total.declined == {"card_declined": 2}


def test_of_many_processes_that_came_and_went_the_latest_are_known() -> None:
    record = EMPTY
    for number in range(200):
        record = noted(record, count(f"count_{number}", FAST))
    assert len(record.counted) == 64
    assert noted(record, count("count_199", FAST)).total == record.total


def test_what_nobody_has_told_is_not_known() -> None:
    record = noted(EMPTY)
    assert (record.total, records.lately(record, AT)) == (None, None)
    told = noted(record, count("one", Tally()), at=AT + 1000)
    assert records.lately(told, AT + 1000) == Tally()
    assert records.percentile(Tally().holds, 0.5) is None
    other_version = Tally(holds=(1, 2, 3))
    assert noted(EMPTY, count("one", other_version)).total is None


def test_what_was_more_than_a_minute_ago_is_not_lately() -> None:
    record = noted(EMPTY, count("one", FAST))
    for second in range(1, 80):
        record = noted(record, count("one", FAST), at=AT + 1000 * second)
    assert records.lately(record, AT + 79_000) == Tally()
    assert record.total == FAST
    assert len(record.slots) == 7


def test_what_took_longest_has_a_percentile() -> None:
    assert records.percentile((*[0] * len(HOLD_BOUNDS), 3), 0.5) == HOLD_BOUNDS[-1]


def test_a_slot_that_is_over_is_a_point_of_the_history() -> None:
    record = noted(EMPTY, count("one", SLOW))
    _, over = records.noted(record, [], GAUGES, AT + 9_999)
    assert over is None
    _, over = records.noted(record, [], GAUGES, AT + 10_000)
    assert over is not None
    assert over == Point(AT, 3, 2, 1.5, 4, 5, 0.1, 10, 5, 1, over.p50_seconds, over.p95_seconds)
    assert over.p50_seconds == pytest.approx(0.425)
    unknown = Gauges(waiting=3, inside=2, rate=0)
    silent, _ = records.noted(EMPTY, [], unknown, AT)
    _, over = records.noted(silent, [], unknown, AT + 10_000)
    assert over == Point(AT, 3, 2, 0, None, None, None, None, None, None, None, None)


def test_the_history_keeps_an_hour_and_goes_on_after_the_clock_was_set_back() -> None:
    history = LineHistory(id=EVENT)
    point = Point(AT, 3, 2, 1.5, 4, 5, 0.1, 1, 0, 0, None, None)
    for number in range(400):
        at = AT + number * 10_000
        history = records.kept(history, msgspec.structs.replace(point, at=at))
    assert len(history.points) == 360
    assert history.points[0].at == AT + 40 * 10_000
    history = records.kept(history, msgspec.structs.replace(point, at=AT + 300 * 10_000))
    assert [one.at for one in history.points] == [AT + number * 10_000 for number in range(40, 301)]


async def room(harness: Harness) -> ControlView:
    return await harness.line.control.figures(ORGANIZER, EVENT)


async def test_the_control_room_sees_the_sum_of_the_shop(harness: Harness) -> None:
    await harness.opened_lobby()
    await harness.join("anna")
    await harness.until(ON_SALE - 60_000)
    await harness.until(ON_SALE)
    shop = (await room(harness)).shop
    assert (shop.holds, shop.refusals, shop.payment_failures, shop.outbox_seconds) == (None,) * 4
    assert (await room(harness)).seats_held is None
    await harness.admit(count=count("one", SLOW), seats_sold=3, outbox_age_seconds=0.25)
    other = harness.beside()  # another process of the line goes on where this one was
    await other.admit(process="shop_2", count=count("other", FAST), seats_sold=4)
    shop = (await room(harness)).shop
    assert (shop.holds, shop.seats_sold) == (100, 4)
    assert [(one.reason, one.lately, one.total) for one in shop.refusals or []] == [
        ("hold_limit", 4, 4),
        ("seats_taken", 3, 3),
    ]
    assert [(one.reason, one.total) for one in shop.payment_failures or []] == [("card_declined", 1)]
    await harness.clock.advance(6)
    shop = (await room(harness)).shop  # the shop is silent
    assert (shop.holds, shop.hold_p95_seconds, shop.outbox_seconds, shop.seats_sold) == (None,) * 4
    assert [(one.lately, one.total) for one in shop.payment_failures or []] == [(None, 1)]
    await other.store.close()


async def test_the_history_outlives_the_process_and_is_its_organizers(harness: Harness) -> None:
    await harness.opened_lobby()
    await harness.until(ON_SALE - 60_000)
    await harness.until(ON_SALE)
    before = (await room(harness)).history_until
    for _ in range(25):
        await harness.admit(count=count("one", SLOW), seats_sold=3)
    harness = await harness.again()
    assert (await room(harness)).history_until != before
    history = await harness.line.control.history(ORGANIZER, EVENT)
    assert history.at == [ON_SALE // 1000, ON_SALE // 1000 + 10]
    assert (history.holds, history.payment_failures, history.seats_sold) == ([10, 0], [1, 0], [3, 3])
    assert history.hold_p95_seconds[1] is None
    stranger = await refusal(harness.line.control.history(who("usr_other"), EVENT))
    assert stranger.code == "line_not_found"
    await harness.store.close()
