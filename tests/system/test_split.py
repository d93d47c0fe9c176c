"""What only separate processes have to stand: that one after the other is started anew while others buy, and
that who calls is told apart by what it shows."""

import asyncio
import http.client
import itertools
import random
import threading
import traceback
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import altcha
import pytest

from houseful.app import PARTS
from houseful.kernel.errors import Unavailable
from houseful.webapi import proof_of_work
from tests.support.deployment import PASSWORD, Reply
from tests.system import one_more_endpoint
from tests.system.deployments import SplitDeployment, deployment_on
from tests.system.environments import Environments
from tests.system.fixtures import in_processes
from tests.system.harness import event_body, hall
from tests.system.outside_client import Answer, Client, Cut, Roamer, is_busy
from tests.system.split import Split
from tests.system.support import token_of

pytestmark = [in_processes, pytest.mark.usefixtures("topology")]

BUYERS = 3
PAUSE_SECONDS = 0.4
"""Between two rounds of one of the crowd, which is not to see how fast it can go."""
SEATS = 600


# Started anew, one after the other


class Steady(Roamer):
    """Where a gateway is not there, the next one is asked; one that is busy is asked again. Nothing else is
    done again."""

    def call(self, *arguments: Any, **named: Any) -> Answer:
        def answered() -> Answer | None:
            try:
                answer = super(Steady, self).call(*arguments, **named)
            except Cut as cut:
                if not isinstance(cut.__cause__, ConnectionRefusedError):
                    raise
                self.move_on()
                answer = super(Steady, self).call(*arguments, **named)
            return None if is_busy(answer.status, answer.content) else answer

        answer = self.until(answered)
        assert answer.status < 500, f"{answer.status}: {answer.content.decode()}"
        return answer

    def connect(self) -> http.client.HTTPConnection:
        connection = super().connect()
        try:
            connection.connect()
        except ConnectionRefusedError:
            self.move_on()
            connection = super().connect()
            connection.connect()
        return connection


Life = Callable[[Steady], Iterator[str]]


