"""The platform as separate processes: two gateways, two ticket services with their relays, one of each other
service, on MongoDB, Kafka and Redis."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from engines import ROOT
from engines.readiness import is_well
from engines.server import free_port
from houseful.settings import SERVICES, new_secrets

COPIES = {"users": 1, "events": 1, "tickets": 2, "payments": 1, "gateway": 2}
PATIENCE_SECONDS = 240.0


class Process:
    """One of them. It can be ended and started again on its port."""

    def __init__(
        self, part: str, number: int, module: str, environment: Mapping[str, str], log: Path
    ) -> None:
        self.part = part
        self.log = log / f"{part}-{number}.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._module = module
        self.environment = dict(environment)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        assert not self.is_running, "it runs already"
        if self._process is not None:
            self.wait()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module, "serve", self.part, "--port", str(self.port)],
                cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def wait_until_ready(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        line = ""
        while not line.startswith("ready: "):
            line = self._process.stdout.readline()
            assert line, f"{self.part} ended with {self.wait()}: {self.log.read_text()[-4000:]}"

    @property
    def is_well(self) -> bool:
        return is_well(self.url, without=("coordination",))  # which a test may have taken away

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def wait(self) -> int:
        """Until it has ended, which somebody else sees to; the exit code."""
        assert self._process is not None
        assert self._process.stdout is not None
        code = self._process.wait(PATIENCE_SECONDS)
        self._process.stdout.close()
        self._process = None
        return code

    def stop(self) -> int:
        """In order; the exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self.wait()


class Platform:
    """All of them, and the settings that they share. `engines` are those that name the engines."""

    def __init__(
        self,
        folder: Path,
        engines: Mapping[str, str],
        settings: Mapping[str, str],
        *,
        copies: Mapping[str, int] = COPIES,
        module: str = "houseful",
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HOUSEFUL_")}
        keys = {f"HOUSEFUL_{name.upper()}": key for name, key in new_secrets().items()}
        self.processes = [
            Process(part, number, module, {}, folder)
            for part, count in copies.items()
            for number in range(count)
        ]
        self.gateways = [one.url for one in self.of("gateway")]
        urls = {
            f"HOUSEFUL_{part.upper()}_URL": ",".join(one.url for one in self.of(part)) for part in SERVICES
        }
        self.mail = folder / "mail"
        self.environment = {
            "HOUSEFUL_DATA": str(folder),
            "HOUSEFUL_MAIL_URL": f"folder:{self.mail}",
            "HOUSEFUL_INSTALLATION": f"t{os.urandom(6).hex()}",
            "HOUSEFUL_PUBLIC_URL": self.gateways[0],
            "HOUSEFUL_GATEWAY_URL": ",".join(self.gateways),
            "HOUSEFUL_DRAIN_SECONDS": "0",
            **urls, **keys, **engines, **settings,
        }  # fmt: skip
        self._clean = clean
        self.change()

    def change(self, **environment: str) -> None:
        """For processes that are started from now on."""
        self.environment |= environment
        for process in self.processes:
            process.environment = self._clean | self.environment

    def of(self, part: str) -> list[Process]:
        return [process for process in self.processes if process.part == part]

    def start(self, *parts: str) -> None:
        """Those of these parts, or of all, that do not run; returns when all are ready and know of each
        other."""
        started = [one for one in self.processes if (not parts or one.part in parts) and not one.is_running]
        for process in started:
            process.start()
        for process in started:
            process.wait_until_ready()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while unwell := [one for one in self.processes if one.is_running and not one.is_well]:
            assert time.monotonic() < deadline, f"{unwell[0].log} says why it is not well"
            time.sleep(0.02)

    def kill(self, part: str) -> None:
        """Every copy of it, without a word."""
        for process in self.of(part):
            process.kill()

    def stop(self) -> dict[str, int]:
        """In order, all at once; exit codes by the names of the logs."""
        running = [process for process in self.processes if process.is_running]
        for process in running:
            process.send(signal.SIGTERM)
        return {process.log.stem: process.wait() for process in running}

    def close(self) -> None:
        """Whatever still runs, at once."""
        for process in self.processes:
            process.kill()
