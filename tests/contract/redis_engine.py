"""A real Redis for tests: every server that can be had here, with little memory and nothing on disk. They
start at once, so that also beside `make engines` each run has its own.

`HOUSEFUL_TEST_REDIS` names a running one by its URL; then that is used, and only tests that kill, pause, fill
or empty a server start one of their own.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines import PROGRAMS
from engines.packages import Missing
from engines.valkey import RedisServer, obtain

PATIENT_SECONDS = 240.0
"""For an answer, where a test is about what is answered and not about how soon."""

SERVERS = ["valkey", *(["redis"] if shutil.which("redis-server") else [])]
"""Valkey can be had anywhere; Redis itself is used too where it is installed."""


def program(server: str) -> Path:
    if server == "redis":
        return Path(shutil.which("redis-server") or "redis-server")
    try:
        return obtain(PROGRAMS)
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session", params=["given"] if os.environ.get("HOUSEFUL_TEST_REDIS") else SERVERS)
def redis_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Shared by all tests: each uses a prefix of its own, and none empties it."""
    if request.param == "given":
        yield os.environ["HOUSEFUL_TEST_REDIS"]
        return
    with RedisServer.start_new(program(request.param), tmp_path_factory.mktemp(request.param)) as server:
        yield server.url


@pytest.fixture(params=SERVERS)
def own_redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    """A server for one test, which may do with it what it likes."""
    with RedisServer.start_new(program(request.param), tmp_path, memory_mb=8) as server:
        yield server
