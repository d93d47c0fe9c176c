"""A client that does not mind that a server dies: it repeats what got no answer, with the same key, and at
another gateway if there is one.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.linearizability import History
from tests.support.patience import PATIENCE_SECONDS
from tests.system.outside_client import Answer, Cut, Roamer

PASSWORD = "correct horse battery"
PAUSE_SECONDS = 0.02


@dataclass
class Book:
    """What was acknowledged, to whomever. Safe for threads, as each entry is one step of a built-in type."""

    counts: Counter[str] = field(default_factory=Counter)
    moments: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When each of `counts` happened, by `time.monotonic`."""
    wrong: list[str] = field(default_factory=list)
    admitted: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Scans that were told to let somebody in, by ticket."""
    sold: dict[tuple[str, str], str] = field(default_factory=dict)
    """The order of each seat that was seen confirmed and that nobody has begun to cancel."""
    history: History = field(default_factory=History)
    over: threading.Event = field(default_factory=threading.Event)
    """There is no server any more, and none will come."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1
            self.moments[what].append(time.monotonic())

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


CUT = "requests without an answer"
REFUSED = "connections refused"
PUT_OFF = "requests told to come again"


class RetryingClient:
    """Repeats a request until it is answered."""

    def __init__(self, urls: Sequence[str], email: str, book: Book, *, think_seconds: float = 0) -> None:
        """`think_seconds` is how long somebody takes between two steps at the most."""
        self.client = Roamer(urls)
        self.book = book
        self._email = email
        self._urls = len(urls)
        self._think_seconds = think_seconds
        self._pause_seconds = max(PAUSE_SECONDS, think_seconds / 2)

    def sign_in(self) -> None:
        body = {"email": self._email, "password": PASSWORD, "token_transport": "body"}
        answer = self._answered(lambda: self.client.call("POST", "/api/auth/login", body, signed_in=False))
        self.client.access_token = answer.ok()["access_token"]
        self.client.refresh_token = answer.ok()["refresh_token"]

    def ask(self, what: str, request: Callable[[], Answer], *, cut: str = CUT) -> Answer:
        """`cut` is what it is called where no answer comes."""
        answer = self._answered(request, cut)
        if answer.status == 401 and answer.json["code"] == "token_expired":
            self.sign_in()
            answer = self._answered(request, cut)
        if answer.status >= 500:
            self.book.fault(f"{what}: {answer.status} {answer.content[:300].decode(errors='replace')}")
        return answer

    def _answered(self, request: Callable[[], Answer], cut: str = CUT) -> Answer:
        deadline = time.monotonic() + PATIENCE_SECONDS
        refused = 0
        while time.monotonic() < deadline and not self.book.over.is_set():
            try:
                answer = request()
            except Cut as error:
                nobody_there = isinstance(error.__cause__, ConnectionRefusedError)
                self.book.count(REFUSED if nobody_there else cut)
                refused = refused + 1 if nobody_there else 0
                self.client.move_on()
                if 0 < refused < self._urls:
                    continue
            else:
                if answer.status == 503:
                    self.book.count(PUT_OFF)
                    if "retry-after" not in answer.headers:
                        self.book.fault(f"a 503 does not say when to come again: {answer.content[:300]!r}")
                elif answer.status != 409 or answer.json["code"] != "still_running":
                    return answer
            refused = 0
            time.sleep(self._pause_seconds)
        raise TimeoutError("nobody answers any more")
