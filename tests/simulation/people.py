"""Buyers, and a gate. Each does one thing after the other, and asks again until there is an answer.

A request is kept until it is answered: who has no answer when the process dies repeats the request, with its
Idempotency-Key, to the next one.
"""

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from houseful.adapters.http.gateway_client import AsgiClient
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, ServiceResponse
from tests.chaos.linearizability import Kind
from tests.simulation.ledger import Ledger
from tests.simulation.virtual_time import START
from tests.system import outside_client as cards

_CARDS = [cards.SUCCEEDS] * 6 + [cards.DECLINED, cards.SLOW, cards.ANSWER_LOST, cards.THREE_D_SECURE]
TRANSIENT = (429, 502, 503, 504)


@dataclass
class Surroundings:
    """The life of the process in which somebody acts."""

    client: AsgiClient
    clock: Clock


@dataclass
class Request:
    """`then` is told of the answer, and of the moment in which the request was made first."""

    method: str
    path: str
    body: Any
    key: str
    then: Callable[["Request", ServiceResponse, float, float], None]
    began: float = 0.0
    twice: bool = False


class Person:
    """`token` is one of a year. The seed decides what the person wishes."""

    def __init__(self, name: str, token: str, seed: int, ledger: Ledger) -> None:
        self.name = name
        self.ledger = ledger
        self.chance = random.Random(f"{seed} {name}")
        self.done = False
        """Set when nothing new is to be begun."""
        self._token = token
        self._keys = 0
        self._open: Request | None = None

    @property
    def idle(self) -> bool:
        return self._open is None

    def choose(self) -> Request | None:
        """The next request. None for a pause."""
        raise NotImplementedError

    def leave(self) -> None:
        """Nothing follows any more."""

    async def act(self, around: Surroundings, *, until_answered: bool = False) -> None:
        """One request, the open one or a new one, or a pause."""
        request = self._open
        if request is None:
            if until_answered:
                return
            request = self.choose()
            if request is None:
                return
            request.began = around.clock.monotonic()
            request.twice = self.chance.random() < 0.1
        self._open = request
        response = await self._answered(around, request)
        if response is None:
            return
        self._open = None
        request.then(request, response, request.began, around.clock.monotonic())

    async def live(self, around: Surroundings) -> None:
        while not self.done:
            await self.act(around)
            await around.clock.sleep(self.chance.expovariate(1 / 1.5))

    async def finish(self, around: Surroundings) -> None:
        """Get the answer to the open request."""
        while self._open is not None:
            await self.act(around, until_answered=True)
            await around.clock.sleep(0.5)

    async def _answered(self, around: Surroundings, request: Request) -> ServiceResponse | None:
        """The answer. None where there is none yet."""
        clicks = 2 if request.twice else 1
        sent = await asyncio.gather(*(self._send(around, request) for _ in range(clicks)))
        answers = [one for one in sent if one is not None]
        for one in answers:
            if one.status >= 500 and one.status not in TRANSIENT:
                self.ledger.fault(f"{request.method} {request.path}: {one.status} {one.body[:300]!r}")
        final = [one for one in answers if one.status not in TRANSIENT and _code(one) != "still_running"]
        if request.key and len({_made(one) for one in final}) > 1:
            self.ledger.fault(f"{request.path}: two answers to one key: {[one.body for one in final]}")
        return final[0] if final else None

    async def _send(self, around: Surroundings, request: Request) -> ServiceResponse | None:
        headers = {"authorization": f"Bearer {self._token}"}
        if request.key:
            headers["idempotency-key"] = request.key
        body = b"" if request.body is None else json.dumps(request.body).encode()
        try:
            return await around.client.request(request.method, request.path, body=body, headers=headers)
        except Unavailable:
            return None

    def request(
        self,
        method: str,
        path: str,
        body: Any,
        then: Callable[[Request, ServiceResponse, float, float], None],
    ) -> Request:
        self._keys += 1
        return Request(method, path, body, f"{self.name}-{self._keys}" if method != "GET" else "", then)

    def expect(self, request: Request, response: ServiceResponse, *codes: str) -> None:
        """A refusal has one of these codes."""
        code = _code(response)
        self.ledger.counts[f"refused: {code}"] += 1
        if code not in codes:
            self.ledger.fault(
                f"{self.name}: {request.method} {request.path}: {response.status} {response.body[:300]!r}"
            )


