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
from tests.unit.line.world import EVENT, ON_SALE, Departure, World

SEALED = ON_SALE - 60_000


@pytest.fixture
def runs(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the workers were asked for, and "parts" for each time that a sealed list was read."""
    done: list[str] = []
    run, get_many = world.line.draws._workers.run, world.store.get_many

    async def noted(work: Any, *args: Any, **options: Any) -> Any:
        done.append(work.__name__)
        await asyncio.sleep(0)
        return await run(work, *args, **options)

    async def read(kind: Any, ids: Any) -> Any:
        done.append("parts")
        return await get_many(kind, ids)

    monkeypatch.setattr(world.line.draws._workers, "run", noted)
    monkeypatch.setattr(world.store, "get_many", read)
    return done


async def test_a_draw_is_computed_once_for_all_who_ask_at_once(world: World, runs: list[str]) -> None:
    await world.opened_lobby()
    await world.join(*range(30))
    await world.until(SEALED)
    runs.clear()
    assert await asyncio.gather(*(world.number(user) for user in range(30))) == [None] * 30
    assert runs == ["parts"], "before the draw no number is computed"
    await world.until(ON_SALE)
    numbers = await asyncio.gather(*(world.number(user) for user in range(30)))
    assert sorted(filter(None, numbers)) == list(range(1, 31))
    assert runs == ["parts", "numbers"]


async def test_a_draw_that_failed_is_made_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.opened_lobby()
    await world.join(0)
    await world.until(SEALED)
    read = world.store.get_many

    async def away(kind: Any, ids: Any) -> Any:
        raise Unavailable("the store is away")

    monkeypatch.setattr(world.store, "get_many", away)
    with pytest.raises(Unavailable):
        await world.number(0)
    monkeypatch.setattr(world.store, "get_many", read)
    await world.until(ON_SALE)
    assert await world.number(0) == 1


async def test_who_missed_the_list_gets_a_number_without_asking(world: World) -> None:
    """L1: an entry whose commit came while the list was read, of somebody who never asks again."""
    await world.opened_lobby()
    await world.join(*range(5))
    await world.until(SEALED)
    id = world.line.entry_id(EVENT, "usr_slow")

    async def commit_late(tx: Transaction) -> None:
        tx.insert(Entry(id=id, event_id=EVENT, joined_at=SEALED - 1, queue="lobby"))

    await world.store.transact(commit_late)
    await world.until(ON_SALE)
    assert await world.line.progress.number(EVENT) == 1
    entry = await world.store.get(Entry, id)
    assert entry is not None
    assert entry.number == 6


async def test_a_line_that_ends_before_its_draw_is_never_drawn(world: World) -> None:
    """Its seed may not be whole: numbers of it would be those of another draw."""
    await world.opened_lobby(beacon="pair", commitment=draw.commitment(b"secret").hex())
    await world.join(0, 1)
    await world.until(SEALED)
    await world.until(ON_SALE)
    await world.receive(EventCancelled(event_id=EVENT))
    assert (await world.stored()).phase is Phase.ENDED
    assert await world.number(0) is None
    with pytest.raises(StateConflict, match="not drawn yet"):
        await world.line.audit(EVENT)


async def test_a_line_that_fails_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.publish("evt_0")
    await world.opened_lobby()
    seal = world.line.progress._seal

    async def one_fails(line: Any) -> None:
        if line.id == "evt_0":
            raise ValueError("an entrant is in the list twice")
        await seal(line)

    monkeypatch.setattr(world.line.progress, "_seal", one_fails)
    await world.until(SEALED)
    assert (await world.stored("evt_0")).phase is Phase.LOBBY
    assert (await world.stored()).phase is Phase.SEALED
    monkeypatch.undo()
    await world.line.progress.take_due()
    assert (await world.stored("evt_0")).phase is Phase.SEALED


async def test_who_left_is_not_forgotten_where_the_store_was_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.opened_lobby()
    await world.join(0)
    await world.until(SEALED)
    await world.until(ON_SALE)
    await world.admit(3)
    await world.line.line_pass("usr_0", EVENT)
    transact = world.store.transact

    async def away(work: Any) -> Any:
        raise Unavailable("the store is away")

    monkeypatch.setattr(world.store, "transact", away)
    with pytest.raises(Unavailable):
        await world.admit(departures=(Departure("usr_0", 2),))
    monkeypatch.setattr(world.store, "transact", transact)
    await world.admit()
    assert await world.store.count(Visit, {"event_id": EVENT, "is_inside": True}) == 0


async def test_a_process_without_the_lease_does_not_collect_who_left(world: World) -> None:
    admitting = world.line.admitting
    left = ShopFigures(event_id=EVENT, process="shop_1", departures=(Departure("usr_0", 2),))
    admitting.hear(left)
    admitting.forget_departures()
    assert list(admitting._departed) == [EVENT], "the process with the lease may have died just now"
    await world.clock.advance(21)
    admitting.hear(ShopFigures(event_id="evt_2", process="shop_1", departures=(Departure("usr_0", 2),)))
    admitting.forget_departures()
    assert list(admitting._departed) == ["evt_2"]
