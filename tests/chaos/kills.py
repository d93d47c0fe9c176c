"""Kill the server at random moments under load, again and again; then see whether all that it said is so.

    python -m tests.chaos.kills --kills 200 --seed 1 [--json] [--without-seat-guard]

The last line says what came of it; exit code 0 where all is sound, 1 where it is not. The seed decides who
does what and when the kills come; how threads and processes interleave, it can't. `--without-seat-guard` is
the negative control: the same run against a server that sells seats twice, which has to end with 1.
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
from typing import Any

from tests.chaos.buyers import PASSWORD, Book, Buyer, Gate, Halls
from tests.system.outside_client import Client
from tests.system.world import event_body, hall

BUYERS = 14
GATES = 2
HOLD_SECONDS = 4
CALM_SECONDS = 2.0  # at the end, so that what was open can go on
SETTLE_SECONDS = 90.0
FINAL = ("confirmed", "expired", "cancelled", "refunded")

SOUND = "houseful"
BROKEN = "tests.chaos.broken_server"


class Server:
    """`houseful up` on one folder and one port, as often as it takes."""

    def __init__(self, data: Path, program: str) -> None:
        self.data = data
        self._program = program
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data.parent / "server.log"
        self._process: subprocess.Popen[str] | None = None

    def command(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", self._program, *arguments, "--data", str(self.data)],
            env=_environment() | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self) -> float:
        """Returns when it is ready; the seconds that it took."""
        began = time.monotonic()
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    self._program,
                    "up",
                    "--data",
                    str(self.data),
                    "--port",
                    str(self.port),
                ],
                env=_environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        line = ""
        while not line.startswith("ready: "):
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError(f"the server did not start: {self.log.read_text()[-2000:]}")
        return time.monotonic() - began

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


def _environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOUSEFUL_")}
    return clean | {
        "HOUSEFUL_RATE_LIMITS": "off",
        "HOUSEFUL_LOG_LEVEL": "warning",
        "HOUSEFUL_PAYMENTS_DELAY_SECONDS": "0.3",
    }


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
    def __init__(self, folder: Path, seed: int, kills: int, *, broken: bool, tell: bool) -> None:
        self._server = Server(folder / "data", BROKEN if broken else SOUND)
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
            self._verify(buyers, gates)
            self._check()
        finally:
            self._server.kill()
        self._look_for_bugs()
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
        small = organizer.publish(event_body(hold_seconds=HOLD_SECONDS, plan=hall(rows=2, seats=12)))
        large = organizer.publish(event_body(hold_seconds=HOLD_SECONDS, plan=hall(rows=26, seats=200)))
        halls = Halls(small["id"], [seat["id"] for seat in organizer.seats(small["id"])], large["id"])
        book, url = self._book, self._server.url
        buyers = [Buyer(url, number, self._seed, halls, self._doors, book) for number in range(BUYERS)]
        for buyer in buyers:
            organizer.register(buyer.email, PASSWORD, "Bea Brandt")
        organizer.close()
        return buyers, [Gate(url, number, self._doors, book) for number in range(GATES)]

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
        except BaseException:
            self._book.over.set()
            raise
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    # After: C3 and C10 as the clients see it

    def _verify(self, buyers: Sequence[Buyer], gates: Sequence[Gate]) -> None:
        owners: dict[tuple[str, str], str] = {}
        for buyer in buyers:
            for order in self._settled(buyer).values():
                if order["status"] == "confirmed":
                    for seat in order["seats"]:
                        place = (order["event_id"], seat["id"])
                        if place in owners:
                            self._book.fault(f"{place} was sold to {owners[place]} and to {order['id']}")
                        owners[place] = order["id"]
        for ticket_id, scans in self._book.admitted.items():
            if len(scans) > 1:
                self._book.fault(f"{ticket_id} was admitted {len(scans)} times: {scans}")
        for gate in gates:
            for ticket_id, code, scan_id in list(gate.admitted):
                again = gate.scan(ticket_id, code, scan_id)
                if again != "admitted":
                    self._book.fault(f"{ticket_id} was admitted by {scan_id}, which now says {again}")

    def _settled(self, buyer: Buyer) -> dict[str, dict[str, Any]]:
        """The buyer's orders when all of them have come to an end; what is missing or wrong is noted."""
        deadline = time.monotonic() + SETTLE_SECONDS
        buyer.sign_in()
        while True:
            orders = {order["id"]: order for order in buyer.client.items("/api/orders?limit=100")}
            open_ones = [order["id"] for order in orders.values() if order["status"] not in FINAL]
            if not open_ones:
                break
            if time.monotonic() > deadline:
                self._book.fault(f"still open: {open_ones}")
                break
            time.sleep(0.2)
        for hold_id in buyer.holds:
            if buyer.client.call("GET", f"/api/holds/{hold_id}").status != 200:
                self._book.fault(f"{hold_id} was acknowledged and is gone")
        for order_id, placed in buyer.orders.items():
            if order_id not in orders:
                self._book.fault(f"{order_id} was acknowledged and is gone")
            else:
                self._compare(buyer, placed, orders[order_id])
        return orders

    def _compare(self, buyer: Buyer, placed: dict[str, Any], found: dict[str, Any]) -> None:
        order_id, status = placed["id"], found["status"]

        def complain(what: str) -> None:
            self._book.fault(f"{order_id} {what}, and is {status}: {found['detail']}")

        seats = [seat["id"] for seat in placed["seats"]]
        if seats != [seat["id"] for seat in found["seats"]] or placed["total_minor"] != found["total_minor"]:
            complain("has other seats or another price than it had")
        if order_id in buyer.paid and status not in ("confirmed", "refunded"):
            complain("was paid")
        if order_id in buyer.cancelled and status not in ("cancelled", "refunded"):
            complain("was cancelled")
        if order_id in buyer.confirmed - buyer.cancelled and status != "confirmed":
            complain("was confirmed")
        known = buyer.tickets.get(order_id)
        if known is not None:
            there = {ticket["id"] for ticket in buyer.client.tickets(order_id)}
            if not there >= set(known):
                complain(f"has lost the tickets {set(known) - there}")

    # After: the installation's own check, C1 C2 C4 C7 C9

    def _check(self) -> None:
        done = self._server.command("check", "--json")
        if done.returncode not in (0, 1):
            self._book.fault(f"the check can't be made: {done.stdout}{done.stderr}")
            return
        report = json.loads(done.stdout)
        for check in report["checks"]:
            self._say(f"{check['code']} {len(check['findings'])} findings in {check['looked_at']}")
            for finding in check["findings"]:
                self._book.fault(f"{finding['code']} {finding['subject']}: {finding['detail']}")
        if done.returncode == 1 and report["ok"]:
            self._book.fault("the check says both yes and no")

    def _look_for_bugs(self) -> None:
        """What the server itself took for a bug of its own, whether or not anybody noticed."""
        log = self._server.log.read_text()
        for trace in log.split("Traceback (most recent call last):")[1:4]:
            self._book.fault(f"the server's log has a trace:{trace[-1500:]}")


def run(seed: int, kills: int, *, broken: bool = False, tell: bool = False) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="houseful-chaos-") as folder:
        return Run(Path(folder), seed, kills, broken=broken, tell=tell).verdict()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--json", action="store_true", help="one JSON document in place of the last line")
    parser.add_argument("--without-seat-guard", action="store_true", help="the negative control")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    print(f"seed {seed}", file=sys.stderr, flush=True)
    verdict = run(seed, given.kills, broken=given.without_seat_guard, tell=True)
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
