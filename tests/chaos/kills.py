"""Kill the server at random moments under load, again and again; then see whether all that it said is so.

    python -m tests.chaos.kills --kills 200 --seed 1 [--json] [--without seats|reads]

The last line says what came of it; exit code 0 where all is sound, 1 where it is not. The seed decides who
does what and when the kills come; how threads and processes interleave, it can't. `--without` is
a negative control: the same run against a server that sells seats twice, or that refuses seats by stale
reads, which has to end with 1.
"""

import argparse
import json
import os
import queue
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.buyers import Buyer, Gate, open_halls
from tests.chaos.ledger import take_report, traces, verify
from tests.chaos.retrying_client import PASSWORD, Book
from tests.support.fork_server import Spawned, spawn
from tests.system.command_line import clean_environment, run_houseful
from tests.system.outside_client import Client

BUYERS = 14
GATES = 2
HOLD_SECONDS = 4
CALM_SECONDS = 2.0  # at the end, so that what was open can go on
PATIENCE_SECONDS = 60.0
"""For a slow machine to have come as far as to prove something."""

PROOF = ("holds", "orders", "payments", "confirmations")
STALE_CANCELLATIONS = 20

SOUND = "houseful"
BROKEN = "tests.chaos.broken_server"


class Server:
    """`houseful up` on one folder and one port, as often as it takes."""

    def __init__(self, data: Path, without: str | None) -> None:
        self.data = data
        self._program = SOUND if without is None else BROKEN
        self._environment = _environment(without)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data.parent / "server.log"
        self._process: Spawned | None = None

    def command(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return run_houseful(
            [*arguments, "--data", str(self.data)], self._environment | environment, program=self._program
        )

    def start(self) -> float:
        """Returns when it is ready; the seconds that it took."""
        began = time.monotonic()
        output, written = os.pipe()
        arguments = ["up", "--data", str(self.data), "--port", str(self.port)]
        with self.log.open("a") as log:
            self._process = spawn(
                self._program, arguments, environment=self._environment, stdout=written, stderr=log
            )
        os.close(written)
        self._output = os.fdopen(output)
        if not any(line.startswith("ready: ") for line in self._output):
            raise RuntimeError(f"the server did not start: {self.log.read_text()[-2000:]}")
        return time.monotonic() - began

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._output.close()
            self._process = None


def _environment(without: str | None) -> dict[str, str]:
    guards = {} if without is None else {"CHAOS_WITHOUT": without}
    return (
        clean_environment()
        | guards
        | {
            "HOUSEFUL_RATE_LIMITS": "off",
            "HOUSEFUL_LOG_LEVEL": "warning",
            "HOUSEFUL_PAYMENTS_DELAY_SECONDS": "0.3",
        }
    )


@dataclass(frozen=True)
class Verdict:
    seed: int
    kills: int
    seconds: float
    counts: dict[str, int]
    faults: list[str]
    longest_start_seconds: float

    @property
    def sound(self) -> bool:
        return not self.faults

    def summary(self) -> str:
        done = ", ".join(f"{self.counts.get(what, 0):,} {what}" for what in _TOLD)
        end = "sound" if self.sound else f"NOT SOUND, {len(self.faults)} faults"
        return f"chaos: seed {self.seed}, {self.kills} kills in {self.seconds:.0f} s, {done}: {end}"


_TOLD = ("holds", "orders", "payments", "cancellations", "admissions", "requests without an answer")


class Run:
    def __init__(self, folder: Path, seed: int, kills: int, *, without: str | None, tell: bool) -> None:
        self._server = Server(folder / "data", without)
        self._without = without
        self._seed = seed
        self._kills = kills
        self._chance = random.Random(seed)
        self._tell = tell
        self._book = Book()
        self._doors: queue.Queue[tuple[str, str]] = queue.Queue()
        self._starts_seconds: list[float] = []

    def verdict(self) -> Verdict:
        began = time.monotonic()
        try:
            buyers, gates = self._prepared()
            self._rush(buyers, gates)
            self._say("no more kills; looking at what is there")
            verify(buyers, gates, self._book)
            for line in take_report(self._server.command("check", "--json"), self._book):
                self._say(line)
        finally:
            self._server.kill()
        for trace in traces(self._server.log.read_text()):
            self._book.fault(f"the server's log has a trace:{trace}")
        return Verdict(
            seed=self._seed,
            kills=self._kills,
            seconds=time.monotonic() - began,
            counts=dict(self._book.counts),
            faults=self._book.wrong,
            longest_start_seconds=max(self._starts_seconds),
        )

    def _say(self, text: str) -> None:
        if self._tell:
            print(text, file=sys.stderr, flush=True)

    # Before

    def _prepared(self) -> tuple[list[Buyer], list[Gate]]:
        for role in ("organizer", "gate"):
            email = f"{role}@example.org"
            made = self._server.command(
                "create-admin", "--email", email, "--role", role, HOUSEFUL_PASSWORD=PASSWORD
            )
            assert made.returncode == 0, made.stderr
        self._start()
        organizer = Client(self._server.url)
        organizer.login("organizer@example.org", PASSWORD)
        halls = open_halls(organizer, HOLD_SECONDS)
        book, urls = self._book, [self._server.url]
        buyers = [
            Buyer(urls, number, self._seed, halls, self._doors, book, keeps=self._without == "seats")
            for number in range(BUYERS)
        ]
        for buyer in buyers:
            organizer.register(buyer.email, PASSWORD, "Bea Brandt")
        organizer.close()
        return buyers, [Gate(urls, number, self._doors, book) for number in range(GATES)]

    def _start(self) -> None:
        self._starts_seconds.append(self._server.start())

    # The rush

    def _rush(self, buyers: Sequence[Buyer], gates: Sequence[Gate]) -> None:
        stop = threading.Event()
        runs = [buyer.run for buyer in buyers] + [gate.run for gate in gates]
        threads = [threading.Thread(target=one, args=(stop,)) for one in runs]
        for thread in threads:
            thread.start()
        try:
            for number in range(1, self._kills + 1):
                time.sleep(self._chance.uniform(0.02, 1.0))
                self._server.kill()
                self._start()
                if number % 10 == 0 or number == self._kills:
                    counts = self._book.counts
                    self._say(
                        f"{number}/{self._kills} kills: {counts['holds']:,} holds, "
                        f"{counts['payments']:,} payments, {len(self._book.wrong)} faults"
                    )
            time.sleep(CALM_SECONDS)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not self._proves_something() and time.monotonic() < deadline:
                time.sleep(0.1)
        except BaseException:
            self._book.over.set()
            raise
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _proves_something(self) -> bool:
        """Without the seats' guard that is a seat sold twice; by stale reads, seats given back in vain."""
        match self._without:
            case "seats":
                return any("was sold to" in fault for fault in self._book.wrong)
            case "reads":
                return self._book.counts["cancellations"] >= STALE_CANCELLATIONS
            case _:
                return all(self._book.counts[what] for what in PROOF)


def run(seed: int, kills: int, *, without: str | None = None, tell: bool = False) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="houseful-chaos-") as folder:
        return Run(Path(folder), seed, kills, without=without, tell=tell).verdict()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--json", action="store_true", help="one JSON document in place of the last line")
    parser.add_argument("--without", choices=("seats", "reads"), help="a negative control")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    print(f"seed {seed}", file=sys.stderr, flush=True)
    verdict = run(seed, given.kills, without=given.without, tell=True)
    for fault in verdict.faults[:50]:
        print(fault, file=sys.stderr)
    if given.json:
        told = {"sound": verdict.sound, "counts": verdict.counts, "faults": verdict.faults}
        told |= {"seed": seed, "kills": verdict.kills, "seconds": round(verdict.seconds, 1)}
        print(json.dumps(told | {"longest_start_seconds": round(verdict.longest_start_seconds, 2)}))
    else:
        print(verdict.summary())
    return 0 if verdict.sound else 1


if __name__ == "__main__":
    sys.exit(main())
