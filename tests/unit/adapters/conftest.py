from collections.abc import AsyncIterator

import pytest

from houseful.adapters.http import server as uvicorn_server
from tests.unit.adapters.running_server import Running, Server, app


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "READER_SECONDS"):
        monkeypatch.setattr(uvicorn_server, name, 0.3)
    monkeypatch.setattr(uvicorn_server, "_LOOK_SECONDS", 0.05)
    async with Running(app) as server:
        yield server
