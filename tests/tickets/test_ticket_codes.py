"""Codes: only what we signed, in one spelling, is a ticket."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from houseful.tickets.domain.tickets import CODE_LENGTH, CodeSigner, read_code

SIGNER = CodeSigner(b"s" * 32)
KEYS = [SIGNER.public_key]
TICKET, EVENT = "tkt_0198c2d1e0007abc8def0123456789ab", "evt_0198c2d1e0007abc8def0123456789ab"
CODE = SIGNER.code(TICKET, EVENT)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(head: str, seed: bytes = b"s" * 32) -> str:
    return f"{head}.{b64(Ed25519PrivateKey.from_private_bytes(seed).sign(head.encode()))}"


def test_a_code_says_whose_ticket_it_is() -> None:
    assert read_code(CODE, KEYS) == (TICKET, EVENT)


def test_a_code_is_always_the_same_and_fits_a_scanner() -> None:
    assert CodeSigner(b"s" * 32).code(TICKET, EVENT) == CODE
    assert CODE.isascii()
    assert len(CODE) < CODE_LENGTH


def test_spaces_around_a_typed_code_do_no_harm() -> None:
    assert read_code(f"  {CODE}\r\n", KEYS) == (TICKET, EVENT)


def test_every_flipped_bit_is_refused() -> None:
    raw = CODE.encode()
    for place in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        assert read_code(flipped.decode("latin-1"), KEYS) is None, place


def test_every_other_character_at_every_place_is_refused() -> None:
    for place, was in enumerate(CODE):
        for character in ALPHABET + ".=+/ ":
            if character != was:
                assert read_code(CODE[:place] + character + CODE[place + 1 :], KEYS) is None


def test_every_shortened_or_lengthened_code_is_refused() -> None:
    for end in range(len(CODE)):
        assert read_code(CODE[:end], KEYS) is None
        assert read_code(CODE[:end] + CODE[end + 1 :], KEYS) is None
    for more in ("A", "=", "==", ".", "AAAA", "\0"):
        assert read_code(CODE + more, KEYS) is None


def test_another_spelling_of_the_same_bytes_is_refused() -> None:
    """Bits behind the last whole byte mean nothing in base64; a decoder that ignores them would let one code
    be many."""
    head, _, signature = CODE.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    spellings = [signature[:-1] + last for last in ALPHABET if last != signature[-1]]
    same = [one for one in spellings if base64.urlsafe_b64decode(one + "==") == raw]
    assert len(same) == 15
    for other in same:
        assert read_code(f"{head}.{other}", KEYS) is None


def test_a_signed_body_in_another_spelling_is_refused() -> None:
    body = b64(f"{TICKET}.{EVENT}x".encode())
    assert read_code(signed(f"HF1.{body}"), KEYS) == (TICKET, f"{EVENT}x")
    padded = body + "=" * (-len(body) % 4)
    assert padded != body
    assert read_code(signed(f"HF1.{padded}"), KEYS) is None


def test_a_body_that_is_no_text_is_refused() -> None:
    body = b64(b"\xff\xfe")
    assert read_code(signed(f"HF1.{body}"), KEYS) is None


def test_another_version_is_refused_though_it_is_signed() -> None:
    body = b64(f"{TICKET}.{EVENT}".encode())
    assert read_code(signed(f"HF1.{body}"), KEYS) == (TICKET, EVENT)
    for version in ("HF2", "hf1", "HF", ""):
        assert read_code(signed(f"{version}.{body}"), KEYS) is None


def test_another_key_is_refused() -> None:
    assert read_code(CODE, [CodeSigner(b"x" * 32).public_key]) is None
    assert read_code(CODE, []) is None


def test_older_keys_are_still_read() -> None:
    assert read_code(CODE, [CodeSigner(b"x" * 32).public_key, SIGNER.public_key]) == (TICKET, EVENT)


def test_a_signature_over_something_else_is_refused() -> None:
    head, _, _ = CODE.rpartition(".")
    _, _, other = SIGNER.code(TICKET, "evt_2").rpartition(".")
    assert read_code(f"{head}.{other}", KEYS) is None


def test_overlong_codes_are_refused_before_anything_is_computed() -> None:
    most = CODE_LENGTH - len(CODE)
    assert read_code(CODE + " " * most, KEYS) is not None
    assert read_code(CODE + " " * (most + 1), KEYS) is None
    assert read_code(SIGNER.code("t" * CODE_LENGTH, EVENT), KEYS) is None


@pytest.mark.parametrize("code", ["", ".", "..", "HF1", "HF1.", "HF1..", "HF1.a.b", "HF1.é.ü", "🎫"])
def test_nonsense_is_refused(code: str) -> None:
    assert read_code(code, KEYS) is None


@given(st.text(max_size=200))
def test_any_text_gets_an_answer(text: str) -> None:
    assert read_code(text, KEYS) is None
    assert read_code(f"HF1.{text}", KEYS) is None


@given(
    st.text(alphabet=ALPHABET, min_size=1, max_size=60), st.text(alphabet=ALPHABET, min_size=1, max_size=60)
)
def test_what_is_written_is_read(ticket_id: str, event_id: str) -> None:
    assert read_code(SIGNER.code(ticket_id, event_id), KEYS) == (ticket_id, event_id)
