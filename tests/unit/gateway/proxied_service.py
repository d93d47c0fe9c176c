"""A service at a real port, and the proxy in front of it."""

from collections.abc import AsyncIterator

import pytest

from houseful.adapters.http.proxy import ServiceProxy
from houseful.kernel.clock import ManualClock
from tests.unit.gateway.upstreams import Client, Service

TRACE = f"00-{'a1' * 16}-{'b2' * 8}-01"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service() as service:
        yield service


@pytest.fixture
async def proxy(service: Service) -> AsyncIterator[ServiceProxy]:
    proxy = ServiceProxy("things", [service.url], clock=ManualClock())
    yield proxy
    await proxy.close()


def got(client: Client) -> dict[str, list[str]]:
    """The headers that the service got, all values of a name."""
    headers: dict[str, list[str]] = {}
    for name, value in client.json["headers"]:
        headers.setdefault(name, []).append(value)
    return headers
