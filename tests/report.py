"""What a run of pytest or vitest came to, from the file that it wrote and from how it ended."""

import json
import re
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ALL_PASSED, SOME_FAILED, NONE_COLLECTED = 0, 1, 5
"""Exit codes of pytest. With any other it was interrupted or crashed."""
SLOWEST = 15


@dataclass(frozen=True)
class Result:
    """`broken` says why a run counts as failed beside its tests. `seconds` are those of each file, setups and
    teardowns included."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    broken: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


def of_pytest(report: Path, exit_code: int, *, may_be_empty: bool) -> Result:
    suite = _suite(report)
    if suite is None:
        return Result(failed=1, broken=f"ended with {exit_code} and without a report")
    total, skipped = int(suite.attrib["tests"]), int(suite.attrib["skipped"])
    failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    seconds: dict[str, float] = defaultdict(float)
    for case in suite.iter("testcase"):
        if "classname" in case.attrib:  # a test that was interrupted has none
            seconds[_file(case.attrib["classname"])] += float(case.attrib["time"])
    broken = _broken(exit_code, failed, may_be_empty=may_be_empty)
    return Result(total - failed - skipped, failed + (broken is not None), skipped, broken, seconds)


def _suite(report: Path) -> ElementTree.Element | None:
    try:
        return ElementTree.parse(report).getroot().find("testsuite")
    except (FileNotFoundError, ElementTree.ParseError):  # it ended before, or while, it wrote the report
        return None


def _broken(exit_code: int, failed: int, *, may_be_empty: bool) -> str | None:
    if exit_code == NONE_COLLECTED:
        return None if may_be_empty else "ran no test"
    if exit_code not in (ALL_PASSED, SOME_FAILED):
        return f"was interrupted or crashed: it ended with {exit_code}"
    if exit_code == SOME_FAILED and not failed:
        return "ended with 1 though no test failed"
    return None


def of_vitest(report: Path, exit_code: int) -> Result:
    if not report.exists():
        return Result(failed=1, broken=f"ended with {exit_code} and without a report")
    figures = json.loads(report.read_text())
    failed, broken = int(figures["numFailedTests"]), None
    if exit_code and not failed:
        broken = f"ended with {exit_code} though no test failed: a file could not be loaded, or it was ended"
    passed, skipped = int(figures["numPassedTests"]), int(figures["numPendingTests"])
    return Result(passed, failed + (broken is not None), skipped, broken)


def slowest(result: Result) -> list[str]:
    files = sorted(result.seconds.items(), key=lambda one: -one[1])[:SLOWEST]
    return [f"{seconds:7.1f} s  {file}" for file, seconds in files]


def _file(classname: str) -> str:
    """`tests.unit.test_x.TestY` is in `tests/unit/test_x.py`."""
    module = re.match(r"(?:\w+\.)*?test_\w+", classname)
    return f"{module[0].replace('.', '/')}.py" if module else classname
