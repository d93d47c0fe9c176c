"""Worker processes: started on demand, of low priority, ended when idle.

Threads would not do: one thread at a time holds Python's interpreter, and a library's call holds it to its
end, so that a large plan in a thread would block all others.
"""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from houseful.adapters.processes.worker import NUMBER_BYTES, Pickled, error_of
from houseful.kernel.errors import LimitReached, Overloaded, Unavailable
from houseful.kernel.pieces import PIECE_BYTES
from houseful.kernel.telemetry import get_logger

T = TypeVar("T")

log = get_logger(__name__)

PROCESSES = max(2, (os.cpu_count() or 1) // 2)
"""At least two, so that a large plan does not delay a ticket. Low priority spares other processes."""

MOST_WAITING = 2000
"""The most jobs of all users together. A waiting job takes a few kilobytes; users take turns."""

WORK_SECONDS = 120.0
"""The time limit of a job. Its process is ended then."""

IDLE_SECONDS = 60.0
_RETRY_SECONDS = 2


class _Process:
    """One worker process. It runs one job at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._killed = False
        self.idle: asyncio.TimerHandle | None = None

    @classmethod
    async def start(cls) -> "_Process":
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HOUSEFUL_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "houseful.adapters.processes.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )  # fmt: skip
        return cls(process)

    @property
    def alive(self) -> bool:
        return not self._killed and self._process.returncode is None

    async def do(self, work: Pickled) -> Any:
        """Run a job.

        Raises the job's error, and `Unavailable` where the process ends or exceeds the time limit.
        """
        try:
            async with asyncio.timeout(WORK_SECONDS):
                done = await self._exchanged(work)
        except TimeoutError:
            await self.end()
            raise Unavailable(f"a worker process took longer than {WORK_SECONDS:.0f} s") from None
        except (OSError, asyncio.IncompleteReadError):
            await self.end()
            raise Unavailable("a worker process ended in the middle of its work") from None
        except BaseException:
            self.kill()
            raise
        returned, result = done.thing()
        if not returned:
            raise error_of(result)
        return result

    async def _exchanged(self, work: Pickled) -> Pickled:
        sink, source = self._process.stdin, self._process.stdout
        assert sink is not None
        assert source is not None
        for part in (work.head(), work.pickled, *work.buffers):
            view = memoryview(part)
            for start in range(0, len(view), PIECE_BYTES):  # others have their turn in between
                sink.write(view[start : start + PIECE_BYTES])
                await sink.drain()

        async def number() -> int:
            return int.from_bytes(await source.readexactly(NUMBER_BYTES), "big")

        size, count = await number(), await number()
        sizes = [await number() for _ in range(count)]
        pickled = await source.readexactly(size)
        return Pickled(pickled, [await source.readexactly(one) for one in sizes])

    def kill(self) -> None:
        if self.alive:
            self._killed = True
            self._process.kill()

    async def end(self) -> None:
        self.kill()
        await self._process.wait()


class _UserQueue:
    """The jobs of one user: one at a time, in order."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.count = 0


class WorkerProcesses:
    """Implements `Workers`. For one event loop; nothing is started before the first job."""

    def __init__(
        self,
        *,
        processes: int = PROCESSES,
        most_waiting: int = MOST_WAITING,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._places = asyncio.Semaphore(processes)
        self._most_waiting = most_waiting
        self._idle_seconds = idle_seconds
        self._all: set[_Process] = set()
        self._free: deque[_Process] = deque()
        self._queues: dict[str, _UserQueue] = {}
        self._jobs: set[asyncio.Task[Any]] = set()
        self._closed = False

    @property
    def processes(self) -> int:
        return sum(process.alive for process in self._all)

    async def run(self, work: Callable[..., T], *arguments: Any, whose: str, most: int = 16) -> T:
        if self._closed:
            raise Unavailable("this process is about to end")
        queue = self._queues.get(whose) or _UserQueue()
        if queue.count >= most:
            raise LimitReached(
                "too_busy",
                f"Of what you asked for, {queue.count} things that take long are not done yet. "
                "Wait for them.",
                retry_after_seconds=_RETRY_SECONDS,
            )
        if len(self._jobs) >= self._most_waiting:
            raise Overloaded(
                "too_busy",
                "Too many ask at this moment for what takes long. Try again in a few seconds.",
                retry_after_seconds=_RETRY_SECONDS,
            )
        self._queues[whose] = queue
        queue.count += 1
        begun = asyncio.Event()
        job = asyncio.create_task(self._in_turn(queue, begun, Pickled.of((work, arguments))))
        self._jobs.add(job)
        job.add_done_callback(lambda done: self._over(whose, queue, done))
        try:
            result: T = await asyncio.shield(job)
        except asyncio.CancelledError:
            if not begun.is_set():
                job.cancel()  # what has begun comes to its end, and its process takes the next
            raise
        return result

    async def _in_turn(self, queue: _UserQueue, begun: asyncio.Event, work: Pickled) -> Any:
        async with queue.lock, self._places:
            begun.set()
            process = await self._a_process()
            try:
                return await process.do(work)
            finally:
                self._put_back(process)

    def _over(self, whose: str, queue: _UserQueue, job: "asyncio.Task[Any]") -> None:
        self._jobs.discard(job)
        queue.count -= 1
        if not queue.count:
            self._queues.pop(whose, None)
        if not job.cancelled():
            job.exception()  # retrieved, in case the caller was cancelled

    async def _a_process(self) -> _Process:
        while self._free:
            process = self._free.pop()
            if process.idle is not None:
                process.idle.cancel()
            if process.alive:
                return process
            self._all.discard(process)
        try:
            process = await _Process.start()
        except OSError as error:
            raise Unavailable(f"no worker process can be started: {error}") from error
        self._all.add(process)
        return process

    def _put_back(self, process: _Process) -> None:
        if self._closed or not process.alive:
            process.kill()
            self._all.discard(process)
            return
        process.idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._rest, process)
        self._free.append(process)

    def _rest(self, process: _Process) -> None:
        self._free.remove(process)
        self._all.discard(process)
        process.kill()

    async def close(self) -> None:
        """Abort running jobs and end all processes."""
        self._closed = True
        jobs, processes = list(self._jobs), list(self._all)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        for process in processes:
            if process.idle is not None:
                process.idle.cancel()
        await asyncio.gather(*(process.end() for process in processes))
        self._all.clear()


class InlineWorkers:
    """Runs each job at once in this process: for tools, which serve no requests, and for tests."""

    async def run(self, work: Callable[..., T], *arguments: Any, whose: str, most: int = 16) -> T:
        return work(*arguments)

    async def close(self) -> None:
        pass
