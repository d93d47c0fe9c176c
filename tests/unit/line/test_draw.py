"""The draw: uniform, without gaps, the same for whoever repeats it."""

import hashlib
import hmac
import math
import random
import runpy
from array import array
from pathlib import Path

import msgspec
import pytest

from houseful.line.domain import audit, draw

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests" / "vectors" / "draw.json"
SCRIPT = ROOT / "docs" / "fair-draw" / "verify.py"


def entrants(count: int, salt: int = 0) -> list[bytes]:
    return [hashlib.sha256(b"%d.%d" % (salt, one)).digest() for one in range(count)]


def made(count: int, server_seed: bytes = b"s" * 32, beacon: bytes = b"") -> audit.Audit:
    ordered = draw.in_byte_order(entrants(count))
    root = draw.merkle_root(ordered)
    seed = draw.seed(server_seed, root, beacon)
    numbers = array("I", draw.numbers(seed, b"".join(ordered)))
    return audit.Audit(
        event_id="evt_1",
        commitment=draw.commitment(server_seed).hex(),
        server_seed=server_seed.hex(),
        root=root.hex(),
        beacon=audit.Beacon(
            source="pair", round=None, value=beacon.hex(), commitment=draw.commitment(beacon).hex()
        )
        if beacon
        else None,
        seed=seed.hex(),
        entrants=[(one.hex(), number) for one, number in zip(ordered, numbers, strict=True)],
    )


