"""A rehearsal during which the server is killed: in the lobby, at the seal, in the draw and in the sale.

    python -m tests.chaos.rush_kills [--topology single|split] [--people 100000] [--seats 60000]
                                     [--report FILE] [options of `houseful rush run`]

Nothing may be lost: `houseful rush` says so by its exit code, and the stand-alone script of docs/fair-draw
repeats the draw. The last line says what came of it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from tests.chaos.kills import Server
from tests.chaos.own_engines import Engines
from tests.system.command_line import clean_environment
from tests.system.split import Split

VERIFY = Path(__file__).parents[2] / "docs/fair-draw/verify.py"
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 3600.0
MOMENTS = ("lobby", "seal", "draw", "sale", "sale again")


class Installation(Protocol):
    @property
    def url(self) -> str: ...

    @property
    def environment(self) -> Mapping[str, str]: ...

    def kill(self, moment: str) -> None:
        """Whoever matters most just then ends in the middle of it, and is started again."""


class OneProcess:
    def __init__(self, folder: Path) -> None:
        self._server = Server(folder / "data", None)
        self._server.start()
        self.url = self._server.url
        self.environment = clean_environment() | {"HOUSEFUL_DATA": str(folder / "data")}

    def kill(self, moment: str) -> None:
        self._server.kill()
        self._server.start()

    def close(self) -> None:
        self._server.kill()


class OfProcesses:
    _PARTS = {"lobby": "line", "seal": "line", "draw": "line", "sale": "tickets", "sale again": "line"}

    def __init__(self, split: Split) -> None:
        self._split = split
        self.url = ",".join(split.urls)
        self.environment = split.environment

    def kill(self, moment: str) -> None:
        part = self._PARTS[moment]
        self._split.kill(part)
        self._split.start(part)


@dataclass(frozen=True)
class Outcome:
    """`draw` is what the stand-alone script has said."""

    kills: list[str]
    code: int
    said: str
    figures: dict[str, Any]
    draw: str

    @property
    def faults(self) -> list[str]:
        found = [
            f"{one['claim']}: {one['details']}"
            for one in self.figures.get("verdicts", [])
            if not one["holds"]
        ]
        if self.code:
            found.append(f"houseful rush ended with {self.code}: {self.said[-2000:]}")
        if "The draw holds" not in self.draw:
            found.append(f"the draw: {self.draw}")
        if list(self.kills) != list(MOMENTS):
            found.append(f"kills came only at {self.kills}")
        return found


@contextmanager
def opened(topology: str, folder: Path) -> Iterator[Installation]:
    if topology == "single":
        one = OneProcess(folder)
        try:
            yield one
        finally:
            one.close()
        return
    with Engines(folder / "engines", mongo_members=1) as engines:
        settings = engines.settings() | {"HOUSEFUL_RATE_LIMITS": "off", "HOUSEFUL_LOG_LEVEL": "info"}
        with Split(folder / "split", settings) as split:
            yield OfProcesses(split)


def run(topology: str, people: int, seats: int, report: Path, *options: str) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="houseful-rush-") as name, opened(topology, Path(name)) as place:
        _houseful(place, "rush", "prepare", "--people", str(people))
        log = report.with_suffix(".log")
        with log.open("w") as output:
            command = ["rush", "run", "--url", place.url, "--people", str(people), "--seats", str(seats)]
            rush = subprocess.Popen(
                [sys.executable, "-m", "houseful", *command, *options, "--report", str(report)],
                env=dict(place.environment),
                stdout=output,
                stderr=output,
            )
            try:
                kills = list(_killed(place, lambda: rush.poll() is not None))
                code = rush.wait(PATIENCE_SECONDS)
            finally:
                rush.kill()
        figures = json.loads(report.with_suffix(".json").read_text()) if code in (0, 1) else {}
        draw = _verified(place, figures, report) if figures else "there are no figures"
        return Outcome(kills, code, log.read_text(), figures, draw)


def _killed(place: Installation, is_over: Callable[[], bool]) -> Iterator[str]:
    """The moments at which it was killed, as they come."""
    event_id = _until(lambda: _event(place), is_over)
    if event_id is None:
        return
    line = _until(lambda: _read(place, f"/api/events/{event_id}/line"), is_over)
    if line is None:
        return
    opens, seals, sale = (_moment(line[name]) for name in ("lobby_opens_at", "seals_at", "on_sale_at"))

    def called(share: float) -> Callable[[], bool]:
        def is_so() -> bool:
            now = _read(place, f"/api/events/{event_id}/line") or {}
            return bool(now.get("line_length")) and now["admitted_up_to"] > min(
                200, now["line_length"] * share
            )

        return is_so

    conditions: Sequence[tuple[str, Callable[[], bool]]] = (
        ("lobby", lambda: time.time() >= (opens + seals) / 2),
        ("seal", lambda: time.time() >= seals),
        ("draw", lambda: time.time() >= sale),
        ("sale", called(0.02)),
        ("sale again", called(0.04)),
    )
    for moment, condition in conditions:
        if not _until(condition, is_over):
            return
        place.kill(moment)
        yield moment


def _until(look: Callable[[], Any], is_over: Callable[[], bool]) -> Any:
    """What it sees as soon as it is something, or None where the rehearsal is over before."""
    while not (seen := look()):
        if is_over():
            return None
        time.sleep(LOOK_SECONDS)
    return seen


def _event(place: Installation) -> str | None:
    listed = _read(place, "/api/events") or {"items": []}
    return next((event["id"] for event in listed["items"]), None)


def _read(place: Installation, path: str) -> Any:
    """None where it does not answer just now."""
    try:
        with urllib.request.urlopen(place.url.split(",")[0] + path, timeout=30) as answer:
            return json.load(answer)
    except (urllib.error.URLError, OSError, json.JSONDecodeError):
        return None


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


def _houseful(place: Installation, *arguments: str) -> None:
    command = [sys.executable, "-m", "houseful", *arguments]
    subprocess.run(command, env=dict(place.environment), check=True, capture_output=True)


def _verified(place: Installation, figures: Mapping[str, Any], report: Path) -> str:
    audit = report.with_suffix(".audit.json")
    audit.write_text(json.dumps(_read(place, f"/api/events/{figures['event_id']}/line/audit")))
    done = subprocess.run(
        [sys.executable, str(VERIFY), str(audit)], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.rush_kills", description=__doc__)
    parser.add_argument("--topology", choices=("single", "split"), default="single")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--seats", type=int, default=60_000)
    parser.add_argument("--report", type=Path, default=Path("rush-kills"))
    given, options = parser.parse_known_args()
    outcome = run(given.topology, given.people, given.seats, given.report.resolve(), *options)
    for fault in outcome.faults:
        print(fault, file=sys.stderr)
    print(outcome.figures.get("sentence", ""))
    end = "sound" if not outcome.faults else f"NOT SOUND, {len(outcome.faults)} faults"
    print(f"rush: {given.topology}, {given.people:,} people, killed {', '.join(outcome.kills)}: {end}")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
