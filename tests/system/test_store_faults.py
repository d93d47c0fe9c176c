"""A store or the bus that is gone, older, cut or damaged: what a start, `check` and `doctor` say of it.

Each fault is done to a copy of one installation, of which there are three: as it was once, as it is now, and
as it would be if it were killed now.
"""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec
import pytest
import pytest_asyncio

from houseful import store_consistency
from houseful.kernel.errors import DomainError, Unavailable
from houseful.kernel.roles import Role
from houseful.kernel.store_watermarks import ITSELF, KnownStore, StoreIdentity
from houseful.payments.webhook_deliveries import DeliveryStatus, WebhookDelivery
from houseful.settings import SERVICES, Settings, load_settings
from houseful.store_consistency import StoresDiffer
from houseful.tools import invariants
from houseful.tools.doctor import examine
from houseful.tools.invariants import check_all
from tests.support.deployment import Deployment, started
from tests.system.support import join_a_line

STORES = [*SERVICES, "bus"]


class Copies(NamedTuple):
    once: Path
    now: Path
    killed: Path
    """With logs that no clean stop has taken in."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "_PAUSE_SECONDS", 0.01)


async def sell(deployment: Deployment, name: str) -> None:
    """Until nothing is on its way any more. Every store is written to."""
    organizer, buyer = await deployment.user("organizer", Role.ORGANIZER), await deployment.user(name)
    await deployment.buy(buyer, await deployment.event(organizer))
    await join_a_line(deployment, organizer, buyer)

    async def quiet() -> bool:
        stores = deployment.app.stores
        if any([(await one.outbox.stats()).unpublished for one in stores.values()]):
            return False
        return not await stores["payments"].count(WebhookDelivery, {"status": DeliveryStatus.PENDING})

    await deployment.until(quiet)


def copy_as_killed(folder: Path, copy: Path) -> None:
    """Of a running server. The indexes of the logs come first: a kill leaves none that is ahead of its log,
    and the bus may commit while files are copied one by one."""
    copy.mkdir()
    for index in folder.glob("*-shm"):
        shutil.copy2(index, copy)
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*-shm"), dirs_exist_ok=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def copies(tmp_path_factory: pytest.TempPathFactory) -> Copies:
    folder = tmp_path_factory.mktemp("stores")
    here = folder / "here"
    async with started(here) as deployment:
        await sell(deployment, "first")
    shutil.copytree(here, folder / "once")
    async with started(here) as deployment:
        await sell(deployment, "second")
        copy_as_killed(here, folder / "killed")
    shutil.copytree(here, folder / "now")
    return Copies(folder / "once", folder / "now", folder / "killed")


@pytest.fixture
def now(copies: Copies, tmp_path: Path) -> Path:
    return Path(shutil.copytree(copies.now, tmp_path / "now"))


@pytest.fixture
def killed(copies: Copies, tmp_path: Path) -> Path:
    return Path(shutil.copytree(copies.killed, tmp_path / "killed"))


def file_of(folder: Path, name: str, suffix: str = "") -> Path:
    return folder / f"{name}.sqlite3{suffix}"


def take_away(folder: Path, name: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        file_of(folder, name, suffix).unlink(missing_ok=True)


def put_back(folder: Path, name: str, of: Path) -> None:
    take_away(folder, name)
    for suffix in ("", "-wal", "-shm"):
        if file_of(of, name, suffix).exists():
            shutil.copy(file_of(of, name, suffix), file_of(folder, name, suffix))


def halve(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size // 2)


def overwrite(file: Path, start: float, count: int = 4096) -> None:
    with file.open("r+b") as opened:
        opened.seek(round(file.stat().st_size * start))
        opened.write(b"\xa5" * count)


def settings_of(folder: Path) -> Settings:
    return load_settings({}, data=str(folder), rate_limits="off")


async def said_by_start(folder: Path) -> str:
    """What a start is refused with."""
    with pytest.raises((Unavailable, StoresDiffer)) as refused:
        async with started(folder, background=False):
            pass
    return str(refused.value)


async def said_by_check(folder: Path) -> dict[str, str]:
    """By check; everything under "unreadable" where nothing could be checked."""
    try:
        report = await check_all(settings_of(folder))
    except Unavailable as error:
        return {"unreadable": str(error)}
    return {
        one.code: "; ".join(f"{finding.subject} {finding.detail}" for finding in one.violations)
        for one in report.checks
        if one.violations
    }


async def problems(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    async for one in examine(settings_of(folder)):
        if one.state == "problem":
            assert one.fix, one
            found[one.name] = f"{found.get(one.name, '')}{one.detail} {one.fix} "
    return found


async def test_without_a_fault_nothing_is_said(now: Path, killed: Path) -> None:
    for folder in (now, killed):
        assert await said_by_check(folder) == {}
        assert await problems(folder) == {}
        async with started(folder):
            pass
        assert await said_by_check(folder) == {}


@pytest.mark.parametrize("name", SERVICES)
async def test_a_store_that_is_gone(now: Path, name: str) -> None:
    take_away(now, name)
    assert f"The {name} store: it is gone" in await said_by_start(now)
    assert not file_of(now, name).exists(), "a start that is refused makes no empty store"
    assert f"{name} store it is gone" in (await said_by_check(now))["C13"]
    assert "accept-store" in (await problems(now))[f"{name} store"]


@pytest.mark.parametrize("name", SERVICES)
async def test_a_store_that_is_an_older_copy(now: Path, copies: Copies, name: str) -> None:
    put_back(now, name, copies.once)
    assert f"The {name} store: it is an older copy" in await said_by_start(now)
    assert f"{name} store it is an older copy" in (await said_by_check(now))["C13"]
    assert "older copy" in (await problems(now))[f"{name} store"]


@pytest.mark.parametrize("name", SERVICES)
async def test_a_store_that_is_empty_or_another_one(now: Path, tmp_path: Path, name: str) -> None:
    take_away(now, name)
    file_of(now, name).touch()
    assert f"The {name} store: it is empty" in await said_by_start(now)
    async with started(tmp_path / "other"):
        pass
    put_back(now, name, tmp_path / "other")
    said = await said_by_start(now)
    assert f"The {name} store: it was made at" in said
    assert "belongs to another installation" in said
    assert f"{name} store it was made at" in (await said_by_check(now))["C13"]


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("fault", [halve, lambda file: overwrite(file, 0.5), lambda file: overwrite(file, 0)])
async def test_a_file_that_is_cut_or_damaged(now: Path, name: str, fault: Callable[[Path], None]) -> None:
    fault(file_of(now, name))
    await is_called_damaged(now, name)


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize(
    "fault",
    [halve, Path.unlink, lambda file: overwrite(file, 0.3), lambda file: overwrite(file, 0, 32)],
)
async def test_a_log_that_is_cut_or_damaged(killed: Path, name: str, fault: Callable[[Path], None]) -> None:
    fault(file_of(killed, name, "-wal"))
    await is_called_damaged(killed, name)


@pytest.mark.parametrize("name", STORES)
async def test_a_damaged_log_without_its_index(killed: Path, name: str) -> None:
    """As on a machine that lost its power; and nobody who only looks makes the log forget what it had."""
    overwrite(file_of(killed, name, "-wal"), 0.3)
    file_of(killed, name, "-shm").unlink()
    before = file_of(killed, name, "-wal").read_bytes()
    await is_called_damaged(killed, name)
    assert file_of(killed, name, "-wal").read_bytes() == before


@pytest.mark.parametrize("name", STORES)
async def test_a_last_commit_that_is_torn_is_no_damage(killed: Path, name: str) -> None:
    """Nobody was told of it: it was never synced."""
    with file_of(killed, name, "-wal").open("ab") as log:
        log.write(file_of(killed, name, "-wal").read_bytes()[32 : 32 + 2000])
    assert await said_by_check(killed) == {}


async def is_called_damaged(folder: Path, name: str) -> None:
    what = file_of(folder, name).name
    started_with = await said_by_start(folder)
    assert what in started_with
    assert "damaged" in started_with
    assert what in (await said_by_check(folder))["unreadable"]
    found = await problems(folder)
    said = found["bus" if name == "bus" else f"{name} store"]
    assert what in said
    assert "damaged" in said
    if name == "bus":
        assert "the next start sends again" in said.replace("\n", " ")
    else:
        assert "restore the last backup" in said


@pytest.mark.parametrize("fault", [take_away, "older"])
async def test_a_bus_that_lost_messages(
    now: Path, copies: Copies, fault: Callable[[Path, str], None] | str, caplog: pytest.LogCaptureFixture
) -> None:
    """A start mends it: what was on it is in the outboxes too."""
    if callable(fault):
        fault(now, "bus")
    else:
        put_back(now, "bus", copies.once)
    assert "not on the bus" in (await said_by_check(now))["C4"]
    assert "messages that were sent are not on it" in (await problems(now))["bus"]
    with caplog.at_level(logging.WARNING):
        async with started(now) as deployment:

            async def mended() -> bool:
                return "the bus has lost messages of tickets" in caplog.text

            await deployment.until(mended)
    assert await said_by_check(now) == {}
    assert await problems(now) == {}


class TestAccepting:
    async def test_a_loss(self, now: Path) -> None:
        take_away(now, "users")
        assert sorted(await store_consistency.accept(settings_of(now), "users")) == sorted(
            {*SERVICES} - {"users"}
        )
        async with started(now):
            pass
        found = await said_by_check(now)
        assert set(found) == {"C15"}
        assert "does not exist" in found["C15"]

    async def test_an_older_copy(self, now: Path, copies: Copies) -> None:
        put_back(now, "payments", copies.once)
        await store_consistency.accept(settings_of(now), "payments")
        async with started(now) as deployment:
            await sell(deployment, "third")
        assert "C13" not in await said_by_check(now)

    async def test_what_nobody_doubts(self, now: Path) -> None:
        with pytest.raises(DomainError, match="is the one that the others know"):
            await store_consistency.accept(settings_of(now), "users")


async def test_all_stores_of_an_older_backup_go_together(now: Path, copies: Copies) -> None:
    for name in STORES:
        put_back(now, name, copies.once)
    assert await said_by_check(now) == {}
    async with started(now):
        pass


async def test_copies_made_one_after_the_other_go_together(tmp_path: Path) -> None:
    """Of a server that goes on selling: by its own rounds nobody remembers what was not there a moment
    before."""
    async with started(tmp_path / "here", background=False) as deployment:
        vouch = deployment.app.consistency
        for name in reversed(SERVICES):
            await deployment.user(f"buyer-{name}")
            await vouch.poll()
            (tmp_path / "copy").mkdir(exist_ok=True)
            put_back(tmp_path / "copy", name, tmp_path / "here")
        users = await deployment.app.stores["users"].get(StoreIdentity, ITSELF)
        assert users is not None
        assert users.age > 1
        known = await deployment.app.stores["tickets"].get(KnownStore, "users")
        assert known is not None
        assert known.age == users.age - 1
    assert [
        doubt.service
        for doubt in await store_consistency.find_inconsistencies(settings_of(tmp_path / "copy"))
    ] == []


async def test_an_idle_installation_writes_nothing(tmp_path: Path) -> None:
    async with started(tmp_path / "here", background=False) as deployment:
        vouch = deployment.app.consistency
        for _ in range(3):
            await vouch.poll()
        before = {name: store.changes for name, store in deployment.app.stores.items()}
        for _ in range(3):
            await vouch.poll()
        assert {name: store.changes for name, store in deployment.app.stores.items()} == before


async def test_a_running_server_notices(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In the split one service's database may be exchanged under the others."""
    async with started(tmp_path / "here", background=False) as deployment:
        vouch, users = deployment.app.consistency, deployment.app.stores["users"]
        await vouch.poll()
        await vouch.ready()
        async with users.begin() as tx:
            identity = await tx.get(StoreIdentity, ITSELF)
            assert identity is not None
            tx.put(msgspec.structs.replace(identity, store_id="sto_another"))
        for _ in range(3):
            await vouch.poll()
        with pytest.raises(Unavailable, match="users store"):
            await vouch.ready()
        assert caplog.text.count("the users store is in doubt") == 1


