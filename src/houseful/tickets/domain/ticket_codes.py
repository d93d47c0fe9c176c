"""Codes of tickets: written so that any scanner reads them and a gate without a network can tell a true one.

A code is `HF2` and 135 of 32 digits and capitals, which is what a QR code packs tightest (ISO/IEC 18004,
alphanumeric mode): 84 bytes, five bits a character, the last three bits zero. They are the ticket's id (16
bytes), the mark of its event (4 bytes, see `event_mark`) and an Ed25519 signature (RFC 8032) over `HF2` and
these 20 bytes. The alphabet has neither Y nor Z, which change places on a German keyboard, and neither I nor
O.

The first version is `HF1.<body>.<signature>`, both base64url without padding: the body is the ticket's id and
its event's id with a dot between, the signature is over `HF1.<body>`. Such codes are on paper and are read
for ever. Ed25519 is deterministic, so a code is never stored: a ticket of any age shows one of the second
version.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from houseful.tickets.domain import scan_text

_FIRST, _SECOND = "HF1", "HF2"
ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWX"
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_TICKET_ID = re.compile(r"tkt_[0-9a-f]{32}")
_ID_BYTES, _MARK_BYTES, _SIGNATURE_BYTES = 16, 4, 64
_BYTES = _ID_BYTES + _MARK_BYTES + _SIGNATURE_BYTES
_PAD_BITS = -_BYTES * 8 % 5
_CHARACTERS = (_BYTES * 8 + _PAD_BITS) // 5
_ID_CHARACTERS = -(-_ID_BYTES * 8 // 5)


class Reading(NamedTuple):
    """What a code that one of our keys signed says. `event_mark` is None of a ticket that was named, not
    read."""

    ticket_id: str
    event_mark: bytes | None


def event_mark(event_id: str) -> bytes:
    """Enough to tell one event of a house from another; its id would make the code a quarter longer."""
    return hashlib.sha256(event_id.encode()).digest()[:_MARK_BYTES]


class CodeSigner:
    """Writes codes. The first of the published keys is its own."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def code(self, ticket_id: str, event_id: str) -> str:
        """Raises `ValueError` for what is no ticket's id."""
        if not _TICKET_ID.fullmatch(ticket_id):
            raise ValueError(f"{ticket_id} is no ticket's id")
        said = bytes.fromhex(ticket_id.removeprefix("tkt_")) + event_mark(event_id)
        return _SECOND + _encode(said + self._key.sign(_SECOND.encode() + said))

    def first_code(self, ticket_id: str, event_id: str) -> str:
        """As the first version wrote it, for tests of what is on paper."""
        head = f"{_FIRST}.{_encode64(f'{ticket_id}.{event_id}'.encode())}"
        return f"{head}.{_encode64(self._key.sign(head.encode()))}"


def read_code(scanned: str, keys: Sequence[bytes]) -> Reading | None:
    """The ticket, if one of the keys signed the code in what a scanner read; needs nothing but the public
    keys.

    Whatever the scanner and the keyboard between have done to it (see `scan_text`), the signature decides.
    """
    return next(filter(None, (_verified(code, keys) for code in scan_text.readings(scanned))), None)


def ticket_id_of(beginning: str) -> str | None:
    """The ticket of a code that begins so, typed from paper: its first 29 characters have the ticket's id.
    Nothing is verified. None where it is no beginning of a code, or too short.
    """
    version, typed = beginning[: len(_SECOND)].upper(), beginning[len(_SECOND) :].upper()
    if version != _SECOND or not _ID_CHARACTERS <= len(typed) <= _CHARACTERS or set(typed) - _VALUES.keys():
        return None
    number = 0
    for character in typed[:_ID_CHARACTERS]:
        number = number << 5 | _VALUES[character]
    spare_bits = _ID_CHARACTERS * 5 - _ID_BYTES * 8
    return f"tkt_{(number >> spare_bits).to_bytes(_ID_BYTES).hex()}"


def _verified(code: str, keys: Sequence[bytes]) -> Reading | None:
    claim = _second(code) if code.startswith(_SECOND) else _first(code)
    if claim is None:
        return None
    signed, signature, reading = claim
    return reading if any(_signs(key, signed, signature) for key in keys) else None


_Claim = tuple[bytes, bytes, Reading]


def _second(code: str) -> _Claim | None:
    raw = _decode(code[len(_SECOND) :])
    if raw is None:
        return None
    said, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    reading = Reading(f"tkt_{said[:_ID_BYTES].hex()}", said[_ID_BYTES:])
    return _SECOND.encode() + said, signature, reading


def _first(code: str) -> _Claim | None:
    head, _, signature = code.rpartition(".")
    version, _, body = head.partition(".")
    if version != _FIRST:
        return None
    try:
        raw, said = _decode64(signature), _decode64(body).decode()
    except (binascii.Error, ValueError):
        return None
    ticket_id, _, event_id = said.partition(".")
    return head.encode(), raw, Reading(ticket_id, event_mark(event_id))


def _signs(key: bytes, signed: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _encode(raw: bytes) -> str:
    number = int.from_bytes(raw) << _PAD_BITS
    return "".join(_characters(number))[::-1]


def _characters(number: int) -> Iterator[str]:
    """From the last one to the first."""
    for _ in range(_CHARACTERS):
        yield ALPHABET[number & 31]
        number >>= 5


def _decode(text: str) -> bytes | None:
    """Strictly: one text for one content, so that a code with a flipped bit is never the same ticket."""
    if len(text) != _CHARACTERS or not all(character in _VALUES for character in text):
        return None
    number = 0
    for character in text:
        number = number << 5 | _VALUES[character]
    if number & ((1 << _PAD_BITS) - 1):
        return None
    return (number >> _PAD_BITS).to_bytes(_BYTES)


def _encode64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode64(text: str) -> bytes:
    """As strictly."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode64(raw) != text:
        raise ValueError("not canonical")
    return raw
