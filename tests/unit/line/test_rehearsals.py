"""A line begins by calling people at the rate that the last rehearsal measured."""

from houseful.kernel.ports import Transaction
from houseful.line.domain import rehearsals
from houseful.line.domain.admission import START_RATE, Admission
from houseful.line.domain.rehearsals import RehearsedRate
from tests.unit.line.harness import EVENT, ON_SALE, Harness


def rate(visitors: float, *, is_limit: bool = True) -> RehearsedRate:
    return RehearsedRate(id=RehearsedRate.ID, visitors_per_second=visitors, is_limit=is_limit, at=0)


async def opened(harness: Harness) -> Admission:
    await harness.opened_lobby()
    await harness.until(ON_SALE - 60_000)
    await harness.until(ON_SALE)
    admission = await harness.store.get(Admission, EVENT)
    assert admission is not None
    return admission


async def test_a_line_opens_at_the_rate_of_the_last_rehearsal(harness: Harness) -> None:
    async def work(tx: Transaction) -> None:
        tx.insert(rate(250.0))

    await harness.store.transact(work)
    assert (await opened(harness)).load_rate == 250


async def test_without_a_rehearsal_it_begins_carefully(harness: Harness) -> None:
    assert (await opened(harness)).load_rate == START_RATE


def test_what_was_no_limit_is_no_reason_to_begin_slower() -> None:
    assert rehearsals.counts(None, rate(3))
    assert not rehearsals.counts(None, rate(3, is_limit=False))
    assert rehearsals.counts(None, rate(START_RATE + 1, is_limit=False))
    assert not rehearsals.counts(rate(100), rate(90, is_limit=False))
    assert rehearsals.counts(rate(100), rate(90))
