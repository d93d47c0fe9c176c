"""The page and the figures of a rehearsal, from what was recorded."""

import re
from pathlib import Path

import msgspec
import pytest

from houseful.kernel.errors import Malformed
from houseful.tools.rush import report
from houseful.tools.rush.figures import Figures, pace, ranked_correlation, sentence
from houseful.tools.rush.verdict import Verdict
from tests.unit.tools.rush.support import recorded


def test_the_sentence_for_a_board() -> None:
    assert sentence(1_000, 2.0, is_limit=True) == (
        "This machine serves 1,000 buyers a minute; "
        "20,000 seats with 100,000 waiting sell out in 10.0 minutes."
    )
    assert "at least 1,000 buyers" in sentence(1_000, 2.0, is_limit=False)
    assert "says nothing" in sentence(0, 0, is_limit=True)


def test_the_pace_is_that_of_the_middle() -> None:
    steady = dict.fromkeys(range(100), 10)
    assert pace(steady) == pytest.approx(10)
    assert pace(steady | {900: 1, 1000: 1}) == pytest.approx(10, rel=0.05)
    assert pace({}) == 0


def test_the_figures_of_a_recorded_rehearsal() -> None:
    figures = recorded()
    assert figures.buyers_per_minute == pytest.approx(120, rel=0.05)
    assert figures.visitors_per_second == pytest.approx(2, rel=0.05)
    assert figures.seats_per_buyer == 2
    assert not figures.is_limit, "it answered quickly"
    assert recorded(slowness=10).is_limit
    assert figures.fairness is not None
    assert figures.fairness.order == figures.fairness.early == 1
    assert (figures.bots.people, figures.bots.seats) == (12, 24)
    assert figures.steps["hold"].percentiles[0] == pytest.approx(0.04)
    assert sum(one.count for one in figures.steps["hold"].over_time) == 120
    assert msgspec.json.decode(msgspec.json.encode(figures), type=Figures) == figures


def test_the_page_is_one_file_that_asks_nobody(tmp_path: Path) -> None:
    figures = recorded([Verdict(claim="no <seat> is sold twice", holds=False, details=["seat 7"])])
    page, data = report.write(figures, tmp_path / "rush")
    text = page.read_text("utf-8")
    assert figures.sentence in text
    assert "1 of 1 invariants broken" in text
    assert "no &lt;seat&gt; is sold twice" in text
    assert text.count("<svg") >= 9
    assert not re.search(r"(?:src|href)=|@import|url\(|<script", text)
    assert report.read(data) == figures
    assert report.render(report.read(data)) == text


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("{}")
    with pytest.raises(Malformed, match="is no result of a rehearsal"):
        report.read(other)


def test_rank_correlation() -> None:
    assert ranked_correlation([(1, 10), (2, 200), (3, 3000)]) == 1
    assert ranked_correlation([(1, 3), (2, 2), (3, 1)]) == -1
    assert ranked_correlation([(1, 5), (2, 5), (3, 9), (4, 5)]) == pytest.approx(0.2582)
    assert ranked_correlation([]) is None
    assert ranked_correlation([(1, 1), (2, 1)]) is None
