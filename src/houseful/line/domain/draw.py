"""The draw: a sealed list becomes a line by chance that anybody can repeat. docs/fair-draw.md tells it.

    commitment = SHA-256(server_seed)                          published with the event
    entrant    = HMAC-SHA-256(place_key, event ‖ account)      names nobody
    root       = Merkle root (RFC 9162, 2.1.1) over the entrants in byte order, published at the seal
    seed       = SHA-256(server_seed ‖ root ‖ beacon value or nothing)
    order      = ascending HMAC-SHA-256(seed, entrant); numbers from 1

All over raw bytes. Numbers are computed from the sealed list and the seed, and never stored.
"""

import hashlib
import hmac
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

DIGEST_BYTES = 32
_LEAF, _NODE = b"\0", b"\1"


def commitment(server_seed: bytes) -> bytes:
    return hashlib.sha256(server_seed).digest()


def entrant(place_key: bytes, event_id: str, user_id: str) -> bytes:
    """The name of an account in the line of an event. Without the key nobody finds the account."""
    return hmac.digest(place_key, event_id.encode() + user_id.encode(), "sha256")


def in_byte_order(entrants: Sequence[bytes]) -> list[bytes]:
    """The sealed list. Raises `ValueError` for an entrant that is in it twice, or is none."""
    ordered = sorted(entrants)
    if any(len(one) != DIGEST_BYTES for one in ordered):
        raise ValueError(f"an entrant has {DIGEST_BYTES} bytes")
    if any(one == following for one, following in pairwise(ordered)):
        raise ValueError("an entrant is in the list twice")
    return ordered


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, 2.1.1. The left subtree of each node is full, so pairing from below gives the same tree."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = [_leaf(one) for one in leaves]
    while len(level) > 1:
        level = _above(level)
    return level[0]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """RFC 9162, 2.1.3.1: the siblings of a leaf, from below. Raises `IndexError` for no leaf."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"there is no leaf {index} among {len(leaves)}")
    level, path = [_leaf(one) for one in leaves], []
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        level, index = _above(level), index // 2
    return path


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162, 2.1.3.2: whether a path proves that `leaf` is number `index` (from 0) of `size`."""
    if not 0 <= index < size:
        return False
    position, last, found = index, size - 1, _leaf(leaf)
    for sibling in path:
        if last == 0:
            return False
        if position % 2 or position == last:
            found = _node(sibling, found)
            while position % 2 == 0 and position:
                position, last = position // 2, last // 2
        else:
            found = _node(found, sibling)
        position, last = position // 2, last // 2
    return last == 0 and hmac.compare_digest(found, root)


def seed(server_seed: bytes, root: bytes, beacon: bytes = b"") -> bytes:
    return hashlib.sha256(server_seed + root + beacon).digest()


def drawn_order(seed: bytes, entrants: Sequence[bytes]) -> list[bytes]:
    """The line, its first entrant first."""
    return sorted(entrants, key=lambda one: hmac.digest(seed, one, "sha256"))


def share(seed: bytes, entrant: bytes) -> float:
    """Where in the line an entrant is, from 0 to 1, as nearly as one can know without the list."""
    return int.from_bytes(hmac.digest(seed, entrant, "sha256")[:4]) / 2**32


class SealedList:
    """The entrants in byte order, joined: what is stored, and read by every process."""

    __slots__ = ("joined",)

    def __init__(self, joined: bytes) -> None:
        self.joined = joined

    def __len__(self) -> int:
        return len(self.joined) // DIGEST_BYTES

    def entrant(self, index: int) -> bytes:
        return self.joined[index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]

    def entrants(self) -> list[bytes]:
        return [self.entrant(index) for index in range(len(self))]

    def position(self, entrant: bytes) -> int | None:
        found = bisect_left(range(len(self)), entrant, key=self.entrant)
        return found if found < len(self) and self.entrant(found) == entrant else None


def numbers(seed: bytes, sealed: bytes) -> bytes:
    """The number of each entrant, in the order of the sealed list, as an array of unsigned integers. It takes
    half a second for 100,000: for a worker."""
    entrants = SealedList(sealed).entrants()
    places = sorted(range(len(entrants)), key=lambda index: hmac.digest(seed, entrants[index], "sha256"))
    result = array("I", bytes(4 * len(entrants)))
    for number, index in enumerate(places, 1):
        result[index] = number
    return result.tobytes()


def root_of(sealed: bytes) -> bytes:
    """Of a sealed list. For a worker, as `numbers`."""
    return merkle_root(SealedList(sealed).entrants())


def proof_of(sealed: bytes, index: int) -> list[bytes]:
    """For a worker, as `numbers`."""
    return inclusion_proof(SealedList(sealed).entrants(), index)


def _leaf(entrant: bytes) -> bytes:
    return hashlib.sha256(_LEAF + entrant).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


def _above(level: list[bytes]) -> list[bytes]:
    pairs = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return pairs + level[-1:] if len(level) % 2 else pairs
