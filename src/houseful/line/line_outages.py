"""What fails for one line holds up no other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from houseful.kernel.outage_log import OutageLog, WallClock
from houseful.kernel.telemetry import get_logger

log = get_logger(__name__)


class LineOutages:
    """Runs the work of each line apart from that of the others. What raises is logged, once for an outage,
    and tried again with the next round."""

    def __init__(self, clock: WallClock) -> None:
        self._clock = clock
        self._failing: dict[str, OutageLog] = {}

    @asynccontextmanager
    async def apart(self, event_id: str) -> AsyncIterator[None]:
        try:
            yield
        except Exception as error:
            outage = self._failing.setdefault(
                event_id, OutageLog(log, self._clock, f"the line of {event_id}")
            )
            outage.failed(error)
        else:
            if event_id in self._failing:
                self._failing.pop(event_id).over()
