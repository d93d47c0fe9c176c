"""Sealed lists and draws: read and computed once in a process, however many ask at once."""

from array import array
from typing import NamedTuple, TypeVar

from houseful.kernel.errors import Unavailable
from houseful.line.domain import draw, lines
from houseful.line.domain.draw import SealedList
from houseful.line.domain.lines import Line, SealedPart
from houseful.webapi.manifest import Platform
from houseful.webapi.single_flight import SingleFlights

T = TypeVar("T")

_KEPT = 8


class Drawn(NamedTuple):
    """A draw, computed: `numbers` are in the order of the list."""

    sealed: SealedList
    numbers: "array[int]"

    def number(self, entrant: bytes) -> int | None:
        position = self.sealed.position(entrant)
        return None if position is None else self.numbers[position]


class Draws:
    def __init__(self, platform: Platform) -> None:
        self._store = platform.store
        self._workers = platform.workers
        self._lists: dict[str, SealedList] = {}
        self._draws: dict[str, Drawn] = {}
        self._reading: SingleFlights[SealedList] = SingleFlights()
        self._drawing: SingleFlights[Drawn] = SingleFlights()

    async def sealed(self, line: Line) -> SealedList:
        """The list of a line that is sealed. It never changes."""
        known = self._lists.get(line.id)
        return known if known is not None else await self._reading.get(line.id, lambda: self._read(line))

    async def drawn(self, line: Line) -> Drawn:
        """The draw of a line that is drawn: its seed is whole, so it never changes."""
        assert line.is_drawn, "a draw before its time is another draw"
        known = self._draws.get(line.id)
        return known if known is not None else await self._drawing.get(line.id, lambda: self._draw(line))

    async def _read(self, line: Line) -> SealedList:
        assert line.root is not None, "a list is read once it is sealed"
        ids = lines.part_ids(line.id, line.root, line.drawn)
        parts = await self._store.get_many(SealedPart, ids)
        if len(parts) < len(ids):
            raise Unavailable(f"the sealed list of {line.id} is not whole")
        return _kept(self._lists, line.id, SealedList(b"".join(parts[id].piece for id in ids)))

    async def _draw(self, line: Line) -> Drawn:
        sealed = await self.sealed(line)
        numbers = await self._workers.run(draw.numbers, line.seed, sealed.joined, whose=line.id, most=64)
        return _kept(self._draws, line.id, Drawn(sealed, array("I", numbers)))


def _kept(among: dict[str, T], id: str, made: T) -> T:
    among[id] = made
    if len(among) > _KEPT:
        del among[next(iter(among))]
    return made
