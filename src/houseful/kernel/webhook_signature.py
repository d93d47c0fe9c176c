"""The signature of a webhook: a holder of the key sent exactly these bytes, recently.

The header is `Houseful-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>]`. Each `v1` is the HMAC-SHA256 of
`<t>.<raw body>` with one key. Pure functions, used by the sender and by the receiver.
"""

import hmac
import re
from collections.abc import Sequence

from houseful.kernel.documents import Millis
from houseful.kernel.errors import DomainError, Malformed

HEADER = "houseful-signature"
TOLERANCE_SECONDS = 300
"""The largest difference between the sender's and the receiver's time. An older webhook may be a replay."""

_LONGEST_HEADER = 1000
_FORM = re.compile(r"t=([0-9]{1,12})((?:,v1=[0-9a-f]{64})+)", re.ASCII)


def keys_of(setting: str) -> tuple[bytes, ...]:
    """The keys in a setting, separated by commas. Raises `ValueError` where there is none.

    The first key signs and all keys verify, so that keys can be rotated while webhooks are in flight.
    """
    keys = tuple(key.strip().encode() for key in setting.split(",") if key.strip())
    if not keys:
        raise ValueError("there is no key for webhooks")
    return keys


def sign(keys: Sequence[bytes], body: bytes, now: Millis) -> str:
    """The header's value, with one signature for each key."""
    seconds = now // 1000
    return f"t={seconds}" + "".join(f",v1={_signature(key, seconds, body)}" for key in keys)


def verify(keys: Sequence[bytes], body: bytes, header: str | None, now: Millis) -> None:
    """Raises `Malformed` (`bad_signature`) unless one of the keys signed this body within the
    tolerance.

    `body` is what came over the network, byte for byte, not what it was parsed to.
    """
    form = _FORM.fullmatch(header) if header is not None and len(header) <= _LONGEST_HEADER else None
    if form is None:
        raise _bad("The Houseful-Signature header is missing or malformed.")
    seconds = int(form[1])
    given = [one.encode() for one in form[2].removeprefix(",v1=").split(",v1=")]
    right = [_signature(key, seconds, body).encode() for key in keys]
    matches = [
        hmac.compare_digest(one, other) for one in given for other in right
    ]  # all of them: constant time
    if not any(matches):
        raise _bad("No signature of this webhook is by a known key.")
    if abs(now // 1000 - seconds) > TOLERANCE_SECONDS:
        raise _bad(f"The webhook's time is more than {TOLERANCE_SECONDS} s away from now.")


def _signature(key: bytes, seconds: int, body: bytes) -> str:
    return hmac.digest(key, b"%d.%b" % (seconds, body), "sha256").hex()


def _bad(detail: str) -> DomainError:
    return Malformed("bad_signature", detail)
