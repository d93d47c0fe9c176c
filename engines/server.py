"""A program that answers on a port of the loopback interface."""

import os
import random
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

START_SECONDS = 120.0
STOP_SECONDS = 60.0
_LOOK_SECONDS = 0.02

_PORTS = range(20_000, 32_768)
"""Below those that Linux gives to outgoing connections: a server that was killed finds its port free."""


def free_port() -> int:
    for port in random.sample(_PORTS, 1000):
        if is_free(port):
            return port
    raise RuntimeError("no port is free")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True)
class Life:
    """A process, told apart from a later one that has got its number."""

    pid: int
    born: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """Raises `ProcessLookupError` where there is none, or one that has ended and waits for its parent."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            raise ProcessLookupError(pid) from None
        if fields[0] in "ZX":
            raise ProcessLookupError(pid)
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return cls(pid, f"{boot} {fields[19]}")

    def goes_on(self) -> bool:
        try:
            return self == Life.of(self.pid)
        except ProcessLookupError:
            return False

    def send(self, number: signal.Signals) -> None:
        """Nothing happens where it has ended."""
        if self.goes_on():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def end(self, number: signal.Signals, *, patience_seconds: float) -> None:
        """Returns when it has ended, which it is made to after so long. Nothing happens where it has."""
        self.send(number)
        self.send(signal.SIGCONT)  # one that is paused does not hear the other
        deadline = time.monotonic() + patience_seconds
        while self.goes_on():
            if time.monotonic() > deadline:
                self.send(signal.SIGKILL)
            time.sleep(_LOOK_SECONDS)


class Server(ABC):
    """It can be ended and started again: port and data stay. Not for two threads.

    It lives in a session of its own, so that an interrupt at the terminal is not its, and it outlives the
    process that started it unless that stops it; another process may `adopt` it.
    """

    def __init__(self, command: Sequence[str], port: int, log: Path) -> None:
        self.port = port
        self.life: Life | None = None
        self.log = log
        self._command = list(command)
        self._child: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def answers(self) -> bool:
        """Does it do its work? Says so within seconds."""

    @property
    def running(self) -> bool:
        if self._child is not None:
            self._child.poll()  # or it would stay a zombie
        return self.life is not None and self.life.goes_on()

    def adopt(self, life: Life) -> None:
        """It runs already, started by another process."""
        assert not self.running, "it runs already"
        self._child, self.life = None, life

    def start(self) -> None:
        """Returns when it answers. Raises `RuntimeError` with what it wrote if it ends before that."""
        assert not self.running, "it runs already"
        with self.log.open("ab") as log:
            begin = log.tell()
            self.life = None
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        with suppress(ProcessLookupError):
            self.life = Life.of(self._child.pid)
        deadline = time.monotonic() + START_SECONDS
        while not (self.answers() and self.running):
            if not self.running or time.monotonic() > deadline:
                self.kill()
                written = self.log.read_bytes()[begin:].decode(errors="replace")[-4000:]
                raise RuntimeError(f"{self._command[0]} does not start:\n{written}")
            time.sleep(_LOOK_SECONDS)

    def stop(self) -> None:
        """In order, and by force where that takes too long. Nothing happens where it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a power cut, but for what the operating system has not yet written."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        if not self.running:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        assert self.life is not None, "it was started"
        self.life.send(number)

    def _end(self, number: signal.Signals) -> None:
        if self.life is not None:
            self.life.end(number, patience_seconds=STOP_SECONDS)
        if self._child is not None:
            self._child.wait()
