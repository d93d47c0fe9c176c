"""The table at the end of `make test` counts what really ran."""

from pathlib import Path

from tests.adapters_table import SUITES, table

REPORT = """<?xml version="1.0"?>
<testsuites><testsuite name="pytest">
<testcase classname="tests.contract.test_sqlite_store.TestSqliteStore" name="test_a"/>
<testcase classname="tests.contract.test_sqlite_store" name="test_b"><failure message="x"/></testcase>
<testcase classname="tests.contract.test_mongo_store" name="test_a"><skipped message="x"/></testcase>
<testcase classname="tests.contract.test_redis_outages" name="test_a[valkey]"/>
<testcase classname="tests.contract.test_redis_coordination" name="test_a[3-valkey]"><error/></testcase>
<testcase classname="tests.contract.test_redis_coordination" name="test_a[redis]"/>
<testcase classname="tests.contract.test_redis_coordination" name="test_url[redis://nonsense]"/>
<testcase classname="tests.system.test_races" name="test_a[redis]"/>
</testsuite></testsuites>
"""


def test_what_ran_is_counted(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert [line.split(maxsplit=1) for line in table([report, tmp_path / "of-a-run-that-crashed.xml"])] == [
        ["Store", "sqlite 1, 1 failed · mongo 0, 1 skipped"],
        ["Bus", "local 0 · kafka 0"],
        ["Coordination", "local 0 · valkey 1, 1 failed · redis 1 · no server 1"],
        ["Mailer", "folder, smtp 0"],
        ["PaymentGateway", "http 0"],
    ]


def test_no_suite_is_forgotten() -> None:
    contract = Path(__file__).parents[1] / "contract"
    assert SUITES.keys() == {file.stem for file in contract.glob("test_*.py")}
