"""A short run and a long one of the chaos script, and the proof that it can go red."""

import pytest

from tests.chaos.kills import run

pytestmark = pytest.mark.chaos


@pytest.mark.parametrize(
    "kills", [12, pytest.param(300, marks=[pytest.mark.long, pytest.mark.timeout(3 * 3600)])]
)
def test_a_server_that_is_killed_again_and_again(kills: int) -> None:
    verdict = run(seed=20261122, kills=kills)
    assert verdict.sound, "\n".join(verdict.faults)
    for what in ("holds", "orders", "payments", "confirmations", "requests without an answer"):
        assert verdict.counts.get(what, 0) > 0, f"no {what}: that proves nothing"


def test_without_the_guard_it_goes_red() -> None:
    """The negative control: seats are sold twice, and both the clients and `houseful check` see it."""
    verdict = run(seed=20261122, kills=2, without="seats")
    for told in ("C1 ", "was sold to", "no order of its operations explains"):
        assert any(told in fault for fault in verdict.faults), verdict.summary()


def test_stale_reads_are_found() -> None:
    """The negative control of the histories: nothing is sold twice, and yet no order explains the answers."""
    verdict = run(seed=20261122, kills=1, without="reads")
    assert any("no order of its operations explains" in fault for fault in verdict.faults), verdict.summary()
    assert all("no order of its operations explains" in fault for fault in verdict.faults), verdict.faults[:5]
