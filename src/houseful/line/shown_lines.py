"""What anybody is told of a line: read from the store once a second in a process, however many ask."""

import msgspec

from houseful.kernel.errors import not_found
from houseful.line.domain.admission import Admission
from houseful.line.domain.lines import Line
from houseful.line.schemas import line_view
from houseful.webapi.cached_bodies import CachedBody
from houseful.webapi.manifest import Platform
from houseful.webapi.single_flight import SingleFlights

_SECONDS = 1.0
_MOST = 1000


class ShownLines:
    def __init__(self, platform: Platform) -> None:
        self._store = platform.store
        self._clock = platform.clock
        self._bodies: dict[str, tuple[float, CachedBody]] = {}
        self._making: SingleFlights[CachedBody] = SingleFlights()

    async def body(self, event_id: str) -> CachedBody:
        """A `LineView`. Raises `NotFound` for an event without a line."""
        known = self._bodies.get(event_id)
        if known is not None and self._clock.monotonic() - known[0] < _SECONDS:
            return known[1]
        return await self._making.get(event_id, lambda: self._made(event_id))

    async def _made(self, event_id: str) -> CachedBody:
        line = await self._store.get(Line, event_id)
        if line is None:
            raise not_found("line")
        admission = await self._store.get(Admission, event_id) or Admission(id=event_id)
        # The tag leaves out the time, which is another one each second.
        tag = CachedBody(msgspec.json.encode(line_view(line, admission, 0)), "application/json").etag
        shown = msgspec.json.encode(line_view(line, admission, self._clock.now()))
        body = CachedBody(shown, "application/json", tag)
        self._bodies[event_id] = self._clock.monotonic(), body
        if len(self._bodies) > _MOST:
            del self._bodies[next(iter(self._bodies))]
        return body
