"""Buyers and gates who don't mind that the server dies: they repeat what got no answer, with the same key,
and remember every word they were given.
"""

import queue
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.system import outside_client as cards
from tests.system.outside_client import Answer, Client, Cut

PASSWORD = "correct horse battery"
PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.02
LOOKS_SECONDS = 6.0

_CARDS = [cards.SUCCEEDS] * 5 + [cards.DECLINED, cards.ANSWER_LOST, cards.SLOW, cards.THREE_D_SECURE]


@dataclass
class Book:
    """What was acknowledged, to whomever. Safe for threads, as each entry is one step of a built-in type."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    admitted: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Scans that were told to let somebody in, by ticket."""
    sold: dict[tuple[str, str], str] = field(default_factory=dict)
    """The order of each seat that was seen confirmed and that nobody has begun to cancel."""
    over: threading.Event = field(default_factory=threading.Event)
    """There is no server any more, and none will come."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def fault(self, what: str) -> None:
        with self.lock:
            self.wrong.append(what)

    def sell(self, order: dict[str, Any]) -> None:
        """Called when the order was seen confirmed: no seat of it may be another's at this moment."""
        for seat in order["seats"]:
            place = (order["event_id"], seat["id"])
            with self.lock:
                other = self.sold.setdefault(place, order["id"])
            if other != order["id"]:
                self.fault(f"{place} was sold to {other} and to {order['id']}")

    def give_back(self, order: dict[str, Any]) -> None:
        """Called before the order's cancellation is asked for."""
        with self.lock:
            for seat in order["seats"]:
                place = (order["event_id"], seat["id"])
                if self.sold.get(place) == order["id"]:
                    del self.sold[place]


class Insistent:
    """Repeats a request until it is answered."""

    def __init__(self, url: str, email: str, book: Book) -> None:
        self.client = Client(url)
        self.book = book
        self._email = email

    def sign_in(self) -> None:
        body = {"email": self._email, "password": PASSWORD, "token_transport": "body"}
        answer = self._answered(lambda: self.client.call("POST", "/api/auth/login", body, signed_in=False))
        self.client.access_token = answer.ok()["access_token"]

    def ask(self, what: str, request: Callable[[], Answer]) -> Answer:
        answer = self._answered(request)
        if answer.status == 401 and answer.json["code"] == "token_expired":
            self.sign_in()
            answer = self._answered(request)
        if answer.status >= 500:
            self.book.fault(f"{what}: {answer.status} {answer.content[:300].decode(errors='replace')}")
        return answer

    def _answered(self, request: Callable[[], Answer]) -> Answer:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and not self.book.over.is_set():
            try:
                answer = request()
            except Cut:
                self.book.count("requests without an answer")
                time.sleep(PAUSE_SECONDS)
                continue
            if answer.status == 503:
                self.book.count("requests told to come again")
            elif answer.status != 409 or answer.json["code"] != "still_running":
                return answer
            time.sleep(PAUSE_SECONDS)
        raise TimeoutError("nobody answers any more")


@dataclass
class Halls:
    """Where there is something to buy: `small` is what everybody wants, by seat; `large` has room."""

    small: str
    small_seats: list[str]
    large: str


