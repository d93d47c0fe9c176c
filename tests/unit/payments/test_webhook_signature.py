"""The signature of webhooks: only these bytes, only by a known key, only now."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houseful.kernel import webhook_signature
from houseful.kernel.errors import DomainError
from houseful.webapi.problems import status_of

NOW = 1_800_000_000_500
KEYS = (b"new", b"old")
BODY = b'{"id":"whe_1"}'


def refused(keys: tuple[bytes, ...], body: bytes, header: str | None, now: int = NOW) -> bool:
    try:
        webhook_signature.verify(keys, body, header, now)
    except DomainError as refusal:
        return (status_of(refusal), refusal.code) == (400, "bad_signature")
    return False


def test_it_is_the_documented_form() -> None:
    by_hand = hmac.new(b"new", b"1800000000." + BODY, hashlib.sha256).hexdigest()
    assert webhook_signature.sign(KEYS[:1], BODY, NOW) == f"t=1800000000,v1={by_hand}"


def test_each_key_is_accepted_while_keys_change() -> None:
    assert not refused(KEYS, BODY, webhook_signature.sign([b"old"], BODY, NOW))
    assert not refused((b"other", b"new"), BODY, webhook_signature.sign(KEYS, BODY, NOW))
    assert refused(KEYS, BODY, webhook_signature.sign([b"foreign"], BODY, NOW))
    assert refused((), BODY, webhook_signature.sign(KEYS, BODY, NOW))


@pytest.mark.parametrize(
    ("off_seconds", "is_refused"), [(0, False), (300, False), (-300, False), (301, True), (-301, True)]
)
def test_the_time_counts_both_ways(off_seconds: int, is_refused: bool) -> None:
    header = webhook_signature.sign(KEYS, BODY, NOW + off_seconds * 1000)
    assert refused(KEYS, BODY, header) is is_refused


def test_a_newer_time_on_an_old_signature_is_refused() -> None:
    old = webhook_signature.sign(KEYS, BODY, NOW - 3_600_000)
    assert refused(KEYS, BODY, old.replace("t=1799996400", "t=1800000000"))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=1800000000",
        "v1=" + "0" * 64,
        "t=,v1=" + "0" * 64,
        "t=-1,v1=" + "0" * 64,
        "t=1800000000,v0=" + "0" * 64,
        "t=1800000000,v1=" + "é" * 64,
        "t=１８００００００００,v1=" + "0" * 64,
        "t=" + "9" * 5000 + ",v1=" + "0" * 64,
        "t=1800000000" + (",v1=" + "0" * 64) * 1000,
    ],
)
def test_what_is_malformed_is_refused(header: str | None) -> None:
    assert refused(KEYS, BODY, header)


@given(st.integers(0, 8 * len(BODY) - 1))
def test_every_bit_of_the_body_counts(bit: int) -> None:
    altered = bytearray(BODY)
    altered[bit // 8] ^= 1 << bit % 8
    assert refused(KEYS, bytes(altered), webhook_signature.sign(KEYS, BODY, NOW))


@given(st.text(max_size=200))
def test_no_header_breaks_it(header: str) -> None:
    assert refused(KEYS, BODY, header)


def test_keys_of_a_setting() -> None:
    assert webhook_signature.keys_of("new, old,") == KEYS
    with pytest.raises(ValueError, match="no key"):
        webhook_signature.keys_of(" , ")
