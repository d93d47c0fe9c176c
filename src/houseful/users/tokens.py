"""The two tokens of a session: how they are made, published, read, and how the refresh token travels."""

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from houseful.kernel.documents import Millis
from houseful.kernel.errors import DomainError, Forbidden
from houseful.kernel.roles import Role
from houseful.users.domain import Session, User
from houseful.webapi.auth import AUDIENCE, ISSUER, TOKEN_TYPE

CLIENT_HEADER = "x-houseful-client"
_PURPOSE = b"houseful refresh token 1"
_MOST_TOKEN_CHARACTERS = 200
_LOCAL_NAMES = (".localhost", ".local", ".lan", ".home.arpa", ".internal")
"""RFC 6761, 6762 and 8375, ICANN's `.internal`, and what home routers use."""


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class AccessTokens:
    """Signs access tokens (RFC 9068: JWT of type at+jwt, EdDSA) and publishes the key that verifies them.

    It says which session it is of, and which version of the user: by these it can be ended before it expires
    (`webapi/revoked_tokens.py`).
    """

    def __init__(self, seed: bytes, *, seconds: int) -> None:
        """`seed` is the Ed25519 private key, 32 bytes; `seconds` is how long a token holds."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.seconds = seconds
        public = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(self._key.public_key().public_bytes_raw())}
        # RFC 7638: the digest of the required members, in the order of their names
        self.kid = _base64url(hashlib.sha256(msgspec.json.encode(public)).digest())
        self.published: dict[str, Any] = {"keys": [{**public, "kid": self.kid, "alg": "EdDSA", "use": "sig"}]}

    def sign(self, user: User, session: Session, *, id: str, now: Millis) -> str:
        issued = now // 1000
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": issued,
            "exp": issued + self.seconds,
            "sub": user.id,
            "sid": session.id,
            "jti": id,
            "roles": [str(role) for role in user.roles],
            "ver": user.tokens_version,
            "email_verified": user.verified_at is not None,
            "account_since": user.created_at,
        }
        if set(user.roles) - {Role.BUYER}:
            claims["email"] = user.email  # for the audit log; nobody else's address travels
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"typ": TOKEN_TYPE, "kid": self.kid})


class Refresh(NamedTuple):
    """What a refresh token that holds says: the family and its number in it."""

    session_id: str
    generation: int


class RefreshTokens:
    """Refresh tokens are derived from a key, so that nothing is stored that could be stolen from the
    database, and so that the same successor can be given out twice. Nobody without the key can name a family,
    let alone end it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, session: Session) -> str:
        """The session's current token."""
        return self._token(session.id, session.generation)

    def read(self, token: str) -> Refresh | None:
        """None for what was not made here. Whether it is still good, the session knows."""
        parts = token.split(".") if len(token) <= _MOST_TOKEN_CHARACTERS and token.isascii() else []
        if len(parts) != 3 or not parts[1].isdigit():
            return None
        session_id, generation = parts[0], int(parts[1])
        if not hmac.compare_digest(self._token(session_id, generation), token):
            return None
        return Refresh(session_id, generation)

    def _token(self, session_id: str, generation: int) -> str:
        text = b"\0".join((_PURPOSE, session_id.encode(), b"%d" % generation))
        return f"{session_id}.{generation}.{_base64url(hmac.digest(self._key, text, 'sha256'))}"


class RefreshCookie:
    """The cookie of browsers, and the proof that it was our own page that had it sent.

    On https it is bound to this very host and to encryption by its prefix (`__Host-`, RFC 6265bis 4.1.3).
    Browsers do not keep such a cookie from plain http, so there it has another name and is not `Secure`; the
    rest stays. There, too, the installation goes by every address of its machine: a page's origin is ours
    where it is the address that the request itself went to. That is believed of addresses and of names that
    no stranger can own, since whoever owns a name may let it lead here (DNS rebinding).
    """

    def __init__(self, base_url: str) -> None:
        """`base_url` is where browsers reach us."""
        site = urlsplit(base_url)
        self._origin = origin_of(site)
        self._plain = site.scheme == "http"
        secure = site.scheme == "https"
        self.name = "__Host-houseful_refresh" if secure else "houseful_refresh"
        self._attributes = "; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")

    def value(self, headers: Mapping[str, str]) -> str | None:
        """What the request has in it. Says nothing yet about who had it sent: see `check_origin`."""
        for pair in headers.get("cookie", "").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self.name and value:
                return value
        return None

    def set(self, token: str, *, seconds: int) -> tuple[str, str]:
        return "set-cookie", f"{self.name}={token}; Max-Age={seconds}{self._attributes}"

    def clear(self) -> tuple[str, str]:
        return "set-cookie", f"{self.name}=; Max-Age=0{self._attributes}"

    def check_sender(self, headers: Mapping[str, str]) -> None:
        """Raises `Forbidden` unless the request has the header that a foreign page can't send,
        and no foreign origin."""
        if not headers.get(CLIENT_HEADER):
            raise _cross_site("A refresh token in a cookie needs the header X-Houseful-Client beside it.")
        self.check_origin(headers)

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Raises `Forbidden` where a browser says that another site's page sent this."""
        origin = headers.get("origin")
        if origin is None or origin == self._origin:
            return
        host = headers.get("host", "").lower()
        if origin not in (f"http://{host}", f"https://{host}"):
            raise _cross_site("This request comes from a page of another site.")
        if not (self._plain and origin == f"http://{host}" and _is_nobody_elses(origin)):
            raise _cross_site(
                f"This installation is at {self._origin}: open it there. Whoever runs it can move it to "
                f"{origin} with HOUSEFUL_PUBLIC_URL."
            )


def origin_of(site: SplitResult) -> str:
    default_port = {"http": 80, "https": 443}.get(site.scheme)
    port = "" if site.port in (None, default_port) else f":{site.port}"
    host = site.hostname or ""
    return f"{site.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def _is_nobody_elses(origin: str) -> bool:
    """Whether it is an address, or a name that no public registry gives out."""
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_LOCAL_NAMES)
    return True


def _cross_site(detail: str) -> DomainError:
    return Forbidden("cross_site", detail)
