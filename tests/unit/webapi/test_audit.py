"""The audit log: what is written, how it is read, and what an erasure leaves of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from houseful.adapters.sqlite.store import SqliteStore
from houseful.kernel.clock import ManualClock, SystemClock
from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.errors import Duplicate
from houseful.kernel.ids import SeededIds
from houseful.kernel.ports import Transaction
from houseful.kernel.roles import Identity
from houseful.kernel.telemetry import request_id
from houseful.webapi.audit import (
    AUDIT_DOCUMENTS,
    COMMAND_LINE,
    Actor,
    AuditEntry,
    AuditFilter,
    AuditLog,
    History,
    Lookup,
    Part,
    actor_of,
    emails_of,
    erase_actor,
    merged,
    read_log,
)

ADA = Actor("usr_ada", "admin", "ada@example.org")
BEA = Actor("usr_bea", "organizer", "bea@example.org")


class Deed(Document, frozen=True, kw_only=True):
    """A history of an object's own."""

    collection = "deeds"
    indexes = (Index(("at",)), Index(("by", "at")), Index(("thing", "at")))

    at: Millis
    by: str
    thing: str
    staff: bool = True


DEEDS = History(
    Deed,
    all=Lookup({}),
    of_actor=lambda user_id: Lookup({"by": user_id}),
    of_object=lambda object: Lookup({"thing": object[6:]}) if object.startswith("thing:") else None,
    entry=lambda deed: (
        AuditEntry(
            id=deed.id,
            at=deed.at,
            actor_id=deed.by,
            role="admin",
            act="thing.done",
            object=f"thing:{deed.thing}",
        )
        if deed.staff
        else None
    ),
)


class Harness:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.ids = SeededIds(1, self.clock)
        documents: list[type[Document]] = [*AUDIT_DOCUMENTS, Deed]
        self.store = SqliteStore.open(folder / "a.db", documents, clock=SystemClock(), ids=self.ids)
        self.log = AuditLog(self.clock, self.ids)

    async def act(self, by: Actor, act: str, object: str = "event:evt_1", **details: Any) -> None:
        """A second after the one before."""

        async def work(tx: Transaction) -> None:
            await self.log.record(tx, by, act, object, **details)

        await self.clock.advance(1)
        await self.store.transact(work)

    async def deed(self, by: str, thing: str, *, staff: bool = True) -> None:
        await self.clock.advance(1)
        async with self.store.begin() as tx:
            deed = Deed(id=self.ids.new("ded"), at=self.clock.now(), by=by, thing=thing, staff=staff)
            tx.insert(deed)

    async def erase(self, user_id: str) -> None:
        async def work(tx: Transaction) -> None:
            await erase_actor(tx, user_id)

        await self.store.transact(work)

    async def acts(self, *, limit: int = 100, **wanted: Any) -> list[str]:
        entries, _ = await self.page(limit=limit, **wanted)
        return [entry.act for entry in entries]

    async def page(self, *, after: Any = None, limit: int = 100, **wanted: Any) -> Part:
        return await read_log(self.store, [DEEDS], AuditFilter(**wanted), after, limit)

    async def emails(self) -> list[str | None]:
        entries, _ = await self.page()
        emails = await emails_of(self.store, entries)
        return [emails[entry.id] for entry in entries]


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    harness = Harness(tmp_path)
    yield harness
    await harness.store.close()


async def test_an_act_is_written_with_who_and_what(harness: Harness) -> None:
    token = request_id.set("req_1")
    await harness.act(ADA, "event.changed", fields=["title"])
    request_id.reset(token)
    [entry], last = await harness.page()
    assert last is None
    assert (entry.at, entry.actor_id, entry.role) == (harness.clock.now(), "usr_ada", "admin")
    assert (entry.act, entry.object, entry.details) == ("event.changed", "event:evt_1", {"fields": ["title"]})
    assert entry.request_id == "req_1"
    assert await harness.emails() == ["ada@example.org"]


async def test_who_acts_has_the_most_powerful_role() -> None:
    who = Identity("usr_1", "ses_1", frozenset({"buyer", "gate", "organizer"}), 2**60, email="a@example.org")
    assert actor_of(who) == Actor("usr_1", "organizer", "a@example.org")


async def test_an_act_that_fails_is_not_written(harness: Harness) -> None:
    async def work(tx: Transaction) -> None:
        await harness.log.record(tx, ADA, "event.published", "event:evt_1")
        raise LookupError

    with pytest.raises(LookupError):
        await harness.store.transact(work)
    assert await harness.acts() == []


