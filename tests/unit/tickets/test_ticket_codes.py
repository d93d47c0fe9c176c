"""Codes: only what we signed is a ticket, and a scanner of any kind can read it."""

import json
from pathlib import Path
from typing import Any

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from houseful.tickets.domain.scan_text import TEXT_LENGTH
from houseful.tickets.domain.ticket_codes import ALPHABET, CodeSigner, Reading, event_mark, read_code

SIGNER = CodeSigner(b"s" * 32)
KEYS = [SIGNER.public_key]
TICKET, EVENT = "tkt_0198c2d1e0007abc8def0123456789ab", "evt_0198c2d1e0007abc8def0123456789ab"
CODE = SIGNER.code(TICKET, EVENT)
READING = Reading(TICKET, event_mark(EVENT))
SAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "ticket_codes.json").read_text("utf-8"))


def test_a_code_says_whose_ticket_it_is() -> None:
    assert read_code(CODE, KEYS) == READING


def test_a_code_is_always_the_same_and_packs_tightly_into_a_qr_code() -> None:
    assert CodeSigner(b"s" * 32).code(TICKET, EVENT) == CODE
    assert len(CODE) == 138
    assert set(CODE) <= set(ALPHABET)
    picture = segno.make_qr(CODE, error="m")
    assert (picture.mode, picture.version) == ("alphanumeric", 6)


def test_every_flipped_bit_is_refused() -> None:
    """But for the one that makes a capital small."""
    raw = CODE.encode()
    for place in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        text = flipped.decode("latin-1")
        assert read_code(text, KEYS) == (READING if text.upper() == CODE else None), place


def test_every_other_character_at_every_place_is_refused() -> None:
    for place, was in enumerate(CODE):
        for character in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_=+/ ":
            if character != was:
                assert read_code(CODE[:place] + character + CODE[place + 1 :], KEYS) is None


def test_every_shortened_or_lengthened_code_is_refused() -> None:
    for end in range(len(CODE)):
        assert read_code(CODE[:end], KEYS) is None
        assert read_code(CODE[:end] + CODE[end + 1 :], KEYS) is None
    for more in ("A", "=", "==", ".", "AAAA", "\0A", CODE[:-1], SIGNER.code(TICKET, "evt_2")):
        assert read_code(CODE + more, KEYS) is None


def test_another_spelling_of_the_same_bytes_is_refused() -> None:
    """The last character has three bits that mean nothing."""
    last = ALPHABET.index(CODE[-1])
    for bits in range(1, 8):
        assert read_code(CODE[:-1] + ALPHABET[last | bits], KEYS) is None


def test_another_key_is_refused() -> None:
    assert read_code(CODE, [CodeSigner(b"x" * 32).public_key]) is None
    assert read_code(CODE, []) is None


def test_older_keys_are_still_read() -> None:
    assert read_code(CODE, [CodeSigner(b"x" * 32).public_key, SIGNER.public_key]) == READING


def test_a_signature_over_something_else_is_refused() -> None:
    other = SIGNER.code(TICKET, "evt_2")
    assert read_code(CODE[:40] + other[40:], KEYS) is None


def test_what_is_no_tickets_id_gets_no_code() -> None:
    with pytest.raises(ValueError, match="no ticket's id"):
        SIGNER.code("tkt_1", EVENT)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["how"])
def test_what_scanners_and_keyboards_make_of_it_is_read(sample: dict[str, Any]) -> None:
    """The web app's reader is tested on the same samples."""
    expected = None if sample["ticket"] is None else Reading(sample["ticket"], event_mark(sample["event"]))
    assert read_code(sample["scanned"], [bytes.fromhex(sample["key"])]) == expected


def test_overlong_texts_are_refused_before_anything_is_computed() -> None:
    most = TEXT_LENGTH - len(CODE)
    assert read_code(CODE + " " * most, KEYS) == READING
    assert read_code(CODE + " " * (most + 1), KEYS) is None


@pytest.mark.parametrize(
    "code", ["", ".", "..", "HF1", "HF2", "HF1.", "HF1..", "HF1.a.b", "HF1.é.ü", "HF2é", "🎫", "]Q1", "x://"]
)
def test_nonsense_is_refused(code: str) -> None:
    assert read_code(code, KEYS) is None


@given(st.text(max_size=200))
def test_any_text_gets_an_answer(text: str) -> None:
    assert read_code(text, KEYS) is None
    assert read_code(f"HF1.{text}", KEYS) is None
    assert read_code(f"HF2{text}", KEYS) is None


@given(st.text(alphabet=ALPHABET, min_size=135, max_size=135))
def test_any_code_that_nobody_signed_is_refused(text: str) -> None:
    assert read_code(f"HF2{text}", KEYS) is None


@given(st.uuids(), st.text(min_size=1, max_size=60))
def test_what_is_written_is_read(ticket: Any, event_id: str) -> None:
    id = f"tkt_{ticket.hex}"
    assert read_code(SIGNER.code(id, event_id), KEYS) == Reading(id, event_mark(event_id))
