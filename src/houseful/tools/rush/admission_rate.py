"""What was measured becomes the rate from which the installation's lines are called."""

from houseful.app import opened_store
from houseful.kernel.clock import SystemClock
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Transaction
from houseful.line import MANIFEST
from houseful.line.domain import rehearsals
from houseful.line.domain.rehearsals import RehearsedRate
from houseful.settings import Settings
from houseful.tools.rush.figures import Figures


async def record(settings: Settings, figures: Figures) -> bool:
    """Whether it was recorded. A figure of a rehearsal in which something did not hold is none."""
    if not figures.holds or not figures.visitors_per_second:
        return False
    clock, ids = SystemClock(), SystemIds()
    rate = RehearsedRate(
        id=RehearsedRate.ID,
        visitors_per_second=figures.visitors_per_second,
        is_limit=figures.is_limit,
        at=clock.now(),
    )

    async def work(tx: Transaction) -> bool:
        before = await tx.get(RehearsedRate, RehearsedRate.ID)
        if not rehearsals.counts(before, rate):
            return False
        if before is None:
            tx.insert(rate)
        else:
            tx.put(rate)
        return True

    async with opened_store(settings, MANIFEST, clock=clock, ids=ids) as store:
        return await store.transact(work)
