"""Instances that are processes: killed, replaced and paused under load."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from houseful.adapters.http.proxy import ServiceProxy
from houseful.kernel.clock import SystemClock
from houseful.webapi.responses import AbortConnection
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.gateway.upstreams import Client, until


# Processes
class Process:
    """See `copy_process`."""

    def __init__(self, done: Path, name: str) -> None:
        self.done = done
        self.name = name
        self.port = 0
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.unit.gateway.copy_process", str(self.port), str(self.done), self.name),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE_SECONDS)
        self.port = int(line.split()[1])

    async def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        return await asyncio.wait_for(self._process.wait(), PATIENCE_SECONDS)


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[list[Process]]:
    started = [Process(tmp_path / "done", name) for name in ("first", "second")]
    for one in started:
        await one.start()
    yield started
    for one in started:
        await one.end(signal.SIGKILL)


@pytest.fixture
async def live_proxy(processes: list[Process]) -> AsyncIterator[ServiceProxy]:
    proxy = ServiceProxy("things", [one.url for one in processes], clock=SystemClock())
    yield proxy
    await proxy.close()


class Load:
    """Clients that ask one thing after the other, each thing once, until told to stop."""

    def __init__(self, proxy: ServiceProxy, make: Callable[[int], Client]) -> None:
        self.proxy = proxy
        self.make = make
        self.asked: list[str] = []
        self.answered: Counter[str] = Counter()
        self.wrong: list[object] = []
        self._stop = False

    async def __aenter__(self) -> "Load":
        self._clients = [asyncio.create_task(self._ask()) for _ in range(12)]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._stop = True
        await asyncio.gather(*self._clients)

    async def _ask(self) -> None:
        while not self._stop:
            client = self.make(len(self.asked))
            self.asked.append(client.scope["path"])
            try:
                await client.asks(self.proxy)
            except AbortConnection:
                self.wrong.append((client.scope["path"], "cut"))
            else:
                if client.status == 200:
                    self.answered[client.body.decode()] += 1
                else:
                    self.wrong.append((client.scope["path"], client.status))

    async def more_from(self, *names: str) -> None:
        """Until each of them has answered again."""
        before = self.answered.copy()
        await until(lambda: all(self.answered[name] >= before[name] + 5 for name in names))


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_copy_killed_under_load_loses_no_safe_request(
    processes: list[Process], live_proxy: ServiceProxy, method: str
) -> None:
    def safe(number: int) -> Client:
        if method == "GET":
            return Client("GET", f"/{number}")
        return Client("POST", f"/{number}", {"idempotency-key": f"key {number}"}, body=b"x")

    async with Load(live_proxy, safe) as load:
        for turn in range(4):
            await load.more_from("first", "second")
            gone, left = processes if turn % 2 else reversed(processes)
            await gone.end(signal.SIGKILL)
            await load.more_from(left.name)
            await gone.start()
        await load.more_from("first", "second")
    assert load.wrong == []
    assert sum(load.answered.values()) == len(load.asked)


async def test_a_rolling_restart_under_load_loses_nothing_and_does_nothing_twice(
    processes: list[Process], live_proxy: ServiceProxy
) -> None:
    """Requests that nobody may repeat."""

    async with Load(live_proxy, lambda number: Client("POST", f"/{number}", body=b"x")) as load:
        for one in processes:
            await load.more_from("first", "second")
            assert await one.end(signal.SIGTERM) == 0
            await one.start()
        await load.more_from("first", "second")
    assert load.wrong == []
    done = Counter(processes[0].done.read_text().split())
    assert done == Counter(load.asked)


async def test_a_paused_copy_loses_no_request_that_comes_later(
    processes: list[Process], tmp_path: Path
) -> None:
    proxy = ServiceProxy("things", [one.url for one in processes], clock=SystemClock(), answer_seconds=2)
    assert processes[0]._process is not None
    await Client("GET", "/warm").asks(proxy)
    processes[0]._process.send_signal(signal.SIGSTOP)
    statuses = [(await Client("GET", "/x").asks(proxy)).status for _ in range(40)]
    processes[0]._process.send_signal(signal.SIGCONT)
    assert statuses.count(503) <= 3, "the circuit opens"
    assert statuses[-10:] == [200] * 10
    await proxy.close()