async def test_what_a_version_before_made_is_adopted(tmp_path: Path) -> None:
    """It has no identities: its stores get them, and nobody is in doubt."""
    async with started(tmp_path / "here") as deployment:
        await sell(deployment, "first")
    for name in SERVICES:
        import apsw

        connection = apsw.Connection(str(file_of(tmp_path / "here", name)))
        for table in ("store_identity", "known_stores", "known_topics"):
            connection.execute(f'DROP TABLE "{table}"')
        connection.close()
    async with started(tmp_path / "here"):
        pass
    assert await said_by_check(tmp_path / "here") == {}


class TestAppliedMessages:
    """Older copies are found by messages too, which go back further than anybody remembers."""

    async def test_a_sender_that_is_older(self, now: Path, copies: Copies) -> None:
        await self._forget(now)
        put_back(now, "events", copies.once)
        found = await said_by_check(now)
        assert "the events store is older" in found["C5"]
        assert "no such published event" in found["C14"]

    async def test_a_receiver_that_is_older(
        self, now: Path, copies: Copies, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("houseful.tools.invariants.stores._ON_ITS_WAY_MILLIS", -1)
        await self._forget(now)
        put_back(now, "tickets", copies.once)
        found = await said_by_check(now)
        assert "houseful messages replay events" in found["C5"]
        assert "tickets has no hall of it" in found["C14"]

    async def _forget(self, folder: Path) -> None:
        for name in SERVICES:
            connection = apsw.Connection(str(file_of(folder, name)))
            connection.execute("DELETE FROM known_stores")
            connection.close()
