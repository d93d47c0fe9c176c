"""What the last rehearsal has measured: lines that open later are called at that rate from the start."""

from typing import ClassVar

from msgspec.structs import replace

from houseful.kernel.documents import Document, Millis
from houseful.line.domain.admission import LEAST_RATE, START_RATE, Admission


class RehearsedRate(Document, frozen=True, kw_only=True):
    """Of the whole installation; there is one. `is_limit` says whether more were not served, or did not
    come."""

    collection: ClassVar[str] = "line_rehearsed_rates"
    ID: ClassVar[str] = "latest"

    visitors_per_second: float
    is_limit: bool
    at: Millis


def counts(before: RehearsedRate | None, rate: RehearsedRate) -> bool:
    """Whether it takes the place of the one before. Where more people did not come, the shop may bear more
    than it served: that is no reason to start slower."""
    known = START_RATE if before is None else before.visitors_per_second
    return rate.is_limit or rate.visitors_per_second > known


def started(admission: Admission, rate: RehearsedRate | None) -> Admission:
    """As it is when the line opens."""
    if rate is None:
        return admission
    return replace(admission, load_rate=max(rate.visitors_per_second, LEAST_RATE))
