"""Run every test that can run here: Python's, then the web app's; end with one summary line.

What is missing on this machine (Chromium, say) is skipped and counted loudly; with `HOUSEFUL_TEST_STRICT=1`,
as in CI, it fails.
"""

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.adapters_table import table

ROOT = Path(__file__).parent.parent


def python_tests(report: Path, arguments: list[str]) -> tuple[int, int, int]:
    """(passed, failed, skipped)"""
    subprocess.run(
        [sys.executable, "-m", "pytest", f"--junitxml={report}", "-q", *arguments], cwd=ROOT, check=False
    )
    if not report.exists():
        return 0, 1, 0
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    total, skipped = int(suite.attrib["tests"]), int(suite.attrib["skipped"])
    failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    return total - failed - skipped, failed, skipped


def web_tests(report: Path) -> tuple[int, int, int]:
    done = subprocess.run(
        ["npx", "vitest", "run", "--reporter=default", "--reporter=json", f"--outputFile.json={report}"],
        cwd=ROOT / "web",
        check=False,
    )
    if not report.exists():
        return 0, 1, 0
    figures = json.loads(report.read_text())
    failed = figures["numFailedTests"]
    if done.returncode and not failed:
        failed = 1  # a file that could not even be loaded
    return figures["numPassedTests"], failed, figures["numPendingTests"]


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        ours = python_tests(Path(folder) / "python.xml", sys.argv[1:])
        web = web_tests(Path(folder) / "web.json") if not sys.argv[1:] else (0, 0, 0)
        if (report := Path(folder) / "python.xml").exists():
            print("\ncontract tests on each adapter:", *table(report), sep="\n  ", flush=True)
    passed, failed, skipped = (a + b for a, b in zip(ours, web, strict=True))
    if skipped and os.environ.get("HOUSEFUL_TEST_STRICT") == "1":
        print(f"{skipped} tests were skipped, and here nothing may be", flush=True)
        failed, skipped = failed + skipped, 0
    print(f"\nhouseful: {passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
