"""What only separate processes have to stand: that one after the other is started anew while others buy, and
who may say to a gateway that it is a service."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import PASSWORD
from tests.system.fixtures import in_processes
from tests.system.houses import house_on
from tests.system.outside_client import Answer, Client, Cut
from tests.system.processes import Platform
from tests.system.sites import SiteOf, make_account, must_pass_the_check
from tests.system.stands import Stand, Stands
from tests.system.world import event_body, hall

pytestmark = [in_processes, pytest.mark.usefixtures("topology")]

BUYERS = 3
TWO_OF_EACH = {"users": 2, "events": 2, "tickets": 2, "payments": 2, "gateway": 2}


# Started anew, one after the other


class Steady(Client):
    """Uses all gateways; where one is not there, the next. Nothing else is tried again."""

    def call(self, *arguments: Any, **named: Any) -> Answer:
        for _ in range(2):
            try:
                return self._counted(super().call(*arguments, **named))
            except Cut as cut:
                if not isinstance(cut.__cause__, ConnectionRefusedError):
                    raise
                refused = cut
        raise refused

    def _counted(self, answer: Answer) -> Answer:
        assert answer.status < 500, f"{answer.status}: {answer.content.decode()}"
        return answer


class Crowd:
    """People who go on until they are asked to stop; what goes wrong for one of them is kept."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.over = threading.Event()
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self._threads: list[threading.Thread] = []

    def add(self, name: str, life: Callable[[Steady], Iterator[str]], email: str | None = None) -> None:
        def live() -> None:
            client = Steady(self.url)
            try:
                if email is not None:
                    client.login(email, PASSWORD)
                while not self.over.is_set():
                    for what in life(client):
                        self.done[what] += 1
            except Exception as error:
                self.faults.append(f"{name}: {error!r}")
            finally:
                client.close()

        self._threads.append(threading.Thread(target=live, name=name))
        self._threads[-1].start()

    def leave(self) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()


def buying(event_id: str, chance: random.Random) -> Callable[[Steady], Iterator[str]]:
    def life(client: Steady) -> Iterator[str]:
        order = client.buy(event_id, best_available={"quantity": chance.randint(1, 3)})
        yield "bought"
        assert len(client.tickets(order["id"])) == len(order["seats"])
        client.refresh()
        yield "signed on"
        if chance.random() < 0.7:
            client.cancel(order["id"]).ok()
            client.order_that_is(order["id"], "refunded")
            yield "given back"

    return life


def holding(event_id: str) -> Callable[[Steady], Iterator[str]]:
    def life(client: Steady) -> Iterator[str]:
        hold = client.hold(event_id, best_available={"quantity": 2}).ok(201)
        assert client.get(f"/api/holds/{hold['hold_id']}")["status"] == "active"
        client.call("DELETE", f"/api/holds/{hold['hold_id']}").ok(204)
        yield "held"

    return life


def reading(event_id: str) -> Callable[[Steady], Iterator[str]]:
    def life(client: Steady) -> Iterator[str]:
        assert event_id in [event["id"] for event in client.items("/api/events")]
        assert len(client.seats(event_id)) == 600
        client.call("GET", f"/api/events/{event_id}/availability").ok()
        yield "read"

    return life