class Buyer(Person):
    def __init__(
        self, name: str, token: str, seed: int, ledger: Ledger, event_id: str, seats: Sequence[str]
    ) -> None:
        super().__init__(name, token, seed, ledger)
        self._event_id = event_id
        self._seats = list(seats)
        self._hold: dict[str, Any] | None = None
        self._order: dict[str, Any] | None = None
        self._patience = 0
        self.tickets: list[tuple[str, str]] = []
        """Id and code of tickets that are to be shown at the gate."""

    def leave(self) -> None:
        """Whatever is held is forgotten, and its time will be over."""
        if self._hold is not None:
            self._expires(self._hold)

    def choose(self) -> Request | None:
        if self._order is not None:
            return self._about_order(self._order)
        if self._hold is not None:
            return self._about_hold(self._hold)
        if self.chance.random() < 0.3:
            body: dict[str, Any] = {"best_available": {"quantity": self.chance.randint(1, 3)}}
        else:
            first = self.chance.randrange(len(self._seats) - 1)
            body = {"seats": self._seats[first : first + self.chance.randint(1, 3)]}
        return self.request("POST", f"/api/events/{self._event_id}/holds", body, self._held)

    def _held(self, request: Request, response: ServiceResponse, began: float, ended: float) -> None:
        said = json.loads(response.body)
        if response.status == 201:
            self._hold = said
            self._record(Kind.ACQUIRED, said, began, ended)
            self.ledger.counts["holds"] += 1
            return
        if response.status == 409 and said.get("code") == "seats_taken":
            self.ledger.history.add(Kind.TAKEN, self._event_id, said["taken"], request.key, began, ended)
        self.expect(request, response, "seats_taken", "not_enough_seats", "hold_limit", "sale_closed")

    def _about_hold(self, hold: dict[str, Any]) -> Request | None:
        wish = self.chance.random()
        if wish < 0.75:
            buyer = {"name": self.name.title(), "email": f"{self.name}@example.org"}
            return self.request(
                "POST", "/api/orders", {"hold_id": hold["hold_id"], "buyer": buyer}, self._placed
            )
        self._expires(hold)
        self._hold = None
        if wish < 0.9:
            return self.request("DELETE", f"/api/holds/{hold['hold_id']}", None, self._released(hold))
        return None

    def _released(self, hold: dict[str, Any]) -> Callable[[Request, ServiceResponse, float, float], None]:
        def then(request: Request, response: ServiceResponse, began: float, ended: float) -> None:
            if response.status < 300:
                self._record(Kind.RETURNED, hold, began, ended)
                self.ledger.counts["releases"] += 1
            else:
                self.expect(request, response, "not_found", "hold_expired")

        return then

    def _placed(self, request: Request, response: ServiceResponse, began: float, ended: float) -> None:
        hold, self._hold = self._hold, None
        assert hold is not None
        if response.status == 201:
            order = json.loads(response.body)
            self._expires(order)
            self._order = self.ledger.orders[order["id"]] = order
            order["by"] = self.name
            self._patience = 25
            self.ledger.counts["orders"] += 1
        else:
            self._expires(hold)
            self.expect(request, response, "hold_expired", "sale_closed", "not_found")

    def _about_order(self, order: dict[str, Any]) -> Request | None:
        wish = self.chance.random()
        if order.get("asked") is None:
            order["asked"] = True
            if wish < 0.8:
                return self._payment(order, self.chance.choice(_CARDS))
            if wish < 0.9:
                return self._cancellation(order)
            self._order = None
            return None
        return self.request("GET", f"/api/orders/{order['id']}", None, self._seen)

    def _payment(self, order: dict[str, Any], number: str) -> Request:
        payment = order["payment"]
        body = {"client_secret": payment["client_secret"], "card": cards.card(number)}
        return self.request(
            "POST", f"/api/payments/intents/{payment['intent_id']}/confirm", body, self._payment_answered
        )

    def _payment_answered(
        self, request: Request, response: ServiceResponse, began: float, ended: float
    ) -> None:
        assert self._order is not None
        # From now on the order may be confirmed, whether or not anybody sees it.
        self._record(Kind.BOUGHT, self._order, began, None)
        said = json.loads(response.body)
        if response.status == 200 and said["status"] == "succeeded":
            self.ledger.paid.add(self._order["id"])
            self.ledger.counts["payments"] += 1
        elif response.status != 200:
            self.expect(
                request, response, "card_declined", "intent_not_payable", "insufficient_funds", "too_late"
            )

    def _seen(self, request: Request, response: ServiceResponse, began: float, ended: float) -> None:
        order = self._order
        assert order is not None
        if response.status != 200:
            self.ledger.fault(f"{order['id']} was acknowledged and is {response.status}")
            self._order = None
            return
        said = json.loads(response.body)
        self._patience -= 1
        if said["status"] == "confirmed":
            self.ledger.confirmed.add(order["id"])
            self.ledger.counts["confirmations"] += 1
            self._order = None
            self._after_sale(order)
        elif said["status"] in ("expired", "cancelled", "refunding", "refunded") or self._patience <= 0:
            self._order = None

    def _after_sale(self, order: dict[str, Any]) -> None:
        wish = self.chance.random()
        if wish < 0.35:
            self._open = self._cancellation(order)
        elif wish < 0.7:
            self._open = self.request("GET", f"/api/orders/{order['id']}/tickets", None, self._tickets_taken)

    def _tickets_taken(self, request: Request, response: ServiceResponse, began: float, ended: float) -> None:
        if response.status != 200:
            self.ledger.fault(f"{request.path}: {response.status} {response.body[:300]!r}")
            return
        self.tickets += [(one["id"], one["code"]) for one in json.loads(response.body)["items"]]

    def _cancellation(self, order: dict[str, Any]) -> Request:
        def then(request: Request, response: ServiceResponse, began: float, ended: float) -> None:
            self._order = None
            if response.status < 300:
                self._record(Kind.RETURNED, order, began, ended)
                self.ledger.cancelled.add(order["id"])
                self.ledger.counts["cancellations"] += 1
            else:
                self.expect(request, response, "cancel_closed", "order_expired", "hold_expired")

        return self.request("POST", f"/api/orders/{order['id']}/cancel", None, then)

    def _expires(self, what: dict[str, Any]) -> None:
        """From its deadline on others may get the seats of a hold or an order."""
        began = datetime.fromisoformat(what["expires_at"]).timestamp() - START / 1000
        self._record(Kind.EXPIRED, what, began, None)

    def _record(self, kind: Kind, what: dict[str, Any], began: float, ended: float | None) -> None:
        seats = [seat["id"] for seat in what["seats"]]
        self.ledger.history.add(kind, self._event_id, seats, what["hold_id"], began, ended)


