"""Codes of the first version are on paper: they are read for ever, as strictly as when they were written."""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from houseful.tickets.domain.ticket_codes import CodeSigner, Reading, event_mark, read_code

SIGNER = CodeSigner(b"s" * 32)
KEYS = [SIGNER.public_key]
TICKET, EVENT = "tkt_0198c2d1e0007abc8def0123456789ab", "evt_0198c2d1e0007abc8def0123456789ab"
CODE = SIGNER.first_code(TICKET, EVENT)
READING = Reading(TICKET, event_mark(EVENT))
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(head: str) -> str:
    return f"{head}.{b64(Ed25519PrivateKey.from_private_bytes(b's' * 32).sign(head.encode()))}"


def test_it_is_read_with_blanks_around_it() -> None:
    assert read_code(CODE, KEYS) == read_code(f"  {CODE}\r\n", KEYS) == READING


def test_every_flipped_bit_is_refused() -> None:
    raw = CODE.encode()
    for place in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        assert read_code(flipped.decode("latin-1"), KEYS) is None, place


def test_every_other_character_at_every_place_is_refused() -> None:
    for place, was in enumerate(CODE):
        for character in LETTERS + ".=+/ ":
            if character != was:
                assert read_code(CODE[:place] + character + CODE[place + 1 :], KEYS) is None


def test_every_shortened_or_lengthened_code_is_refused() -> None:
    for end in range(len(CODE)):
        assert read_code(CODE[:end], KEYS) is None
        assert read_code(CODE[:end] + CODE[end + 1 :], KEYS) is None
    for more in ("A", "=", "==", ".", "AAAA", "\0A"):
        assert read_code(CODE + more, KEYS) is None


def test_another_spelling_of_the_same_bytes_is_refused() -> None:
    """Bits behind the last whole byte mean nothing in base64; a decoder that ignores them would let one code
    be many."""
    head, _, signature = CODE.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    spellings = [signature[:-1] + last for last in LETTERS if last != signature[-1]]
    same = [one for one in spellings if base64.urlsafe_b64decode(one + "==") == raw]
    assert len(same) == 15
    for other in same:
        assert read_code(f"{head}.{other}", KEYS) is None


def test_a_signed_body_in_another_spelling_is_refused() -> None:
    body = b64(f"{TICKET}.{EVENT}x".encode())
    assert read_code(signed(f"HF1.{body}"), KEYS) == Reading(TICKET, event_mark(f"{EVENT}x"))
    padded = body + "=" * (-len(body) % 4)
    assert padded != body
    assert read_code(signed(f"HF1.{padded}"), KEYS) is None


def test_a_body_that_is_no_text_is_refused() -> None:
    body = b64(b"\xff\xfe")
    assert read_code(signed(f"HF1.{body}"), KEYS) is None


def test_another_version_is_refused_though_it_is_signed() -> None:
    body = b64(f"{TICKET}.{EVENT}".encode())
    assert read_code(signed(f"HF1.{body}"), KEYS) == READING
    for version in ("HF2", "HF3", "HF", ""):
        assert read_code(signed(f"{version}.{body}"), KEYS) is None


def test_a_signature_over_something_else_is_refused() -> None:
    head, _, _ = CODE.rpartition(".")
    _, _, other = SIGNER.first_code(TICKET, "evt_2").rpartition(".")
    assert read_code(f"{head}.{other}", KEYS) is None


@given(st.text(alphabet=LETTERS, min_size=1, max_size=60), st.text(alphabet=LETTERS, min_size=1, max_size=60))
def test_what_is_written_is_read(ticket_id: str, event_id: str) -> None:
    code = SIGNER.first_code(ticket_id, event_id)
    assert read_code(code, KEYS) == Reading(ticket_id, event_mark(event_id))
