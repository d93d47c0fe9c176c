"""Processes of the product without the second that each needs to import it: `spawn` forks them from a process
which has imported everything and has opened nothing.

What runs is `python -m MODULE ARGUMENTS` in every other respect. That command itself is proved by
`tests/system/test_live_server.py` and `tests/unit/engines/test_split.py`, whose servers are not forked.

    python -m tests.support.fork_server SOCKET_DESCRIPTOR

is the process that forks. It ends with the tests, and takes along what it has started.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple, Self

from tests.support import cheap_passwords

ROOT = Path(__file__).parents[2]
IMPORTED_LATE = ("icalendar", "jinja2", "reportlab.pdfgen.canvas", "rich.console", "rich.table", "uvloop")
"""What functions of the product import when they are called."""
NUMBER_BYTES = 8


class Spawned:
    """A forked process, used like `subprocess.Popen`. Its line says its pid and its exit code."""

    def __init__(self, line: socket.socket, command: str) -> None:
        self._line = line
        self._command = command
        self._lock = threading.Lock()
        self.pid = self._number()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        with self._lock:
            if self.returncode is None and select.select([self._line], [], [], 0)[0]:
                self._end()
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, or minus the number of the signal."""
        with self._lock:
            if self.returncode is None:
                if not select.select([self._line], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(self._command, timeout or 0)
                self._end()
            assert self.returncode is not None
            return self.returncode

    def _end(self) -> None:
        self.returncode = self._number()
        self._line.close()

    def _number(self) -> int:
        said = self._line.recv(NUMBER_BYTES, socket.MSG_WAITALL)
        if len(said) < NUMBER_BYTES:
            raise RuntimeError("the fork server has ended")
        return int.from_bytes(said, signed=True)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def spawn(
    module: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    stdout: IO[bytes] | IO[str] | int,
    stderr: IO[bytes] | IO[str] | int,
) -> Spawned:
    """`python -m MODULE ARGUMENTS` in a session of its own, without input."""
    return _server().spawn(module, arguments, environment, stdout, stderr)


@cache
def _server() -> "_Server":
    server = _Server()
    atexit.register(server.close)
    return server


class _Server:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def spawn(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        stdout: IO[bytes] | IO[str] | int,
        stderr: IO[bytes] | IO[str] | int,
    ) -> Spawned:
        ours, theirs = socket.socketpair()
        files = [
            theirs.fileno(),
            *(one if isinstance(one, int) else one.fileno() for one in (stdout, stderr)),
        ]
        with theirs:
            request = json.dumps([module, list(arguments), dict(environment)]).encode()
            with self._lock:
                socket.send_fds(self._requests, [_number(len(request))], files)
                self._requests.sendall(request)
        return Spawned(ours, f"{module} {' '.join(arguments)}")

    def close(self) -> None:
        self._requests.close()
        self._process.wait()


class Job(NamedTuple):
    """What a forked process has to do."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    line: int
    stdout: int
    stderr: int

    @classmethod
    def read(cls, requests: socket.socket) -> Self | None:
        """None once nobody asks any more."""
        length, files, _, _ = socket.recv_fds(requests, NUMBER_BYTES, 3, socket.MSG_WAITALL)
        if not length:
            return None
        request = requests.recv(int.from_bytes(length), socket.MSG_WAITALL)
        return cls(*json.loads(request), *files)

    def close(self) -> None:
        for file in (self.line, self.stdout, self.stderr):
            os.close(file)


def serve(requests: socket.socket) -> Job | None:
    """Fork for each request. Returns twice: its job in each forked process, and None here at the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the tests too, which end this
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        running: dict[int, tuple[int, int]] = {}
        while True:
            for key, _ in selector.select():
                if key.fileobj is not requests:
                    alive = key.fd
                    selector.unregister(alive)
                    os.close(alive)
                    _tell_end(*running.pop(alive))
                    continue
                job = Job.read(requests)
                if job is None:
                    for pid, _ in running.values():
                        os.kill(pid, signal.SIGKILL)
                    return None
                alive, kept_open = os.pipe()
                pid = os.fork()
                if not pid:
                    for file in (alive, *running, *(line for _, line in running.values())):
                        os.close(file)
                    return job
                os.close(kept_open)
                running[alive] = (pid, os.dup(job.line))
                selector.register(alive, selectors.EVENT_READ)
                os.write(job.line, _number(pid))
                job.close()


def _number(number: int) -> bytes:
    return number.to_bytes(NUMBER_BYTES, signed=True)


def _tell_end(pid: int, line: int) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(BrokenPipeError):  # nobody wants to know
        os.write(line, _number(code))
    os.close(line)


def run(job: Job) -> None:
    """Be `python -m MODULE`."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(job.stdout, 1)
    os.dup2(job.stderr, 2)
    job.close()
    os.environ.clear()
    os.environ.update(job.environment)
    sys.argv = [job.module, *job.arguments]
    runpy.run_module(job.module, run_name="__main__", alter_sys=True)


def import_everything() -> None:
    import houseful

    for module in pkgutil.walk_packages(houseful.__path__, "houseful."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in IMPORTED_LATE:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # so that a collection in a forked process does not copy all of it


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        import_everything()
        cheap_passwords.install()
        job = serve(requests)
    if job is not None:
        run(job)
