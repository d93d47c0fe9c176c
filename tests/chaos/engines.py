"""Break what a split installation stands on, one thing after the other while it sells: MongoDB's primary,
Kafka, Redis, each of its own processes. See how long it takes to recover, and whether all that it said is so.

    python -m tests.chaos.engines --seconds 60 --seed 1 [--faults mongo,kafka,redis-kill,redis-flush,services]

The last lines are a table of what was done and how it showed; exit code 0 where all is sound, 1 where it is
not. Times are told, not judged. `--without seats,bus` is the negative control: processes that sell seats
twice and forget messages, which has to end with 1.
"""

import argparse
import asyncio
import queue
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path

from houseful.app import opened_store
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.ids import SystemIds
from houseful.manifests import MANIFESTS
from houseful.settings import load_settings
from tests.chaos.buyers import Gate, Keeper, Regular, open_halls
from tests.chaos.faults import FAULTS, USUAL, Fault
from tests.chaos.ledger import take_report, traces, verify
from tests.chaos.own_engines import Engines
from tests.chaos.recovery import WINDOW_SECONDS, as_usual_at, longest_gap, rate
from tests.chaos.retrying_client import CUT, PASSWORD, PUT_OFF, REFUSED, Book
from tests.chaos.verdict import BUSINESS, Shown, Verdict
from tests.support.patience import PATIENCE_SECONDS
from tests.system.harness import event_body
from tests.system.outside_client import Client
from tests.system.split import PROGRAM, Split

BROKEN = "tests.chaos.broken_server"
SETTINGS = {"HOUSEFUL_RATE_LIMITS": "off", "HOUSEFUL_PAYMENTS_DELAY_SECONDS": "0.3"}
BUYERS = 8
THINK_SECONDS = 0.25
"""Between two requests of a buyer there is at most so much."""
HOLD_SECONDS = 4
LOOK_SECONDS = 0.1
STORES_SECONDS = 1.0
"""Between two looks into stores, which are opened for each: that takes a third of a second of a core."""


