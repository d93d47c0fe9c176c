"""`python -m engines.split`: separate processes on the real engines, from start to end and through deaths."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engines import PROGRAMS, kafka, mongo, valkey
from engines.packages import Missing
from engines.record import read
from engines.server import Life, free_port
from engines.standing import Standing
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.split


class Split:
    """The command in a process of its own, and what it says."""

    def __init__(self, folder: Path, port: int, *options: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "engines.split", "--port", str(port), "--folder", str(folder), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, words: str, since: int = 0) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(words in line for line in self.lines[since:]):
            ended = self.process.poll() is not None and not self._reading.is_alive()
            if ended or time.monotonic() > deadline:
                pytest.fail("\n".join(self.lines))
            time.sleep(0.05)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE_SECONDS)
        self._reading.join(PATIENCE_SECONDS)
        return code

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    try:
        for engine in (mongo, kafka, valkey):
            engine.obtain(PROGRAMS)
        kafka.obtain_java(PROGRAMS)
    except Missing as missing:
        pytest.skip(str(missing))
    yield tmp_path / "split"
    for life in lives(tmp_path / "split").values():
        life.end(signal.SIGKILL, patience_seconds=0)
    Standing(tmp_path / "split").stop(print)


def lives(folder: Path) -> dict[str, Life]:
    """Of all that it has started, and not stopped."""
    records = [read(folder / name) for name in ("engines.json", "platform.json")]
    return {name: entry.life for record in records for name, entry in record.items() if entry.life}


def loaded(file: Path) -> dict[str, str]:
    """What a shell has after it loaded the file."""
    script = f"set -a; . '{file}'; set +a; env"
    lines = subprocess.run(["env", "-i", "sh", "-c", script], capture_output=True, text=True, check=True)
    variables = dict(line.split("=", 1) for line in lines.stdout.splitlines())
    return {name: value for name, value in variables.items() if name.startswith("HOUSEFUL_")}


def test_a_platform_from_its_start_to_its_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSEFUL_DRAIN_SECONDS", "0")  # nobody has requests under way
    port = free_port()
    split = Split(folder, port)
    try:
        split.wait_for(f"Houseful is up: {split.url}")
        first = lives(folder)
        assert sorted(first) == [
            "events-1", "gateway-1", "gateway-2", "kafka", "line-1", "mongo-0", "payments-1", "redis",
            "tickets-1", "tickets-2", "users-1",
        ]  # fmt: skip
        assert all(life.goes_on() for life in first.values())
        assert split.get("/readyz")["status"] == "ready"

        file = folder.with_name("split.env")
        assert file.stat().st_mode & 0o777 == 0o600
        environment = loaded(file)
        assert environment["HOUSEFUL_PUBLIC_URL"] == split.url
        [own, other] = environment["HOUSEFUL_GATEWAY_URL"].split(",")
        assert own == split.url
        with urllib.request.urlopen(other + "/api/events", timeout=30) as answer:
            assert json.load(answer)["items"] == []
        assert len(environment["HOUSEFUL_TICKETS_URL"].split(",")) == 2
        create = [sys.executable, "-m", "houseful", "create-admin", "--email", "ada@houseful.test"]
        subprocess.run(
            create, env=os.environ | environment | {"HOUSEFUL_PASSWORD": "correct horse battery"}, check=True
        )
        sign_in(split.url)

        os.kill(first["tickets-1"].pid, signal.SIGKILL)
        os.kill(first["redis"].pid, signal.SIGKILL)
        split.wait_for("tickets-1 ended by itself (signal SIGKILL)")
        split.wait_for("tickets-1 is ready again")
        split.wait_for("redis ended, and is started again")
        split.wait_for("redis: started")

        split.process.send_signal(signal.SIGHUP)
        split.wait_for("rolled")
        rolled = lives(folder)
        assert not [
            name for name in rolled if "-" in name and name != "mongo-0" and rolled[name] == first[name]
        ]
        assert rolled["mongo-0"] == first["mongo-0"]
        sign_in(split.url)

        assert "another process works in" in refused(folder, free_port())

        split.end(signal.SIGKILL)  # and all that it has started lives on, unattended
        assert all(life.goes_on() for life in rolled.values())
        split = Split(folder, port)
        split.wait_for(f"Houseful is up: {split.url}")
        assert len([line for line in split.lines if "an earlier run has left behind" in line]) == 8
        assert loaded(file) == environment, "keys and ports stay"
        sign_in(split.url)
        last = lives(folder)
        assert split.end(signal.SIGTERM) == 0
        assert not [name for name, life in last.items() if life.goes_on()]
        assert lives(folder) == {}
        stopped = [line for line in split.lines if re.search(r"\bstopped\b", line)]
        assert [line.split(":")[0] for line in stopped] == ["platform", "redis", "kafka", "mongo-0"]
    finally:
        split.end(signal.SIGKILL)


def test_a_port_in_use_is_said_and_nothing_is_left(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"port {port} is in use" in refused(folder, port)
    assert lives(folder) == {}


ELSEWHERE = ["--store-url=mongodb://127.0.0.1:1", "--bus-url=kafka://127.0.0.1:1"]
"""Where no engine is."""


def test_what_does_not_start_stops_everything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSEFUL_LOG_STYLE", "verse")
    said = refused(folder, free_port(), *ELSEWHERE, "--coordination-url=redis://127.0.0.1:1")
    assert "does not start (exit code" in said
    assert "HOUSEFUL_LOG_STYLE" in said
    assert "platform: 8 processes stopped" in said
    assert lives(folder) == {}
    assert "HOUSEFUL_BUS_URL=kafka://127.0.0.1:1\n" in folder.with_name("split.env").read_text()


def refused(folder: Path, port: int, *options: str) -> str:
    split = Split(folder, port, *options)
    assert split.process.wait(PATIENCE_SECONDS) == 1
    split.end()
    return "\n".join(split.lines)


def sign_in(url: str) -> None:
    """As whom `houseful create-admin` has made; the gateways repeat it while a service is away."""
    body = json.dumps({"email": "ada@houseful.test", "password": "correct horse battery"}).encode()
    request = urllib.request.Request(
        f"{url}/api/auth/login", body, {"content-type": "application/json", "idempotency-key": "1"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["access_token"]