class Buyer(Insistent):
    def __init__(
        self,
        url: str,
        number: int,
        seed: int,
        halls: Halls,
        doors: "queue.Queue[tuple[str, str]]",
        book: Book,
    ) -> None:
        self.email = f"buyer{number}@example.org"
        super().__init__(url, self.email, book)
        self._name = f"{seed}-{number}"
        self._chance = random.Random(self._name)
        self._halls = halls
        self._doors = doors
        self._keys = 0
        self.holds: list[str] = []
        self.orders: dict[str, dict[str, Any]] = {}
        """As placed: seats and total."""
        self.paid: set[str] = set()
        self.confirmed: set[str] = set()
        self.cancelled: set[str] = set()
        self.tickets: dict[str, list[str]] = {}

    def run(self, stop: threading.Event) -> None:
        try:
            self.sign_in()
            while not stop.is_set():
                self.story(stop)
        except Exception as error:
            self.book.fault(f"{self.email} gave up: {error!r}")

    def _key(self) -> str:
        self._keys += 1
        return f"{self._name}-{self._keys}"

    def story(self, stop: threading.Event) -> None:
        """One purchase, or what becomes of it. What everybody wants is given back, except at the end."""
        popular = self._chance.random() < 0.6
        hold_id = self._hold(popular)
        if hold_id is None or self._chance.random() < 0.1:
            return
        order = self._order(hold_id)
        if order is None or self._chance.random() < 0.1:
            return
        if not self._pay(order) or not self._wait(order["id"]):
            return
        codes = self._take_tickets(order["id"])
        if popular and stop.is_set():
            return
        if popular or self._chance.random() < 0.3:
            self._cancel(order)
        else:
            for ticket_id, code in codes:
                for _ in range(2):  # the same ticket at two gates
                    self._doors.put((ticket_id, code))

    def _hold(self, popular: bool) -> str | None:
        key = self._key()
        if popular:
            event_id = self._halls.small
            start = self._chance.randrange(len(self._halls.small_seats) - 2)
            wish: dict[str, Any] = {"seats": self._halls.small_seats[start : start + 2]}
        else:
            event_id = self._halls.large
            wish = {"best_available": {"quantity": self._chance.randint(1, 2)}}
        answer = self.ask("hold", lambda: self.client.hold(event_id, key=key, **wish))
        if answer.status != 201:
            self._expect("hold", answer, "seats_taken", "not_enough_seats", "hold_limit")
            return None
        self.holds.append(answer.json["hold_id"])
        self.book.count("holds")
        return self.holds[-1]

    def _order(self, hold_id: str) -> dict[str, Any] | None:
        key = self._key()
        answer = self.ask("order", lambda: self.client.order(hold_id, email=self.email, key=key))
        if answer.status != 201:
            self._expect("order", answer, "hold_expired", "hold_limit")
            return None
        order: dict[str, Any] = answer.json
        self.orders[order["id"]] = order
        self.book.count("orders")
        return order

    def _pay(self, order: dict[str, Any]) -> bool:
        """False where it was too late."""
        number = self._chance.choice(_CARDS)
        answer = self.ask("pay", lambda: self.client.pay(order, number))
        if answer.status == 402:
            answer = self.ask("pay again", lambda: self.client.pay(order))
        elif answer.status == 200 and answer.json["status"] == "requires_action":
            url = answer.json["next_action"]["url"]
            answer = self.ask("approve", lambda: self.client.call("POST", url, {"outcome": "approve"}))
        if answer.status != 200:
            self._expect("pay", answer, "intent_not_payable")
            return False
        if answer.json["status"] == "succeeded":
            self.paid.add(order["id"])
            self.book.count("payments")
        return True

    def _wait(self, order_id: str) -> bool:
        """Whether it was seen confirmed. Nobody waits for ever: a deadline's poll may be what finds it."""
        deadline = time.monotonic() + LOOKS_SECONDS
        while time.monotonic() < deadline:
            answer = self.ask("look", lambda: self.client.call("GET", f"/api/orders/{order_id}"))
            if answer.status != 200:
                self.book.fault(f"{order_id} was acknowledged and is {answer.status}")
                return False
            if answer.json["status"] == "confirmed":
                self.confirmed.add(order_id)
                self.book.sell(answer.json)
                self.book.count("confirmations")
                return True
            if answer.json["status"] in ("refunding", "refunded"):
                self.book.count("late payments given back")
                return False
            time.sleep(PAUSE_SECONDS)
        return False

    def _take_tickets(self, order_id: str) -> list[tuple[str, str]]:
        answer = self.ask("tickets", lambda: self.client.call("GET", f"/api/orders/{order_id}/tickets"))
        found = [(ticket["id"], ticket["code"]) for ticket in answer.ok()["items"]]
        self.tickets[order_id] = [ticket_id for ticket_id, _ in found]
        if len(found) != len(self.orders[order_id]["seats"]):
            self.book.fault(f"{order_id} is confirmed and has {len(found)} tickets")
        return found

    def _cancel(self, order: dict[str, Any]) -> None:
        key = self._key()
        self.book.give_back(order)
        answer = self.ask("cancel", lambda: self.client.cancel(order["id"], key=key))
        if answer.status == 200:
            self.cancelled.add(order["id"])
            self.book.count("cancellations")
        else:
            self._expect("cancel", answer, "cancel_closed")

    def _expect(self, what: str, answer: Answer, *codes: str) -> None:
        if answer.status >= 500:
            return  # noted already
        code = answer.json.get("code")
        self.book.count(f"refused: {code}")
        if code not in codes:
            self.book.fault(f"{what}: unexpected {answer.status} {code}")


class Gate(Insistent):
    """Scans whatever comes to the doors."""

    def __init__(self, url: str, number: int, doors: "queue.Queue[tuple[str, str]]", book: Book) -> None:
        super().__init__(url, "gate@example.org", book)
        self._number = number
        self._doors = doors
        self._scans = 0
        self.admitted: list[tuple[str, str, str]] = []
        """(ticket, code, scan)"""

    def run(self, stop: threading.Event) -> None:
        try:
            self.sign_in()
            while not stop.is_set() or not self._doors.empty():
                try:
                    ticket_id, code = self._doors.get(timeout=0.1)
                except queue.Empty:
                    continue
                self._scans += 1
                self.scan(ticket_id, code, f"scan-{self._number}-{self._scans}")
        except Exception as error:
            self.book.fault(f"gate {self._number} gave up: {error!r}")

    def scan(self, ticket_id: str, code: str, scan_id: str) -> str:
        body = {
            "code": code,
            "gate": f"Gate {self._number}",
            "scan_id": scan_id,
            "scanned_at": "2026-05-01T18:00:00Z",
        }
        answer = self.ask("scan", lambda: self.client.call("POST", "/api/checkins", body, key=scan_id))
        result = str(answer.ok()["result"])
        if result == "admitted":
            with self.book.lock:
                self.book.admitted[ticket_id].append(scan_id)
            self.admitted.append((ticket_id, code, scan_id))
            self.book.count("admissions")
        elif result == "already_used":
            self.book.count("second admissions refused")
        else:
            self.book.fault(f"{ticket_id}: {result} at the gate")
        return result
