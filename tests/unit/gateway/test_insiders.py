"""What an operator is told, and what everybody is: figures and engines' own words are for insiders, and
nobody can have an engine asked more than once a second.
"""

import asyncio
from typing import Any

import pytest

from houseful.gateway.pacing import RequestPacer
from houseful.kernel.errors import Unavailable
from houseful.webapi.single_flight import SingleFlight
from tests.unit.gateway.harness import HERE, Front, Harness

KEY = "key-of-the-installation"
TOKEN = "token-of-the-monitoring"
WORDS = "mongod-3.internal:27017: connection refused"


async def _good() -> None:
    pass


async def _broken() -> None:
    raise Unavailable(WORDS)


def front(**checks: Any) -> Front:
    return Harness().gateway(
        checks=checks or {"store": _good}, watched={"bus": _broken}, key=KEY, metrics_token=TOKEN
    )


LOOPBACK = ("127.0.0.1", 50_000)
INSIDERS: dict[str, dict[str, Any]] = {
    "on this machine": HERE,
    "on this machine, IPv6": {"client": ("::1", 1), "headers": {"host": "[::1]:8000"}},
    "on this machine, by name": {"client": LOOPBACK, "headers": {"host": "localhost"}},
    "in this process": {"client": None},
    "with the token": {"headers": {"authorization": f"Bearer {TOKEN}"}},
    "another process": {"headers": {"x-internal-key": KEY}},
}
OUTSIDERS: dict[str, dict[str, Any]] = {
    "from elsewhere": {},
    "from elsewhere, as if from here": {"headers": {"host": "127.0.0.1:8000", "x-real-ip": "127.0.0.1"}},
    "through a proxy here": {"client": LOOPBACK, "headers": {"host": "127.0.0.1", "x-forwarded-for": "::1"}},
    "through another proxy here": {"client": LOOPBACK, "headers": {"host": "127.0.0.1", "via": "1.1 cache"}},
    "through a standard proxy here": {
        "client": LOOPBACK, "headers": {"host": "127.0.0.1", "forwarded": "for=127.0.0.1"},
    },
    "through a proxy here that keeps the host": {
        "client": LOOPBACK, "headers": {"host": "tickets.example.org"},
    },
    "a page in a browser here": {
        "client": LOOPBACK, "headers": {"host": "127.0.0.1:8000", "origin": "https://evil.example"},
    },
    "a name that leads here": {"client": LOOPBACK, "headers": {"host": "127.0.0.1.evil.example"}},
    "with a wrong token": {"headers": {"authorization": f"Bearer {TOKEN[:-1]}"}},
    "with a token of no text": {"headers": {"authorization": "Bearer \xe4"}},
    "with a wrong key": {"headers": {"x-internal-key": KEY + "x"}},
}  # fmt: skip


@pytest.mark.parametrize("how", INSIDERS)
async def test_an_insider_is_told_everything(how: str) -> None:
    told = (await front().call("GET", "/readyz", **INSIDERS[how])).ok()
    assert told["checks"] == {"store": "ready", "bus": WORDS}
    assert b"houseful_request_seconds" in (await front().call("GET", "/metrics", **INSIDERS[how])).content


@pytest.mark.parametrize("how", OUTSIDERS)
async def test_others_are_told_what_is_ready_and_no_more(how: str) -> None:
    told = (await front().call("GET", "/readyz", **OUTSIDERS[how])).ok()
    assert told == {"status": "ready", "checks": {"store": "ready", "bus": "not_ready"}}
    (await front().call("GET", "/metrics", **OUTSIDERS[how])).refused(404, "no_such_path")
    problem = (await front(store=_broken).call("GET", "/readyz", **OUTSIDERS[how])).refused(503, "not_ready")
    assert problem["checks"] == {"store": "not_ready", "bus": "not_ready"}
    assert "mongod" not in str(problem)


async def test_without_a_token_of_the_installation_none_is_right() -> None:
    gateway = Harness().gateway(checks={"store": _good})
    for sent in ("", "Bearer ", "Bearer", "Bearer x"):
        (await gateway.call("GET", "/metrics", headers={"authorization": sent})).refused(404, "no_such_path")
    (await gateway.call("GET", "/metrics", headers={"x-internal-key": ""})).refused(404, "no_such_path")


async def test_an_engine_is_asked_once_for_all_who_ask() -> None:
    looks = 0
    go_on = asyncio.Event()

    async def slow() -> None:
        nonlocal looks
        looks += 1
        await go_on.wait()

    gateway = front(store=slow)
    asking = [
        asyncio.create_task(gateway.call("GET", "/readyz", client=(f"192.0.2.{n}", 1))) for n in range(99)
    ]
    await asyncio.sleep(0.01)
    asking[0].cancel()  # who asked first goes away; the others get their answer all the same
    go_on.set()
    answers = await asyncio.gather(*asking[1:])
    assert {answer.status for answer in answers} == {200}
    await gateway.call("GET", "/readyz", client=("192.0.2.250", 1))
    assert looks == 1, "within a second nothing is looked at again"


async def test_what_is_shared_is_made_again_when_a_second_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0

    async def make() -> int:
        nonlocal made
        made += 1
        if made == 2:
            raise ValueError("once")
        return made

    shared = SingleFlight(make)
    assert [await shared.get(), await shared.get()] == [1, 1]
    monkeypatch.setattr("houseful.webapi.single_flight.FRESH_SECONDS", 0.0)
    shared = SingleFlight(make)
    with pytest.raises(ValueError, match="once"):
        await shared.get()
    assert await shared.get() == 3, "a failure is not kept"


async def test_stopping_is_told_at_once() -> None:
    gateway = front()
    (await gateway.call("GET", "/readyz")).ok()
    gateway.gateway.drain()
    (await gateway.call("GET", "/readyz")).refused(503, "stopping")


async def test_who_asks_without_a_pause_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = RequestPacer(per_second=2, most_waiting=1)
    assert await pace.turn("192.0.2.1")
    assert await pace.turn("192.0.2.1")
    waiting = asyncio.create_task(pace.turn("192.0.2.1"))
    await asyncio.sleep(0)
    assert await pace.turn("192.0.2.2"), "another address goes on"
    if not waiting.done():  # unless the second was just over
        assert await pace.turn("192.0.2.1") is False or waiting.done()
    assert await waiting


async def test_what_is_prepared_is_not_sent_twice() -> None:
    gateway = front()
    for path in ("/api/openapi.json", "/api/docs", "/api/docs/page.js", "/"):
        first = await gateway.call("GET", path, headers={"accept-encoding": "gzip, br"})
        assert (first.status, first.headers["content-encoding"], first.headers["vary"]) == (
            200, "br", "accept-encoding",
        )  # fmt: skip
        again = await gateway.call("GET", path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status, again.content) == (304, b"")
