"""Shows: what may become of one, and when its seats may be held."""

from itertools import product

import msgspec
import pytest

from houseful.kernel.errors import DomainError
from houseful.kernel.times import USUAL_LENGTH_MILLIS
from houseful.messages import EventChanged, EventPublished, LineTerms
from houseful.tickets.domain import shows
from houseful.tickets.domain.shows import TRANSITIONS, Show, ShowState
from houseful.webapi.problems import status_of

ON_SALE, STARTS, NOW = 1_000, 9_000, 500

PUBLISHED = EventPublished(
    event_id="evt_1",
    organizer_id="usr_1",
    title="An Evening",
    venue="The Hall",
    starts_at=STARTS,
    timezone="Europe/Berlin",
    currency="EUR",
    on_sale_at=ON_SALE,
    hold_seconds=600,
    max_seats_per_order=10,
    refundable_until=None,
    plan_hash="hash",
    seats_total=30,
    prices={"Premium": 5000},
)
S = ShowState


def show(state: ShowState = S.READY) -> Show:
    return msgspec.structs.replace(shows.published(PUBLISHED, NOW), state=state)


def test_a_published_event_waits_for_its_inventory_at_once() -> None:
    new = shows.published(PUBLISHED, NOW)
    assert (new.id, new.state, new.look_at) == ("evt_1", S.GENERATING, NOW)
    assert (new.generated, new.next_block) == (0, 0)
    kept = msgspec.structs.asdict(new)
    told = msgspec.structs.asdict(PUBLISHED)
    del told["event_id"], told["line"]
    assert {name: kept[name] for name in told} == told


def test_a_show_knows_whether_its_event_has_a_line() -> None:
    assert shows.published(PUBLISHED, NOW).line == "off"
    with_line = msgspec.structs.replace(PUBLISHED, line=LineTerms(mode="on"))
    assert shows.published(with_line, NOW).line == "on"


def test_the_table_is_complete_and_every_state_has_an_exit_or_is_the_end() -> None:
    assert set(TRANSITIONS) == set(S)
    assert {state for state in S if not TRANSITIONS[state]} == {S.CANCELLED}


@pytest.mark.parametrize(("before", "after"), list(product(S, S)))
def test_every_pair_is_in_the_table_or_an_error(before: ShowState, after: ShowState) -> None:
    allowed = {
        (S.GENERATING, S.READY),
        (S.GENERATING, S.FAILED),
        (S.GENERATING, S.CANCELLED),
        (S.READY, S.CANCELLED),
        (S.FAILED, S.CANCELLED),
    }
    if (before, after) in allowed:
        moved = shows.transition(show(before), after, detail="why")
        assert (moved.state, moved.detail) == (after, "why")
    else:
        with pytest.raises(ValueError, match=f"{before} can't become {after}"):
            shows.transition(show(before), after)


def test_what_an_organizer_changes_later_is_taken_over_and_nothing_else() -> None:
    change = EventChanged(
        event_id="evt_1",
        title="Another",
        on_sale_at=None,
        max_seats_per_order=4,
        refundable_until=77,
        ends_at=STARTS + 9,
    )
    expected = msgspec.structs.replace(
        show(),
        title="Another",
        on_sale_at=None,
        max_seats_per_order=4,
        refundable_until=77,
        ends_at=STARTS + 9,
    )
    assert shows.changed(show(), change) == expected


@pytest.mark.parametrize(
    ("there", "now", "code"),
    [
        (None, ON_SALE, "event_not_found"),
        (show(S.CANCELLED), ON_SALE, "event_cancelled"),
        (show(S.CANCELLED), STARTS, "event_cancelled"),
        (show(S.GENERATING), ON_SALE, "inventory_not_ready"),
        (show(S.FAILED), ON_SALE, "inventory_not_ready"),
        (show(), ON_SALE - 1, "not_on_sale"),
        (show(), ON_SALE, None),
        (show(), STARTS, None),
        (show(), STARTS + USUAL_LENGTH_MILLIS - 1, None),
        (show(), STARTS + USUAL_LENGTH_MILLIS, "event_ended"),
        (msgspec.structs.replace(show(), ends_at=STARTS + 5), STARTS + 4, None),
        (msgspec.structs.replace(show(), ends_at=STARTS + 5), STARTS + 5, "event_ended"),
        (msgspec.structs.replace(show(), on_sale_at=None), 0, None),
    ],
)
def test_when_seats_may_be_held(there: Show | None, now: int, code: str | None) -> None:
    if code is None:
        assert shows.check_on_sale(there, now) is there
        return
    with pytest.raises(DomainError) as refusal:
        shows.check_on_sale(there, now)
    assert refusal.value.code == code
    assert status_of(refusal.value) == (404 if there is None else 409)


def test_too_early_is_told_with_the_moment() -> None:
    with pytest.raises(DomainError) as refusal:
        shows.check_on_sale(show(), 0)
    assert refusal.value.extra == {"on_sale_at": "1970-01-01T00:00:01.000Z"}
