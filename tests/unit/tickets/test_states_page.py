"""The page of states says what the tables of the code say."""

import re
from pathlib import Path

import pytest

from houseful.tickets.domain.orders import PAYMENT_TRANSITIONS, TRANSITIONS, Due

PAGE = Path(__file__).parents[3] / "docs/internals/orders.md"


@pytest.mark.parametrize(("chapter", "table"), [("Order", TRANSITIONS), ("Payment", PAYMENT_TRANSITIONS)])
def test_the_page_has_each_transition_once(chapter: str, table: dict[str, frozenset[str]]) -> None:
    told = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", _chapter(chapter), re.MULTILINE)
    assert sorted(told) == sorted((before, after) for before, others in table.items() for after in others)


def test_the_page_has_all_that_can_be_due() -> None:
    told = re.findall(r"\| `(\w+)` \|$", _chapter("Payment"), re.MULTILINE)
    assert sorted(told) == sorted(Due)


def _chapter(name: str) -> str:
    return re.split(r"^## ", PAGE.read_text().partition(f"## {name}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