async def test_acts_are_filtered_newest_first(harness: Harness) -> None:
    await harness.act(ADA, "event.published")
    await harness.act(BEA, "event.cancelled", "event:evt_2")
    begin = harness.clock.now()
    await harness.act(COMMAND_LINE, "account.created", "account:usr_1")
    await harness.deed("usr_bea", "t1")
    await harness.deed("usr_buyer", "t1", staff=False)
    assert await harness.acts() == ["thing.done", "account.created", "event.cancelled", "event.published"]
    assert await harness.acts(actor="usr_bea") == ["thing.done", "event.cancelled"]
    assert await harness.acts(object="event:evt_2") == ["event.cancelled"]
    assert await harness.acts(object="thing:t1") == ["thing.done"]
    assert await harness.acts(object="thing:t1", actor="usr_ada") == []
    assert await harness.acts(act="event") == ["event.cancelled", "event.published"]
    assert await harness.acts(act="event.published") == ["event.published"]
    assert await harness.acts(act="even") == []
    assert await harness.acts(since=begin) == ["thing.done", "account.created", "event.cancelled"]
    assert await harness.acts(until=begin) == ["event.published"]
    assert await harness.acts(act="event", until=begin + 1, actor="usr_bea") == ["event.cancelled"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_of_several_histories_are_one_list(harness: Harness, limit: int) -> None:
    for number in range(9):
        if number % 3:
            await harness.act(ADA, "event.changed")
        else:
            await harness.deed("usr_ada", "t1", staff=number != 3)
    whole = [entry.id for entry in (await harness.page()).entries]
    assert len(whole) == 8
    read: list[str] = []
    after: Any = None
    while True:
        entries, after = await harness.page(after=after, limit=limit)
        assert len(entries) <= limit
        read += [entry.id for entry in entries]
        if after is None:
            break
    assert read == whole


async def test_a_long_log_is_read_in_bounded_steps(harness: Harness) -> None:
    async with harness.store.begin() as tx:
        for number in range(2100):
            act = "event.published" if number == 0 else "event.changed"
            entry = AuditEntry(
                id=f"aud_{number:05}",
                at=number,
                actor_id="usr_ada",
                role="admin",
                act=act,
                object="event:evt_1",
            )
            tx.insert(entry)
    first, after = await harness.page(act="event.published", limit=10)
    assert (first, after) == ([], (100, "aud_00100"))
    [found], end = await harness.page(act="event.published", limit=10, after=after)
    assert (found.id, end) == ("aud_00000", None)


def test_what_lies_behind_a_part_that_goes_on_waits() -> None:
    def position(entry: str) -> tuple[int, str]:
        return int(entry[1:]), entry

    one, other = Part(["a9", "a5"], (5, "a5")), Part(["b8", "b3"], None)
    assert merged([one, other], 10, position) == Part(["a9", "b8", "a5"], (5, "a5"))
    assert merged([one, other], 2, position) == Part(["a9", "b8"], (8, "b8"))
    assert merged([Part([], (7, "x")), other], 10, position) == Part(["b8"], (7, "x"))
    assert merged([other], 2, position) == other


async def test_the_address_is_the_one_of_that_time(harness: Harness) -> None:
    await harness.act(ADA, "event.published")
    await harness.act(ADA._replace(email="lovelace@example.org"), "event.changed")
    await harness.act(ADA._replace(email=""), "event.cancelled")
    await harness.act(COMMAND_LINE, "account.created")
    assert await harness.emails() == [None, "lovelace@example.org", "lovelace@example.org", "ada@example.org"]


async def test_an_erased_account_stays_in_the_log_without_an_address(harness: Harness) -> None:
    await harness.act(ADA, "event.published")
    before = await harness.page()
    await harness.erase("usr_ada")
    await harness.erase("usr_ada")
    assert await harness.page() == before, "entries never change"
    assert await harness.emails() == [None]
    await harness.act(ADA, "event.changed")  # by a token that was in use
    assert await harness.emails() == [None, None]
    await harness.erase("usr_unknown")
    await harness.act(Actor("usr_unknown", "gate", "u@example.org"), "event.changed")
    assert await harness.emails() == [None, None, None]


async def test_an_erasure_at_the_moment_of_a_first_act_comes_again(harness: Harness) -> None:
    async def work(tx: Transaction) -> None:
        await erase_actor(tx, "usr_ada")
        await harness.act(ADA, "event.published")

    with pytest.raises(Duplicate):
        await harness.store.transact(work)
    await harness.erase("usr_ada")
    assert await harness.emails() == [None]
