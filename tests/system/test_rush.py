"""A small rehearsal on a real installation, and the proof that it can go red."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from houseful.adapters.http.server import listen
from houseful.adapters.processes.pool import InlineWorkers
from houseful.app import opened_store, running
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import StateConflict
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Transaction
from houseful.kernel.roles import Role
from houseful.line import MANIFEST as LINE
from houseful.line.domain.rehearsals import RehearsedRate
from houseful.settings import Settings, load_settings
from houseful.tools.rush import accounts, admission_rate
from houseful.tools.rush.figures import Figures, figures
from houseful.tools.rush.plan import Kind, Plan
from houseful.tools.rush.rehearsal import PREPARING, Rehearsal, opened_target
from houseful.tools.rush.verdict import verdicts
from tests.support.live_server import LiveServer
from tests.system.clocks import CLOCK_FILE, FlowingClock
from tests.system.command_line import run_houseful
from tests.system.deployments import single_deployment
from tests.system.environments import Environments
from tests.system.serving import Servers, url_of

PEOPLE, SEATS = 160, 100
KINDS: Mapping[Kind, int] = {"best": 5, "sections": 3, "families": 1, "double": 2, "declined": 1, "bots": 1}
TURN_SECONDS, STEP_SECONDS = 0.01, 2.0


class Installation(msgspec.Struct, frozen=True):
    """An installation whose clock the test moves."""

    urls: list[str]
    settings: Settings
    environment: Mapping[str, str]
    clock: FlowingClock


@asynccontextmanager
async def single(folder: Path) -> AsyncIterator[Installation]:
    clock, listener = FlowingClock(folder / CLOCK_FILE), listen("127.0.0.1", 0)
    settings = load_settings({}, data=str(folder / "data"), rate_limits="off")
    async with running(settings, clock=clock, workers=InlineWorkers(), access_log=False) as app:
        servers = Servers()
        await servers.add(app.entry, listener)
        try:
            yield Installation([url_of(listener)], settings, {}, clock)
        finally:
            await servers.close()


@asynccontextmanager
async def split(environments: Environments) -> AsyncIterator[Installation]:
    environment = environments.get()
    environment.fault_proxy.mend()
    await asyncio.to_thread(environment.split.wait_until_well)
    variables = environment.split.environment
    clock = FlowingClock(environment.folder / CLOCK_FILE)
    yield Installation(environment.split.urls, load_settings(variables), variables, clock)


async def rehearse(installation: Installation, *, line: bool) -> Figures:
    """Time passes quickly while nobody does anything."""
    plan = Plan(
        urls=installation.urls, people=PEOPLE, seats=SEATS, line=line, kinds=KINDS, think_seconds=0.01,
        arrival_seconds=60 if line else 0.5, hold_seconds=60, most_seconds=300, late_share=0.05,
        connections=50,
    )  # fmt: skip
    await accounts.prepare(installation.settings, PEOPLE)
    async with opened_target(
        plan, installation.settings, installation.clock, installation.environment
    ) as target:
        rehearsal = Rehearsal(target, plan)
        running_on = asyncio.create_task(rehearsal.run())
        while not running_on.done():
            if rehearsal.under_way or rehearsal.phase == PREPARING:
                await asyncio.sleep(TURN_SECONDS)
            else:
                await installation.clock.advance(STEP_SECONDS)
        seen = await running_on
        found = await verdicts(target, seen, installation.settings)
        return figures(seen, found, installation.clock.now())


def must_be_whole(found: Figures) -> None:
    assert [one for one in found.verdicts if not one.holds] == []
    claims = [one.claim for one in found.verdicts]
    assert any(claim.startswith("C1:") for claim in claims), "what `houseful check` looks at is in it"
    assert found.seats_sold > SEATS / 2
    assert found.steps["hold"].count >= found.steps["order"].count > 0
    assert sum(sum(ended.values()) for ended in found.outcomes.values()) == PEOPLE
    assert "buyers a minute" in found.sentence


async def start_rate(installation: Installation, visitors_per_second: float) -> None:
    async def work(tx: Transaction) -> None:
        rate = RehearsedRate(
            id=RehearsedRate.ID,
            visitors_per_second=visitors_per_second,
            is_limit=True,
            at=installation.clock.now(),
        )
        if await tx.get(RehearsedRate, RehearsedRate.ID) is None:
            tx.insert(rate)

    async with opened_store(installation.settings, LINE, clock=SystemClock(), ids=SystemIds()) as store:
        await store.transact(work)


async def with_a_line(installation: Installation) -> None:
    await start_rate(installation, 200.0)
    found = await rehearse(installation, line=True)
    must_be_whole(found)
    claims = [one.claim for one in found.verdicts]
    assert "the draw can be repeated from its audit" in claims
    assert {step for step, _, _ in found.refusals} >= {"cheat"}, "bots were turned away"
    assert found.fairness is not None
    assert found.fairness.order is not None


@pytest.mark.single
async def test_without_a_line_in_one_process(tmp_path: Path) -> None:
    async with single(tmp_path) as installation:
        found = await rehearse(installation, line=False)
        must_be_whole(found)
        assert await admission_rate.record(installation.settings, found)


@pytest.mark.single
async def test_with_a_line_in_one_process(tmp_path: Path) -> None:
    async with single(tmp_path) as installation:
        await with_a_line(installation)


@pytest.mark.split
async def test_without_a_line_in_separate_processes(environments: Environments) -> None:
    async with split(environments) as installation:
        found = await rehearse(installation, line=False)
        must_be_whole(found)


@pytest.mark.split
@pytest.mark.long
async def test_with_a_line_in_separate_processes(environments: Environments) -> None:
    async with split(environments) as installation:
        await with_a_line(installation)


async def test_an_event_of_real_buyers_is_refused(tmp_path: Path) -> None:
    listener, servers = listen("127.0.0.1", 0), Servers()
    async with single_deployment(tmp_path / "data") as deployment:
        event_id = await deployment.event(await deployment.user("olga", Role.ORGANIZER))
        bea = await deployment.user("bea")
        await deployment.order(bea, (await deployment.hold(bea, event_id))["hold_id"])
        settings = deployment.app.settings
        await accounts.prepare(settings, 1)
        await servers.add(deployment.app.entry, listener)
        plan = Plan(urls=[url_of(listener)], people=1, event_id=event_id)
        try:
            async with opened_target(plan, settings, SystemClock()) as target:
                with pytest.raises(StateConflict, match="has 1 orders of real buyers"):
                    await Rehearsal(target, plan).run()
        finally:
            await servers.close()


def rush(server: LiveServer, *arguments: str) -> tuple[int, str]:
    done = run_houseful(["rush", *arguments, "--data", str(server.data)], {})
    return done.returncode, done.stdout + done.stderr


def command(server: LiveServer, report: Path, *more: str) -> tuple[int, str]:
    return rush(
        server, "run", "--url", server.url, "--no-line", "--people", "60", "--seats", "100",
        "--kinds", "sections=1", "--arrival-seconds", "0.1", "--think-seconds", "0.01",
        "--report", str(report), *more,
    )  # fmt: skip


def test_the_command_writes_a_page_and_refuses_an_event_of_others(
    live: Callable[..., LiveServer], tmp_path: Path
) -> None:
    server = live()
    code, told = command(server, tmp_path / "rush")
    assert code == 2
    assert "houseful rush prepare --people 60" in told
    assert rush(server, "prepare", "--people", "60")[0] == 0
    code, told = command(server, tmp_path / "rush")
    assert code == 0, told
    assert "buyers a minute" in told
    page = (tmp_path / "rush.html").read_text("utf-8")
    (tmp_path / "rush.html").unlink()
    assert run_houseful(["rush", "report", str(tmp_path / "rush.json")], {}).returncode == 0
    assert (tmp_path / "rush.html").read_text("utf-8") == page


def test_a_seat_that_is_sold_twice_makes_it_fail(tmp_path: Path) -> None:
    """The negative control: a server without the guard of the seats."""
    program = ("tests.chaos.broken_server", "up", "--port", "0")
    server = LiveServer(tmp_path / "data", program=program, CHAOS_WITHOUT="seats")
    try:
        assert rush(server, "prepare", "--people", "60")[0] == 0
        code, told = command(server, tmp_path / "rush", "--patience-seconds", "5")
    finally:
        server.close()
    assert code == 1, told
    assert "It does not hold that no seat is sold twice" in told
    assert "It does not hold that what is sold is what people bought" in told
