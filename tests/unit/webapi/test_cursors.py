"""Cursors: given back as they came, refused where they are of no list, understood where they are older."""

import pytest

from houseful.kernel.errors import Invalid
from houseful.webapi.cursors import cursor_of, moment_of, text_of


def test_a_position_comes_back() -> None:
    assert moment_of(cursor_of(1_797_102_000_000, "evt_1")) == (1_797_102_000_000, "evt_1")
    assert text_of(cursor_of("jörg@example.org", "usr_1")) == ("jörg@example.org", "usr_1")
    assert moment_of(None) is None
    assert text_of(None) is None


def test_cursors_of_older_versions_are_understood() -> None:
    assert moment_of("1797102000000:ord_1") == (1_797_102_000_000, "ord_1")  # orders and emails
    assert moment_of("WzE3OTcxMDIwMDAwMDAsImV2dF8xIl0") == (1_797_102_000_000, "evt_1")  # events
    assert text_of("WyJhQGIuYyIsInVzcl8xIl0") == ("a@b.c", "usr_1")  # users


@pytest.mark.parametrize(
    "cursor", ["", "?", "x", ":", "1:", ":ord_1", "-1:ord_1", "١:ord_1", "1e3:ord_1", "9" * 16 + ":ord_1"]
)
def test_what_is_no_cursor_is_refused_by_name(cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        moment_of(cursor)
    assert set(refused.value.errors) == {"cursor"}


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(Invalid):
        moment_of(cursor_of("a@example.org", "usr_1"))
    with pytest.raises(Invalid):
        text_of(cursor_of(1, "evt_1"))
    with pytest.raises(Invalid):
        moment_of(cursor_of(-1, "evt_1"))
    with pytest.raises(Invalid):
        moment_of(cursor_of(2**53, "evt_1"))
