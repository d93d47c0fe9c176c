"""Programs that are started, found again by another process, and ended: never one that has only their
number."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.record import Entry, read, write
from engines.server import Life, Server, free_port, is_free

LISTEN = """
import signal, socket, sys
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    listener.accept()[0].sendall(b"hello")
"""


class Hello(Server):
    def __init__(self, folder: Path, *words: str, port: int = 0, code: str = LISTEN) -> None:
        port = port or free_port()
        super().__init__([sys.executable, "-c", code, str(port), *words], port, folder / "log")

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
                return connection.recv(5, socket.MSG_WAITALL) == b"hello"
        except OSError:
            return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Hello]:
    with Hello(tmp_path) as server:
        yield server


def test_start_stop_and_start_again(server: Hello) -> None:
    for end in (server.stop, server.kill):
        assert server.running
        assert server.answers()
        life = server.life
        assert life is not None
        end()
        assert not server.running
        assert not life.goes_on()
        end()
        assert is_free(server.port)
        server.start()
        assert server.life != life


def test_one_that_ends_before_it_answers_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("from an earlier day\n")
    server = Hello(tmp_path, code="raise SystemExit('no disk')")
    with pytest.raises(RuntimeError, match="does not start") as raised:
        server.start()
    assert "no disk" in str(raised.value)
    assert "earlier day" not in str(raised.value)


def test_a_paused_one_ends_too(server: Hello) -> None:
    server.pause()
    server.stop()
    assert not server.running


def test_one_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.server.STOP_SECONDS", 0.1)
    with Hello(tmp_path, "deaf") as server:
        server.stop()
        assert not server.running


def test_it_outlives_whoever_started_it_and_is_found_again(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.unit.engines.test_server import Hello\n"
        "server = Hello(Path(sys.argv[1])); server.start(); print(server.port, server.life.pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    port, pid = map(int, done.stdout.split())
    server = Hello(tmp_path, port=port)
    server.adopt(Life.of(pid))
    assert server.running
    assert server.answers()
    server.stop()
    assert not server.running
    assert not server.answers()


def test_another_process_with_the_number_is_left_alone() -> None:
    other = subprocess.Popen(["sleep", "600"])
    try:
        life = Life.of(other.pid)
        earlier = Life(other.pid, "another birth")
        assert life.goes_on()
        assert not earlier.goes_on()
        earlier.end(signal.SIGKILL, patience_seconds=1)
        assert other.poll() is None
        life.end(signal.SIGTERM, patience_seconds=30)
        assert not life.goes_on()  # though nobody has asked for its exit code yet
    finally:
        other.kill()
        other.wait()
    with pytest.raises(ProcessLookupError):
        Life.of(other.pid)


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "engines.json"
    assert read(file) == {}
    entries = {"one": Entry(4000, Life.of(os.getpid())), "two": Entry(4001)}
    write(file, entries)
    assert read(file) == entries


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    port = free_port()
    assert is_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
