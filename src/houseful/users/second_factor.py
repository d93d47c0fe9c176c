"""The second factor of an account: what is stored of it, and what it takes for a code."""

import base64
import hashlib
import hmac

import pyotp

from houseful.kernel.documents import Document, Millis
from houseful.kernel.ports import Transaction

STEP_MILLIS = 30_000
_STEPS_AROUND = (0, -1, 1)
"""A phone's clock may be half a minute wrong (RFC 6238, 5.2)."""
_SECRET_BYTES = 20

RECOVERY_CODES = 10
_RECOVERY_BYTES = 8


class SecondFactor(Document, frozen=True, kw_only=True):
    """`id` is the user's. Its secret is derived from `nonce`. It counts once it was confirmed.

    `last_step` is that of the newest code that was taken: no code is good twice. `recovery` are digests of
    the recovery codes that are left.
    """

    collection = "second_factors"

    nonce: str
    created_at: Millis
    confirmed_at: Millis | None = None
    last_step: int = 0
    recovery: tuple[str, ...] = ()


class FactorKeys:
    """Derives what is secret of second factors, so that the store holds none of it."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, person=b"second factors").digest()

    def secret(self, factor: SecondFactor) -> str:
        """As authenticator apps take it, in base32."""
        return base64.b32encode(self._digest("totp", factor)[:_SECRET_BYTES]).decode()

    def recovery_codes(self, factor: SecondFactor) -> list[str]:
        codes = (self._digest(f"recovery {n}", factor) for n in range(RECOVERY_CODES))
        texts = (base64.b32encode(code[:_RECOVERY_BYTES]).decode().rstrip("=").lower() for code in codes)
        return [f"{text[:4]}-{text[4:8]}-{text[8:]}" for text in texts]

    def recovery_digest(self, factor: SecondFactor, code: str) -> str:
        """However its groups are written."""
        plain = "".join(code.lower().split()).replace("-", "")
        return self._digest(f"recovery digest {plain}", factor).hex()[:32]

    def _digest(self, purpose: str, factor: SecondFactor) -> bytes:
        return hmac.digest(self._key, f"{purpose}\0{factor.id}\0{factor.nonce}".encode(), "sha256")


def step_of(secret: str, code: str, now: Millis) -> int | None:
    """The time step whose code this is; None where it is none of about now."""
    totp = pyotp.TOTP(secret)
    current = now // STEP_MILLIS
    for around in _STEPS_AROUND:
        if hmac.compare_digest(totp.generate_otp(current + around).encode(), code.encode()):
            return current + around
    return None


async def take_off(tx: Transaction, user_id: str) -> bool:
    """Whoever has taken an account may have put a factor of his own on it. Whether there was one."""
    factor = await tx.get(SecondFactor, user_id)
    if factor is None:
        return False
    tx.delete(factor)
    return factor.confirmed_at is not None
