"""An installation in each topology: as the world sees it, behind real ports."""

import json
import subprocess
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from tests.support.live_server import LiveServer
from tests.system.command_line import run_houseful
from tests.system.deployments import SystemDeployment, deployment_on, single_deployment
from tests.system.environments import Environment


class Installation(Protocol):
    @property
    def url(self) -> str:
        """Of the gateways, with commas between."""
        ...

    @property
    def mail(self) -> Path:
        """The folder of letters."""
        ...

    def houseful(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """The command line on this installation, as an operator uses it."""
        ...

    def close(self) -> None: ...


class OwnInstallation(Installation, Protocol):
    """One that a test may do with what it likes."""

    def kill(self) -> None:
        """Whoever makes inventories ends in the middle of it."""
        ...

    def start_again(self) -> None: ...

    def stop(self) -> AbstractAsyncContextManager[SystemDeployment]:
        """In order; its stores can be looked at."""
        ...


TOGETHER = ("tests.system.together",)
"""The program that starts every service by itself, in one process."""


class OneProcess:
    """`houseful up`, or the program that starts all services together."""

    def __init__(self, data: Path, program: tuple[str, ...], settings: Mapping[str, str]) -> None:
        self.mail = data / "mail"
        self._data = data
        self._program = program
        self._settings = dict(settings)
        self.start_again()

    def start_again(self) -> None:
        self._server = LiveServer(self._data, program=self._program, **self._settings)

    @property
    def url(self) -> str:
        return self._server.url

    def houseful(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return run_houseful([*arguments, "--data", str(self._data)], environment)

    def kill(self) -> None:
        self._server.close()

    def stop(self) -> AbstractAsyncContextManager[SystemDeployment]:
        assert self._server.stop() == 0
        return single_deployment(self._data, background=False)

    def close(self) -> None:
        self._server.close()


class OfProcesses:
    """Several gateways and services."""

    def __init__(self, environment: Environment) -> None:
        self._split = environment.split
        self._environment = environment
        self.url = ",".join(environment.split.urls)
        self.mail = environment.split.mail

    def houseful(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return self._split.houseful(*arguments, **environment)

    def kill(self) -> None:
        self._split.kill("tickets")

    def start_again(self) -> None:
        self._split.start("tickets")

    def stop(self) -> AbstractAsyncContextManager[SystemDeployment]:
        assert set(self._split.stop().values()) == {0}
        return deployment_on(self._environment)

    def close(self) -> None:
        self._environment.close()


def must_pass_the_check(installation: Installation) -> dict[str, Any]:
    """`houseful check`: its report."""
    done = installation.houseful("check", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["ok"] is True
    assert all(not check["findings"] for check in report["checks"])
    return report


def make_account(installation: Installation, email: str, password: str, role: str) -> None:
    done = installation.houseful("create-admin", "--email", email, "--role", role, HOUSEFUL_PASSWORD=password)
    assert done.returncode == 0, done.stdout + done.stderr
