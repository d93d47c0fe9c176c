"""What the line service signs: passes, which let an account hold seats, and receipts."""

import base64
import hashlib
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from houseful.kernel.documents import Millis
from houseful.kernel.times import rfc3339
from houseful.webapi.line_passes import AUDIENCE, ISSUER, PASS_TYPE

PASS_SECONDS = 600
RECEIPT_TYPE = "line-receipt+jwt"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class LineTokens:
    """Signs with EdDSA, and publishes the key that verifies. Each kind has a type of its own, so that none is
    taken for another."""

    def __init__(self, seed: bytes) -> None:
        """`seed` is the Ed25519 private key, 32 bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        public = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(self._key.public_key().public_bytes_raw())}
        # RFC 7638: the digest of the required members, in the order of their names
        self.kid = _base64url(hashlib.sha256(msgspec.json.encode(public)).digest())
        self.published: dict[str, Any] = {"keys": [{**public, "kid": self.kid, "alg": "EdDSA", "use": "sig"}]}

    def sign_pass(self, event_id: str, user_id: str, now: Millis) -> tuple[str, Millis]:
        """The pass, and when it expires."""
        expires = now // 1000 + PASS_SECONDS
        claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": expires, "sub": user_id, "event": event_id}
        return self._sign(claims, PASS_TYPE), expires * 1000

    def receipt(self, event_id: str, entrant: bytes, joined_at: Millis) -> str:
        """Proof that this entrant joined then. The same one, whenever it is asked for."""
        claims = {
            "iss": ISSUER,
            "event": event_id,
            "entrant": entrant.hex(),
            "joined_at": rfc3339(joined_at),
        }
        return self._sign(claims, RECEIPT_TYPE)

    def _sign(self, claims: dict[str, Any], kind: str) -> str:
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"typ": kind, "kid": self.kid})
