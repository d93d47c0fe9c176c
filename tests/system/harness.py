"""An installation, its staff, and as many buyers and events as a test wants."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tests.support.deployment import PASSWORD
from tests.system.installations import Installation, make_account
from tests.system.outside_client import Answer, Client

T = TypeVar("T")

PRICES = {"Premium": 5000, "Standard": 3000}


def hall(rows: int = 4, seats: int = 12) -> dict[str, Any]:
    """A seating plan in pretix's format: the first row is "Premium", the rest "Standard"."""
    letters = [chr(ord("A") + row) for row in range(rows)]
    return {
        "name": f"Hall of {rows} by {seats}",
        "categories": [{"name": "Premium", "color": "#391B65"}, {"name": "Standard", "color": "#184F19"}],
        "zones": [
            {
                "name": "Stalls",
                "position": {"x": 0, "y": 0},
                "rows": [
                    {
                        "row_number": letter,
                        "position": {"x": 0, "y": 30 * row},
                        "seats": [
                            {
                                "seat_guid": f"{letter}-{seat}",
                                "seat_number": str(seat),
                                "position": {"x": 25 * seat, "y": 0},
                                "category": "Standard" if row else "Premium",
                            }
                            for seat in range(1, seats + 1)
                        ],
                    }
                    for row, letter in enumerate(letters)
                ],
            }
        ],
        "size": {"width": 25 * (seats + 1), "height": 30 * rows},
    }


def in_days(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """Of a time on the wire: RFC 3339 in UTC with a Z."""
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def event_body(**changes: Any) -> dict[str, Any]:
    return {
        "title": "An Evening",
        "venue": "The Hall",
        "starts_at": in_days(30),
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "plan": hall(),
        "prices": PRICES,
    } | changes


class Staff(Client):
    """Somebody who stays for longer than an access token does, and renews it as the web app does."""

    def call(self, *arguments: Any, **named: Any) -> Answer:
        answer = super().call(*arguments, **named)
        if answer.status == 401 and answer.json["code"] == "token_expired":
            self.refresh()
            answer = super().call(*arguments, **named)
        return answer


class Harness:
    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        for role in ("admin", "organizer", "gate"):
            make_account(installation, f"{role}@example.org", PASSWORD, role)
        self._count = 0
        self._counting = threading.Lock()
        self._clients: list[Client] = []
        self.admin, self.organizer, self.gate = (
            self._staff(f"{role}@example.org") for role in ("admin", "organizer", "gate")
        )

    def client(self) -> Client:
        """Somebody who has not signed in."""
        client = Client(self.installation.url)
        self._clients.append(client)
        return client

    def _staff(self, email: str) -> Client:
        client = Staff(self.installation.url)
        self._clients.append(client)
        client.login(email, PASSWORD)
        return client

    def sign_in(self, email: str) -> Client:
        client = self.client()
        client.login(email, PASSWORD)
        return client

    def address(self) -> str:
        """An e-mail address that nobody has yet."""
        with self._counting:
            self._count += 1
            return f"buyer{self._count}@example.org"

    def buyer(self) -> Client:
        email = self.address()
        self.client().register(email, PASSWORD, "Bea Brandt")
        return self.sign_in(email)

    def event(self, **changes: Any) -> dict[str, Any]:
        """On sale."""
        return self.organizer.publish(event_body(**changes))

    def mail(self, name: str) -> bytes | None:
        """A letter in the folder of mail, as soon as it is there."""
        file = self.installation.mail / name
        return file.read_bytes() if file.exists() else None

    def close(self) -> None:
        for client in self._clients:
            client.close()


def code_with(code: str, place: int) -> str:
    """A code with the last bit of one character flipped."""
    return code[:place] + chr(ord(code[place]) ^ 1) + code[place + 1 :]


def money(seats: list[Mapping[str, Any]]) -> int:
    return sum(seat["price_minor"] for seat in seats)


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Each in a thread of its own, all begun together."""
    start = threading.Barrier(len(calls))
    results: dict[int, T] = {}

    def run(index: int) -> None:
        start.wait()
        results[index] = calls[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[index] for index in range(len(calls))]
