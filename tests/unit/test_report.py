"""A run of the tests counts as what it came to; one that was interrupted or crashed has failed."""

import json
from pathlib import Path

import pytest

from tests.adapters_table import table
from tests.report import of_pytest, of_vitest, slowest

REPORT = """<?xml version="1.0"?>
<testsuites><testsuite name="pytest" tests="4" errors="0" failures="{failures}" skipped="1">
<testcase classname="tests.unit.test_a.TestB" name="test_one" time="1.5"/>
<testcase classname="tests.unit.test_a" name="test_two" time="0.5"/>
<testcase classname="tests.system.test_c" name="test_one" time="9.0"/>
<testcase classname="tests.system.test_c" name="test_two" time="0.0"><skipped message="x"/></testcase>
</testsuite></testsuites>
"""


def report(folder: Path, failures: int = 0) -> Path:
    file = folder / "report.xml"
    file.write_text(REPORT.format(failures=failures))
    return file


def test_tests_are_counted_and_files_are_timed(tmp_path: Path) -> None:
    result = of_pytest(report(tmp_path, failures=1), 1, may_be_empty=False)
    assert (result.passed, result.failed, result.skipped, result.broken) == (2, 1, 1, None)
    assert [line.split() for line in slowest(result)] == [
        ["9.0", "s", "tests/system/test_c.py"],
        ["2.0", "s", "tests/unit/test_a.py"],
    ]


@pytest.mark.parametrize("exit_code", [1, 2, 3, 4, 5, -9, -2])
def test_a_run_that_did_not_end_well_has_failed(tmp_path: Path, exit_code: int) -> None:
    result = of_pytest(report(tmp_path), exit_code, may_be_empty=False)
    assert result.failed == 1
    assert result.broken


def test_a_run_without_a_report_has_failed(tmp_path: Path) -> None:
    assert of_pytest(tmp_path / "none.xml", 0, may_be_empty=False).failed == 1
    assert of_vitest(tmp_path / "none.json", 0).failed == 1


def test_a_run_that_was_interrupted_in_a_test_has_failed(tmp_path: Path) -> None:
    file = report(tmp_path)
    file.write_text(file.read_text().replace("</testsuite>", '<testcase time="0.1"/></testsuite>'))
    assert of_pytest(file, 2, may_be_empty=False).failed == 1
    assert table([file])


def test_a_report_that_was_cut_has_failed(tmp_path: Path) -> None:
    file = report(tmp_path)
    file.write_text(file.read_text()[:200])
    assert of_pytest(file, -9, may_be_empty=False).failed == 1
    assert table([file])


def test_of_what_was_chosen_a_lane_may_have_nothing(tmp_path: Path) -> None:
    assert of_pytest(report(tmp_path), 5, may_be_empty=True).failed == 0


def test_a_file_of_the_web_app_that_is_not_loaded_is_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "web.json"
    file.write_text(json.dumps({"numPassedTests": 3, "numFailedTests": 0, "numPendingTests": 1}))
    assert (of_vitest(file, 0).passed, of_vitest(file, 0).failed, of_vitest(file, 0).skipped) == (3, 0, 1)
    assert of_vitest(file, 1).failed == 1
