"""Several instances of a service behind the proxy, and a clock that tests move."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from houseful.adapters.http.proxy import ServiceProxy
from houseful.kernel.clock import ManualClock
from houseful.webapi.asgi import Receive, Scope, Send
from tests.unit.gateway.upstreams import Service, cut, until, whole_body


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def copies() -> AsyncIterator[list[Service]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Service()) for _ in range(2)]


@pytest.fixture
async def proxy(copies: list[Service], clock: ManualClock) -> AsyncIterator[ServiceProxy]:
    """Its copies have been looked at once."""
    proxy = ServiceProxy("things", [copy.url for copy in copies], clock=clock)
    proxy.start()
    await until(lambda: all(copy.looks == 1 for copy in copies) and clock.sleepers == 2)
    yield proxy
    await proxy.close()


async def looked(copies: list[Service], clock: ManualClock) -> None:
    """Let a second pass, and the proxy look at those copies that are there."""
    before = [copy.looks for copy in copies]
    await clock.advance(1)
    await until(lambda: all(copy.looks > seen for copy, seen in zip(copies, before, strict=True)))
    await until(lambda: clock.sleepers == 2)


async def cut_it(scope: Scope, receive: Receive, send: Send) -> None:
    await whole_body(receive)
    cut(scope)
