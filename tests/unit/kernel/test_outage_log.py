"""A lasting outage is logged at once, then seldom, and when it is over."""

import logging

import pytest

from houseful.kernel.clock import ManualClock
from houseful.kernel.errors import Conflict, Unavailable
from houseful.kernel.outage_log import OutageLog

log = logging.getLogger("houseful.test")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def outage(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> OutageLog:
    caplog.set_level(logging.INFO, "houseful.test")
    return OutageLog(log, clock, "the work")


async def test_it_is_said_once_then_seldom(
    outage: OutageLog, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(24 * 360):  # a day, every ten seconds
        outage.failed(Unavailable("the disk is full"))
        await clock.advance(10)
    assert 5 < len(caplog.records) < 35
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    before = len(caplog.records)
    outage.over()
    outage.over()
    assert [record.getMessage() for record in caplog.records[before:]] == ["the work: goes on"]
    assert vars(caplog.records[-1])["after_seconds"] == 24 * 3600
    assert vars(caplog.records[-1])["failures"] == 24 * 360


async def test_another_kind_is_said_at_once(outage: OutageLog, caplog: pytest.LogCaptureFixture) -> None:
    for error in (Unavailable("away"), Unavailable("away"), Conflict("rival"), KeyError("a bug")):
        outage.failed(error)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "ERROR"]
    assert caplog.records[-1].exc_info


async def test_what_comes_again_is_said_again(outage: OutageLog, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        outage.failed(Unavailable("away"))
        outage.over()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"] * 3
