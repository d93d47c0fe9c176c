"""What the product's threads do, done on the virtual loop: SQLite's commits, and those of the local bus."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar, cast

import apsw

from houseful.adapters import factory
from houseful.adapters.processes.pool import InlineWorkers
from houseful.adapters.sqlite import bus_file, bus_writer, write_thread, writer
from houseful.adapters.sqlite.bus_writer import BusWriter, Job
from houseful.adapters.sqlite.write_thread import Then, WriteThread
from houseful.settings import Settings
from houseful.tickets.documents.ticket_pdf import tickets_pdf
from tests.simulation.virtual_time import VirtualLoop
from tests.support import cheap_passwords

T = TypeVar("T")


class _NoThread(threading.Thread):
    """Is never started, and looks as if it were."""

    def start(self) -> None:
        pass

    def is_alive(self) -> bool:
        return True

    def join(self, timeout: float | None = None) -> None:
        pass


def virtual_loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


class _Writes(WriteThread):
    def _give(self, work: Callable[[], Exception | None], then: Then) -> None:
        self.has_connection = True
        loop = virtual_loop()
        loop.after_work(self._do, work, then, loop)

    async def stop(self) -> None:
        self._close_connection()


class _BusWrites(BusWriter):
    def __init__(self, connection: apsw.Connection) -> None:
        super().__init__(connection)
        self._handed_over: list[Job] = []

    async def do(self, work: Callable[[apsw.Connection], T], then: Callable[[T], None] | None = None) -> T:
        job = Job(work, then)
        if not self._handed_over:
            virtual_loop().after_work(self._commit)
        self._handed_over.append(job)
        result: T = await job.future
        return result

    async def stop(self) -> None:
        self._commit()
        self._connection.close()

    def _commit(self) -> None:
        jobs, self._handed_over = self._handed_over, []
        self._report(self._write(jobs))


def _unlocked(settings: Settings) -> AbstractContextManager[None]:
    return nullcontext()


class _Threading:
    Thread = _NoThread


async def _not_examined(settings: Settings, services: Sequence[str]) -> None:
    pass


class QuickWorkers(InlineWorkers):
    """Draws no tickets: a drawing takes as long as all the rest of a sale, and nobody looks at it."""

    async def run(self, work: Callable[..., T], *arguments: Any, whose: str, most: int = 16) -> T:
        if work is tickets_pdf:
            return cast(T, b"%PDF")
        return await super().run(work, *arguments, whose=whose, most=most)


def replace_parts() -> None:
    """For the rest of this process. What costs much and decides nothing is left out: the search for damage in
    files, drawings, the hashing of passwords.
    """
    cheap_passwords.install()
    replaced: list[tuple[Any, str, Any]] = [
        (write_thread, "threading", _Threading),
        (bus_writer, "threading", _Threading),
        (writer, "WriteThread", _Writes),
        (bus_file, "BusWriter", _BusWrites),
        (factory, "refuse_damaged", _not_examined),
        (factory, "folder_if_needed", _unlocked),  # the lock of a folder ends with its process, which goes on
    ]
    for module, name, instead in replaced:
        assert hasattr(module, name), f"{module.__name__} has no {name} any more"
        setattr(module, name, instead)
