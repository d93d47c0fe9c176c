"""Several instances behind the proxy: which one gets a request."""

import asyncio

import pytest

from houseful.adapters.http.proxy import ServiceProxy
from houseful.kernel.clock import ManualClock
from houseful.kernel.errors import Unavailable
from houseful.webapi.asgi import Receive, Scope, Send
from houseful.webapi.responses import Response
from tests.unit.gateway.proxied_instances import clock, copies, looked, proxy
from tests.unit.gateway.upstreams import Client, Service, echo, until

__all__ = ["clock", "copies", "proxy"]


# Which copy
async def test_the_copy_with_the_fewest_requests_is_asked(copies: list[Service], proxy: ServiceProxy) -> None:
    go_on = asyncio.Event()

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            await go_on.wait()
        await Response().send(scope, receive, send)

    for copy in copies:
        copy.handle = wait
    slow = asyncio.create_task(Client("GET", "/slow").asks(proxy))
    await until(lambda: any(copy.paths for copy in copies))
    busy, idle = sorted(copies, key=lambda copy: -len(copy.paths))
    for _ in range(20):
        await Client("GET", "/quick").asks(proxy)
    assert (len(busy.paths), len(idle.paths)) == (1, 20)
    go_on.set()
    await slow


async def test_requests_are_spread(copies: list[Service], proxy: ServiceProxy) -> None:
    await asyncio.gather(*(Client().asks(proxy) for _ in range(40)))
    assert [len(copy.paths) for copy in copies] == [20, 20]
    for _ in range(40):
        await Client().asks(proxy)
    assert all(len(copy.paths) > 20 for copy in copies), "also those that come one after the other"


async def test_a_copy_that_is_not_there_costs_nobody_a_request(
    copies: list[Service], proxy: ServiceProxy
) -> None:
    await copies[0].stop()
    for method in ("POST", "GET", "DELETE") * 5:
        client = await Client(method, body=b"x" if method == "POST" else b"").asks(proxy)
        assert client.status == 200
    assert len(copies[1].paths) == 15


async def test_a_body_that_streams_goes_to_the_copy_that_is_there(
    copies: list[Service], proxy: ServiceProxy
) -> None:
    await copies[0].stop()
    for _ in range(8):
        client = Client("POST", headers={"transfer-encoding": "chunked"}, body=None)
        for number in range(3):
            client.upload(b"%d" % number, more=number < 2)
        await client.asks(proxy)
        assert client.json["body"] == "012"


async def test_a_copy_that_says_so_gets_nothing_new(
    copies: list[Service], proxy: ServiceProxy, clock: ManualClock
) -> None:
    go_on = asyncio.Event()

    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await Response(b"finished").send(scope, receive, send)

    for copy in copies:
        copy.handle = wait
    running = [asyncio.create_task(Client().asks(proxy)) for _ in range(2)]
    await until(lambda: all(copy.paths for copy in copies))
    copies[0].ready = 503
    await looked(copies, clock)
    for copy in copies:
        copy.handle = echo
    for _ in range(10):
        assert (await Client().asks(proxy)).status == 200
    assert [len(copy.paths) for copy in copies] == [1, 11]
    go_on.set()
    for one in running:
        assert (await one).body == b"finished", "what it had, it finished"
    copies[0].ready = 200
    await looked(copies, clock)
    await asyncio.gather(*(Client().asks(proxy) for _ in range(10)))
    assert len(copies[0].paths) == 6


async def test_with_no_copy_ready_the_answer_is_a_quick_503(
    copies: list[Service], proxy: ServiceProxy, clock: ManualClock
) -> None:
    await proxy.ready()
    for copy in copies:
        copy.ready = 503
    await looked(copies, clock)
    client = await Client("POST", body=b"x").asks(proxy)
    assert (client.status, client.json["code"]) == (503, "unavailable")
    assert client.header("retry-after") in ("1", "2")
    assert not any(copy.paths for copy in copies)
    with pytest.raises(Unavailable, match="readyz says 503"):
        await proxy.ready()


async def test_a_copy_that_is_about_to_end_is_asked_where_there_is_no_other(
    copies: list[Service], proxy: ServiceProxy, clock: ManualClock
) -> None:
    """As in a rolling restart: the next one begins to end before it is seen that the last one is back."""
    ending, other = copies
    ending.stopping = True
    await looked(copies, clock)
    for _ in range(10):
        assert (await Client().asks(proxy)).status == 200
    assert (len(ending.paths), len(other.paths)) == (0, 10)
    other.ready = 503
    await looked(copies, clock)
    await proxy.ready()
    for _ in range(10):
        assert (await Client().asks(proxy)).status == 200
    assert (len(ending.paths), len(other.paths)) == (10, 10)
    await ending.stop()
    assert (await Client().asks(proxy)).status == 503


async def test_a_service_needs_a_url() -> None:
    with pytest.raises(ValueError, match="things"):
        ServiceProxy("things", [], clock=ManualClock())
