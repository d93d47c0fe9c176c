"""Instances that fail are left alone for a while; those that merely look slow are not."""

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from yarl import URL

from houseful.adapters.http.proxy import ServiceProxy
from houseful.adapters.http.upstreams import Upstream
from houseful.kernel.clock import ManualClock
from houseful.webapi.asgi import Receive, Scope, Send
from houseful.webapi.responses import AbortConnection
from tests.unit.gateway.proxied_instances import clock, copies, cut_it, looked, proxy
from tests.unit.gateway.upstreams import Client, Service, cut, echo, until, whole_body

__all__ = ["clock", "copies", "proxy"]


# The circuit
async def test_a_dead_copy_is_not_tried_again_and_again(
    copies: list[Service], proxy: ServiceProxy, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While time stands still nobody looks whether it is back."""
    for copy in copies:
        await copy.stop()
    assert (await Client("POST", body=b"x").asks(proxy)).status == 503
    tries = 0
    assert proxy._session is not None
    request = proxy._session._request

    async def counted(*arguments: object, **named: object) -> object:
        nonlocal tries
        tries += 1
        return await request(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(proxy._session, "_request", counted)
    for _ in range(50):
        assert (await Client().asks(proxy)).status == 503
    assert tries == 0
    for copy in copies:
        await copy.start()
    assert (await Client().asks(proxy)).status == 503
    await looked(copies, clock)
    assert (await Client().asks(proxy)).status == 200


async def test_three_failures_running_open_the_circuit_and_a_pause_closes_it(
    copies: list[Service], proxy: ServiceProxy, clock: ManualClock
) -> None:
    """Though it says that it is ready."""
    broken, well = copies
    broken.handle = cut_it
    cuts = 0
    for _ in range(100):
        try:
            await Client("POST", body=b"x").asks(proxy)
        except AbortConnection:
            cuts += 1
    assert cuts == 3
    assert len(broken.paths) == 3
    pauses = []
    for _ in range(4):  # each pause is longer than the one before
        seconds = 0
        seen = len(broken.paths)
        while len(broken.paths) == seen:
            await looked(copies, clock)
            seconds += 1
            for _ in range(8):
                with suppress(AbortConnection):
                    await Client("POST", body=b"x").asks(proxy)
        assert len(broken.paths) == seen + 1, "one failure is enough now"
        pauses.append(seconds)
    assert pauses == sorted(pauses)
    assert pauses[-1] > pauses[0]
    broken.handle = echo
    seen = len(broken.paths)
    while len(broken.paths) == seen:
        await looked(copies, clock)
        for _ in range(8):
            assert (await Client("POST", body=b"x").asks(proxy)).status == 200
    broken.handle = cut_it
    seen = len(broken.paths)
    for _ in range(50):
        with suppress(AbortConnection):
            await Client("POST", body=b"x").asks(proxy)
    assert len(broken.paths) == seen + 3, "its past is forgotten"
    assert len(well.paths) > 100


async def test_failures_that_are_not_running_open_nothing(
    copies: list[Service], proxy: ServiceProxy, clock: ManualClock
) -> None:
    async def cut_some(scope: Scope, receive: Receive, send: Send) -> None:
        await (cut_it if scope["path"] == "/bad" else echo)(scope, receive, send)

    await copies[1].stop()
    copies[0].handle = cut_some
    for _ in range(10):
        for _ in range(2):
            with pytest.raises(AbortConnection):
                await Client("POST", "/bad", body=b"x").asks(proxy)
        assert (await Client("POST", "/good", body=b"x").asks(proxy)).status == 200


async def test_requests_that_break_a_copy_do_not_close_it_to_others(
    copies: list[Service], proxy: ServiceProxy
) -> None:
    """Ten are cut at one instant, but others were answered since they came."""
    await copies[1].stop()
    go_on = asyncio.Event()

    async def cut_late(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/bad":
            await whole_body(receive)
            await go_on.wait()
            cut(scope)
        else:
            await echo(scope, receive, send)

    copies[0].handle = cut_late
    bad = [asyncio.create_task(Client("POST", "/bad", body=b"x").asks(proxy)) for _ in range(10)]
    await until(lambda: copies[0].paths.count("/bad") == 10)
    assert (await Client("GET", "/good").asks(proxy)).status == 200
    go_on.set()
    results = await asyncio.gather(*bad, return_exceptions=True)
    assert all(isinstance(one, AbortConnection) for one in results)
    assert (await Client("GET", "/good").asks(proxy)).status == 200


async def test_who_is_not_let_in_in_time_does_not_close_a_copy_that_answers_others(
    copies: list[Service], proxy: ServiceProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    await copies[1].stop()
    for _ in range(3):
        assert (await Client().asks(proxy)).status == 200
    assert proxy._session is not None
    request, too_late, waiting = proxy._session._request, asyncio.Event(), 0

    async def crowded(method: str, url: URL, **named: Any) -> object:
        nonlocal waiting
        if url.path == "/late":
            waiting += 1
            await too_late.wait()
            raise aiohttp.ConnectionTimeoutError
        return await request(method, url, **named)

    monkeypatch.setattr(proxy._session, "_request", crowded)
    late = [asyncio.create_task(Client("POST", "/late", body=b"x").asks(proxy)) for _ in range(10)]
    await until(lambda: waiting == 10)
    assert (await Client().asks(proxy)).status == 200
    too_late.set()
    assert {client.status for client in await asyncio.gather(*late)} == {503}
    assert (await Client().asks(proxy)).status == 200
    for _ in range(3):  # nobody has been answered since these came
        assert (await Client("POST", "/late", body=b"x").asks(proxy)).status == 503
    assert (await Client("POST", body=b"x").asks(proxy)).status == 503


async def the_last_one_silent(copies: list[Service], proxy: ServiceProxy) -> Service:
    """The instance that is left after the other has ended, with its circuit open."""
    silent, other = copies
    await other.stop()
    silent.handle = cut_it
    for _ in range(3):
        with suppress(AbortConnection):
            await Client("POST", body=b"x").asks(proxy)
    return silent


async def test_one_request_at_a_time_tries_the_last_instance_that_was_silent(
    copies: list[Service], proxy: ServiceProxy
) -> None:
    silent = await the_last_one_silent(copies, proxy)
    seen, go_on = len(silent.paths), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await echo(scope, receive, send)

    silent.handle = slow
    assert (await Client("POST", body=b"x").asks(proxy)).status == 503, "it might be done twice"
    trial = asyncio.create_task(Client().asks(proxy))
    await until(lambda: len(silent.paths) == seen + 1)
    for _ in range(5):
        assert (await Client().asks(proxy)).status == 503
    assert len(silent.paths) == seen + 1
    go_on.set()
    assert (await trial).status == 200
    assert {(await Client("POST", body=b"x").asks(proxy)).status for _ in range(5)} == {200}, (
        "it answers again"
    )


async def test_a_trial_that_fails_leaves_the_instance_out_of_use(
    copies: list[Service], proxy: ServiceProxy
) -> None:
    await the_last_one_silent(copies, proxy)
    assert (await Client().asks(proxy)).status == 503
    assert (await Client("POST", body=b"x").asks(proxy)).status == 503


@pytest.mark.parametrize("answers", [True, False])
async def test_an_instance_that_answers_requests_may_be_late_for_its_probe(
    clock: ManualClock, answers: bool
) -> None:
    upstream = Upstream("things", ["http://127.0.0.1:1"], clock)
    instance = upstream.choose(never=(), rather_not=(), may_try=False)
    assert instance is not None

    async def late(url: str) -> str | None:
        if answers:
            instance.answered()
        raise TimeoutError

    watching = asyncio.create_task(upstream.watch(late))
    for _ in range(5):
        await until(lambda: clock.sleepers == 1)
        await clock.advance(1)
    assert instance.available is answers
    watching.cancel()


async def test_clients_that_stall_do_not_close_a_copy_to_others(copies: list[Service]) -> None:
    async def wait_for_it(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            while (await receive())["type"] != "http.disconnect":
                pass
        else:
            await echo(scope, receive, send)

    copies[0].handle = wait_for_it
    proxy = ServiceProxy("things", [copies[0].url], clock=ManualClock(), answer_seconds=3)
    slow = [Client("POST", "/slow", {"content-length": "100"}, body=None) for _ in range(6)]
    for client in slow:
        client.upload(b"half")
    results = await asyncio.gather(*(client.asks(proxy) for client in slow), return_exceptions=True)
    assert all(isinstance(one, AbortConnection) for one in results)
    assert (await Client("GET", "/good").asks(proxy)).status == 200
    await proxy.close()
