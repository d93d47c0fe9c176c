"""Access tokens, verified with the published keys, and the roles in them."""

import base64
from collections import OrderedDict
from functools import lru_cache
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, ServiceClient
from houseful.kernel.roles import Identity
from houseful.webapi.problems import ProblemError
from houseful.webapi.revoked_tokens import RevokedTokens

ISSUER = "houseful"
AUDIENCE = "houseful"
TOKEN_TYPE = "at+jwt"  # noqa: S105

_KEYS_FRESH_MILLIS = 300_000
_KEYS_RETRY_MILLIS = 5_000
_CACHE_SIZE = 20_000


def bearer(authorization: str | None) -> str | None:
    """The token in an Authorization header; None where there is none."""
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _invalid()
    return token.strip()


_WWW_AUTHENTICATE = {"www-authenticate": 'Bearer error="invalid_token"'}


def _invalid() -> ProblemError:
    return ProblemError(
        401,
        "token_invalid",
        "This access token is not valid.",
        headers={"www-authenticate": 'Bearer error="invalid_token"'},
    )


def _expired() -> ProblemError:
    return ProblemError(
        401,
        "token_expired",
        "This access token has expired.",
        headers={"www-authenticate": 'Bearer error="invalid_token"'},
    )


def _ended() -> ProblemError:
    """To a client it is like an expired token: a refresh gives another, or says why not."""
    return ProblemError(
        401,
        "token_expired",
        "This access token was ended: its session is over, or its holder has another password or other roles "
        "now. Refresh it.",
        headers={"www-authenticate": 'Bearer error="invalid_token"'},
    )


class _Header(msgspec.Struct, frozen=True):
    alg: str
    typ: str
    kid: str


@lru_cache(maxsize=64)
def _key_id(segment: str) -> str | None:
    """The id of the key in a token's first segment; None where it is not the header of an access token. All
    tokens that one key has signed share the segment. Verification reads it again."""
    try:
        header = msgspec.json.decode(base64.urlsafe_b64decode(segment + "=="), type=_Header)
    except (ValueError, msgspec.MsgspecError):
        return None
    return header.kid if header.alg == "EdDSA" and header.typ == TOKEN_TYPE else None


class TokenVerifier:
    """Verifies access tokens with the keys that the users service publishes. The algorithm is fixed. Revoked
    tokens are refused.

    A verified token is cached until it expires: a signature check costs as much as a hold.
    """

    def __init__(self, client: ServiceClient, clock: Clock, ended: RevokedTokens | None = None) -> None:
        self._client = client
        self._clock = clock
        self._ended = ended
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._keys_at = -(10**15)
        self._verified: OrderedDict[str, Identity] = OrderedDict()

    async def identity(self, token: str) -> Identity:
        """Raises `ProblemError` (401) for a token that does not hold, `Unavailable` where the keys can't be
        had.
        """
        now = self._clock.now()
        known = self._verified.get(token)
        if known is not None:
            if known.expires_at > now and not self.has_ended(known):
                return known
            del self._verified[token]
            raise _expired() if known.expires_at <= now else _ended()
        identity = await self._verify(token)
        if identity.expires_at <= now:
            raise _expired()
        if self._ended is not None:
            await self._ended.ready()
        if self.has_ended(identity):
            raise _ended()
        self._verified[token] = identity
        if len(self._verified) > _CACHE_SIZE:
            self._verified.popitem(last=False)
        return identity

    def has_ended(self, who: Identity) -> bool:
        return self._ended is not None and self._ended.has(who.user_id, who.session_id, who.version)

    async def _verify(self, token: str) -> Identity:
        kid = _key_id(token.partition(".")[0])
        if kid is None:
            raise _invalid()
        key = await self._key(kid)
        if key is None:
            raise _invalid()
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["exp", "iat", "sub", "sid"], "verify_exp": False, "verify_iat": False},
            )
            return Identity(
                msgspec.convert(claims["sub"], str),
                msgspec.convert(claims["sid"], str),
                frozenset(msgspec.convert(claims.get("roles", []), list[str])),
                msgspec.convert(claims["exp"], int) * 1000,
                msgspec.convert(claims.get("ver", 0), int),
                msgspec.convert(claims.get("email_verified", False), bool),
                msgspec.convert(claims.get("account_since"), int | None),
                msgspec.convert(claims.get("email", ""), str),
            )
        except (jwt.InvalidTokenError, msgspec.ValidationError) as error:
            raise _invalid() from error

    async def _key(self, kid: str) -> Ed25519PublicKey | None:
        age = self._clock.now() - self._keys_at
        if age > _KEYS_FRESH_MILLIS or (kid not in self._keys and age > _KEYS_RETRY_MILLIS):
            try:
                await self._fetch_keys()
            except Unavailable:
                if kid not in self._keys:  # keys known already stay good while the users service is away
                    raise
        return self._keys.get(kid)

    async def _fetch_keys(self) -> None:
        answer = await self._client.request("GET", "/.well-known/jwks.json")
        if answer.status != 200:
            raise Unavailable(f"the keys of access tokens can't be had: {answer.status}")
        keys = msgspec.json.decode(answer.body)["keys"]
        self._keys = {
            key["kid"]: Ed25519PublicKey.from_public_bytes(
                base64.urlsafe_b64decode(key["x"] + "=" * (-len(key["x"]) % 4))
            )
            for key in keys
            if key.get("kty") == "OKP" and key.get("crv") == "Ed25519"
        }
        self._keys_at = self._clock.now()
