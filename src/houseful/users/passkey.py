"""The passkeys of an account: what is stored of them, who asks for them, the challenges that they sign."""

import hashlib
import hmac
import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.errors import StateConflict, not_found
from houseful.kernel.ports import Ids, Transaction
from houseful.users.tokens import origin_of

PASSKEYS_MOST = 20
NAME_MOST = 60
CHALLENGE_MILLIS = 10 * 60 * 1000

_MAC_DIGITS = 40
_CHALLENGE_MOST = 200


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """A credential of WebAuthn. `credential` is its id and `public_key` its key (COSE), both base64url.

    `sign_count` is the number of the newest signature that was taken; 0 for those that do not count.
    `synced` says that it is on all devices of its owner.
    """

    id: str
    name: str
    credential: str
    public_key: str
    sign_count: int
    synced: bool
    created_at: Millis
    last_used_at: Millis | None = None


class AccountPasskeys(Document, frozen=True, kw_only=True):
    """`id` is the user's. One document an account: of two changes at a time one is made again."""

    collection = "passkeys"

    passkeys: tuple[Passkey, ...] = ()

    def by_credential(self, credential: str) -> Passkey | None:
        return next((one for one in self.passkeys if one.credential == credential), None)

    def by_id(self, id: str) -> Passkey:
        """Raises `NotFound`."""
        found = next((one for one in self.passkeys if one.id == id), None)
        if found is None:
            raise not_found("passkey")
        return found

    def with_passkey(self, new: Passkey) -> "AccountPasskeys":
        """In the place of the one with its id."""
        return replace(self, passkeys=tuple(new if one.id == new.id else one for one in self.passkeys))


class UsedChallenge(Document, frozen=True, kw_only=True):
    """That a challenge was answered; until it would have expired."""

    collection = "used_challenges"
    indexes = (Index(("expires_at",)),)

    expires_at: Millis


class RelyingParty(NamedTuple):
    """Who asks for passkeys (WebAuthn 4): `id` is the host that they are bound to. `unavailable` says why
    browsers have none for this installation, and what to do; empty where they have."""

    id: str
    origin: str
    unavailable: str = ""

    @classmethod
    def at(cls, base_url: str) -> "RelyingParty":
        site = urlsplit(base_url)
        host = site.hostname or ""
        return cls(host, origin_of(site), _unavailable(host, site.scheme))

    def check(self) -> None:
        """Raises `StateConflict`."""
        if self.unavailable:
            raise StateConflict("passkeys_unavailable", self.unavailable)


def _unavailable(host: str, scheme: str) -> str:
    """Browsers bind passkeys to a name, and have them on https and on localhost only (WebAuthn 5.1.3,
    Secure Contexts 3.1)."""
    local = host == "localhost" or host.endswith(".localhost")
    if _is_address(host):
        return (
            f"Passkeys need a name, and this installation is at the address {host}. Whoever runs it can give "
            "it one with HOUSEFUL_PUBLIC_URL, such as http://localhost:8000 on one's own machine."
        )
    if scheme != "https" and not local:
        return (
            f"Passkeys need https, and this installation is at http://{host}. Whoever runs it can change "
            "that with HOUSEFUL_PUBLIC_URL."
        )
    return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Challenge(NamedTuple):
    id: str
    expires_at: Millis


class Challenges:
    """Challenges are derived from a key, so that asking for one stores nothing: `<expires>.<id>.<MAC>`. What
    is stored is that one was answered."""

    def __init__(self, key: bytes, ids: Ids) -> None:
        self._key = hashlib.blake2b(key, person=b"passkeys").digest()
        self._ids = ids

    def new(self, purpose: str, now: Millis) -> bytes:
        challenge = Challenge(self._ids.new("chl"), now + CHALLENGE_MILLIS)
        return self._text(purpose, challenge).encode()

    def read(self, purpose: str, answered: bytes, now: Millis) -> Challenge:
        """Raises `StateConflict` (`challenge_invalid`) for what was not asked for this purpose, or has
        expired."""
        parts = answered.split(b".") if len(answered) <= _CHALLENGE_MOST and answered.isascii() else []
        if len(parts) != 3 or not parts[0].isdigit():
            raise challenge_invalid()
        challenge = Challenge(parts[1].decode(), int(parts[0]))
        genuine = hmac.compare_digest(self._text(purpose, challenge).encode(), answered)
        if not genuine or now >= challenge.expires_at:
            raise challenge_invalid()
        return challenge

    def _text(self, purpose: str, challenge: Challenge) -> str:
        text = f"{challenge.expires_at}.{challenge.id}"
        mac = hmac.new(self._key, f"{purpose}\0{text}".encode(), "sha256").hexdigest()[:_MAC_DIGITS]
        return f"{text}.{mac}"


async def use_challenge(tx: Transaction, challenge: Challenge) -> None:
    """Raises `StateConflict` where it was used before. Of two at a time, the commit of one raises
    `Duplicate`."""
    if await tx.get(UsedChallenge, challenge.id) is not None:
        raise challenge_invalid()
    tx.insert(UsedChallenge(id=challenge.id, expires_at=challenge.expires_at))


def challenge_invalid() -> StateConflict:
    return StateConflict(
        "challenge_invalid", "This took too long, or was answered before. Begin again with new options."
    )


async def take_off_passkeys(tx: Transaction, user_id: str) -> int:
    """Whoever has taken an account may have put a passkey of his own on it. How many there were."""
    found = await tx.get(AccountPasskeys, user_id)
    if found is None:
        return 0
    tx.delete(found)
    return len(found.passkeys)
