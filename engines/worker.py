"""A process of the platform that is kept running, as systemd or Kubernetes would."""

import asyncio
import math
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from engines.server import Life

START_SECONDS = 120.0
STOP_SECONDS = 30.0
"""Longer than a process takes that drains and then ends by itself."""
_LOOK_SECONDS = 0.05
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_SHORT_LIFE_SECONDS = 5.0
_READY = re.compile(rb"^ready: ", re.MULTILINE)

Say = Callable[[str], None]


class DoesNotStart(Exception):
    """With the end of its log."""


class Worker:
    """One process that says `ready:` on its standard output once it answers."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        say: Say,
        on_change: Callable[[], None],
    ) -> None:
        """What it writes goes to the end of `log`. `on_change` is called when there is a new process."""
        self.name = name
        self.log = log
        self._command = command
        self._environment = environment
        self._say = say
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._ready_at = math.inf
        self._lock = asyncio.Lock()
        """Whoever starts and stops it."""

    @property
    def life(self) -> Life | None:
        if self._process is None or self._process.returncode is not None:
            return None
        with suppress(ProcessLookupError):
            return Life.of(self._process.pid)
        return None

    async def start(self) -> None:
        """Returns when it is ready. Raises `DoesNotStart`; then it has ended."""
        async with self._lock:
            await self._start()

    async def keep(self) -> None:
        """Start it again whenever it ends by itself; for ever. If it does so again and again, pauses grow."""
        pause_seconds = _FIRST_PAUSE_SECONDS
        while True:
            process = self._process
            assert process is not None, "it was started"
            code = await process.wait()
            async with self._lock:
                if self._process is not process:
                    continue  # it was rolled
                if asyncio.get_running_loop().time() - self._ready_at > _SHORT_LIFE_SECONDS:
                    pause_seconds = _FIRST_PAUSE_SECONDS
                self._say(f"{self.name} ended by itself ({_ended(code)}); again in {pause_seconds:g} s")
                await asyncio.sleep(pause_seconds)
                pause_seconds = min(pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
                try:
                    await self._start()
                except DoesNotStart as error:
                    self._say(str(error))
                else:
                    self._say(f"{self.name} is ready again")

    async def roll(self) -> None:
        """Stop it and start it again. What does not start is left to `keep`."""
        async with self._lock:
            await self.stop()
            try:
                await self._start()
            except DoesNotStart as error:
                self._say(str(error))

    async def stop(self) -> None:
        """In order, and by force where that takes too long or is cancelled."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        _signal(process, signal.SIGTERM)
        _signal(process, signal.SIGCONT)  # one that is paused does not hear the other
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            self._say(f"{self.name} did not end within {STOP_SECONDS:g} s, and is killed")
        finally:
            _signal(process, signal.SIGKILL)
            await process.wait()

    def kill(self) -> None:
        if self._process is not None:
            _signal(self._process, signal.SIGKILL)

    async def _start(self) -> None:
        self._ready_at = math.inf
        with self.log.open("ab") as log:
            begin = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=dict(self._environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # an interrupt at the terminal is not its: all is stopped in order
            )
        self._on_change()
        try:
            async with asyncio.timeout(START_SECONDS):
                while not _READY.search(written := self.log.read_bytes()[begin:]):
                    if self._process.returncode is not None:
                        break
                    await asyncio.sleep(_LOOK_SECONDS)
                else:
                    self._ready_at = asyncio.get_running_loop().time()
                    return
        except TimeoutError:
            _signal(self._process, signal.SIGKILL)
            await self._process.wait()
        end = written.decode(errors="replace")[-3000:].rstrip()
        raise DoesNotStart(f"{self.name} does not start ({_ended(self._process.returncode)}):\n{end}")


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


def _ended(code: int | None) -> str:
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
