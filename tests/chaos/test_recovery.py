from tests.chaos.recovery import WINDOW_SECONDS, as_usual_at, longest_gap, rate

USUAL = 10.0
BEFORE = [number / 10 for number in range(100)]  # ten a second, for ten seconds


def test_a_rate_counts_what_is_inside() -> None:
    assert rate(BEFORE, 2.0, 4.0) == 10
    assert rate([], 2.0, 4.0) == 0


def test_the_longest_gap_reaches_to_both_ends() -> None:
    assert longest_gap([1.0, 2.0, 6.0, 7.0], 0.0, 8.0) == 4
    assert longest_gap([1.0, 2.0], 0.0, 8.0) == 6
    assert longest_gap([1.0, 2.0], 2.5, 8.0) == 5.5


def test_what_goes_on_is_as_usual_at_once() -> None:
    assert as_usual_at(BEFORE, 3.0, 10.0, USUAL) == 3.0


def test_what_comes_back_is_as_usual_when_it_stays() -> None:
    """What trickles in meanwhile does not count."""
    trickle = [12.0, 14.0]
    after = [16 + number / 10 for number in range(100)]
    assert as_usual_at([*BEFORE, *trickle, *after], 10.0, 26.0, USUAL) == 16.0
    assert as_usual_at([*BEFORE, *trickle], 10.0, 26.0, USUAL) is None


def test_it_is_not_known_before_the_window_is_over() -> None:
    after = [16 + number / 10 for number in range(100)]
    moments = [*BEFORE, *after]
    assert as_usual_at(moments, 10.0, 16.0 + WINDOW_SECONDS - 0.1, USUAL) is None
    assert as_usual_at(moments, 10.0, 16.0 + WINDOW_SECONDS, USUAL) == 16.0
