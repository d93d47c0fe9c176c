"""A split installation to do harm to: engines of its own, and a process for every copy of every part."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

from engines import PROGRAMS, kafka, mongo, valkey
from engines.readiness import is_well
from engines.server import free_port
from houseful.settings import new_secrets
from tests.chaos.insistent import PASSWORD

SOUND = "houseful"
BROKEN = "tests.chaos.broken_server"

COPIES: Mapping[str, int] = {"users": 1, "events": 1, "payments": 1, "tickets": 2, "gateway": 2}
ADDRESSES = 2
"""For every part; where there is one copy, the other address is for the one that replaces it."""

PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.05


def until(what: str, look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"in vain for {PATIENCE_SECONDS:g} s: {what}")
        time.sleep(LOOK_SECONDS)


class Engines:
    """Their data is in `folder`. For a `with`."""

    def __init__(self, folder: Path, *, mongo_members: int = 3) -> None:
        """Raises `Missing`."""
        self._folder = folder
        self._mongo_members = mongo_members
        self._mongod, self._valkey = mongo.obtain(PROGRAMS), valkey.obtain(PROGRAMS)
        self._stack = ExitStack()
        self.mongo: mongo.ReplicaSet
        self.kafka = kafka.Kafka(PROGRAMS, folder / "kafka")
        self.redis: valkey.RedisServer

    def __enter__(self) -> Self:
        with ExitStack() as stack, ThreadPoolExecutor() as pool:
            starting = pool.submit(
                mongo.ReplicaSet.start,
                self._mongod,
                members=self._mongo_members,
                data=self._folder / "mongo",
            )
            self.redis = stack.enter_context(
                valkey.RedisServer.start_new(self._valkey, self._folder / "redis")
            )
            stack.enter_context(self.kafka)
            self.mongo = stack.enter_context(starting.result())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def settings(self) -> dict[str, str]:
        return {
            "HOUSEFUL_STORE_URL": self.mongo.url,
            "HOUSEFUL_BUS_URL": f"kafka://{self.kafka.servers}",
            "HOUSEFUL_COORDINATION_URL": self.redis.url,
        }


class Copy:
    """One process of a part, at its address; it can be killed and started there again."""

    def __init__(
        self, part: str, number: int, url: str, program: str, environment: Mapping[str, str], log: Path
    ) -> None:
        self.part = part
        self.name = f"{part}-{number}"
        self.url = url
        self.log = log
        self._command = [sys.executable, "-m", program, "serve", part, "--port", url.rpartition(":")[2]]
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._begin = 0

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns when it answers. Raises `RuntimeError` with the end of its log if it ends before that."""
        assert not self.running, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._begin = log.tell()
            self._process = subprocess.Popen(
                self._command,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

        def is_ready() -> bool:
            written = self.log.read_bytes()[self._begin :]
            if not self.running:
                end = written.decode(errors="replace")[-3000:]
                raise RuntimeError(f"{self.name} does not start:\n{end}")
            return b"\nready: " in b"\n" + written

        until(f"{self.name} starts", is_ready)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> int:
        """In order; the exit code."""
        return self._end(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, f"{self.name} was started"
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._signal(number)
        try:
            return self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def says(self, text: str) -> Iterator[dict[str, Any]]:
        """What it has logged since it was started, of all lines with this text in them."""
        for line in self.log.read_bytes()[self._begin :].splitlines():
            if text.encode() in line and line.startswith(b"{") and line.endswith(b"}"):
                yield json.loads(line)

    def relies_on(self, other: "Copy") -> bool | None:
        """Whether it would send a request there, by what it last said of that. None if it said nothing: then
        it would.
        """
        last = None
        for line in self.says(other.url):
            if line["message"] == "a copy takes requests":
                last = True
            elif line["message"] == "a copy gets no more requests":
                last = False
        return last


class Split:
    """All processes of an installation on these engines. `program` is what each of them runs."""

    def __init__(
        self,
        folder: Path,
        engines: Mapping[str, str],
        *,
        program: str = SOUND,
        copies: Mapping[str, int] = COPIES,
        addresses: int = ADDRESSES,
        **environment: str,
    ) -> None:
        """`engines` are the settings that name them. Of each part `copies` are started, and have so many
        addresses.
        """
        folder.mkdir(parents=True, exist_ok=True)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HOUSEFUL_")}
        ports = {part: [free_port() for _ in range(addresses)] for part in copies}
        keys = {f"HOUSEFUL_{name.upper()}": key for name, key in new_secrets().items()}
        urls = {f"HOUSEFUL_{part.upper()}_URL": ",".join(map(_url, ports[part])) for part in ports}
        self.environment = {
            **clean,
            **engines,
            **keys,
            **urls,
            "HOUSEFUL_INSTALLATION": f"chaos-{uuid.uuid4().hex[:8]}",
            "HOUSEFUL_DATA": str(folder / "data"),
            "HOUSEFUL_RATE_LIMITS": "off",
            "HOUSEFUL_LOG_STYLE": "json",
            "HOUSEFUL_PAYMENTS_DELAY_SECONDS": "0.3",
            **environment,
        }
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
        """Returns when all are ready and know of each other."""
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(Copy.start, self._first))
            for copy in self._first:
                until(f"{copy.name} is well", partial(is_well, copy.url, without=self._nowhere))
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        for copy in self.copies:
            copy.kill()

    def of(self, part: str) -> list[Copy]:
        """Those that run."""
        return [copy for copy in self.copies if copy.part == part and copy.running]

    @property
    def urls(self) -> list[str]:
        """Of the gateways."""
        return [copy.url for copy in self.copies if copy.part == "gateway"]

    def roll(self, copy: Copy) -> None:
        """Replace it as a careful operator would: never fewer copies than there were before, if there is an
        address for one more, and none goes before all that send requests there have another one.
        """
        spare = next((one for one in self.copies if one.part == copy.part and not one.running), None)
        if spare is not None:
            self._wait_until_relied_on(spare, False)
            spare.start()
        for other in self.of(copy.part):
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
        made = self.command("create-admin", "--email", email, "--role", role, HOUSEFUL_PASSWORD=PASSWORD)
        assert made.returncode == 0, made.stderr
        return email

    def command(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """`houseful …` on this installation."""
        return subprocess.run(
            [sys.executable, "-m", SOUND, *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
