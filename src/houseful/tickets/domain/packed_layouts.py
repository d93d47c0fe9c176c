"""A layout as it is stored: the plan and the standing areas, and the slots of an amended plan."""

import zlib
from collections.abc import Sequence

import msgspec

from houseful.seating.parsing import Plan, StandingArea
from houseful.tickets.domain.amended_layout import compile_amended
from houseful.tickets.domain.layout import Layout, compile_layout
from houseful.tickets.domain.slots import Slots


class StoredLayout(msgspec.Struct, frozen=True, array_like=True):
    """Without `slots` it is what `seating.parsing.pack` writes."""

    plan: Plan
    areas: tuple[StandingArea, ...]
    slots: Slots | None = None

    def compile(self) -> Layout:
        if self.slots is None:
            return compile_layout(self.plan, self.areas)
        return compile_amended(self.plan, self.areas, self.slots)


def pack_layout(plan: Plan, areas: Sequence[StandingArea], slots: Slots) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(StoredLayout(plan, tuple(areas), slots)), 6)


def stored_layout(packed: bytes) -> StoredLayout:
    return msgspec.msgpack.decode(zlib.decompress(packed), type=StoredLayout)


def unpack_layout(packed: bytes) -> Layout:
    """Compiled. Takes some tenths of a second for a stadium."""
    return stored_layout(packed).compile()