class Gate(Person):
    """Scans tickets, some of them twice."""

    def __init__(self, name: str, token: str, seed: int, ledger: Ledger, buyers: Sequence[Buyer]) -> None:
        super().__init__(name, token, seed, ledger)
        self._buyers = buyers

    def choose(self) -> Request | None:
        shown = [ticket for buyer in self._buyers for ticket in buyer.tickets]
        if not shown:
            return None
        ticket_id, code = self.chance.choice(shown)
        scan_id = f"{self.name}-{self._keys + 1}"
        body = {"code": code, "gate": self.name, "scan_id": scan_id, "scanned_at": "2027-05-01T18:00:00Z"}

        def then(request: Request, response: ServiceResponse, began: float, ended: float) -> None:
            result = json.loads(response.body).get("result") if response.status == 200 else response.status
            if result == "admitted":
                self.ledger.admitted[ticket_id].add(scan_id)
                self.ledger.counts["admissions"] += 1
            elif result not in ("already_used", "cancelled"):
                self.ledger.fault(f"{ticket_id}: {result} at the gate")

        return self.request("POST", "/api/checkins", body, then)


def _made(response: ServiceResponse) -> tuple[int, str]:
    """What an answer says that was done."""
    said = json.loads(response.body) if response.body else {}
    return response.status, said.get("hold_id", "") + said.get("id", "") + said.get("code", "")


def _code(response: ServiceResponse) -> str | None:
    """The code of a refusal."""
    if response.status < 400:
        return None
    code: str | None = json.loads(response.body).get("code")
    return code