class Crowd:
    """Buyers, a gate and somebody who stays signed in, each in a thread."""

    def __init__(self, people: Sequence[Regular | Gate | Keeper], book: Book) -> None:
        self.people = people
        self._book = book
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=one.run, args=(self._stop,)) for one in people]

    @property
    def buyers(self) -> list[Regular]:
        return [one for one in self.people if isinstance(one, Regular)]

    @property
    def gates(self) -> list[Gate]:
        return [one for one in self.people if isinstance(one, Gate)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._book.over.set()
        self._stop.set()
        for thread in self._threads:
            thread.join()


class Run:
    def __init__(
        self,
        engines: Engines,
        split: Split,
        *,
        seed: int,
        seconds: float,
        think_seconds: float,
        patience_seconds: float,
        tell: bool,
    ) -> None:
        self._engines = engines
        self._split = split
        self._seed = seed
        self._seconds = seconds
        self._think_seconds = think_seconds
        self._patience_seconds = patience_seconds
        self._tell = tell
        self._keeps = self._split.environment["CHAOS_WITHOUT"] != ""
        self._book = Book()
        self._numbers = count()
        self._shown: list[Shown] = []
        self._usual: dict[str, float] = {}

    def verdict(self, faults: Sequence[str], *, at_once: bool) -> Verdict:
        """Each kind of fault with a crowd and checks of its own; or `at_once` all with one."""
        began = time.monotonic()
        for role in ("organizer", "gate"):
            self._split.staff(role)
        crowds = [self._endure(names) for names in ([faults] if at_once else [[name] for name in faults])]
        if len(crowds) > 1:
            self._say("all faults are over; looking once more at what was acknowledged")
            for crowd in crowds:
                verify(crowd.buyers, crowd.gates, self._book)
        for copy in self._split.copies:
            if copy.log.exists():
                for trace in traces(copy.log.read_text()):
                    self._book.fault(f"in the log of {copy.name}: {trace}")
        return Verdict(
            seed=self._seed,
            seconds=time.monotonic() - began,
            shown=self._shown,
            counts=dict(self._book.counts),
            faults=self._book.wrong,
        )

    def _say(self, text: str) -> None:
        if self._tell:
            print(text, file=sys.stderr, flush=True)

    # Before

    def _organizer(self) -> Client:
        organizer = Client(self._split.running("gateway")[0].url)
        organizer.login("organizer@example.org", PASSWORD)
        return organizer

    def _crowd(self) -> Crowd:
        """People who come to halls that are new."""
        organizer = self._organizer()
        halls = open_halls(organizer, HOLD_SECONDS)
        doors: queue.Queue[tuple[str, str]] = queue.Queue()
        urls, book = self._split.urls, self._book
        people: list[Regular | Gate | Keeper] = []
        for number in [next(self._numbers) for _ in range(BUYERS)]:
            mine = urls[number % len(urls) :] + urls[: number % len(urls)]
            buyer = Regular(
                mine,
                number,
                self._seed,
                halls,
                doors,
                book,
                think_seconds=self._think_seconds,
                keeps=self._keeps,
            )
            organizer.register(buyer.email, PASSWORD, "Bea Brandt")
            people.append(buyer)
        people.append(Gate(urls, next(self._numbers), doors, book))
        people.append(Keeper(urls, "gate@example.org", book, think_seconds=self._think_seconds))
        organizer.close()
        return Crowd(people, book)

    # Meanwhile

    def _endure(self, names: Sequence[str]) -> Crowd:
        """From steady business to the checks."""
        began = time.monotonic()
        crowd = self._crowd()
        with crowd:
            self._watch_business()
            windows = []
            for fault in self._faults(names):
                since = time.monotonic()
                self._shown.append(self._suffer(fault, since))
                if not fault.unnoticed:
                    windows.append((since, time.monotonic()))
                self._say(self._shown[-1].row())
        verify(crowd.buyers, crowd.gates, self._book)
        for keeper in crowd.people:
            if isinstance(keeper, Keeper):
                keeper.verify()
        self._must_have_been_calm(began, windows)
        for line in take_report(self._split.houseful("check", "--json"), self._book):
            self._say(line)
        return crowd

    def _faults(self, names: Sequence[str]) -> Iterator[Fault]:
        for name in names:
            yield from FAULTS[name](self._engines, self._split, self._seconds)

    def _watch_business(self) -> None:
        """How many a second there usually are, once everybody is at it."""
        opened = time.monotonic()

        def is_busy() -> bool:
            return all(self._since(what, opened) > BUYERS for what in BUSINESS)

        self._wait("business to begin", is_busy)
        began = time.monotonic()
        time.sleep(2 * WINDOW_SECONDS)
        now = time.monotonic()
        self._usual = {what: rate(self._book.moments[what], began, now) for what in BUSINESS}
        self._say("usually " + ", ".join(f"{self._usual[what]:.1f} {what}/s" for what in BUSINESS))

    def _suffer(self, fault: Fault, began: float) -> Shown:
        """Returns when business is as usual again."""
        fault.harm()
        published = self._publish() if fault.publishes else None
        time.sleep(fault.down_seconds)
        if fault.sells_on:
            for what in BUSINESS:
                self._wait(f"{fault.name}: {what} while it lasts", partial(self._since, what, began))
        mending = time.monotonic()
        fault.mend()
        mended, mended_at = time.monotonic(), SystemClock().now()
        drained = self._wait(
            f"{fault.name}: what was sent meanwhile to arrive",
            lambda: asyncio.run(self._nothing_waits_since(mended_at)) and self._is_on_sale(published),
            look_seconds=STORES_SECONDS,
        )
        after_fault = self._wait(f"{fault.name}: business as usual", lambda: self._as_usual(began))
        after_mending = self._wait(f"{fault.name}: business as usual", lambda: self._as_usual(mended))
        now = time.monotonic()
        return Shown(
            name=fault.name,
            lasted=mending - began,
            longest_without={what: longest_gap(self._book.moments[what], began, now) for what in BUSINESS},
            usual_after_fault=after_fault and after_fault - began,
            usual_after_mending=after_mending and after_mending - mended,
            drained_after_mending=drained and max(0.0, drained - mended),
            trouble=[self._since(what, began) for what in (PUT_OFF, CUT, REFUSED)],
        )

    def _wait(
        self, what: str, look: Callable[[], float | bool | None], *, look_seconds: float = LOOK_SECONDS
    ) -> float | None:
        """For something true: when that was, as `look` says it or else now. None, and a fault, if in vain."""
        deadline = time.monotonic() + self._patience_seconds
        while not (found := look()):
            if time.monotonic() > deadline:
                self._book.fault(f"waited in vain for {what}")
                return None
            time.sleep(look_seconds)
        return time.monotonic() if found is True else found

    def _since(self, what: str, moment: float) -> int:
        return sum(one >= moment for one in self._book.moments[what])

    def _as_usual(self, since: float) -> float | None:
        now = time.monotonic()
        found = [as_usual_at(self._book.moments[what], since, now, self._usual[what]) for what in BUSINESS]
        return None if None in found else max(one for one in found if one is not None)

    def _publish(self) -> str:
        organizer = self._organizer()
        made = organizer.call("POST", "/api/events", event_body()).ok(201)
        organizer.call("POST", f"/api/events/{made['id']}/publish").ok(202)
        organizer.close()
        return str(made["id"])

    def _is_on_sale(self, event_id: str | None) -> bool:
        if event_id is None:
            return True
        anybody = Client(self._split.running("gateway")[0].url)
        event = anybody.call("GET", f"/api/events/{event_id}")
        anybody.close()
        return event.status == 200 and event.json["state"] == "on_sale"

    async def _nothing_waits_since(self, moment: int) -> bool:
        """No outbox holds a message that was sent before it."""
        settings = load_settings(self._split.environment)
        for manifest in MANIFESTS:
            opening = opened_store(settings, manifest, clock=SystemClock(), ids=SystemIds(), read_only=True)
            try:
                async with opening as store:
                    oldest = (await store.outbox.stats()).oldest_unpublished_at
            except Unavailable:
                return False
            if oldest is not None and oldest < moment:
                return False
        return True

    def _must_have_been_calm(self, began: float, windows: Sequence[tuple[float, float]]) -> None:
        """But for the faults that one may notice, every request had its answer, and at once."""
        for what in (PUT_OFF, CUT):
            outside = [
                moment - began
                for moment in self._book.moments[what]
                if moment > began and not any(since <= moment <= until for since, until in windows)
            ]
            if outside:
                when = ", ".join(f"{moment:.1f}" for moment in outside[:10])
                self._book.fault(f"{len(outside)} {what} while nothing was amiss, after {when} s")


def run(
    engines: Engines,
    folder: Path,
    *,
    faults: Sequence[str] = USUAL,
    at_once: bool = False,
    seed: int,
    seconds: float,
    without: str = "",
    think_seconds: float = THINK_SECONDS,
    patience_seconds: float = PATIENCE_SECONDS,
    tell: bool = False,
) -> Verdict:
    """`folder` gets the logs of the processes. `without` are guards to take out of them, for a control."""
    program = BROKEN if without else PROGRAM
    settings = engines.settings() | SETTINGS | {"CHAOS_WITHOUT": without}
    with Split(folder, settings, program=program, addresses=2) as split:
        one = Run(
            engines,
            split,
            seed=seed,
            seconds=seconds,
            think_seconds=think_seconds,
            patience_seconds=patience_seconds,
            tell=tell,
        )
        return one.verdict(faults, at_once=at_once)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.engines", description=__doc__)
    parser.add_argument("--faults", default=",".join(USUAL), help="some of them, with commas between")
    parser.add_argument("--seconds", type=float, default=60, help="for how long an engine is away")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--without", default="", help="the negative control: seats, bus")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    folder = Path(tempfile.mkdtemp(prefix="houseful-chaos-"))
    print(f"seed {seed}, logs in {folder}", file=sys.stderr, flush=True)
    with Engines(folder / "engines") as engines:
        verdict = run(
            engines,
            folder / "split",
            faults=given.faults.split(","),
            seed=seed,
            seconds=given.seconds,
            without=given.without,
            tell=True,
        )
    for fault in verdict.faults[:50]:
        print(fault, file=sys.stderr)
    print(verdict.table())
    print(verdict.summary())
    if verdict.sound:
        shutil.rmtree(folder)
    else:
        print(f"logs in {folder}", file=sys.stderr)
    return 0 if verdict.sound else 1


if __name__ == "__main__":
    sys.exit(main())
