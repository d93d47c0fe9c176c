"""A client of the public HTTP interface, written from its description alone.

The standard library is all that it needs, and nothing of Houseful is imported: whatever this can do, a
script of somebody else can do too.
"""

import http.client
import itertools
import json
import select
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tests.support.patience import PATIENCE_SECONDS

T = TypeVar("T")

LOOK_SECONDS = 0.05

SUCCEEDS = "4242424242424242"
DECLINED = "4000000000000002"
INSUFFICIENT_FUNDS = "4000000000009995"
THREE_D_SECURE = "4000002760003184"
SLOW = "4000000000000077"
ANSWER_LOST = "4000000000000341"


def card(number: str) -> dict[str, str]:
    return {"number": number, "exp": "12/49", "cvc": "123"}


class Cut(Exception):
    """The connection ended without an answer: what became of the request is not known."""


class Answer:
    def __init__(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.content = content

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    def ok(self, status: int = 200) -> Any:
        """The body, of an answer that has this status."""
        assert self.status == status, f"{self.status}: {self.content[:2000].decode(errors='replace')}"
        return self.json if self.content else None

    def refused(self, status: int, code: str | None = None) -> dict[str, Any]:
        """The problem document (RFC 9457), which every refusal has, whoever refuses."""
        assert self.status == status, f"{self.status}: {self.content[:2000].decode(errors='replace')}"
        assert self.headers["content-type"] == "application/problem+json"
        problem: dict[str, Any] = self.json
        assert isinstance(problem["type"], str)
        assert problem["type"]
        assert problem["status"] == status
        assert isinstance(problem["code"], str)
        assert isinstance(problem["detail"], str)
        assert problem["detail"]
        assert problem["request_id"]
        assert "Traceback" not in self.content.decode()
        if status == 422:
            assert problem["errors"], "a 422 names the fields"
            assert all(isinstance(text, str) for text in problem["errors"].values())
        if code is not None:
            assert problem["code"] == code, problem
        return problem


def is_busy(status: int, content: bytes) -> bool:
    """Whether a gateway left a read undone because its machine is slow just now."""
    return status == 503 and json.loads(content)["code"] == "busy"


class Client:
    """One user of one installation. Keeps connections and the tokens; not for several threads at once.

    `url` may be that of several gateways, with commas between: each request goes to the next.
    """

    def __init__(self, url: str) -> None:
        self._ways = _ways_to(url)
        self.access_token: str | None = None
        self.refresh_token: str | None = None

    def aim(self, url: str) -> None:
        """Whom to ask from the next request on."""
        self.close()
        self._ways = _ways_to(url)

    def connect(self) -> http.client.HTTPConnection:
        return next(self._ways).connect()

    def close(self) -> None:
        first = way = next(self._ways)
        while True:
            way.close()
            way = next(self._ways)
            if way is first:
                return

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        signed_in: bool = True,
    ) -> Answer:
        """`body` is JSON, or bytes as they are. Raises `Cut` where no answer comes."""
        sent = {"content-type": "application/json"} if body is not None else {}
        if key is not None:
            sent["idempotency-key"] = key
        if signed_in and self.access_token is not None:
            sent["authorization"] = f"Bearer {self.access_token}"
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        return next(self._ways).call(method, path, raw, sent | dict(headers or {}))

    def get(self, path: str) -> Any:
        return self.call("GET", path).ok()

    def items(self, path: str) -> list[dict[str, Any]]:
        """A whole list, page by page."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.get(path + cursor)
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            cursor = f"{'&' if '?' in path else '?'}cursor={page['next_cursor']}"

    # Accounts

    def register(self, email: str, password: str, name: str) -> dict[str, Any]:
        body = {"email": email, "password": password, "name": name}
        return dict(self.call("POST", "/api/auth/register", body).ok(201))

    def login(self, email: str, password: str) -> dict[str, Any]:
        body = {"email": email, "password": password, "token_transport": "body"}
        return self._keep(self.call("POST", "/api/auth/login", body, signed_in=False).ok())

    def refresh(self) -> dict[str, Any]:
        body = {"refresh_token": self.refresh_token}
        return self._keep(self.call("POST", "/api/auth/refresh", body, signed_in=False).ok())

    def _keep(self, tokens: dict[str, Any]) -> dict[str, Any]:
        self.access_token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        return tokens

    # Events

    def publish(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """A new event whose seats can be bought."""
        made = self.call("POST", "/api/events", event).ok(201)
        assert made["state"] == "draft"
        self.call("POST", f"/api/events/{made['id']}/publish").ok(202)
        inventory = f"/api/events/{made['id']}/inventory"
        self.until(lambda: self.get(inventory)["state"] == "ready")
        return self.event_that_is(made["id"], "on_sale")

    def event_that_is(self, event_id: str, state: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            event: dict[str, Any] = self.get(f"/api/events/{event_id}")
            return event if event["state"] == state else None

        return self.until(look)

    def seats(self, event_id: str) -> list[dict[str, Any]]:
        sections = self.items(f"/api/events/{event_id}/sections")
        return [
            seat
            for section in sections
            for seat in self.items(f"/api/events/{event_id}/sections/{section['id']}/seats")
        ]

    def seats_that_are(self, event_id: str, statuses: Mapping[str, str]) -> None:
        """Returns when these seats are shown like that. Of several copies of a service, one may be a moment
        behind the one that has changed something."""
        self.until_equal(
            lambda: {seat["id"]: seat["status"] for seat in self.seats(event_id) if seat["id"] in statuses},
            dict(statuses),
        )

    # Buying

    def hold(self, event_id: str, *, key: str | None = None, **what: Any) -> Answer:
        """`seats=[id, …]` or `best_available={…}`."""
        return self.call("POST", f"/api/events/{event_id}/holds", what, key=key or new_key())

    def order(self, hold_id: str, *, email: str = "bea@example.org", key: str | None = None) -> Answer:
        body = {"hold_id": hold_id, "buyer": {"name": "Bea Brandt", "email": email}}
        return self.call("POST", "/api/orders", body, key=key or new_key())

    def pay(self, order: Mapping[str, Any], number: str = SUCCEEDS) -> Answer:
        payment = order["payment"]
        body = {"client_secret": payment["client_secret"], "card": card(number)}
        return self.call("POST", f"/api/payments/intents/{payment['intent_id']}/confirm", body)

    def buy(self, event_id: str, **what: Any) -> dict[str, Any]:
        """A confirmed order."""
        order = self.order(self.hold(event_id, **what).ok(201)["hold_id"]).ok(201)
        assert self.pay(order).ok()["status"] == "succeeded"
        return self.order_that_is(order["id"], "confirmed")

    def cancel(self, order_id: str, *, key: str | None = None) -> Answer:
        return self.call("POST", f"/api/orders/{order_id}/cancel", key=key or new_key())

    def order_that_is(self, order_id: str, *statuses: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            order: dict[str, Any] = self.get(f"/api/orders/{order_id}")
            return order if order["status"] in statuses else None

        return self.until(look)

    def tickets(self, order_id: str) -> list[dict[str, Any]]:
        return self.items(f"/api/orders/{order_id}/tickets")

    # The gate

    def scan(self, code: str, scan_id: str, gate: str = "North", **more: Any) -> dict[str, Any]:
        body = {"code": code, "gate": gate, "scan_id": scan_id, "scanned_at": "2026-05-01T18:00:00Z"}
        return dict(self.call("POST", "/api/checkins", body | more, key=new_key()).ok())

    # Waiting

    def until(self, look: Callable[[], T | None]) -> T:
        """What `look` says as soon as that is true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (result := look()):
            assert time.monotonic() < deadline, "it did not come true in time"
            time.sleep(LOOK_SECONDS)
        return result

    def until_equal(self, look: Callable[[], T], expected: T) -> None:
        """Returns when all that `look` shows is as expected. Fails with what it showed last."""
        shown: list[T] = []

        def comes() -> bool:
            shown[:] = [look()]
            return shown == [expected]

        try:
            self.until(comes)
        except AssertionError as error:
            raise AssertionError(f"{shown} instead of {expected}") from error

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[tuple[str, str]]]:
        """Server-sent messages: event and data. A gateway that is busy is asked again."""
        headers = {"authorization": f"Bearer {self.access_token}"} if self.access_token else {}
        with ExitStack() as stack:

            def begun() -> http.client.HTTPResponse | None:
                connection = stack.enter_context(closing(self.connect()))
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                if answer.status != 200:
                    content = answer.read()
                    assert is_busy(answer.status, content), f"{answer.status}: {content.decode()}"
                    return None
                return answer

            answer = self.until(begun)
            assert answer.getheader("content-type") == "text/event-stream"
            yield _messages(answer)


