"""Large bytes in pieces: the same bytes, in pieces that are neither tiny nor copied."""

import pickle

from houseful.kernel.pieces import PIECE_BYTES, Gathered, Pieces
from houseful.webapi.idempotency import digest, digest_of_pieces

WHOLE = bytes(range(256)) * 1000


def test_pieces_are_the_bytes_they_were_made_of() -> None:
    pieces = Pieces.of(WHOLE)
    assert len(pieces) == len(WHOLE)
    assert max(map(len, pieces)) == PIECE_BYTES
    assert pieces.joined() == WHOLE
    assert digest_of_pieces(pieces) == digest(WHOLE)
    assert Pieces().joined() == b""
    assert pieces == Pieces([WHOLE])
    assert pieces != Pieces([WHOLE, b"x"])


def test_a_client_that_sends_bytes_one_by_one_makes_no_more_pieces() -> None:
    gathered = Gathered()
    for number in range(len(WHOLE)):
        gathered.add(WHOLE[number : number + 1])
    assert gathered.size == len(WHOLE)
    pieces = gathered.pieces()
    assert pieces.joined() == WHOLE
    assert len(list(pieces)) == len(list(Pieces.of(WHOLE)))


def test_large_parts_are_taken_as_they_are() -> None:
    gathered = Gathered()
    parts = [b"small", bytes(PIECE_BYTES), bytes(PIECE_BYTES), b"end"]
    for part in parts:
        gathered.add(part)
    pieces = gathered.pieces()
    assert pieces.joined() == b"".join(parts)
    assert any(piece is parts[2] for piece in pieces)


def test_pickled_they_are_handed_over_as_they_are() -> None:
    pieces, buffers = Pieces.of(WHOLE), list[pickle.PickleBuffer]()
    pickled = pickle.dumps(pieces, 5, buffer_callback=buffers.append)
    assert len(pickled) < 200
    assert pickle.loads(pickled, buffers=list(pieces)) == pieces
    assert pickle.loads(pickle.dumps(pieces, 5)) == pieces, "also by those who know no buffers"
