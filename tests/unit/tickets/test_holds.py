"""Holds: how many a buyer may have, and what may become of one."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houseful.kernel.errors import DomainError
from houseful.tickets.domain import holds
from houseful.tickets.domain.holds import MOST_HOLDS, TRANSITIONS, Hold, HoldQuota, HoldState
from houseful.webapi.problems import status_of

S = HoldState


def hold(id: str = "hold_1", *, until: int = 1_000, state: HoldState = S.ACTIVE) -> Hold:
    return Hold(
        id=id,
        event_id="evt_1",
        user_id="usr_1",
        seats=(3, 4),
        prices_minor=(5000, 3000),
        currency="EUR",
        until=until,
        state=state,
    )


def quota(*running: tuple[str, int]) -> HoldQuota:
    found = HoldQuota(id=holds.quota_id("evt_1", "usr_1"), user_id="usr_1")
    for id, until in running:
        found = holds.add_to_quota(found, hold(id, until=until), 0)
    return found


def test_the_total_is_the_sum_of_the_frozen_prices() -> None:
    assert hold().total_minor == 8000


def test_the_limit_is_reached_and_not_passed() -> None:
    full = quota(*((f"hold_{n}", 1_000) for n in range(MOST_HOLDS)))
    with pytest.raises(DomainError) as refusal:
        holds.add_to_quota(full, hold("one_more"), 999)
    assert (status_of(refusal.value), refusal.value.code) == (409, "hold_limit")
    assert refusal.value.extra == {"limit": MOST_HOLDS}


def test_an_expired_hold_makes_room_at_the_very_moment() -> None:
    full = quota(*((f"hold_{n}", 1_000 + n) for n in range(MOST_HOLDS)))
    after = holds.add_to_quota(full, hold("one_more", until=5_000), 1_000)
    assert len(after.running) == MOST_HOLDS
    assert "hold_0" not in {one.hold_id for one in after.running}


def test_a_released_hold_makes_room() -> None:
    full = quota(*((f"hold_{n}", 1_000) for n in range(MOST_HOLDS)))
    after = holds.add_to_quota(holds.remove_from_quota(full, "hold_3"), hold("one_more"), 0)
    assert {one.hold_id for one in after.running} == {
        "one_more",
        *(f"hold_{n}" for n in range(MOST_HOLDS) if n != 3),
    }


def test_an_extended_hold_counts_once_even_at_the_limit() -> None:
    full = quota(*((f"hold_{n}", 1_000) for n in range(MOST_HOLDS)))
    after = holds.add_to_quota(full, hold("hold_3", until=2_000), 0)
    assert len(after.running) == MOST_HOLDS
    assert {one.until for one in after.running if one.hold_id == "hold_3"} == {2_000}


def test_giving_back_what_is_not_counted_changes_nothing() -> None:
    some = quota(("hold_1", 1_000))
    assert holds.remove_from_quota(some, "hold_2") == some


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["count", "uncount"]),
            st.integers(0, 15),
            st.integers(0, 60),
            st.integers(0, 20),
        ),
        max_size=60,
    )
)
def test_never_more_running_holds_than_the_limit(steps: list[tuple[str, int, int, int]]) -> None:
    """Against a dict of hold → until; also with a clock that goes back."""
    counted = HoldQuota(id="evt_1:usr_1", user_id="usr_1")
    model: dict[str, int] = {}
    for what, number, now, lasts in steps:
        id = f"hold_{number}"
        if what == "uncount":
            counted = holds.remove_from_quota(counted, id)
            model.pop(id, None)
            continue
        others = {other: until for other, until in model.items() if until > now and other != id}
        if len(others) >= MOST_HOLDS:
            with pytest.raises(DomainError):
                holds.add_to_quota(counted, hold(id, until=now + lasts), now)
        else:
            counted = holds.add_to_quota(counted, hold(id, until=now + lasts), now)
            model = {**others, id: now + lasts}
        assert {one.hold_id: one.until for one in counted.running} == model
        assert len(counted.running) <= MOST_HOLDS


def test_the_table_is_complete() -> None:
    assert set(TRANSITIONS) == set(S)
    assert {state for state in S if not TRANSITIONS[state]} == {S.ORDERED, S.RELEASED}


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_every_pair_is_in_the_table_or_an_error(before: HoldState, after: HoldState) -> None:
    if (before, after) in {(S.ACTIVE, S.ORDERED), (S.ACTIVE, S.RELEASED)}:
        assert holds.transition(hold(state=before), after, order_id="ord_1").state is after
    else:
        with pytest.raises(ValueError, match=f"{before} can't become {after}"):
            holds.transition(hold(state=before), after)


@pytest.mark.parametrize("wanted", [[], [1, 1], [1, 2, 3, 1]])
def test_no_seat_or_a_seat_twice_can_never_be_held(wanted: list[int]) -> None:
    with pytest.raises(DomainError) as refusal:
        holds.check_wanted(wanted)
    assert status_of(refusal.value) == 422
    assert "seats" in refusal.value.errors


def test_different_seats_in_any_order_may_be_wanted() -> None:
    holds.check_wanted([5])
    holds.check_wanted([9, 2, 5])


def test_too_many_seats_names_the_field_that_said_how_many() -> None:
    refusal = holds.too_many(4, "best_available.quantity")
    assert (status_of(refusal), refusal.code, refusal.extra) == (422, "too_many_seats", {"limit": 4})
    assert refusal.errors == {"best_available.quantity": "is more than 4"}
