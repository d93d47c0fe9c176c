"""The phases of a line."""

import itertools
from typing import get_args

import pytest
from msgspec.structs import replace

from houseful.kernel.errors import StateConflict
from houseful.kernel.times import rfc3339
from houseful.line.domain import draw, lines
from houseful.line.domain.admission import Admission
from houseful.line.domain.lines import STEPS, Line, Phase, Step
from houseful.line.schemas import LineView, line_view, polls

ON_SALE = 1_800_000_000_000


def line(phase: Phase = Phase.CLOSED) -> Line:
    return Line(
        id="evt_1",
        organizer_id="usr_1",
        phase=phase,
        lobby_opens_at=ON_SALE - 3_600_000,
        on_sale_at=ON_SALE,
        starts_at=ON_SALE,
        ends_at=ON_SALE + 86_400_000,
        seats_total=100,
        prices={"Standard": 1000},
        server_seed=b"s" * 32,
    )


@pytest.mark.parametrize(("phase", "step"), list(itertools.product(Phase, get_args(Step))))
def test_a_step_is_in_the_table_or_refused(phase: Phase, step: Step) -> None:
    if (phase, step) in STEPS:
        after = lines.stepped(line(phase), step)
        assert after.phase is STEPS[phase, step]
        assert after.due_at == lines.due_at(after)
        assert lines.can(line(phase), step)
    else:
        assert not lines.can(line(phase), step)
        with pytest.raises(StateConflict, match="can't"):
            lines.stepped(line(phase), step)


def test_every_phase_is_reached_and_ends() -> None:
    reached = {Phase.CLOSED}
    for _ in Phase:
        reached |= {after for (before, _), after in STEPS.items() if before in reached}
    assert reached == set(Phase)
    assert all((phase, "end") in STEPS for phase in Phase if phase is not Phase.ENDED)


def test_steps_are_due_at_their_times() -> None:
    assert lines.due_at(line()) == ON_SALE - 3_600_000
    assert lines.due_at(line(Phase.LOBBY)) == ON_SALE - 60_000
    assert lines.due_at(line(Phase.SEALED)) == ON_SALE
    assert lines.due_at(line(Phase.OPEN)) == ON_SALE + 86_400_000
    assert lines.due_at(line(Phase.ENDED)) is None
    late = replace(line(), lobby_opens_at=ON_SALE)
    assert lines.due_at(late) == ON_SALE - 60_000, "a lobby opens before it is sealed"


def test_a_sale_that_is_moved_moves_the_seal() -> None:
    later = lines.moved(line(Phase.LOBBY), ON_SALE + 1000, ON_SALE + 90_000_000)
    assert (later.seals_at, later.due_at) == (ON_SALE - 59_000, ON_SALE - 59_000)


@pytest.mark.parametrize("phase", Phase)
def test_one_joins_from_the_lobby_to_the_end(phase: Phase) -> None:
    if phase in (Phase.CLOSED, Phase.ENDED):
        with pytest.raises(StateConflict):
            lines.check_joinable(line(phase))
    else:
        lines.check_joinable(line(phase))


def test_a_pair_waits_for_the_secret_that_was_committed_to() -> None:
    secret = b"organizer's secret, 32 bytes or so"
    pair = replace(line(Phase.SEALED), beacon="pair", partner_commitment=draw.commitment(secret))
    assert "waits" in lines.why_late(pair)
    assert "not the one" in lines.why_late(replace(pair, partner_secret=b"another"))
    assert lines.why_late(replace(pair, partner_secret=secret)) == ""
    assert lines.why_late(line(Phase.SEALED)) == ""


def test_the_seed_is_known_once_the_list_is_sealed() -> None:
    with pytest.raises(ValueError, match="not sealed"):
        _ = line(Phase.LOBBY).seed
    root = draw.merkle_root([])
    assert replace(line(Phase.SEALED), root=root).seed == draw.seed(b"s" * 32, root)


def test_a_sealed_list_is_kept_in_parts() -> None:
    root = b"r" * 32
    assert lines.part_ids("evt_1", root, 0) == []
    assert len(lines.part_ids("evt_1", root, 8192)) == 1
    assert len(lines.part_ids("evt_1", root, 8193)) == 2


@pytest.mark.parametrize(
    ("phase", "before_seconds", "seconds"),
    [(Phase.CLOSED, 7200, 20), (Phase.LOBBY, 210, 15), (Phase.LOBBY, 61, 10), (Phase.SEALED, -5, 10)],
)
def test_who_has_no_number_yet_asks_the_less_often_the_longer_nothing_changes(
    phase: Phase, before_seconds: int, seconds: int
) -> None:
    assert polls(line(phase), ON_SALE - before_seconds * 1000) == [(0, seconds)]


def test_who_has_a_number_asks_the_more_often_the_sooner_his_turn_is() -> None:
    steps = polls(replace(line(Phase.OPEN), opened_at=ON_SALE), ON_SALE)
    assert len(steps) > 1
    assert steps == sorted(steps)
    assert [seconds for _, seconds in steps] == sorted(seconds for _, seconds in steps)


def shown(seen: Line) -> LineView:
    return line_view(seen, Admission(id=seen.id), ON_SALE)


@pytest.mark.parametrize(("drawn", "seconds"), [(0, 0), (1, 1), (1000, 1), (1001, 2), (100_000, 100)])
def test_the_longer_the_line_the_longer_all_take_to_ask_for_their_numbers(drawn: int, seconds: int) -> None:
    assert shown(replace(line(Phase.OPEN), drawn=drawn)).number_seconds == seconds


def test_the_seed_is_shown_once_the_draw_is_made() -> None:
    sealed = replace(line(Phase.SEALED), root=draw.merkle_root([]))
    assert (shown(sealed).seed, shown(sealed).drawn_at) == (None, None)
    drawn = shown(replace(sealed, phase=Phase.OPEN, opened_at=ON_SALE + 1500))
    assert (drawn.seed, drawn.drawn_at) == (sealed.seed.hex(), rfc3339(ON_SALE + 1500))


def test_of_whom_is_in_front_the_share_is_smaller_and_near_the_number() -> None:
    seed = b"s" * 32
    entrants = [draw.entrant(b"k", "evt_1", f"usr_{number}") for number in range(4000)]
    shares = [draw.share(seed, entrant) for entrant in draw.drawn_order(seed, entrants)]
    assert shares == sorted(shares)
    assert max(abs(share - place / 4000) for place, share in enumerate(shares)) < 0.04
