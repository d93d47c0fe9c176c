"""A process of the platform is kept running, rolled, and stopped."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from engines import worker as module
from engines.worker import DoesNotStart, Worker
from tests.support.patience import PATIENCE_SECONDS

SERVE = """
import os, signal, sys, time
def end(*_):
    print("in order", flush=True)
    sys.exit()
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, end)
print("getting ready: slowly", os.environ["WHO"], flush=True)
print("ready: http://127.0.0.1:1", flush=True)
while True:
    time.sleep(600)
"""


class Said(list[str]):
    async def wait_for(self, *words: str) -> None:
        """Until somebody has said lines with these words, in this order."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self._has(words):  # noqa: ASYNC110 - what is said is only a list
                await asyncio.sleep(0.01)

    def _has(self, words: tuple[str, ...]) -> bool:
        lines = iter(self)
        return all(any(word in line for line in lines) for word in words)


Make = Callable[..., Worker]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    monkeypatch.setattr(module, "_FIRST_PAUSE_SECONDS", 0.01)
    return Said()


@pytest.fixture
async def make(tmp_path: Path, said: Said) -> AsyncIterator[Make]:
    made: list[Worker] = []

    def make(*words: str, code: str = SERVE) -> Worker:
        command = [sys.executable, "-c", code, *words]
        made.append(
            Worker(
                "tickets-1",
                command,
                os.environ | {"WHO": "ada"},
                tmp_path / "log",
                say=said.append,
                on_change=lambda: said.append("new process"),
            )
        )
        return made[-1]

    yield make
    for worker in made:
        worker.kill()
        await worker.stop()


def pid_of(worker: Worker) -> int:
    assert worker.life is not None
    return worker.life.pid


async def test_it_starts_and_stops_in_order(make: Make, said: Said) -> None:
    worker = make()
    await worker.start()
    life = worker.life
    assert life is not None
    assert life.goes_on()
    assert os.getsid(life.pid) == life.pid, "an interrupt at the terminal is not its"
    await worker.stop()
    await worker.stop()
    assert worker.life is None
    assert not life.goes_on()
    lines = worker.log.read_text().splitlines()
    assert lines == ["getting ready: slowly ada", "ready: http://127.0.0.1:1", "in order"]
    assert said == ["new process"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_it_is_started_again_when_it_ends_by_itself(
    make: Make, said: Said, how: signal.Signals
) -> None:
    worker = make()
    await worker.start()
    keeping = asyncio.create_task(worker.keep())
    for _ in range(2):
        said.clear()
        pid = pid_of(worker)
        os.kill(pid, how)
        why = "signal SIGKILL" if how == signal.SIGKILL else "exit code 0"
        await said.wait_for(f"tickets-1 ended by itself ({why})", "new process", "tickets-1 is ready again")
        assert pid_of(worker) != pid
    keeping.cancel()


async def test_what_does_not_start_is_quoted(make: Make) -> None:
    worker = make(code="raise SystemExit('the store is missing')")
    worker.log.write_text("ready: long ago\n")
    with pytest.raises(
        DoesNotStart, match=r"tickets-1 does not start \(exit code 1\):\nthe store is missing"
    ):
        await worker.start()
    assert worker.life is None


async def test_pauses_grow_while_it_does_not_start(make: Make, said: Said, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    worker = make(code=f"import os\nif os.path.exists({str(broken)!r}): raise SystemExit('broken')\n{SERVE}")
    await worker.start()
    keeping = asyncio.create_task(worker.keep())
    broken.touch()
    os.kill(pid_of(worker), signal.SIGKILL)
    await said.wait_for("again in 0.01 s", "does not start", "again in 0.02 s", "does not start", "0.04 s")
    broken.unlink()
    await said.wait_for("tickets-1 is ready again")
    keeping.cancel()


async def test_one_that_is_slow_to_start_is_given_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_SECONDS", 0.1)
    worker = make(code="import time; time.sleep(600)")
    with pytest.raises(DoesNotStart, match="SIGKILL"):
        await worker.start()


async def test_a_roll_is_no_death(make: Make, said: Said) -> None:
    worker = make()
    await worker.start()
    keeping = asyncio.create_task(worker.keep())
    pid = pid_of(worker)
    await worker.roll()
    assert pid_of(worker) != pid
    assert said == ["new process"] * 2
    os.kill(pid_of(worker), signal.SIGKILL)  # and it is kept as before
    await said.wait_for("ended by itself", "tickets-1 is ready again")
    keeping.cancel()


async def test_a_roll_that_fails_is_left_to_the_keeper(make: Make, said: Said, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    worker = make(code=f"import os\nif os.path.exists({str(broken)!r}): raise SystemExit('broken')\n{SERVE}")
    await worker.start()
    keeping = asyncio.create_task(worker.keep())
    broken.touch()
    await worker.roll()
    await said.wait_for("does not start", "ended by itself (exit code 1)")
    broken.unlink()
    await said.wait_for("tickets-1 is ready again")
    keeping.cancel()


async def test_one_that_does_not_end_is_killed(
    make: Make, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.1)
    worker = make("deaf")
    await worker.start()
    await worker.stop()
    assert worker.life is None
    assert "tickets-1 did not end within 0.1 s, and is killed" in said


async def test_a_kill_ends_the_waiting(make: Make) -> None:
    worker = make("deaf")
    await worker.start()
    stopping = asyncio.create_task(worker.stop())
    await asyncio.sleep(0)
    worker.kill()
    await asyncio.wait_for(stopping, PATIENCE_SECONDS)


async def test_a_paused_one_ends_too(make: Make) -> None:
    worker = make()
    await worker.start()
    os.kill(pid_of(worker), signal.SIGSTOP)
    await worker.stop()
    assert worker.life is None
