"""The group commit of the local bus: jobs that arrive during a commit share the next one.

The group commit of the store is separate, see docs/decisions/0027-the-local-bus-commits-by-itself.md.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import apsw

from houseful.kernel.errors import Unavailable
from houseful.kernel.telemetry import get_logger

T = TypeVar("T")

_JOBS_PER_COMMIT = 200

log = get_logger(__name__)


class Job:
    """A write. `then` gets the result after the commit, also where the waiter was cancelled."""

    __slots__ = ("future", "result", "then", "work")

    def __init__(self, work: Callable[[apsw.Connection], Any], then: Callable[[Any], None] | None) -> None:
        self.work = work
        self.then = then
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.result: Any = None

    def finish(self, failure: Exception | None) -> None:
        """Resolve the job. Runs on the event loop."""
        if failure is None and self.then is not None:
            self.then(self.result)
        if self.future.done():
            return  # the waiter was cancelled
        if failure is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(failure)


class BusWriter:
    """A thread with the writing connection. Each job is all or nothing, independent of its neighbours."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._in_trouble = False
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="local-bus", daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[apsw.Connection], T], then: Callable[[T], None] | None = None) -> T:
        """Run a write and wait for its commit. Raises `Unavailable` where SQLite could not write."""
        job = Job(work, then)
        self._jobs.put(job)
        result: T = await job.future
        return result

    async def stop(self) -> None:
        """Finish earlier jobs, then end the thread."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            jobs, stopping = self._waiting()
            if jobs and not self._report(self._write(jobs)):
                break
        self._connection.close()

    def _report(self, outcomes: list[tuple[Job, Exception | None]]) -> bool:
        """Report outcomes to the event loop. Returns False where the loop has ended."""
        try:
            self._loop.call_soon_threadsafe(_finish, outcomes)
        except RuntimeError:
            log.warning("the event loop ended before the local bus was closed")
            return False
        return True

    def _waiting(self) -> tuple[list[Job], bool]:
        """All waiting jobs, at least one, and whether the writer stops after them."""
        jobs: list[Job] = []
        while len(jobs) < _JOBS_PER_COMMIT:
            try:
                job = self._jobs.get(block=not jobs)
            except queue.Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _write(self, jobs: list[Job]) -> list[tuple[Job, Exception | None]]:
        outcomes: list[tuple[Job, Exception | None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [(job, self._write_one(job)) for job in jobs]
            self._connection.execute("COMMIT")
            self._in_trouble = False
        except apsw.Error as error:
            if not self._in_trouble:
                log.exception("the local bus could not write; further failures are not logged")
            self._in_trouble = True
            self._roll_back()
            failure = Unavailable(f"the local bus could not write: {error}")
            return [(job, failure) for job in jobs]
        return outcomes

    def _write_one(self, job: Job) -> Exception | None:
        self._connection.execute("SAVEPOINT job")
        try:
            job.result = job.work(self._connection)
        except Exception as error:
            if isinstance(error, apsw.Error) and not isinstance(error, apsw.ConstraintError):
                raise  # the disk's doing: it concerns the whole commit
            self._connection.execute("ROLLBACK TO job")
            return error
        self._connection.execute("RELEASE job")
        return None

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:  # some errors, such as a full disk, roll back by themselves
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            log.exception("the local bus could not roll back")


def _finish(outcomes: Iterable[tuple[Job, Exception | None]]) -> None:
    for job, failure in outcomes:
        job.finish(failure)