class Crowd:
    """People who go on until they are asked to leave. What went wrong for one of them is in `faults`."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self._urls = deque(urls)
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def add(self, name: str, life: Life) -> None:
        self._urls.rotate()  # to each gateway comes somebody
        client = Steady(self._urls)
        self._threads.append(threading.Thread(target=self._live, args=(name, client, life)))
        self._threads[-1].start()

    def _live(self, name: str, client: Steady, life: Life) -> None:
        try:
            client.register(f"{name}@example.org", PASSWORD, name.title())
            client.login(f"{name}@example.org", PASSWORD)
            while not self._over.wait(PAUSE_SECONDS):
                for what in life(client):
                    self.done[what] += 1
        except Exception as error:
            self.faults.append(f"{name}: {''.join(traceback.format_exception(error))}")
        finally:
            client.close()

    def leave(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def buying(event_id: str, chance: random.Random) -> Life:
    def life(client: Steady) -> Iterator[str]:
        order = client.buy(event_id, best_available={"quantity": chance.randint(1, 3)})
        yield "bought"
        assert len(client.tickets(order["id"])) == len(order["seats"])
        client.cancel(order["id"]).ok()
        client.order_that_is(order["id"], "refunded")
        yield "given back"

    return life


def holding(event_id: str) -> Life:
    def life(client: Steady) -> Iterator[str]:
        hold = client.hold(event_id, best_available={"quantity": 2}).ok(201)
        assert client.get(f"/api/holds/{hold['hold_id']}")["status"] == "active"
        client.call("DELETE", f"/api/holds/{hold['hold_id']}").ok(204)
        yield "held"

    return life


def reading(event_id: str) -> Life:
    def life(client: Steady) -> Iterator[str]:
        assert event_id in [event["id"] for event in client.items("/api/events")]
        assert len(client.seats(event_id)) == SEATS
        assert client.get("/api/me")["name"]
        client.refresh()
        yield "read"

    return life


def watching(event_id: str) -> Life:
    """A stream that ends is begun again, as browsers do."""

    def life(client: Steady) -> Iterator[str]:
        with client.stream(f"/api/events/{event_id}/availability/stream") as messages:
            for number, (name, _) in enumerate(itertools.islice(messages, 20)):
                assert name == ("delta" if number else "snapshot")
                yield "watched"

    return life


@pytest.fixture
def split(engines: dict[str, str], tmp_path: Path) -> Iterator[Split]:
    """Two of each that is replaced."""
    settings = engines | {"HOUSEFUL_RATE_LIMITS": "off"}
    with Split(tmp_path / "split", settings, copies=dict.fromkeys(PARTS, 2) | {"line": 1}) as split:
        yield split


def test_started_anew_one_after_the_other(split: Split) -> None:
    olga = Client(",".join(split.urls))
    olga.login(split.staff("organizer"), PASSWORD)
    event_id = olga.publish(event_body(plan=hall(rows=20, seats=30)))["id"]
    crowd, watchers = Crowd(split.urls), Crowd(split.urls)
    for number in range(BUYERS):
        crowd.add(f"buyer{number}", buying(event_id, random.Random(number)))
    crowd.add("holder", holding(event_id))
    crowd.add("reader", reading(event_id))
    watchers.add("watcher", watching(event_id))
    everything = {"bought", "given back", "held", "read", "watched"}

    def seen() -> set[str]:
        return set(crowd.done) | set(watchers.done)

    try:
        for part in ("users", "events", "payments"):
            split.roll(split.of(part)[0])
        for copy in (*split.of("tickets"), *split.of("gateway")):
            split.roll(copy)
        olga.until(lambda: crowd.faults or watchers.faults or seen() == everything)
    finally:
        watchers.leave()  # the others show them something to the last
        crowd.leave()
    assert crowd.faults + watchers.faults == []
    assert seen() == everything
    checked = split.houseful("check", "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_new_endpoint_needs_no_new_gateway(split: Split) -> None:
    gateways = [Client(url) for url in split.urls]
    assert [gateway.call("POST", one_more_endpoint.PATH).status for gateway in gateways] == [405, 405]
    for copy in split.of("events"):
        copy.stop()
        copy.program = one_more_endpoint.__name__
        copy.start()
    split.wait_until_well()

    def reached() -> bool:
        return all(gateway.call("POST", one_more_endpoint.PATH).status == 204 for gateway in gateways)

    gateways[0].until(reached)
    assert [gateway.call("GET", "/api/events").status for gateway in gateways] == [200, 200]


# Who calls


@pytest.fixture
async def limited(environments: Environments) -> AsyncIterator[SplitDeployment]:
    """Rates are limited, and a proxy in front says who the client is."""
    async with deployment_on(environments.get(rate_limits="on", proxies=1)) as deployment:
        yield deployment


@pytest.mark.environment("limited")
async def test_a_service_is_not_limited_as_a_client_is(limited: SplitDeployment) -> None:
    """All for one account: who shows the key, and who shows none or another one."""
    own = {"authorization": f"Bearer {token_of(limited, 'bea')}"}
    inside, guessed = limited.app.client, {"x-internal-key": "guessed"}

    async def asked(client: Any, times: int, headers: dict[str, str]) -> set[int]:
        answers = [client.request("GET", "/api/orders", headers=own | headers) for _ in range(times)]
        return {answer.status for answer in await asyncio.gather(*answers)}

    async def passes() -> bool:
        try:
            statuses = await asked(inside, 300, {})
        except Unavailable:  # a gateway that was too busy to answer gets a pause
            return False
        assert 429 not in statuses
        return statuses == {200}

    await limited.until(passes)

    async def limits(headers: dict[str, str]) -> bool:
        return 429 in await asked(limited.outside, 150, headers)

    await limited.until(lambda: limits({}))
    await limited.until(lambda: limits(guessed))


@pytest.mark.environment("limited")
async def test_services_know_the_clients_address(limited: SplitDeployment) -> None:
    """Who guesses a password is stopped by the user service, and only where they come from."""

    async def guesses(address: str) -> Reply:
        body = {"email": f"somebody-{limited.tag}@example.org", "password": PASSWORD}
        headers = {"x-forwarded-for": f"198.51.100.99, {address}"}
        return await limited.call("POST", "/api/auth/login", body, headers=headers)

    number = 0

    async def stopped() -> bool:
        nonlocal number
        number += 1
        reply = await guesses("203.0.113.7")
        if reply.status == 401:
            return False
        reply.refused(429, "too_many_attempts")
        return True

    await limited.until(stopped)
    assert number > 5
    (await guesses("203.0.113.8")).refused(401, "bad_credentials")


@pytest.mark.environment("limited")
async def test_a_network_with_many_registrations_is_asked_for_work(limited: SplitDeployment) -> None:
    address = "203.0.113.99"
    rate = proof_of_work.REGISTRATION.steps[0]

    async def taken() -> bool:
        """Fifty at once; whether one was too many."""
        take = partial(
            limited.app.coordination.take,
            f"work:register:0:{address}",
            per_second=rate.per_second,
            burst=rate.burst,
        )
        with suppress(Unavailable):  # Redis may be slow to answer, and is asked again
            return max(await asyncio.gather(*(take() for _ in range(50)))) > 0
        return False

    async def registered(**headers: str) -> Reply:
        body = {"email": f"one-of-many-{limited.tag}@example.org", "password": PASSWORD, "name": "One"}
        sent = {"x-forwarded-for": address, **headers}
        return await limited.call("POST", "/api/auth/register", body, headers=sent)

    async def refused() -> Reply | None:
        await limited.until(taken)
        reply = await registered()
        return reply if reply.status == 403 else None

    refusal = (await limited.until(refused)).refused(403, "proof_of_work_required")
    challenge = altcha.Challenge.from_dict(refusal["challenge"])
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    (await registered(**{proof_of_work.HEADER: altcha.Payload(challenge, solution).to_base64()})).ok(201)
