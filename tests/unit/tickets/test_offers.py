"""Offers to many at once, held against a search from the beginning each time."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from houseful.tickets.domain import offers
from houseful.tickets.domain.best import best_seats
from houseful.tickets.domain.offers import Offers
from tests.support.examples import examples
from tests.unit.tickets.test_best import SMALL, WITH_PIT

SEATS = WITH_PIT.seats_total


class Sale(RuleBasedStateMachine):
    """Seats come and go, are offered and given back, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses = bytearray(SEATS)
        self.offers = Offers(WITH_PIT, self.statuses)
        self.offered: list[list[int]] = []

    @rule(
        quantity=st.integers(1, 7),
        category=st.sampled_from([None, 0, 1, 2]),
        section=st.sampled_from([None, 0, 1, 2]),
    )
    def offer(self, quantity: int, category: int | None, section: int | None) -> None:
        free = bytearray(self.statuses)
        for ordinals in self.offered:
            for ordinal in ordinals:
                free[ordinal] = 1
        chosen = self.offers.offer(quantity, category=category, section=section)
        assert chosen == best_seats(WITH_PIT, free, quantity, category=category, section=section)
        if chosen is not None:
            self.offered.append(chosen)

    @rule(data=st.data(), sold=st.booleans())
    def close(self, data: st.DataObject, sold: bool) -> None:
        if self.offered:
            ordinals = self.offered.pop(data.draw(st.integers(0, len(self.offered) - 1)))
            if sold:
                self.change(set(ordinals), 2)
            self.offers.close(ordinals)

    @rule(ordinals=st.sets(st.integers(0, SEATS - 1), max_size=9), status=st.integers(0, 3))
    def change(self, ordinals: set[int], status: int) -> None:
        for ordinal in ordinals:
            self.statuses[ordinal] = status
            self.offers.changed(ordinal)

    @invariant()
    def what_is_open_is_known(self) -> None:
        assert self.offers.open == {ordinal for ordinals in self.offered for ordinal in ordinals}
        in_section = sum(WITH_PIT.section_of(ordinal).index == 1 for ordinal in self.offers.open)
        assert self.offers.count(section=1) == in_section
        assert self.offers.count() == len(self.offers.open)


TestSale = Sale.TestCase
TestSale.settings = examples(200, stateful_step_count=40)


@given(quantities=st.lists(st.integers(1, 4), min_size=30, max_size=60))
@examples(30)
def test_what_is_forgotten_is_found_out_again(quantities: list[int]) -> None:
    most_changes, most_rankings = offers._MOST_CHANGES, offers._MOST_RANKINGS
    offers._MOST_CHANGES, offers._MOST_RANKINGS = 7, 2
    try:
        statuses = bytearray(SMALL.seats_total)
        served = Offers(SMALL, statuses)
        for quantity in quantities:
            expected = best_seats(SMALL, bytes(served._taken), quantity)
            assert served.offer(quantity) == expected
    finally:
        offers._MOST_CHANGES, offers._MOST_RANKINGS = most_changes, most_rankings
