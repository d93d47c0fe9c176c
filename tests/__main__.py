"""Run every test that can run here, in lanes at once; end with one summary line.

Each lane of `tests/lanes.py` is one pytest; vitest runs beside them. Arguments are given to each pytest, and
then vitest is left out. `--long` runs what is long too, which is left out otherwise.

What is missing on this machine (Chromium, say) is skipped and counted loudly; with `HOUSEFUL_TEST_STRICT=1`,
as in CI, it fails.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tests.adapters_table import table
from tests.lanes import LANES
from tests.report import Result, of_pytest, of_vitest, slowest
from tests.shared_engines import SharedEngines
from tests.support import scratch

ROOT = Path(__file__).parent.parent
LONG = "--long"
WITHOUT_ENGINES = frozenset({"computes", "vitest"})
"""Lanes. The others begin when the engines have started."""


@dataclass
class Lane:
    """A process. Its lines are printed one by one while it makes progress, and from its own summary on in one
    piece."""

    name: str
    command: Sequence[str]
    read: Callable[[int], Result]
    folder: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=dict)
    aloud: bool = True
    seconds: float = 0.0
    result: Result = field(default_factory=lambda: Result(failed=1, broken="was not started"))
    process: "subprocess.Popen[str] | None" = None

    def run(self, printing: threading.Lock) -> None:
        begun = time.monotonic()
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, env=os.environ | dict(self.environment),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        assert self.process.stdout is not None
        kept: list[str] = []
        for line in self.process.stdout:
            if kept or not self.aloud or line.startswith("="):
                kept.append(line)
                continue
            with printing:
                print(f"{self.name:>9} │ {line}", end="", flush=True)
        code = self.process.wait()
        self.seconds = time.monotonic() - begun
        self.result = self.read(code)
        with printing:
            print(f"\n── {self.name} ──\n{''.join(kept)}", flush=True)

    def interrupt(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)


def pytest_lane(name: str, marks: str, report: Path, arguments: Sequence[str], *, may_be_empty: bool) -> Lane:
    command = [
        sys.executable, "-m", "pytest", "-q", "-m", marks, f"--junitxml={report}",
        "-o", f"cache_dir=.pytest_cache/{name}", *arguments,
    ]  # fmt: skip
    return Lane(name, command, lambda code: of_pytest(report, code, may_be_empty=may_be_empty))


def vitest_lane(report: Path) -> Lane:
    command = ["npx", "vitest", "run", "--reporter=default", "--reporter=json", f"--outputFile.json={report}"]
    return Lane("vitest", command, lambda code: of_vitest(report, code), folder=ROOT / "web", aloud=False)


def run_at_once(lanes: Sequence[Lane], engines: SharedEngines) -> None:
    """Lanes that need engines begin when these have started; the others meanwhile."""
    printing = threading.Lock()
    ended = threading.Event()

    def run(lane: Lane, started: "Future[Mapping[str, str]]") -> None:
        if lane.name not in WITHOUT_ENGINES:
            lane.environment = started.result()
        if not ended.is_set():
            lane.run(printing)

    def end_all(number: int, frame: FrameType | None) -> None:
        ended.set()
        for lane in lanes:
            lane.interrupt()

    before = {number: signal.signal(number, end_all) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with ThreadPoolExecutor(len(lanes) + 1) as threads:
            started = threads.submit(engines.start)
            running = [threads.submit(run, lane, started) for lane in lanes]
        for one in running:
            one.result()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def print_summary(lanes: Sequence[Lane]) -> None:
    for lane in lanes:
        if files := slowest(lane.result):
            print(f"\nslowest files of {lane.name}:", *files, sep="\n  ")
    print()
    for lane in lanes:
        one = lane.result
        counts = f"{one.passed} passed, {one.failed} failed, {one.skipped} skipped in {lane.seconds:.0f} s"
        print(f"{lane.name:>9}: {counts}{f'; it {one.broken}' if one.broken else ''}", flush=True)


def main(arguments: Sequence[str]) -> int:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process compiles again what it imports
    chosen = [argument for argument in arguments if argument != LONG]
    left_out = "" if LONG in arguments else " and not long"
    with tempfile.TemporaryDirectory(dir=scratch.folder()) as name, SharedEngines() as engines:
        folder = Path(name)
        scratch.use(name)
        reports = {name: folder / f"{name}.xml" for name in LANES}
        lanes = [
            pytest_lane(name, f"({marks}){left_out}", reports[name], chosen, may_be_empty=bool(chosen))
            for name, marks in LANES.items()
        ]
        if not chosen:
            lanes.append(vitest_lane(folder / "vitest.json"))
        run_at_once(lanes, engines)
        print("\ncontract tests on each adapter:", *table(reports.values()), sep="\n  ", flush=True)
    print_summary(lanes)
    results = [lane.result for lane in lanes]
    passed, failed, skipped = (
        sum(getattr(one, what) for one in results) for what in ("passed", "failed", "skipped")
    )
    if skipped and os.environ.get("HOUSEFUL_TEST_STRICT") == "1":
        print(f"{skipped} tests were skipped, and here nothing may be", flush=True)
        failed, skipped = failed + skipped, 0
    print(f"\nhouseful: {passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
