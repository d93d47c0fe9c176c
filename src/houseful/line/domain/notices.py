"""Notices: an email to who waits, when the turn is near."""

import math
from typing import ClassVar

from houseful.kernel.documents import Document, Index, Millis
from houseful.line.domain.admission import Admission

LEAD_SECONDS = 300.0
"""How long before the turn, at the pace of the line, the email goes: it has to be delivered and read."""


class TurnNotice(Document, frozen=True, kw_only=True):
    """An account that wants an email when its turn is near; `id` is its entry's. `number` is None until the
    place has one. The notice is deleted when the email is asked for, or after `until`, when the line is over.
    It is the only document of a line that says whose an entry is."""

    collection: ClassVar[str] = "line_turn_notices"
    indexes = (Index(("event_id", "number")), Index(("user_id",)), Index(("until",)))

    event_id: str
    user_id: str
    number: int | None = None
    until: Millis


def near_until(admission: Admission) -> int:
    """The last number whose turn is near."""
    return admission.front + math.ceil(admission.rate * LEAD_SECONDS)
