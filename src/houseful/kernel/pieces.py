"""Large bytes in pieces: never copied in one go, which would keep an event loop for milliseconds."""

import io
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

PIECE_BYTES = 64 * 1024


class Pieces:
    """Bytes in order. Pickled with a `buffer_callback`, as for a worker, the pieces are handed over as they
    are."""

    __slots__ = ("_pieces",)

    def __init__(self, pieces: Sequence[bytes] = ()) -> None:
        self._pieces = pieces

    @classmethod
    def of(cls, whole: bytes) -> "Pieces":
        return cls([whole[start : start + PIECE_BYTES] for start in range(0, len(whole), PIECE_BYTES)])

    def __len__(self) -> int:
        """In bytes."""
        return sum(map(len, self._pieces))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pieces) and self.joined() == other.joined()

    __hash__ = None  # type: ignore[assignment]  # it would have to read all of them

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return Pieces, ([pickle.PickleBuffer(piece) for piece in self._pieces],)

    def joined(self) -> bytes:
        """A copy of all. Not for an event loop where it is large."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class Gathered:
    """Pieces from parts of any size: a client may send a byte at a time."""

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
