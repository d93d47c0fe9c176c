"""The platform as separate processes: one for every copy of every part."""

import json
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self

from engines.readiness import complaint
from engines.server import free_port
from houseful.settings import new_secrets, own_environment
from tests.support.deployment import PASSWORD
from tests.support.fork_server import Spawned, spawn
from tests.support.patience import PATIENCE_SECONDS
from tests.system.command_line import clean_environment, run_houseful

PROGRAM = "houseful"
COPIES: Mapping[str, int] = {"users": 1, "events": 1, "payments": 1, "line": 1, "tickets": 2, "gateway": 2}

LOOK_SECONDS = 0.1


def until(what: str, look: Callable[[], bool]) -> None:
    until_without(lambda: None if look() else what)


def until_without(complaint: Callable[[], str | None]) -> None:
    """Returns when there is no complaint any more. Raises `TimeoutError` with the last one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (wrong := complaint()) is not None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"in vain for {PATIENCE_SECONDS:g} s: {wrong}")
        time.sleep(LOOK_SECONDS)


class Copy:
    """One process of a part, at its address; it can be killed and started there again."""

    def __init__(
        self, part: str, number: int, url: str, program: str, environment: Mapping[str, str], log: Path
    ) -> None:
        self.part = part
        self.name = f"{part}-{number}"
        self.url = url
        self.log = log
        self.program = program
        """What it runs from its next start on."""
        self._environment = environment
        self._process: Spawned | None = None
        self._begin = 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns when it answers. Raises `RuntimeError` with the end of its log if it ends before that."""
        self.spawn()
        self.wait_until_ready()

    def spawn(self) -> None:
        assert not self.running, f"{self.name} runs already"
        port = self.url.rpartition(":")[2]
        with self.log.open("ab") as log:
            self._begin = log.tell()
            self._process = spawn(
                self.program,
                ["serve", self.part, "--port", port],
                environment=own_environment(self._environment, [self.part]),
                stdout=log,
                stderr=log,
            )

    def wait_until_ready(self) -> None:
        """Raises as `start` does."""

        def is_ready() -> bool:
            written = self.log.read_bytes()[self._begin :]
            if not self.running:
                end = written.decode(errors="replace")[-3000:]
                raise RuntimeError(f"{self.name} does not start:\n{end}")
            return b"\nready: " in b"\n" + written

        until(f"{self.name} starts", is_ready)

    def kill(self) -> None:
        if self._process is not None:
            self._send(signal.SIGKILL)
            self.wait()

    def pause(self) -> None:
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        self._send(signal.SIGCONT)

    def stop(self) -> int:
        """In order; the exit code."""
        self.ask_to_stop()
        return self.wait()

    def ask_to_stop(self) -> None:
        self._send(signal.SIGTERM)

    def wait(self) -> int:
        """Until it has ended, which somebody else sees to; the exit code."""
        assert self._process is not None, f"{self.name} was never started"
        try:
            return self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None, f"{self.name} was never started"
        self._process.send_signal(number)

    def says(self, text: str) -> Iterator[dict[str, Any]]:
        """What it has logged since it was started, of all lines with this text in them."""
        for line in self.log.read_bytes()[self._begin :].splitlines():
            if text.encode() in line and line.startswith(b"{") and line.endswith(b"}"):
                yield json.loads(line)

    def complaint(self, without: Collection[str] = ()) -> str | None:
        """What it says at `/readyz` of what is wrong, and the end of its log; None if all is well."""
        wrong = complaint(self.url, without=without)
        if wrong is None:
            return None
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 3000))
            end = log.read().decode(errors="replace")
        return f"{self.name} is well: {wrong}\n{end}"

    def relies_on(self, other: "Copy") -> bool | None:
        """Whether it would send a request there, by what it last said of that. None if it said nothing: then
        it would.
        """
        return self._reliance().get(other.url)

    def avoided(self) -> set[str]:
        """The addresses to which it would send no request, by what it last said."""
        return {url for url, relied in self._reliance().items() if not relied}

    def _reliance(self) -> dict[str, bool]:
        said = {"instance takes requests": True, "instance gets no more requests": False}
        return {
            line["instance"]: said[line["message"]]
            for line in self.says('"message":"instance ')
            if line["message"] in said
        }


