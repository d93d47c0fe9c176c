"""Who joins while the lobby closes: what is told of the draw comes true."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from houseful.kernel.errors import NotFound
from houseful.line.domain.lines import Entry, Phase
from houseful.line.schemas import PlaceView, place_view
from houseful.messages import EventCancelled
from tests.unit.line.harness import EVENT, ON_SALE, Harness, who

SEALED = ON_SALE - 60_000
LOBBY = 5


@pytest.fixture
async def sealer(harness: Harness) -> AsyncIterator[Harness]:
    """Another process, for which it is time to seal."""
    await harness.opened_lobby()
    await harness.join(*range(LOBBY))
    await harness.clock.advance((SEALED - harness.clock.now()) / 1000)
    made = harness.beside()
    yield made
    await made.store.close()


async def joined(harness: Harness) -> PlaceView:
    place, _ = await harness.line.join(who("usr_last"), EVENT)
    return place_view(place, email_wanted=False)


async def shown(harness: Harness) -> PlaceView:
    return place_view(await harness.line.place("usr_last", EVENT), email_wanted=False)


async def at_the_on_sale(harness: Harness) -> PlaceView:
    await harness.line.progress.take_due()
    await harness.until(ON_SALE)
    await harness.line.progress.number(EVENT)
    return await shown(harness)


def before_the_commit(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, do: Callable[[], Awaitable[Any]]
) -> None:
    """The next transaction has read, and this happens before it commits."""
    transact = harness.store.transact

    async def interrupted(work: Any) -> Any:
        monkeypatch.setattr(harness.store, "transact", transact)

        async def held_up(tx: Any) -> Any:
            result = await work(tx)
            await do()
            return result

        return await transact(held_up)

    monkeypatch.setattr(harness.store, "transact", interrupted)


async def test_who_joins_before_is_in_the_draw(harness: Harness, sealer: Harness) -> None:
    told = await joined(harness)
    assert (told.phase, told.in_draw) == (Phase.LOBBY, True)
    await sealer.line.progress.take_due()
    told = await shown(harness)
    assert (told.phase, told.in_draw, told.number) == (Phase.SEALED, True, None)
    told = await at_the_on_sale(harness)
    assert told.number in range(1, LOBBY + 2)


async def test_who_joins_a_lobby_that_has_closed_is_not_told_that_it_is_open(
    harness: Harness, sealer: Harness
) -> None:
    await sealer.line.progress._closing(await sealer.stored())
    assert (await harness.stored()).phase is Phase.LOBBY
    told = await joined(harness)
    assert (told.phase, told.in_draw) == (Phase.SEALED, False)
    told = await at_the_on_sale(harness)
    assert (told.in_draw, told.number) == (False, LOBBY + 1)


async def test_whose_commit_comes_behind_the_closing_is_told_nothing_that_is_not_decided(
    harness: Harness, sealer: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the list all the same, since that is read later."""

    async def close() -> None:
        await sealer.line.progress._closing(await sealer.stored())

    before_the_commit(harness, monkeypatch, close)
    told = await joined(harness)
    assert (told.phase, told.in_draw) == (Phase.SEALED, None)
    told = await at_the_on_sale(harness)
    assert told.in_draw
    assert told.number in range(1, LOBBY + 2)


async def test_whose_commit_comes_behind_the_list_is_told_nothing_that_is_not_decided(
    harness: Harness, sealer: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is read, and its root is not published yet when the answer is given."""
    is_read, is_answered = asyncio.Event(), asyncio.Event()
    every = sealer.line.progress._all

    async def read(event_id: str, queue: str) -> list[Entry]:
        found = await every(event_id, queue)
        is_read.set()
        await is_answered.wait()
        return found

    monkeypatch.setattr(sealer.line.progress, "_all", read)
    before_the_commit(harness, monkeypatch, is_read.wait)
    sealing = asyncio.create_task(sealer.line.progress.take_due())
    told = await joined(harness)
    assert (told.phase, told.in_draw) == (Phase.SEALED, None)
    is_answered.set()
    await sealing
    told = await shown(harness)
    assert (told.phase, told.in_draw) == (Phase.SEALED, False)
    told = await at_the_on_sale(harness)
    assert (told.in_draw, told.number) == (False, LOBBY + 1)


async def test_whose_commit_comes_behind_the_seal_is_told_that_it_comes_after_the_draw(
    harness: Harness, sealer: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_the_commit(harness, monkeypatch, sealer.line.progress.take_due)
    told = await joined(harness)
    assert (told.phase, told.in_draw) == (Phase.SEALED, False)
    told = await at_the_on_sale(harness)
    assert (told.in_draw, told.number) == (False, LOBBY + 1)


async def test_nothing_is_promised_by_a_line_that_was_read_before_the_entry(
    harness: Harness, sealer: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two reads of who asks, the list is sealed and the entry comes behind it."""
    get = harness.store.get

    async def interrupted(kind: Any, id: str) -> Any:
        found = await get(kind, id)
        monkeypatch.setattr(harness.store, "get", get)
        await sealer.line.progress.take_due()
        async with sealer.store.begin() as tx:
            late = harness.line.entry_id(EVENT, "usr_last")
            tx.insert(Entry(id=late, event_id=EVENT, joined_at=SEALED - 1, queue="lobby"))
        return found

    monkeypatch.setattr(harness.store, "get", interrupted)
    with pytest.raises(NotFound):
        await shown(harness)
    told = await shown(harness)
    assert (told.phase, told.in_draw) == (Phase.SEALED, False)


async def test_a_lobby_that_ends_is_in_no_draw(harness: Harness, sealer: Harness) -> None:
    await joined(harness)
    await harness.receive(EventCancelled(event_id=EVENT))
    told = await shown(harness)
    assert (told.phase, told.in_draw) == (Phase.ENDED, None)
