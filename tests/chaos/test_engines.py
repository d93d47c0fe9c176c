"""A short run and a long one of the script that breaks the engines, and the proof that it can go red."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.packages import Missing
from tests.chaos.engines import run
from tests.chaos.own_engines import Engines
from tests.chaos.verdict import Verdict

pytestmark = [pytest.mark.chaos, pytest.mark.split]

FAULTS = ("mongo", "kafka", "redis-kill", "redis-flush", "parts")


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Skips where they can't be had; in CI that is a failure (see `tests/__main__.py`)."""
    try:
        engines = Engines(tmp_path_factory.mktemp("engines"))
    except Missing as missing:
        pytest.skip(str(missing))
    with engines:
        yield engines


def told(verdict: Verdict, folder: Path) -> str:
    return "\n".join([verdict.table(), verdict.summary(), f"logs in {folder}", *verdict.faults[:50]])


def test_the_engines_and_each_part_break_while_it_sells(engines: Engines, tmp_path: Path) -> None:
    """That each part is replaced, `tests/system/test_split.py` sees."""
    verdict = run(engines, tmp_path, faults=FAULTS, at_once=True, seed=20261122, seconds=3, think_seconds=1.5)
    assert verdict.sound, told(verdict, tmp_path)
    assert len(verdict.shown) == 10
    for what in ("holds", "orders", "payments", "confirmations", "admissions", "refreshed sessions"):
        assert verdict.counts.get(what, 0) > 0, f"no {what}: that proves nothing"
    signs = ("requests told to come again", "requests without an answer", "connections refused")
    assert any(verdict.counts.get(what, 0) > 0 for what in signs), "nothing was broken"


@pytest.mark.long
@pytest.mark.timeout(3 * 3600)
def test_every_fault_for_a_minute(engines: Engines, tmp_path: Path) -> None:
    verdict = run(engines, tmp_path, seed=20261122, seconds=60)
    assert verdict.sound, told(verdict, tmp_path)


@pytest.mark.long
def test_without_its_guards_it_goes_red(engines: Engines, tmp_path: Path) -> None:
    """The negative control: seats are sold twice, which clients and `houseful check` see; and messages that
    Kafka has not taken are forgotten."""
    verdict = run(
        engines,
        tmp_path,
        faults=("kafka",),
        seed=20261122,
        seconds=4,
        without="seats,bus",
        patience_seconds=20,
    )
    for sign in ("C1 ", "was sold to", "C4 ", "what was sent meanwhile"):
        assert any(sign in fault for fault in verdict.faults), told(verdict, tmp_path)
