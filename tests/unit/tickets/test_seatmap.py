"""The bytes of docs/seat-map.md, read back by a decoder that follows the document and nothing else."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houseful.tickets.domain.availability import encode_delta, encode_snapshot

STATUSES = st.lists(st.integers(0, 3), max_size=300)


def decode_snapshot(data: bytes) -> tuple[int, list[int]]:
    magic, seats, version = struct.unpack_from("<4sIQ", data)
    assert magic == b"HFS1"
    packed = data[16:]
    assert len(packed) == (seats + 3) // 4
    return version, [packed[i // 4] >> 2 * (i % 4) & 3 for i in range(seats)]


def decode_delta(data: bytes) -> dict[int, int]:
    changes: dict[int, int] = {}
    ordinal, value, shift = -1, 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            ordinal += (value >> 2) + 1
            changes[ordinal] = value & 3
            value = shift = 0
    assert shift == 0, "the last varint is cut off"
    return changes


@given(STATUSES, st.integers(0, 2**64 - 1))
def test_a_snapshot_holds_every_status(statuses: list[int], version: int) -> None:
    assert decode_snapshot(encode_snapshot(bytes(statuses), version)) == (version, statuses)
    assert encode_snapshot(bytearray(statuses), version) == encode_snapshot(bytes(statuses), version)


def test_a_snapshot_of_a_stadium_is_small() -> None:
    statuses = bytes(i * 7919 % 4 for i in range(80_001))
    encoded = encode_snapshot(statuses, 1)
    assert len(encoded) == 16 + 20_001
    assert decode_snapshot(encoded) == (1, list(statuses))


@pytest.mark.parametrize("bad", [b"\x04", b"\0\0\xff\0"])
def test_a_status_that_is_none_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError, match="status"):
        encode_snapshot(bad, 1)


@given(st.dictionaries(st.integers(0, 200_000), st.integers(0, 3), max_size=50))
def test_a_delta_holds_every_change(changes: dict[int, int]) -> None:
    assert decode_delta(encode_delta(changes)) == changes
    assert encode_delta(reversed(list(changes.items()))) == encode_delta(changes)


@given(STATUSES, STATUSES)
def test_a_snapshot_and_its_deltas_make_the_next_snapshot(before: list[int], after: list[int]) -> None:
    after = after[: len(before)] + before[len(after) :]
    changes = {i: new for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new}
    _, seats = decode_snapshot(encode_snapshot(bytes(before), 1))
    for ordinal, status in decode_delta(encode_delta(changes)).items():
        seats[ordinal] = status
    assert seats == after


def test_neighbours_that_change_cost_a_byte_each() -> None:
    assert encode_delta({5: 2, 6: 2, 7: 1}) == bytes([5 << 2 | 2, 2, 1])


@pytest.mark.parametrize("bad", [[(1, 4)], [(1, -1)], [(1, 1), (1, 2)], [(-1, 0)]])
def test_an_impossible_change_is_refused(bad: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="cannot change"):
        encode_delta(bad)
