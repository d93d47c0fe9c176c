"""A whole installation for a test: in this process (`deployment`), with time that stands still
(`manual_deployment`), or as a real process behind a real port (`live`). Nothing here sleeps for a fixed
time; everything waits for a condition.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from houseful.adapters.processes.pool import InlineWorkers
from houseful.app import Running, running
from houseful.kernel.clock import ManualClock, SystemClock
from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.settings import load_settings
from tests.support.patience import PATIENCE_SECONDS

T = TypeVar("T")

PASSWORD = "correct horse battery"
CARD = {"number": "4242424242424242", "exp": "12/49", "cvc": "123"}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    def ok(self, status: int | None = None) -> Any:
        """The body of a good answer; fails with the whole answer where it is none."""
        good = self.status < 300 if status is None else self.status == status
        assert good, f"{self.status} {self.content.decode(errors='replace')[:2000]}"
        return self.json if self.content else None

    def refused(self, status: int, code: str) -> Any:
        """The problem document of an error that was expected."""
        assert self.status == status, f"{self.status} {self.content.decode(errors='replace')[:2000]}"
        assert self.headers["content-type"] == "application/problem+json"
        problem = self.json
        assert problem["code"] == code, problem
        return problem


def plan(rows: int = 3, seats: int = 10) -> dict[str, Any]:
    """A small hall: one section, `rows` rows of `seats`; row A is "Premium", the others "Standard"."""
    return {
        "name": f"Hall of {rows} by {seats}",
        "categories": [{"name": "Premium", "color": "#391B65"}, {"name": "Standard", "color": "#184F19"}],
        "zones": [
            {
                "name": "Stalls",
                "position": {"x": 0, "y": 0},
                "rows": [
                    {
                        "row_number": chr(ord("A") + row),
                        "position": {"x": 0, "y": 30 * row},
                        "seats": [
                            {
                                "seat_guid": f"{chr(ord('A') + row)}-{seat}",
                                "seat_number": str(seat),
                                "position": {"x": 25 * seat, "y": 0},
                                "category": "Standard" if row else "Premium",
                            }
                            for seat in range(1, seats + 1)
                        ],
                    }
                    for row in range(rows)
                ],
            }
        ],
        "size": {"width": 25 * (seats + 1), "height": 30 * rows},
    }


PRICES = {"Premium": 5000, "Standard": 3000}


@dataclass(kw_only=True)
class Deployment:
    """A running installation and short ways to use it, all through the gateway."""

    app: Running
    _keys: Iterator[int] = field(default_factory=lambda: iter(range(10**9)))
    _name: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Begins the keys, which another deployment on the same data must not use again."""

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Every call that changes something has a fresh Idempotency-Key unless `key` names one."""
        sent = dict(headers or {})
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        if method in ("POST", "PATCH", "DELETE"):
            sent.setdefault("idempotency-key", key or f"{self._name}-{next(self._keys)}")
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return await self.request(method, path, raw, sent)

    async def request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        """The call itself."""
        answer = await self.app.client.request(method, path, body=body, headers=headers)
        return Reply(answer.status, answer.headers, answer.body)

    async def user(self, name: str = "buyer", *roles: Role) -> str:
        """An access token of an account of that name, made if it does not exist."""
        email = f"{name}@example.org"
        await self.app.services["users"].create_user(email, PASSWORD, name.title(), roles)
        return await self.sign_in(email)

    async def sign_in(self, email: str, password: str = PASSWORD) -> str:
        body = {"email": email, "password": password, "token_transport": "body"}
        return str((await self.call("POST", "/api/auth/login", body)).ok(200)["access_token"])

    async def draft(self, organizer: str, **changes: Any) -> dict[str, Any]:
        body: dict[str, Any] = {
            "title": "An Evening",
            "venue": "The Hall",
            "starts_at": rfc3339(self.app.clock.now() + 30 * 24 * 3600 * 1000),
            "timezone": "Europe/Berlin",
            "currency": "EUR",
            "plan": plan(),
            "prices": PRICES,
        }
        return dict((await self.call("POST", "/api/events", body | changes, token=organizer)).ok(201))

    async def event(self, organizer: str, **changes: Any) -> str:
        """The id of a published event whose seats can be bought."""
        event_id = str((await self.draft(organizer, **changes))["id"])
        (await self.call("POST", f"/api/events/{event_id}/publish", token=organizer)).ok(202)
        await self.until(lambda: self._is_on_sale(event_id))
        return event_id

    async def _is_on_sale(self, event_id: str) -> bool:
        inventory = await self.call("GET", f"/api/events/{event_id}/inventory")
        event = await self.call("GET", f"/api/events/{event_id}")
        if inventory.status != 200 or inventory.json["state"] != "ready":
            return False
        return bool(event.json["state"] in ("on_sale", "scheduled"))

    async def seats(self, event_id: str) -> list[dict[str, Any]]:
        """Every seat of the event, as browsing shows it."""
        sections = (await self.call("GET", f"/api/events/{event_id}/sections")).ok()["items"]
        found = []
        for section in sections:
            path = f"/api/events/{event_id}/sections/{section['id']}/seats"
            found += (await self.call("GET", path)).ok()["items"]
        return found

    async def hold(self, token: str, event_id: str, quantity: int = 2) -> dict[str, Any]:
        body = {"best_available": {"quantity": quantity}}
        return dict((await self.call("POST", f"/api/events/{event_id}/holds", body, token=token)).ok(201))

    async def order(self, token: str, hold_id: str) -> dict[str, Any]:
        body = {"hold_id": hold_id, "buyer": {"name": "Bea Brandt", "email": "bea@example.org"}}
        return dict((await self.call("POST", "/api/orders", body, token=token)).ok(201))

    async def pay(self, order: dict[str, Any], card: Mapping[str, str] = CARD) -> Reply:
        payment = order["payment"]
        body = {"client_secret": payment["client_secret"], "card": dict(card)}
        return await self.call("POST", f"/api/payments/intents/{payment['intent_id']}/confirm", body)

    async def buy(self, token: str, event_id: str, quantity: int = 2) -> dict[str, Any]:
        """A confirmed order."""
        order = await self.order(token, (await self.hold(token, event_id, quantity))["hold_id"])
        (await self.pay(order)).ok(200)
        return await self.order_that_is(token, order["id"], "confirmed")

    async def order_that_is(self, token: str, order_id: str, status: str) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            order = (await self.call("GET", f"/api/orders/{order_id}", token=token)).ok()
            return order if order["status"] == status else None

        return await self.until(look)

    async def until(self, look: Callable[[], Awaitable[T | None]], *, advance_seconds: float = 0.0) -> T:
        """What `look` says as soon as that is true. With a manual clock each look may let some time pass."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (result := await look()):
            assert time.monotonic() < deadline, "it did not come true in time"
            if advance_seconds and isinstance(self.app.clock, ManualClock):
                await self.app.clock.advance(advance_seconds)
            await asyncio.sleep(0.002)
        return result


