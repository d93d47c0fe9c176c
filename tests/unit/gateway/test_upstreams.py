"""Several copies behind the proxy: which one gets a request, and none is lost when one of them goes."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from houseful.adapters.http.proxy import ServiceProxy
from houseful.kernel.clock import ManualClock, SystemClock
from houseful.kernel.errors import Unavailable
from houseful.webapi.asgi import Receive, Scope, Send
from houseful.webapi.responses import AbortConnection, Response
from tests.unit.gateway.upstreams import PATIENCE_SECONDS, Client, Service, cut, echo, until, whole_body


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
    assert (await Client().asks(proxy)).status == 503


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
