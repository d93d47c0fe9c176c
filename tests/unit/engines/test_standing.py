"""`python -m engines`: the real engines are started, found again, completed and stopped."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines import PROGRAMS, kafka, mongo, valkey
from engines.packages import Missing
from engines.record import Entry, read, write
from engines.server import Life, free_port
from engines.standing import Standing


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    try:
        for engine in (mongo, kafka, valkey):
            engine.obtain(PROGRAMS)
        kafka.obtain_java(PROGRAMS)
    except Missing as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("standing")
    yield folder
    Standing(folder).stop(print)


def command(folder: Path, *words: str) -> tuple[int, str, list[str]]:
    """Its exit code, its output, and the lines that it said beside."""
    command = [sys.executable, "-m", "engines", "--folder", str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr.splitlines()


def lives(folder: Path) -> dict[str, Life]:
    return {name: entry.life for name, entry in read(folder / "engines.json").items() if entry.life}


@pytest.mark.waits
def test_a_set_of_engines_from_its_start_to_its_end(folder: Path) -> None:
    assert command(folder, "stop") == (0, "", [f"nothing was ever started in {folder}"])
    assert command(folder, "status")[0] == 1

    code, urls, said = command(folder, "start")
    assert code == 0, said
    assert [line.split(",")[0] for line in said] == ["mongo-0: started", "kafka: started", "redis: started"]
    standing = Standing(folder)
    assert urls.splitlines() == [
        f"{name}={standing.url(name)}"
        for name in ("HOUSEFUL_STORE_URL", "HOUSEFUL_BUS_URL", "HOUSEFUL_COORDINATION_URL")
    ]
    assert command(folder, "status")[0] == 0
    first = lives(folder)
    assert first.keys() == {"mongo-0", "kafka", "redis"}

    code, again, said = command(folder, "start")
    assert (code, again) == (0, urls)
    assert all("already running" in line for line in said)
    assert lives(folder) == first

    code, _, [said_no] = command(folder, "start", "--mongo-members", "3")
    assert code == 1
    assert "has 1 members" in said_no

    os.kill(first["mongo-0"].pid, signal.SIGKILL)
    os.kill(first["redis"].pid, signal.SIGKILL)
    while any(first[name].goes_on() for name in ("mongo-0", "redis")):
        pass
    assert standing.dead() == ["mongo-0", "redis"]
    assert standing.url("HOUSEFUL_BUS_URL") is None
    code, _, said = command(folder, "status")
    assert code == 1
    assert "mongo-0: does not run" in said[0]
    code, again, said = command(folder, "start")
    assert (code, again) == (0, urls), "ports stay"
    assert [line.split(",")[0] for line in said] == [
        "mongo-0: started",
        "kafka: already running",
        "redis: started",
    ]
    assert lives(folder)["kafka"] == first["kafka"]

    code, _, said = command(folder, "stop")
    assert code == 0
    assert [line.split(" (")[0] for line in said] == ["redis: stopped", "kafka: stopped", "mongo-0: stopped"]
    assert lives(folder) == {}
    assert not first["kafka"].goes_on()
    assert command(folder, "stop")[2] == ["redis: did not run", "kafka: did not run", "mongo-0: did not run"]


def test_a_stranger_with_a_recorded_number_is_neither_believed_nor_killed(folder: Path) -> None:
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        other = folder.with_name("strange")
        other.mkdir()
        known = {name: Entry(free_port()) for name in ("mongo-0", "kafka")}
        write(
            other / "engines.json",
            known | {"redis": Entry(free_port(), Life(stranger.pid, "another birth"))},
        )
        assert Standing(other).dead() == ["redis"]
        assert command(other, "stop")[2][0] == "redis: did not run"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_port_that_somebody_else_has_got_is_said(folder: Path) -> None:
    other = folder.with_name("taken")
    other.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        known = {"mongo-0": Entry(free_port()), "kafka": Entry(free_port()), "redis": Entry(port)}
        write(other / "engines.json", known)
        code, _, said = command(other, "start")
    assert code == 1
    assert any(f"redis can't have its port {port} back" in line for line in said)
    assert lives(other) == {}