class Roamer(Client):
    """Talks to one of several gateways, and to the next where one asks to close the connection, since it is
    about to end."""

    def __init__(self, urls: Sequence[str]) -> None:
        super().__init__(urls[0])
        self._urls = list(urls)

    def move_on(self) -> None:
        self.close()
        self._urls.append(self._urls.pop(0))
        self.aim(self._urls[0])

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        signed_in: bool = True,
    ) -> Answer:
        answer = super().call(method, path, body, key=key, headers=headers, signed_in=signed_in)
        if answer.headers.get("connection") == "close":
            self.move_on()
        return answer


class _Way:
    """The connection to one gateway."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host, self._port = parts.hostname, parts.port or 80
        self._connection: http.client.HTTPConnection | None = None

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, self._port, timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def call(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        if self._connection is None or _has_ended(self._connection):
            self.close()
            self._connection = self.connect()
        try:
            self._connection.request(method, path, body=body, headers=dict(headers))
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Cut(f"{method} {path}: {error!r}") from error
        if answer.will_close:
            self.close()
        return Answer(answer.status, dict(answer.getheaders()), content)


def _has_ended(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed it, as it may do with one that was idle: there is something to read, and
    it is the end."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])


def _messages(answer: http.client.HTTPResponse) -> Iterator[tuple[str, str]]:
    """Without pings, which come while there is nothing to tell."""
    fields: dict[str, str] = {}
    while line := answer.readline():
        text = line.decode().rstrip("\n")
        name, colon, value = text.partition(": ")
        if colon and name:
            fields[name] = value
        elif not text and "data" in fields:
            if fields.get("event") != "ping":
                yield fields.get("event", "message"), fields["data"]
            fields = {}


def new_key() -> str:
    return uuid.uuid4().hex


def _ways_to(url: str) -> "itertools.cycle[_Way]":
    return itertools.cycle([_Way(one) for one in url.split(",")])
