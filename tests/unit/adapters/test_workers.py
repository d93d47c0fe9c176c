"""Work in other processes: what comes of it, in which order, and what is left when somebody dies."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from houseful.adapters.processes.pool import WorkerProcesses
from houseful.adapters.processes.worker import NICENESS
from houseful.kernel.errors import DomainError, Invalid, Unavailable
from houseful.kernel.pieces import Pieces
from houseful.seating.parsing import PlanError, parse_plan
from houseful.webapi.problems import status_of
from tests.support.patience import PATIENCE_SECONDS


@pytest.fixture
async def workers() -> AsyncIterator[WorkerProcesses]:
    workers = WorkerProcesses(processes=2)
    yield workers
    await workers.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not true():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.01)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it ended before its file was opened, or was read
        return False


def shout(text: str) -> int:
    print(text, flush=True)
    os.write(1, text.encode())
    return len(text)


def refuse() -> None:
    raise Invalid("invalid_plan", "It is wrong.", errors={"plan": "is wrong"}, taken=["a"])


def note_and_wait(begun: str, go_on: str) -> int:
    Path(begun).touch()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not Path(go_on).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return os.getpid()


async def test_work_is_done_in_another_process_of_low_priority(workers: WorkerProcesses) -> None:
    pid = await workers.run(os.getpid, whose="usr_a")
    assert pid != os.getpid()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    there = await workers.run(os.getpriority, os.PRIO_PROCESS, 0, whose="usr_a")
    assert there == min(19, own + NICENESS)
    assert await workers.run(os.getpid, whose="usr_b") == pid, "a process that is free takes the next"


async def test_no_process_is_started_before_there_is_work(workers: WorkerProcesses) -> None:
    assert workers.processes == 0
    await workers.run(os.getpid, whose="usr_a")
    assert workers.processes == 1


async def test_large_things_go_both_ways(workers: WorkerProcesses) -> None:
    large = os.urandom(20_000_000)
    assert await workers.run(bytes, large, whose="usr_a") == large


async def test_pieces_go_both_ways_without_a_copy_of_the_whole(workers: WorkerProcesses) -> None:
    large = Pieces.of(os.urandom(20_000_000))
    assert await workers.run(len, large, whose="usr_a") == 20_000_000
    tracemalloc.start()
    try:
        assert await workers.run(Pieces.joined, Pieces(), whose="usr_a") == b""
        there = await workers.run(len, large, whose="usr_a")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert there == 20_000_000
    assert most < 2_000_000
    back = await workers.run(Pieces, list(large), whose="usr_a")
    assert list(back) == list(large)


async def test_errors_come_back_whole(workers: WorkerProcesses) -> None:
    with pytest.raises(DomainError) as refused:
        await workers.run(refuse, whose="usr_a")
    refusal = refused.value
    assert (status_of(refusal), refusal.code, refusal.errors) == (422, "invalid_plan", {"plan": "is wrong"})
    assert refusal.extra == {"taken": ["a"]}
    with pytest.raises(PlanError) as wrong:
        await workers.run(parse_plan, b"{", whose="usr_a")
    assert list(wrong.value.errors) == ["plan"]
    with pytest.raises(msgspec.DecodeError, match="truncated"):
        await workers.run(msgspec.json.decode, b"[", whose="usr_a")
    assert "worker process" in "".join(wrong.value.__notes__)


async def test_what_can_not_be_sent_is_an_error_of_its_caller(workers: WorkerProcesses) -> None:
    with pytest.raises(Exception, match="pickle"):
        await workers.run(lambda: 1, whose="usr_a")
    with pytest.raises(TypeError, match="pickle"):
        await workers.run(open, os.devnull, whose="usr_a")
    assert await workers.run(abs, -1, whose="usr_a") == 1


async def test_what_a_library_prints_is_no_answer(
    workers: WorkerProcesses, capfd: pytest.CaptureFixture[str]
) -> None:
    assert await workers.run(shout, "hello", whose="usr_a") == 5


async def test_of_one_user_one_thing_is_done_at_a_time_and_few_wait(
    workers: WorkerProcesses, tmp_path: Path
) -> None:
    first = asyncio.create_task(
        workers.run(note_and_wait, str(tmp_path / "1"), str(tmp_path / "go"), whose="usr_a", most=2)
    )
    await until((tmp_path / "1").exists)
    second = asyncio.create_task(
        workers.run(note_and_wait, str(tmp_path / "2"), str(tmp_path / "go"), whose="usr_a", most=2)
    )
    await asyncio.sleep(0)
    with pytest.raises(DomainError) as refused:
        await workers.run(abs, -1, whose="usr_a", most=2)
    assert (status_of(refused.value), refused.value.code) == (429, "too_busy")
    assert refused.value.retry_after_seconds
    assert await workers.run(abs, -1, whose="usr_b", most=2) == 1, "another user's go on beside it"
    assert not (tmp_path / "2").exists()
    (tmp_path / "go").touch()
    assert await first == await second
    assert await workers.run(abs, -1, whose="usr_a", most=2) == 1


async def test_of_all_together_few_wait(tmp_path: Path) -> None:
    workers = WorkerProcesses(processes=1, most_waiting=2)
    go_on = str(tmp_path / "go")
    jobs = [
        asyncio.create_task(workers.run(note_and_wait, str(tmp_path / user), go_on, whose=user))
        for user in "ab"
    ]
    await until((tmp_path / "a").exists)
    with pytest.raises(DomainError) as refused:
        await workers.run(abs, -1, whose="c")
    assert (status_of(refused.value), refused.value.retry_after_seconds) == (503, 2)
    (tmp_path / "go").touch()
    await asyncio.gather(*jobs)
    await workers.close()


async def test_a_process_that_dies_fails_its_work_alone(workers: WorkerProcesses) -> None:
    with pytest.raises(Unavailable, match="in the middle"):
        await workers.run(os._exit, 3, whose="usr_a")
    assert await workers.run(abs, -1, whose="usr_a") == 1


async def test_who_stops_waiting_takes_back_what_has_not_begun(tmp_path: Path) -> None:
    workers = WorkerProcesses(processes=1)
    go_on = str(tmp_path / "go")
    first = asyncio.create_task(workers.run(note_and_wait, str(tmp_path / "1"), go_on, whose="usr_a"))
    await until((tmp_path / "1").exists)
    second = asyncio.create_task(workers.run(note_and_wait, str(tmp_path / "2"), go_on, whose="usr_b"))
    await asyncio.sleep(0)
    second.cancel()
    first.cancel()  # it has begun, and comes to its end for nobody
    await asyncio.gather(first, second, return_exceptions=True)
    (tmp_path / "go").touch()
    assert await workers.run(abs, -1, whose="usr_a") == 1
    assert not (tmp_path / "2").exists()
    assert workers.processes == 1, "the process was kept"
    await workers.close()


async def test_an_idle_process_ends() -> None:
    workers = WorkerProcesses(idle_seconds=0.01)
    pid = await workers.run(os.getpid, whose="usr_a")
    await until(lambda: not lives(pid))
    assert workers.processes == 0
    assert await workers.run(os.getpid, whose="usr_a") != pid
    await workers.close()


async def test_closing_ends_everything(tmp_path: Path) -> None:
    workers = WorkerProcesses()
    pid = await workers.run(os.getpid, whose="usr_a")
    running = asyncio.create_task(
        workers.run(note_and_wait, str(tmp_path / "1"), str(tmp_path / "never"), whose="usr_a")
    )
    await until((tmp_path / "1").exists)
    await workers.close()
    assert not lives(pid)
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(Unavailable):
        await workers.run(abs, -1, whose="usr_a")


PARENT = """
import asyncio, os, sys
from houseful.adapters.processes.pool import WorkerProcesses

async def main():
    workers = WorkerProcesses()
    print(await workers.run(os.getpid, whose="a"), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_its_parent(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as one:
        assert one.stdout is not None
        pid = int(one.stdout.readline())
        assert lives(pid)
        os.kill(pid, signal.SIGTERM)  # a service manager tells every process; this one goes with its parent
        one.send_signal(number)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while lives(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not lives(pid)