@asynccontextmanager
async def started(
    data: Path, *, clock: SystemClock | ManualClock | None = None, background: bool = True, **settings: Any
) -> AsyncIterator[Deployment]:
    """An installation in `data`; settings by their names. Rates are not limited unless `rate_limits="on"`."""
    chosen = load_settings({}, **({"data": str(data), "rate_limits": "off"} | settings))
    async with running(
        chosen, clock=clock, workers=InlineWorkers(), background=background, access_log=False
    ) as app:
        yield Deployment(app=app)


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with started(tmp_path / "data") as deployment:
        yield deployment


@pytest.fixture
async def manual_deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    """Time passes only by `deployment.app.clock.advance`."""
    async with started(tmp_path / "data", clock=ManualClock()) as deployment:
        yield deployment


@dataclass
class OpenStream:
    """An event stream in this process: `status` and `headers` once it has begun, then its chunks."""

    status: int
    headers: dict[str, str]
    chunks: "asyncio.Queue[bytes | None]"
    _task: "asyncio.Task[None]"
    _gone: asyncio.Event

    async def event(self) -> tuple[str, str]:
        """Name and data of the next message; comments and pings are passed over."""
        while True:
            chunk = await asyncio.wait_for(self.chunks.get(), PATIENCE_SECONDS)
            assert chunk is not None, "the stream has ended"
            fields = dict(line.split(": ", 1) for line in chunk.decode().splitlines() if ": " in line[1:])
            if "data" in fields and fields.get("event") != "ping":
                return fields.get("event", "message"), fields["data"]

    async def ended(self) -> None:
        """Returns when the server has ended it."""
        while await asyncio.wait_for(self.chunks.get(), PATIENCE_SECONDS) is not None:
            pass

    async def close(self) -> None:
        self._gone.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(self._task, PATIENCE_SECONDS)


@asynccontextmanager
async def open_stream(
    deployment: Deployment, path: str, *, token: str | None = None, client: tuple[str, int] | None = None
) -> AsyncIterator[OpenStream]:
    """GET an event stream; leaving the block is the client going away."""
    chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
    begun: asyncio.Future[tuple[int, dict[str, str]]] = asyncio.get_running_loop().create_future()
    gone = asyncio.Event()
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = {name.decode(): value.decode() for name, value in message["headers"]}
            begun.set_result((message["status"], headers))
            return
        chunks.put_nowait(message.get("body", b""))
        if not message.get("more_body"):
            chunks.put_nowait(None)

    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    scope = {
        "type": "http", "method": "GET", "path": path.partition("?")[0], "raw_path": path.encode(),
        "query_string": path.partition("?")[2].encode(), "headers": headers, "client": client,
    }  # fmt: skip
    task = asyncio.create_task(deployment.app.entry(scope, receive, send))
    status, answered = await asyncio.wait_for(begun, PATIENCE_SECONDS)
    stream = OpenStream(status, answered, chunks, task, gone)
    try:
        yield stream
    finally:
        await stream.close()
