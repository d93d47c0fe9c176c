"""When people come does not depend on anything that is answered, and latencies count from then."""

import random

import pytest

from houseful.kernel.clock import ManualClock
from houseful.tools.rush.arrivals import CURVES, Curve, arrivals
from houseful.tools.rush.people import crowd
from houseful.tools.rush.plan import USUAL_KINDS
from houseful.tools.rush.recording import Recording, percentile


@pytest.mark.parametrize("curve", CURVES)
def test_they_come_in_order_and_in_time_and_the_same_again(curve: Curve) -> None:
    moments = arrivals(curve, 1_000, 60.0, seed=3)
    assert moments == sorted(moments)
    assert moments[0] >= 0
    assert moments[-1] <= 60.0
    assert moments == arrivals(curve, 1_000, 60.0, seed=3)
    assert moments != arrivals(curve, 1_000, 60.0, seed=4)


def test_a_spike_comes_first_and_a_crescendo_last() -> None:
    halves = {curve: arrivals(curve, 1_001, 100.0, seed=1)[500] for curve in CURVES}
    assert halves["spike"] < 15 < halves["even"] < 85 < halves["crescendo"]


def test_a_crowd_has_the_kinds_of_its_weights() -> None:
    people = crowd({"best": 3, "bots": 1}, 1_000, seed=1)
    assert [person.index for person in people] == list(range(1_000))
    assert sum(person.kind == "bots" for person in people) == 250
    assert len(crowd(USUAL_KINDS, 997, seed=1)) == 997


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.9, 0.99, 0.999)] == [50, 90, 99, 100]
    assert percentile([7.0], 0.5) == 7
    shuffled = random.Random(1).sample(values, 99)
    assert percentile(sorted(shuffled), 0.5) in shuffled
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 0.5)


async def test_latency_counts_from_the_scheduled_start_and_not_from_the_first_byte() -> None:
    clock = ManualClock()
    recording = Recording(clock.monotonic())
    await clock.advance(10)
    recording.took("hold", 2.0, clock.monotonic())
    assert list(recording.steps["hold"].started) == [2.0]
    assert list(recording.steps["hold"].seconds) == [8.0]
