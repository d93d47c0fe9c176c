"""Buyers, gates and others who don't mind that the server dies, and remember every word they were given."""

import queue
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.chaos.linearizability import Kind
from tests.chaos.retrying_client import Book, RetryingClient
from tests.system import outside_client as cards
from tests.system.harness import event_body, hall
from tests.system.outside_client import Answer, Client

LOOKS_SECONDS = 6.0
GRACE_SECONDS = 10.0
"""For how long a refresh token whose reply was lost is good for the same reply."""

_CARDS = [cards.SUCCEEDS] * 5 + [cards.DECLINED, cards.ANSWER_LOST, cards.SLOW, cards.THREE_D_SECURE]


@dataclass
class Halls:
    """Where there is something to buy: `small` is what everybody wants, by seat; `large` has room."""

    small: str
    small_seats: list[str]
    large: str


def open_halls(organizer: Client, hold_seconds: int) -> Halls:
    small = organizer.publish(event_body(hold_seconds=hold_seconds, plan=hall(rows=2, seats=12)))
    large = organizer.publish(event_body(hold_seconds=hold_seconds, plan=hall(rows=26, seats=200)))
    return Halls(small["id"], [seat["id"] for seat in organizer.seats(small["id"])], large["id"])


class Buyer(RetryingClient):
    def __init__(
        self,
        urls: Sequence[str],
        number: int,
        seed: int,
        halls: Halls,
        doors: "queue.Queue[tuple[str, str]]",
        book: Book,
        *,
        think_seconds: float = 0,
        keeps: bool = False,
    ) -> None:
        """Who `keeps` gives nothing back of what everybody wants: for controls, in which it is sold twice."""
        self._keeps = keeps
        self.email = f"buyer{number}@example.org"
        super().__init__(urls, self.email, book, think_seconds=think_seconds)
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

    def _think(self) -> None:
        if self._think_seconds:
            time.sleep(self._chance.uniform(0, self._think_seconds))

    def story(self, stop: threading.Event) -> None:
        """One purchase, or what becomes of it. What everybody wants is given back, except at the end."""
        popular = self._chance.random() < 0.6
        hold = self._hold(popular)
        self._think()
        if hold is None:
            return
        order = None if self._chance.random() < 0.1 else self._order(hold["hold_id"])
        # An order extends its hold.
        self._record(Kind.EXPIRED, hold, datetime.fromisoformat((order or hold)["expires_at"]).timestamp())
        if order is None or self._chance.random() < 0.1:
            return
        began = time.time()
        confirmed = self._pay(order) and self._wait(order["id"])
        self._record(Kind.BOUGHT, order, began, time.time() if confirmed else None)
        if not confirmed:
            return
        codes = self._take_tickets(order["id"])
        if popular and (self._keeps or stop.is_set()):
            return
        if popular or self._chance.random() < 0.3:
            self._cancel(order)
        else:
            for ticket_id, code in codes:
                for _ in range(2):  # the same ticket at two gates
                    self._doors.put((ticket_id, code))

    def _record(self, kind: Kind, what: dict[str, Any], begin: float, end: float | None = None) -> None:
        """Of all seats of a hold or an order. Without an `end` nobody knows whether it happened."""
        seats = [seat["id"] for seat in what["seats"]]
        self.book.history.add(kind, what["event_id"], seats, what["hold_id"], begin, end)

    def _hold(self, popular: bool) -> dict[str, Any] | None:
        key = self._key()
        if popular:
            event_id = self._halls.small
            start = self._chance.randrange(len(self._halls.small_seats) - 2)
            wish: dict[str, Any] = {"seats": self._halls.small_seats[start : start + 2]}
        else:
            event_id = self._halls.large
            wish = {"best_available": {"quantity": self._chance.randint(1, 2)}}
        began = time.time()
        answer = self.ask("hold", lambda: self.client.hold(event_id, key=key, **wish))
        ended = time.time()
        if answer.status == 409 and answer.json["code"] == "seats_taken":
            self.book.history.add(Kind.TAKEN, event_id, answer.json["taken"], key, began, ended)
        if answer.status != 201:
            self._expect("hold", answer, "seats_taken", "not_enough_seats", "hold_limit")
            return None
        hold: dict[str, Any] = answer.json
        self._record(Kind.ACQUIRED, hold, began, ended)
        self.holds.append(hold["hold_id"])
        self.book.count("holds")
        return hold

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
        asked_for = {"cut": "answers lost at the payment gateway"} if number == cards.ANSWER_LOST else {}
        answer = self.ask("pay", lambda: self.client.pay(order, number), **asked_for)
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
            time.sleep(self._pause_seconds)
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
        began = time.time()
        answer = self.ask("cancel", lambda: self.client.cancel(order["id"], key=key))
        if answer.status == 200:
            self._record(Kind.RETURNED, order, began, time.time())
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


class Regular(Buyer):
    """Looks at the event before each purchase, signs in for some, and takes some time for it."""

    def story(self, stop: threading.Event) -> None:
        self._think()
        self.ask("event", lambda: self.client.call("GET", f"/api/events/{self._halls.large}")).ok()
        if self._chance.random() < 0.1:
            self.sign_in()
        super().story(stop)


class Keeper(RetryingClient):
    """Stays signed in by its refresh token, for as long as it may (C11)."""

    def __init__(self, urls: Sequence[str], email: str, book: Book, *, think_seconds: float) -> None:
        super().__init__(urls, email, book, think_seconds=think_seconds)
        self.spent: list[str] = []
        """Refresh tokens of the session that it is in, each of which got the next."""

    def run(self, stop: threading.Event) -> None:
        try:
            self.sign_in()
            while not stop.wait(self._think_seconds):
                self._refresh()
        except Exception as error:
            self.book.fault(f"{self._email} gave up: {error!r}")

    def _refresh(self) -> None:
        began = time.monotonic()
        answer = self.ask("refresh", self._present)
        if answer.status == 200:
            self.spent.append(str(self.client.refresh_token))
            self.client.refresh_token = answer.json["refresh_token"]
            self.book.count("refreshed sessions")
            return
        code = answer.json.get("code")
        if code != "refresh_reused" or time.monotonic() - began < GRACE_SECONDS:
            self.book.fault(f"{self._email} was signed out: {answer.status} {code}")
        self.book.count("sessions ended since a reply was lost for too long")
        self.spent.clear()
        self.sign_in()

    def _present(self) -> Answer:
        body = {"refresh_token": self.client.refresh_token}
        return self.client.call("POST", "/api/auth/refresh", body, signed_in=False)

    def verify(self) -> None:
        """Of all tokens of the family only the last is good; and an old one ends it."""
        if len(self.spent) < 2:
            return
        newest, old = self.client.refresh_token, self.spent[-2]
        for token in (old, newest):
            self.client.refresh_token = token
            answer = self.ask("refresh", self._present)
            if answer.status != 401 or answer.json["code"] != "refresh_reused":
                self.book.fault(f"{self._email}: a second living refresh token: {answer.status}")
        self.spent.clear()


class Gate(RetryingClient):
    """Scans whatever comes to the doors."""

    def __init__(
        self, urls: Sequence[str], number: int, doors: "queue.Queue[tuple[str, str]]", book: Book
    ) -> None:
        super().__init__(urls, "gate@example.org", book)
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
