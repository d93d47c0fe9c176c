"""Large byte strings in pieces. Copying one in a single call would block an event loop for milliseconds."""

import io
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

PIECE_BYTES = 64 * 1024


class Pieces:
    """Bytes in order. Pickling with a `buffer_callback` passes the pieces without a copy."""

    __slots__ = ("_pieces",)

    def __init__(self, pieces: Sequence[bytes] = ()) -> None:
        self._pieces = pieces

    @classmethod
    def of(cls, whole: bytes) -> "Pieces":
        return cls([whole[start : start + PIECE_BYTES] for start in range(0, len(whole), PIECE_BYTES)])

    def __len__(self) -> int:
        """The number of bytes."""
        return sum(map(len, self._pieces))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pieces) and self.joined() == other.joined()

    __hash__ = None  # type: ignore[assignment]  # it would have to read all of them

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return Pieces, ([pickle.PickleBuffer(piece) for piece in self._pieces],)

    def joined(self) -> bytes:
        """All bytes in one copy. Large ones must not be joined on an event loop."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class Gathered:
    """Collects parts of any size into pieces. A client may send one byte at a time."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes] = []
        self._small = io.BytesIO()

    def add(self, part: bytes) -> None:
        self.size += len(part)
        if len(part) >= PIECE_BYTES and not self._small.tell():
            self._pieces.append(part)
            return
        self._small.write(part)
        if self._small.tell() >= PIECE_BYTES:
            self._take()

    def pieces(self) -> Pieces:
        if self._small.tell():
            self._take()
        return Pieces(self._pieces)

    def _take(self) -> None:
        self._pieces.append(self._small.getvalue())
        self._small = io.BytesIO()