class Split:
    """All processes of an installation. `folder` gets their logs, and its letters."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        *,
        program: str = PROGRAM,
        copies: Mapping[str, int] = COPIES,
        addresses: int = 1,
    ) -> None:
        """`settings` are variables; they name the engines. `program` is what each process runs. Of each part
        `copies` are started; it has at least so many `addresses`, the others for those that come later.
        """
        folder.mkdir(parents=True, exist_ok=True)
        ports = {part: [free_port() for _ in range(max(count, addresses))] for part, count in copies.items()}
        keys = {f"HOUSEFUL_{name.upper()}": key for name, key in new_secrets().items()}
        urls = {f"HOUSEFUL_{part.upper()}_URL": ",".join(map(_url, ports[part])) for part in ports}
        self.mail = folder / "mail"
        self.environment = {
            **clean_environment(),
            **keys,
            **urls,
            "HOUSEFUL_INSTALLATION": f"split-{uuid.uuid4().hex[:8]}",
            "HOUSEFUL_PUBLIC_URL": _url(ports["gateway"][0]),
            "HOUSEFUL_DATA": str(folder / "data"),
            "HOUSEFUL_MAIL_URL": f"folder:{self.mail}",
            "HOUSEFUL_LOG_STYLE": "json",
            **settings,
        }
        """For processes that are started from now on."""
        self._nowhere = [f"{part} service" for part, count in copies.items() if not count]
        self._first: list[Copy] = []
        self.copies: list[Copy] = []
        for part in ports:
            for number, port in enumerate(ports[part], 1):
                log = folder / f"{part}-{number}.log"
                self.copies.append(Copy(part, number, _url(port), program, self.environment, log))
                if number <= copies[part]:
                    self._first.append(self.copies[-1])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, *parts: str) -> None:
        """Those of these parts, or of all, that do not run, as many as there were at first. Returns when all
        are ready and know of each other; raises `RuntimeError` if one ends before that, and then none runs.
        """
        started = [one for one in self._first if not one.running and (not parts or one.part in parts)]
        try:
            for copy in started:
                copy.spawn()
            for copy in started:
                copy.wait_until_ready()
            self.wait_until_well()
        except BaseException:
            self.kill()
            raise

    def wait_until_well(self) -> None:
        """All that run can do their work, and send requests to each other."""
        without = ["coordination", *self._nowhere]  # which a test may have taken away, or never had
        for copy in self._first:
            if copy.running:
                until_without(partial(copy.complaint, without))
        for copy in self._first:
            if copy.running:
                until_without(partial(self._avoidance, copy))

    def _avoidance(self, copy: Copy) -> str | None:
        """What it says at `/readyz` may be a second old. A gateway address that is no copy's is a proxy's."""
        there = {one.url for one in self.copies if one.running} | (
            {self.environment["HOUSEFUL_GATEWAY_URL"]} - {one.url for one in self.copies}
        )
        avoided = copy.avoided() & there
        return f"{copy.name} sends requests to {', '.join(sorted(avoided))}" if avoided else None

    def stop(self) -> dict[str, int]:
        """In order, all at once; exit codes by the names of the copies."""
        running = [copy for copy in self.copies if copy.running]
        for copy in running:
            copy.ask_to_stop()
        return {copy.name: copy.wait() for copy in running}

    def kill(self, part: str | None = None) -> None:
        """Every copy of it, or of all, without a word."""
        for copy in self.copies:
            if part in (None, copy.part):
                copy.kill()

    def of(self, part: str) -> list[Copy]:
        return [copy for copy in self.copies if copy.part == part]

    def running(self, part: str) -> list[Copy]:
        return [copy for copy in self.of(part) if copy.running]

    @property
    def urls(self) -> list[str]:
        """Of the gateways."""
        return [copy.url for copy in self.of("gateway")]

    def roll(self, copy: Copy) -> None:
        """Replace it as a careful operator would: never fewer copies than there were before, if there is an
        address for one more, and none goes before all that send requests there have another one.
        """
        spare = next((one for one in self.of(copy.part) if not one.running), None)
        if spare is not None:
            self._wait_until_relied_on(spare, False)
            spare.start()
        for other in self.running(copy.part):
            if other is not copy:
                self._wait_until_relied_on(other, True)
        code = copy.stop()
        if code:
            raise RuntimeError(f"{copy.name} ended with {code}")
        self._wait_until_relied_on(copy, False)
        if spare is None:
            copy.start()
            self._wait_until_relied_on(copy, True)

    def _wait_until_relied_on(self, copy: Copy, wanted: bool) -> None:
        callers = [
            one for one in self.copies if one.running and (one.part == "gateway") != (copy.part == "gateway")
        ]
        word = "is" if wanted else "is not"
        until(
            f"{copy.name} {word} relied on by {', '.join(caller.name for caller in callers)}",
            lambda: all((caller.relies_on(copy) is not False) == wanted for caller in callers),
        )

    def staff(self, role: str) -> str:
        """The address of somebody with that role, whose password is everybody's."""
        email = f"{role}@example.org"
        made = self.houseful("create-admin", "--email", email, "--role", role, HOUSEFUL_PASSWORD=PASSWORD)
        assert made.returncode == 0, made.stderr
        return email

    def houseful(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """The command line on this installation."""
        return run_houseful(arguments, self.environment | environment)


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
