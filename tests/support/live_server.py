"""A whole installation as a real process behind a real port."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployment import Reply
from tests.support.fork_server import Spawned, spawn
from tests.support.patience import PATIENCE_SECONDS

UP = ("houseful", "up", "--port", "0")


class LiveServer:
    """`houseful up`, or another module that is started like it, as a process of its own. `url` once it has
    said `ready:`."""

    def __init__(
        self,
        data: Path,
        *arguments: str,
        program: Sequence[str] = UP,
        **environment: str,
    ) -> None:
        self.data = data
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HOUSEFUL_")}
        variables = clean | {"HOUSEFUL_RATE_LIMITS": "off"} | environment
        self._log = (data.parent / f"{data.name}.log").open("ab+")
        output, written = os.pipe()
        self._output = os.fdopen(output)
        self.process = self._start([*program, "--data", str(data), *arguments], variables, written)
        os.close(written)
        line = ""
        while not line.startswith("ready: "):
            line = self._output.readline()
            assert line, f"it ended with {self.process.wait()}: {self.log()}"
        self.url = line.removeprefix("ready: ").strip()
        self.port = int(self.url.rpartition(":")[2])

    def _start(
        self, command: Sequence[str], environment: Mapping[str, str], output: int
    ) -> "Spawned | subprocess.Popen[bytes]":
        return spawn(command[0], command[1:], environment=environment, stdout=output, stderr=self._log)

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode()

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)

    def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Reply:
        connection = self.connection()
        try:
            raw = None if body is None else json.dumps(body).encode()
            connection.request(method, path, body=raw, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Reply(
                answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
            )
        finally:
            connection.close()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._output.close()
        self._log.close()


class UnforkedServer(LiveServer):
    """The command itself, with an interpreter of its own. It takes longer to start."""

    def _start(
        self, command: Sequence[str], environment: Mapping[str, str], output: int
    ) -> "Spawned | subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", *command], env=environment, stdout=output, stderr=self._log
        )


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Callable[..., LiveServer]]:
    """Starts servers on `tmp_path/data` (or `data=`); what still runs at the end is killed."""
    servers: list[LiveServer] = []

    def start(
        *arguments: str, data: Path | None = None, forked: bool = True, **environment: str
    ) -> LiveServer:
        kind = LiveServer if forked else UnforkedServer
        servers.append(kind(data or tmp_path / "data", *arguments, **environment))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
