"""Background work that fails: it goes on, and an operator sees which, how often, when last and why."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from houseful.kernel.background import BackgroundJobs
from houseful.kernel.clock import ManualClock
from houseful.kernel.errors import Unavailable
from houseful.manifests import MANIFESTS


def figure(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_job_that_keeps_crashing_is_seen_until_it_goes_well() -> None:
    clock = ManualClock()
    jobs = BackgroundJobs(clock)
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs <= 3:
            raise ZeroDivisionError("by nothing")
        await asyncio.Event().wait()

    await jobs.check()
    task = asyncio.create_task(jobs.supervise("t1 dividing", work))
    while runs < 3:
        await clock.advance(1)
    with pytest.raises(Unavailable, match="t1 dividing ended with ZeroDivisionError: by nothing"):
        await jobs.check()
    assert figure("houseful_jobs_failures_total", job="t1 dividing", kind="bug") == 3
    assert figure("houseful_jobs_failing", job="t1 dividing") == 1
    last = figure("houseful_jobs_last_failure_timestamp_seconds", job="t1 dividing")
    assert 0 <= clock.now() / 1000 - last <= 1
    await clock.advance(60)
    await jobs.check()
    assert figure("houseful_jobs_failing", job="t1 dividing") == 0
    task.cancel()


async def test_an_engine_that_is_away_is_no_bug() -> None:
    clock = ManualClock()
    jobs = BackgroundJobs(clock)

    async def work() -> None:
        raise Unavailable("the bus is away")

    task = asyncio.create_task(jobs.supervise("t2 sending", work))
    await clock.advance(5)
    await jobs.check()
    assert figure("houseful_jobs_failures_total", job="t2 sending", kind="away") > 1
    assert figure("houseful_jobs_failures_total", job="t2 sending", kind="bug") == 0
    assert figure("houseful_jobs_failing", job="t2 sending") == 1
    task.cancel()


def test_every_job_has_a_name_of_its_own() -> None:
    names = [f"{manifest.name} {job.__name__}" for manifest in MANIFESTS for job in manifest.jobs]
    assert len(names) == len(set(names))
    for name in names:
        assert name.replace(" ", "_").isidentifier(), name
