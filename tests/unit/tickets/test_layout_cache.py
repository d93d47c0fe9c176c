"""LayoutCache: a plan is fetched once, compiled once, and a failure is not for ever."""

import asyncio

import pytest

from houseful.kernel.errors import Unavailable
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.packed_layouts import stored_layout, unpack_layout
from houseful.tickets.domain.shows import PlanPart
from houseful.tickets.use_cases import layout_cache
from tests.unit.tickets.harness import Harness


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the plans that were compiled."""
    names: list[str] = []

    def counting(packed: bytes) -> Layout:
        names.append(stored_layout(packed).plan.name)
        return unpack_layout(packed)

    monkeypatch.setattr(layout_cache, "unpack_layout", counting)
    return names


async def fetched(harness: Harness, event_id: str = "evt_1", rows: int = 3) -> str:
    """The hash of a plan that is here."""
    message = harness.published(event_id, rows=rows)
    await harness.tickets.layouts.fetch(event_id, message.plan_hash)
    return message.plan_hash


async def test_a_hall_that_was_never_fetched_is_not_here(harness: Harness) -> None:
    with pytest.raises(LookupError):
        await harness.tickets.layouts.layout("no such plan")


async def test_a_hall_that_comes_later_is_found(harness: Harness) -> None:
    message = harness.published()
    with pytest.raises(LookupError):
        await harness.tickets.layouts.layout(message.plan_hash)
    await fetched(harness)
    assert (await harness.tickets.layouts.layout(message.plan_hash)).seats_total == 30


async def test_a_hall_is_compiled_once_for_all_who_ask_at_once(harness: Harness, compiled: list[str]) -> None:
    hash_ = await fetched(harness)
    other = harness.beside()
    compiled.clear()
    found = await asyncio.gather(*(other.tickets.layouts.layout(hash_) for _ in range(10)))
    assert all(one is found[0] for one in found)
    assert await other.tickets.layouts.layout(hash_) is found[0]
    assert len(compiled) == 1


async def test_a_plan_is_asked_for_once_for_all_events_in_that_hall(harness: Harness) -> None:
    hash_ = await fetched(harness, "evt_1")
    asked = len(harness.events.asked)
    harness.events.down = True
    assert await harness.tickets.layouts.fetch("evt_2", hash_) is await harness.tickets.layouts.layout(hash_)
    assert len(harness.events.asked) == asked


async def test_a_large_plan_is_kept_in_pieces(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout_cache, "_PIECE_BYTES", 50)
    hash_ = await fetched(harness)
    parts = await harness.every(PlanPart)
    assert len(parts) > 3
    assert {part.parts for part in parts} == {len(parts)}
    again = await harness.again()
    assert (await again.tickets.layouts.layout(hash_)).seats_total == 30


async def test_the_halls_used_last_are_kept(
    harness: Harness, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout_cache, "_LAYOUTS_KEPT", 2)
    first, second, third = [await fetched(harness, f"evt_{rows}", rows) for rows in (3, 4, 5)]
    compiled.clear()
    for hash_ in (second, third, second, third):
        await harness.tickets.layouts.layout(hash_)
    assert compiled == []
    await harness.tickets.layouts.layout(first)
    await harness.tickets.layouts.layout(third)
    assert compiled == ["Hall of 3 by 10"]
    await harness.tickets.layouts.layout(second)  # it was the one that had to go
    assert compiled == ["Hall of 3 by 10", "Hall of 4 by 10"]


async def test_a_failed_load_is_tried_again(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    hash_ = await fetched(harness)
    other = harness.beside()
    get_many = other.store.get_many

    async def broken(*_: object) -> None:
        raise Unavailable("the engine is down")

    monkeypatch.setattr(other.store, "get_many", broken)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await other.tickets.layouts.layout(hash_)
    monkeypatch.setattr(other.store, "get_many", get_many)
    assert (await other.tickets.layouts.layout(hash_)).seats_total == 30


async def test_a_load_that_fails_when_nobody_waits_any_more_is_tried_again(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who asked has hung up before the engine gave up; the next must not be told of it for ever."""
    hash_ = await fetched(harness)
    other = harness.beside()
    get_many = other.store.get_many
    hangs_up, gives_up = asyncio.Event(), asyncio.Event()

    async def slow_and_broken(*_: object) -> None:
        hangs_up.set()
        await gives_up.wait()
        raise Unavailable("the engine is down")

    monkeypatch.setattr(other.store, "get_many", slow_and_broken)
    asking = asyncio.create_task(other.tickets.layouts.layout(hash_))
    await hangs_up.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    gives_up.set()
    await asyncio.sleep(0)
    monkeypatch.setattr(other.store, "get_many", get_many)
    assert (await other.tickets.layouts.layout(hash_)).seats_total == 30


async def test_one_who_hangs_up_does_not_stop_the_others(harness: Harness) -> None:
    hash_ = await fetched(harness)
    other = harness.beside()
    first = asyncio.create_task(other.tickets.layouts.layout(hash_))
    second = asyncio.create_task(other.tickets.layouts.layout(hash_))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).seats_total == 30
