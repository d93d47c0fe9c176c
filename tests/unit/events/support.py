"""An events service in this process: its HTTP surface on SQLite, with a manual clock and real tokens."""

import base64
import copy
from pathlib import Path
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from houseful.adapters.http.gateway_client import AsgiClient
from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.processes.pool import InlineWorkers
from houseful.adapters.sqlite.store import SqliteStore
from houseful.events import MANIFEST
from houseful.events.domain import Event, NewEvent
from houseful.events.plans import SentPlan
from houseful.events.service import EventsService
from houseful.kernel.clock import ManualClock
from houseful.kernel.ids import SeededIds
from houseful.kernel.ports import OutboxRow, ServiceResponse, Workers
from houseful.kernel.roles import Identity
from houseful.messages import InventoryReady, Message
from houseful.webapi.auth import AUDIENCE, ISSUER, TOKEN_TYPE, TokenVerifier
from houseful.webapi.dispatch import ServiceApp

START = 1_800_000_000_000  # 2027-01-15T08:00:00Z
DAY = 86_400_000
ALICE = Identity("usr_alice", "ses_1", frozenset({"organizer"}), START + 10 * 365 * DAY)
BOB = Identity("usr_bob", "ses_2", frozenset({"organizer"}), START + 10 * 365 * DAY)
BUYER = Identity("usr_buyer", "ses_3", frozenset({"buyer"}), START + 10 * 365 * DAY)
ADMIN = Identity("usr_admin", "ses_4", frozenset({"admin"}), START + 10 * 365 * DAY)


def plan(rows: int = 2, seats: int = 3, name: str = "Small hall") -> dict[str, Any]:
    """`rows` rows of `seats` seats: the first in category Stalls, the rest in Balcony, "Spare" not used."""

    def row(number: int) -> dict[str, Any]:
        return {
            "row_number": str(number + 1),
            "position": {"x": 0, "y": number * 30},
            "seats": [
                {
                    "seat_guid": f"s-{number}-{place}",
                    "seat_number": str(place + 1),
                    "position": {"x": place * 25, "y": 0},
                    "category": "Stalls" if number == 0 else "Balcony",
                }
                for place in range(seats)
            ],
        }

    return {
        "name": name,
        "categories": [
            {"name": "Stalls", "color": "#391b65"},
            {"name": "Balcony", "color": "#aa0000"},
            {"name": "Spare", "color": "#00aa00"},
        ],
        "zones": [
            {"name": "Hall", "position": {"x": 0, "y": 0}, "rows": [row(number) for number in range(rows)]}
        ],
        "size": {"width": 1000, "height": 1000},
    }


def sent(plan: dict[str, Any]) -> SentPlan:
    return SentPlan.of(msgspec.json.encode(plan))


def body(**other: Any) -> dict[str, Any]:
    """A request that makes an event; `other` fields instead, a field that is `...` left out."""
    fields: dict[str, Any] = {
        "title": "La Traviata",
        "description": "Opera in three acts",
        "venue": "Zürich Opera House",
        "starts_at": "2027-03-01T19:30:00Z",
        "timezone": "Europe/Zurich",
        "currency": "CHF",
        "plan": plan(),
        "prices": {"Stalls": 12_000, "Balcony": 4_500},
    }
    return {name: value for name, value in copy.deepcopy(fields | other).items() if value is not ...}


class _Keys:
    """The users service's published key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        self._body = msgspec.json.encode({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x}]})

    async def request(self, method: str, path: str, **_: Any) -> ServiceResponse:
        assert (method, path) == ("GET", "/.well-known/jwks.json")
        return ServiceResponse(200, {}, self._body)


class LineServiceAnswers:
    """The line service, or what the gateway says where there is none."""

    def __init__(self) -> None:
        self.status = 200

    async def request(self, method: str, path: str, **_: Any) -> ServiceResponse:
        assert (method, path) == ("GET", "/api/lines/events")
        return ServiceResponse(self.status, {}, b'{"items": []}')


class Harness:
    def __init__(self, folder: Path, *, workers: Workers | None = None) -> None:
        workers = workers or InlineWorkers()
        self.clock = ManualClock(START)
        ids = SeededIds(1, self.clock)
        self.store = SqliteStore.open(folder / "events.db", MANIFEST.documents, clock=self.clock, ids=ids)
        self.line_service = LineServiceAnswers()
        self.service = EventsService(self.store, self.clock, ids, workers, self.line_service)
        self._key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
        self.app = ServiceApp(
            "events",
            self.service,
            MANIFEST.endpoints,
            store=self.store,
            coordination=LocalCoordination(self.clock),
            clock=self.clock,
            verifier=TokenVerifier(_Keys(self._key), self.clock),
            workers=workers,
        )
        self._client = AsgiClient(self.app)

    async def create(self, who: Identity, new: NewEvent) -> Event:
        return await self.service.create(who, new, lambda event: event)

    def token(self, who: Identity) -> str:
        claims = {
            "sub": who.user_id,
            "sid": who.session_id,
            "roles": sorted(who.roles),
            "iat": START // 1000,
            "exp": who.expires_at // 1000,
            "aud": AUDIENCE,
            "iss": ISSUER,
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": "k1", "typ": TOKEN_TYPE})

    async def call(
        self,
        method: str,
        path: str,
        content: Any = None,
        who: Identity | None = None,
        headers: dict[str, str] | None = None,
    ) -> ServiceResponse:
        """`content` is sent as it is if it is bytes, else as JSON."""
        raw = (
            content
            if isinstance(content, bytes)
            else b""
            if content is None
            else msgspec.json.encode(content)
        )
        headers = dict(headers or {})
        if who is not None:
            headers["authorization"] = f"Bearer {self.token(who)}"
        return await self._client.request(method, path, body=raw, headers=headers)

    async def ask(
        self, method: str, path: str, content: Any = None, who: Identity | None = None
    ) -> tuple[int, Any]:
        answer = await self.call(method, path, content, who)
        return answer.status, msgspec.json.decode(answer.body)

    async def new_event(self, who: Identity = ALICE, **other: Any) -> dict[str, Any]:
        status, event = await self.ask("POST", "/api/events", body(**other), who)
        assert status == 201, event
        assert isinstance(event, dict)
        return event

    async def on_sale(self, who: Identity = ALICE, **other: Any) -> dict[str, Any]:
        event = await self.new_event(who, **other)
        await self.service.publish(who, event["id"])
        await self.deliver(InventoryReady(event_id=event["id"], seats_total=event["seats_total"]))
        return event

    async def deliver(self, message: Message) -> None:
        """As the consumer does: in a transaction of its own."""
        handler = MANIFEST.handlers[type(message)]
        await self.store.transact(lambda tx: handler(self.service, tx, message))

    async def document(self, event_id: str) -> Event:
        event = await self.store.get(Event, event_id)
        assert event is not None
        return event

    async def sent(self) -> list[OutboxRow]:
        return [row async for row in self.store.outbox.rows()]

    async def sent_types(self) -> list[str]:
        return [row.type.split(".")[1] for row in await self.sent()]
