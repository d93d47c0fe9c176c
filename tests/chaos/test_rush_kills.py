"""An on-sale whose server is killed in the lobby, at the seal, in the draw and in the sale loses nothing."""

from pathlib import Path

import pytest

from tests.chaos.rush_kills import run

pytestmark = [pytest.mark.chaos, pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("topology", ["single", "split"])
def test_a_sale_that_is_killed_at_each_of_its_moments(topology: str, tmp_path: Path) -> None:
    options = ("--think-seconds", "0.5", "--hold-seconds", "60", "--most-seconds", "300")
    outcome = run(topology, 800, 600, tmp_path / "rush", *options)
    assert outcome.faults == []
    assert any(reason == "no answer" for _, reason, _ in outcome.figures["retries"]), "kills were noticed"
