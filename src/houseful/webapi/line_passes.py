"""Passes of lines, verified with the published key: by the gateway, and again by the ticket service.

A pass is a JWT of a type of its own, for one account and one event. Who has one was called by the line.
"""

import base64
import math
from collections import OrderedDict
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from houseful.kernel.documents import Millis
from houseful.kernel.errors import DomainError, Forbidden, Overloaded, Transient, Unavailable
from houseful.kernel.outage_log import OutageLog
from houseful.kernel.ports import Clock, ServiceClient
from houseful.kernel.telemetry import get_logger
from houseful.webapi.single_flight import SingleFlights

log = get_logger(__name__)

ISSUER = "houseful"
AUDIENCE = "houseful-holds"
PASS_TYPE = "line-pass+jwt"  # noqa: S105
HEADER = "x-line-pass"
KEYS_PATH = "/.well-known/line-keys.json"
EVENTS_PATH = "/api/lines/events"

_KEYS_RETRY_MILLIS = 2_000
_KEYS_FRESH_MILLIS = 300_000
_CACHE_SIZE = 20_000
_EVENTS_SECONDS = 5.0
_EVENTS_RETRY_SECONDS = 2.0
_EVENTS_KNOWN_SECONDS = 30.0
_COME_AGAIN_SECONDS = 2


class EventsWithLine(msgspec.Struct, frozen=True):
    """Those whose seats are held with a pass just now. `on_sale_at` is there for those whose general sale is
    yet to begin: until then seats are held with access codes, and without a pass."""

    items: list[str]
    on_sale_at: dict[str, Millis] = {}


class _Pass(msgspec.Struct, frozen=True):
    event_id: str
    user_id: str
    expires_at: Millis


class LinePasses:
    """Verifies passes. A verified one is cached until it expires. For one event loop."""

    def __init__(self, client: ServiceClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._keys_at: Millis | None = None
        self._tried_at: Millis | None = None
        self._fetching: SingleFlights[None] = SingleFlights()
        self._verified: OrderedDict[str, _Pass] = OrderedDict()
        self.events: frozenset[str] = frozenset()
        """Those of which this process knows that they have a line. The ticket service knows of all."""
        self._on_sale_at: dict[str, Millis] = {}
        self._looked_at = self._look_tried_at = -math.inf
        self._looking: SingleFlights[None] = SingleFlights()
        self._outage = OutageLog(log, clock, "looking up which events have a line")

    async def check(self, given: str | None, event_id: str, user_id: str) -> None:
        """Raises `Forbidden` for a pass that is missing, foreign, altered, expired or of another event, and
        `Overloaded` where the key can't be had: without it nobody is let in."""
        if given is None:
            raise line_required()
        now = self._clock.now()
        known = self._verified.get(given)
        if known is None:
            try:
                known = await self._verify(given)
            except Unavailable as error:
                log.warning("passes can't be verified", extra={"event": event_id, "error": str(error)})
                raise closed() from error
            self._verified[given] = known
            if len(self._verified) > _CACHE_SIZE:
                self._verified.popitem(last=False)
        if known.expires_at <= now:
            del self._verified[given]
            raise line_required("The pass of this line has expired; ask for another.")
        if known.event_id != event_id or known.user_id != user_id:
            raise line_required("This pass is of another event or another account.")

    def wants_pass(self, event_id: str) -> bool:
        """As far as this process knows. Before the general sale the ticket service asks for access codes."""
        return event_id in self.events and self._clock.now() >= self._on_sale_at.get(event_id, 0)

    async def watch(self) -> None:
        """The job: learn which events have a line."""
        while True:
            await self._look()
            await self._clock.sleep(_EVENTS_SECONDS)

    async def is_awake(self, event_id: str) -> bool:
        """Whether an event with a line of mode auto has one just now. Raises `Overloaded` where that was not
        to be known lately."""
        now = self._clock.monotonic()
        if now - self._looked_at > _EVENTS_SECONDS and now - self._look_tried_at > _EVENTS_RETRY_SECONDS:
            await self._looking.get("events", self._look)
        if self._clock.monotonic() - self._looked_at > _EVENTS_KNOWN_SECONDS:
            raise closed()
        return event_id in self.events

    async def _look(self) -> None:
        try:
            self._look_tried_at = self._clock.monotonic()
            answer = await self._client.request("GET", EVENTS_PATH)
            if answer.status != 200:
                raise Unavailable(f"which events have a line can't be had: {answer.status}")
            known = msgspec.json.decode(answer.body, type=EventsWithLine)
            self.events, self._on_sale_at = frozenset(known.items), known.on_sale_at
            self._looked_at = self._clock.monotonic()
            self._outage.over()
        except Transient as error:
            self._outage.failed(error)

    async def _verify(self, given: str) -> _Pass:
        try:
            header = jwt.get_unverified_header(given)
        except jwt.InvalidTokenError as error:
            raise line_required() from error
        kid = header.get("kid")
        if header.get("alg") != "EdDSA" or header.get("typ") != PASS_TYPE or not isinstance(kid, str):
            raise line_required()
        key = await self._key(kid)
        if key is None:
            raise line_required()
        try:
            claims: dict[str, Any] = jwt.decode(
                given,
                key,
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": ["exp", "sub", "event"], "verify_exp": False, "verify_iat": False},
            )
            return _Pass(
                msgspec.convert(claims["event"], str),
                msgspec.convert(claims["sub"], str),
                msgspec.convert(claims["exp"], int) * 1000,
            )
        except (jwt.InvalidTokenError, msgspec.ValidationError) as error:
            raise line_required() from error

    async def _key(self, kid: str) -> Ed25519PublicKey | None:
        """A key that is known stays good while the line service is away; how often it is asked does not
        depend on how many passes come."""
        age = self._age(self._keys_at)
        is_due = (
            age is None or age > _KEYS_FRESH_MILLIS or (kid not in self._keys and age > _KEYS_RETRY_MILLIS)
        )
        tried = self._age(self._tried_at)
        if is_due and (kid not in self._keys or tried is None or tried > _KEYS_RETRY_MILLIS):
            self._tried_at = self._clock.now()
            try:
                await self._fetching.get("keys", self._fetch_keys)
            except Unavailable:
                if kid not in self._keys:
                    raise
        return self._keys.get(kid)

    def _age(self, at: Millis | None) -> Millis | None:
        return None if at is None else abs(self._clock.now() - at)

    async def _fetch_keys(self) -> None:
        answer = await self._client.request("GET", KEYS_PATH)
        if answer.status != 200:
            missing = (
                "; HOUSEFUL_LINE_URL names no line service to the gateway" if answer.status == 404 else ""
            )
            raise Unavailable(f"the key of passes can't be had: {answer.status}{missing}")
        self._keys = {
            key["kid"]: Ed25519PublicKey.from_public_bytes(
                base64.urlsafe_b64decode(key["x"] + "=" * (-len(key["x"]) % 4))
            )
            for key in msgspec.json.decode(answer.body)["keys"]
            if key.get("kty") == "OKP" and key.get("crv") == "Ed25519"
        }
        self._keys_at = self._clock.now()


def line_required(detail: str = "Seats of this event are held with a pass of its line.") -> DomainError:
    return Forbidden("line_required", detail)


def closed() -> DomainError:
    """Who is let in is not known just now."""
    return Overloaded(
        "line_unknown",
        "Whose turn it is can't be checked just now. Your place is kept; try again in a moment.",
        retry_after_seconds=_COME_AGAIN_SECONDS,
    )
