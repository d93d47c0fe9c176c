"""Many ask at once, and some things fail: what is computed is computed once; a line holds up no other."""

import asyncio
from typing import Any

import pytest

from houseful.kernel.errors import StateConflict, Unavailable
from houseful.kernel.ports import Transaction
from houseful.line.domain import draw
from houseful.line.domain.lines import Entry, Phase, Visit
from houseful.messages import EventCancelled
from houseful.webapi.shop_signals import ShopFigures
from tests.unit.line.harness import EVENT, ON_SALE, Departure, Harness

SEALED = ON_SALE - 60_000


@pytest.fixture
def runs(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the workers were asked for, and "parts" for each time that a sealed list was read."""
    done: list[str] = []
    run, get_many = harness.line.draws._workers.run, harness.store.get_many

    async def noted(work: Any, *args: Any, **options: Any) -> Any:
        done.append(work.__name__)
        await asyncio.sleep(0)
        return await run(work, *args, **options)

    async def read(kind: Any, ids: Any) -> Any:
        done.append("parts")
        return await get_many(kind, ids)

    monkeypatch.setattr(harness.line.draws._workers, "run", noted)
    monkeypatch.setattr(harness.store, "get_many", read)
    return done


async def test_a_draw_is_computed_once_for_all_who_ask_at_once(harness: Harness, runs: list[str]) -> None:
    await harness.opened_lobby()
    await harness.join(*range(30))
    await harness.until(SEALED)
    runs.clear()
    assert await asyncio.gather(*(harness.number(user) for user in range(30))) == [None] * 30
    assert runs == ["parts"], "before the draw no number is computed"
    await harness.until(ON_SALE)
    numbers = await asyncio.gather(*(harness.number(user) for user in range(30)))
    assert sorted(filter(None, numbers)) == list(range(1, 31))
    assert runs == ["parts", "numbers"]


async def test_a_draw_that_failed_is_made_again(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await harness.opened_lobby()
    await harness.join(0)
    await harness.until(SEALED)
    read = harness.store.get_many

    async def away(kind: Any, ids: Any) -> Any:
        raise Unavailable("the store is away")

    monkeypatch.setattr(harness.store, "get_many", away)
    with pytest.raises(Unavailable):
        await harness.number(0)
    monkeypatch.setattr(harness.store, "get_many", read)
    await harness.until(ON_SALE)
    assert await harness.number(0) == 1


async def test_who_missed_the_list_gets_a_number_without_asking(harness: Harness) -> None:
    """L1: an entry whose commit came while the list was read, of somebody who never asks again."""
    await harness.opened_lobby()
    await harness.join(*range(5))
    await harness.until(SEALED)
    id = harness.line.entry_id(EVENT, "usr_slow")

    async def commit_late(tx: Transaction) -> None:
        tx.insert(Entry(id=id, event_id=EVENT, joined_at=SEALED - 1, queue="lobby"))

    await harness.store.transact(commit_late)
    await harness.until(ON_SALE)
    assert await harness.line.progress.number(EVENT) == 1
    entry = await harness.store.get(Entry, id)
    assert entry is not None
    assert entry.number == 6


async def test_a_line_that_ends_before_its_draw_is_never_drawn(harness: Harness) -> None:
    """Its seed may not be whole: numbers of it would be those of another draw."""
    await harness.opened_lobby(beacon="pair", commitment=draw.commitment(b"secret").hex())
    await harness.join(0, 1)
    await harness.until(SEALED)
    await harness.until(ON_SALE)
    await harness.receive(EventCancelled(event_id=EVENT))
    assert (await harness.stored()).phase is Phase.ENDED
    assert await harness.number(0) is None
    with pytest.raises(StateConflict, match="not drawn yet"):
        await harness.line.audit(EVENT)


async def test_a_line_that_fails_holds_up_no_other(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await harness.publish("evt_0")
    await harness.opened_lobby()
    seal = harness.line.progress._seal

    async def one_fails(line: Any) -> None:
        if line.id == "evt_0":
            raise ValueError("an entrant is in the list twice")
        await seal(line)

    monkeypatch.setattr(harness.line.progress, "_seal", one_fails)
    await harness.until(SEALED)
    assert (await harness.stored("evt_0")).phase is Phase.LOBBY
    assert (await harness.stored()).phase is Phase.SEALED
    monkeypatch.undo()
    await harness.line.progress.take_due()
    assert (await harness.stored("evt_0")).phase is Phase.SEALED


async def test_who_left_is_not_forgotten_where_the_store_was_away(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    await harness.opened_lobby()
    await harness.join(0)
    await harness.until(SEALED)
    await harness.until(ON_SALE)
    await harness.admit(3)
    await harness.line.line_pass("usr_0", EVENT)
    transact = harness.store.transact

    async def away(work: Any) -> Any:
        raise Unavailable("the store is away")

    monkeypatch.setattr(harness.store, "transact", away)
    with pytest.raises(Unavailable):
        await harness.admit(departures=(Departure("usr_0", 2),))
    monkeypatch.setattr(harness.store, "transact", transact)
    await harness.admit()
    assert await harness.store.count(Visit, {"event_id": EVENT, "is_inside": True}) == 0


async def test_a_process_without_the_lease_does_not_collect_who_left(harness: Harness) -> None:
    admitting = harness.line.admitting
    left = ShopFigures(event_id=EVENT, process="shop_1", departures=(Departure("usr_0", 2),))
    admitting.hear(left)
    admitting.forget_notes()
    assert list(admitting._noted) == [EVENT], "the process with the lease may have died just now"
    await harness.clock.advance(21)
    admitting.hear(ShopFigures(event_id="evt_2", process="shop_1", departures=(Departure("usr_0", 2),)))
    admitting.forget_notes()
    assert list(admitting._noted) == ["evt_2"]