def recursive_root(leaves: list[bytes]) -> bytes:
    """As RFC 9162 writes it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + recursive_root(leaves[:half]) + recursive_root(leaves[half:])).digest()


@pytest.mark.parametrize("count", [*range(20), 31, 32, 33, 100, 257])
def test_the_tree_is_that_of_the_rfc_and_each_leaf_has_a_proof(count: int) -> None:
    leaves = draw.in_byte_order(entrants(count))
    root = draw.merkle_root(leaves)
    assert root == recursive_root(leaves)
    for index, leaf in enumerate(leaves):
        path = draw.inclusion_proof(leaves, index)
        assert draw.is_included(leaf, index, count, path, root)
        assert not draw.is_included(hashlib.sha256(leaf).digest(), index, count, path, root)
        if count > 1:
            assert not draw.is_included(leaf, (index + 1) % count, count, path, root)
            assert not draw.is_included(leaf, index, count, path[:-1], root)
            assert not draw.is_included(leaf, index, count, [*path, root], root)
    with pytest.raises(IndexError):
        draw.inclusion_proof(leaves, count)


def test_the_root_of_the_certificate_transparency_vectors() -> None:
    leaves = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243")]
    assert (
        draw.merkle_root(leaves).hex() == "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"
    )


def test_a_list_is_sealed_in_byte_order_with_each_entrant_once() -> None:
    given = entrants(50)
    assert draw.in_byte_order(given) == sorted(given)
    with pytest.raises(ValueError, match="twice"):
        draw.in_byte_order([*given, given[7]])
    with pytest.raises(ValueError, match="32 bytes"):
        draw.in_byte_order([b"short"])


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_numbers_are_without_gaps_and_are_found_again(count: int) -> None:
    """L3."""
    ordered = draw.in_byte_order(entrants(count))
    seed = draw.seed(b"s" * 32, draw.merkle_root(ordered))
    sealed = draw.SealedList(b"".join(ordered))
    numbers = array("I", draw.numbers(seed, sealed.joined))
    assert sorted(numbers) == list(range(1, count + 1))
    line = draw.drawn_order(seed, ordered)
    for entrant in ordered:
        index = sealed.position(entrant)
        assert index is not None
        assert line[numbers[index] - 1] == entrant
    assert sealed.position(hashlib.sha256(b"nobody").digest()) is None
    assert len(sealed) == count


def test_the_draw_is_uniform() -> None:
    """L9: over many seeds each entrant is as often at each place: chi-square, with fixed seeds."""
    chance, places, rounds = random.Random(12), 12, 12_000
    people = entrants(places)
    counts = [[0] * places for _ in people]
    for _ in range(rounds):
        line = draw.drawn_order(draw.seed(chance.randbytes(32), draw.merkle_root(people)), people)
        for person, entrant in enumerate(people):
            counts[person][line.index(entrant)] += 1
    expected = rounds / places
    statistic = sum((seen - expected) ** 2 / expected for row in counts for seen in row)
    freedom = (places - 1) ** 2
    # Wilson and Hilferty: as far from the mean as one in a million would be.
    deviation = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    assert abs(deviation) < 4.9


def test_a_draw_by_arrival_would_be_found_out() -> None:
    """The control of the test above: a line that favours who comes first has another statistic."""
    chance, places, rounds = random.Random(12), 12, 2_000
    counts = [[0] * places for _ in range(places)]
    for _ in range(rounds):
        order = sorted(range(places), key=lambda person: person * 0.05 + chance.random())
        for place, person in enumerate(order):
            counts[person][place] += 1
    expected = rounds / places
    statistic = sum((seen - expected) ** 2 / expected for row in counts for seen in row)
    assert statistic > 1.5 * (places - 1) ** 2


def test_the_vectors() -> None:
    """They never change: drawn lines have to be verifiable for ever."""
    for vector in msgspec.json.decode(VECTORS.read_bytes()):
        place_key = bytes.fromhex(vector["place_key"])
        found = [draw.entrant(place_key, vector["event_id"], account) for account in vector["accounts"]]
        assert [one.hex() for one in found] == vector["entrants"]
        ordered = draw.in_byte_order(found)
        root = draw.merkle_root(ordered)
        assert root.hex() == vector["root"]
        server_seed, beacon = bytes.fromhex(vector["server_seed"]), bytes.fromhex(vector["beacon"])
        assert draw.commitment(server_seed).hex() == vector["commitment"]
        seed = draw.seed(server_seed, root, beacon)
        assert seed.hex() == vector["seed"]
        assert [one.hex() for one in draw.drawn_order(seed, ordered)] == vector["line"]


def test_an_entrant_is_the_hmac_of_event_and_account() -> None:
    expected = hmac.new(b"k" * 32, b"evt_1usr_1", hashlib.sha256).digest()
    assert draw.entrant(b"k" * 32, "evt_1", "usr_1") == expected


@pytest.mark.parametrize("beacon", [b"", b"organizer's secret"])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 64, 777])
def test_a_verifier_written_apart_agrees(tmp_path: Path, count: int, beacon: bytes) -> None:
    """L4."""
    whole = made(count, beacon=beacon)
    assert audit.contradictions(whole) == []
    assert verified(tmp_path, msgspec.to_builtins(whole)) == 0


WRONG = {
    "commitment": {"commitment": "0" * 64},
    "server seed": {"server_seed": "11" * 32},
    "root": {"root": "0" * 64},
    "seed": {"seed": "0" * 64},
    "beacon": {"beacon": {"source": "pair", "round": None, "value": "00"}},
    "beacon's commitment": {
        "beacon": {"source": "pair", "round": None, "value": "00", "commitment": "0" * 64}
    },
}


@pytest.mark.parametrize("name", WRONG)
def test_both_find_what_does_not_hold(tmp_path: Path, name: str) -> None:
    changed = msgspec.to_builtins(made(20)) | WRONG[name]
    assert audit.contradictions(msgspec.convert(changed, audit.Audit)) != []
    assert verified(tmp_path, changed) == 1


def test_both_find_two_numbers_that_were_swapped_and_an_entrant_that_is_gone(tmp_path: Path) -> None:
    whole = msgspec.to_builtins(made(20))
    listed = [list(one) for one in whole["entrants"]]
    listed[3][1], listed[9][1] = listed[9][1], listed[3][1]
    for entrants_then in (listed, whole["entrants"][1:], whole["entrants"][::-1]):
        changed = whole | {"entrants": entrants_then}
        assert audit.contradictions(msgspec.convert(changed, audit.Audit)) != []
        assert verified(tmp_path, changed) == 1


def test_what_is_no_audit(tmp_path: Path) -> None:
    for content in (b"", b"[]", b'{"version": 1}', b'{"version": 2}'):
        with pytest.raises(ValueError, match="no audit of a draw"):
            audit.read(content)
    assert verified(tmp_path, {"version": 1}) == 2
    unreadable = msgspec.structs.replace(made(1), seed="xx")
    assert "can't be read" in audit.contradictions(unreadable)[0]


def verified(folder: Path, content: object, *arguments: str) -> int:
    file = folder / "audit.json"
    file.write_bytes(msgspec.json.encode(content))
    result: int = runpy.run_path(str(SCRIPT))["main"]([str(file), *arguments])
    return result


def test_the_script_tells_the_number_of_an_entrant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = msgspec.to_builtins(made(5))
    entrant, number = whole["entrants"][2]
    assert verified(tmp_path, whole, entrant) == 0
    assert f"has the number {number}." in capsys.readouterr().out
    assert verified(tmp_path, whole, "0" * 64) == 1
