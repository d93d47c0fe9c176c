"""From a published event to every seat of it, whatever dies on the way."""

import asyncio
from typing import Any

import msgspec
import pytest

from houseful.kernel.errors import DomainError, Unavailable
from houseful.kernel.ports import ServiceResponse
from houseful.messages import EventCancelled, EventChanged, EventPublished, InventoryFailed, InventoryReady
from houseful.tickets.domain.blocks import Block
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.shows import Show, ShowState
from houseful.tickets.use_cases import inventory
from houseful.webapi.problems import status_of
from tests.support.deployment import plan
from tests.unit.tickets.stand_ins import Crash
from tests.unit.tickets.world import World, refusal

ROWS, SEATS = 9, 4
CHUNKS = 5  # nine blocks, two at a time
COMMITS = 1 + CHUNKS + 1  # the plan, the chunks, "ready"


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "CHUNK_BLOCKS", 2)


async def published(world: World, **changes: Any) -> EventPublished:
    message = world.published(rows=ROWS, seats=SEATS, **changes)
    await world.receive(message)
    return message


async def generate(world: World) -> Show:
    await world.tickets.inventory.generate_due()
    return await world.show_of()


async def blocks_of(world: World) -> list[tuple[str, int, int]]:
    return [(block.id, block.first, block.count) for block in await world.every(Block)]


COMPLETE = [(f"evt_1:{n:05d}", n * SEATS, SEATS) for n in range(ROWS)]


async def test_every_seat_of_the_plan_is_made_once(world: World) -> None:
    await published(world)
    show = await generate(world)
    assert (show.state, show.generated, show.look_at) == (ShowState.READY, ROWS * SEATS, None)
    assert await blocks_of(world) == COMPLETE
    [ready] = await world.sent(InventoryReady)
    assert (ready.event_id, ready.seats_total) == ("evt_1", ROWS * SEATS)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, COMMITS + 1))
async def test_a_death_at_any_commit_changes_nothing(world: World, commit: int, when: str) -> None:
    message = await published(world)
    world.store.commits, world.store.dies_at = 0, (commit, when)
    with pytest.raises(Crash):
        await generate(world)
    so_far = await world.show_of()
    assert so_far.generated == sum(count for _, _, count in await blocks_of(world))  # what the UI shows

    world = await world.again()
    await world.receive(message)  # the broker did not hear that it was handled
    show = await generate(world)
    assert (show.state, show.generated) == (ShowState.READY, ROWS * SEATS)
    assert await blocks_of(world) == COMPLETE
    assert len(await world.sent(InventoryReady)) == 1


async def test_a_redelivery_after_sales_began_changes_nothing(world: World) -> None:
    message = await published(world)
    await generate(world)
    await world.hold("A-1")
    before = await world.show_of(), await world.every(Block)
    await world.receive(message)
    await generate(world)
    assert (await world.show_of(), await world.every(Block)) == before
    assert len(await world.sent(InventoryReady)) == 1


async def test_generators_in_two_processes_make_one_inventory(world: World) -> None:
    await published(world)
    other = world.beside()
    await asyncio.gather(generate(world), generate(other), generate(world))
    assert (await world.show_of()).state is ShowState.READY
    assert (await world.show_of()).generated == ROWS * SEATS
    assert await blocks_of(world) == COMPLETE
    assert len(await world.sent(InventoryReady)) == 1


async def test_progress_is_told_while_it_is_made(world: World) -> None:
    await published(world)
    world.store.commits, world.store.dies_at = 0, (3, "after")
    with pytest.raises(Crash):
        await generate(world)
    view = await world.tickets.inventory.progress("evt_1", None)
    assert (view.state, view.generated, view.total) == ("generating", 4 * SEATS, ROWS * SEATS)


async def test_an_event_cancelled_in_the_middle_is_not_finished(world: World) -> None:
    await published(world)
    world.store.commits, world.store.dies_at = 0, (3, "after")
    with pytest.raises(Crash):
        await generate(world)
    world.store.dies_at = None
    await world.receive(EventCancelled(event_id="evt_1"))
    show = await generate(world)
    assert show.state is ShowState.CANCELLED
    assert len(await blocks_of(world)) == 4
    assert await world.sent(InventoryReady) == []
    await world.tickets.reconciliation.refund_cancelled()  # finds nothing to refund and no fault


@pytest.mark.parametrize("turns", [0, 3, 6, 9, 12, 15, 20, 30])
async def test_a_cancellation_beside_the_making_wins(world: World, turns: int) -> None:
    await published(world)
    making = asyncio.create_task(generate(world))
    for _ in range(turns):
        await asyncio.sleep(0)
    await world.receive(EventCancelled(event_id="evt_1"))
    await making
    assert (await world.show_of()).state is ShowState.CANCELLED


async def test_a_cancellation_while_it_is_counted_wins_too(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await published(world)
    is_complete = world.tickets.inventory._is_complete

    async def cancelled_meanwhile(event_id: str, layout: Layout) -> bool:
        await world.receive(EventCancelled(event_id=event_id))
        return await is_complete(event_id, layout)

    monkeypatch.setattr(world.tickets.inventory, "_is_complete", cancelled_meanwhile)
    assert (await generate(world)).state is ShowState.CANCELLED
    assert await world.sent(InventoryReady) == []
    assert not caplog.records  # nobody has to be woken for that


async def test_a_missing_block_is_made_before_anything_is_sold(world: World) -> None:
    await published(world)
    world.store.commits, world.store.dies_at = 0, (COMMITS, "before")
    with pytest.raises(Crash):
        await generate(world)
    world.store.dies_at = None
    async with world.store.begin() as tx:
        lost = await tx.get(Block, "evt_1:00004")
        assert lost is not None
        tx.delete(lost)
    show = await generate(world)
    assert (show.state, show.generated) == (ShowState.GENERATING, 0)
    assert (await generate(world)).state is ShowState.READY
    assert await blocks_of(world) == COMPLETE


async def test_another_plan_than_the_published_one_fails_with_words(world: World) -> None:
    await published(world)
    answer = ServiceResponse(200, {}, msgspec.json.encode(plan(rows=ROWS, seats=SEATS + 1)))
    world.events.answers["/api/events/evt_1/plan"] = answer
    show = await generate(world)
    assert (show.state, show.detail) == (ShowState.FAILED, "The plan is not the one that was published.")
    assert show.look_at is None
    [failed] = await world.sent(InventoryFailed)
    assert failed.detail == show.detail
    assert await blocks_of(world) == []
    assert (await generate(world)).state is ShowState.FAILED


@pytest.mark.parametrize("path", ["/api/events/evt_1", "/api/events/evt_1/plan"])
async def test_an_answer_that_is_no_plan_fails_with_words(world: World, path: str) -> None:
    await published(world)
    world.events.answers[path] = ServiceResponse(200, {}, b"<html>")
    show = await generate(world)
    assert show.state is ShowState.FAILED
    assert show.detail is not None
    assert "can't be read" in show.detail


async def test_another_number_of_seats_than_published_fails(world: World) -> None:
    await published(world, seats_total=ROWS * SEATS + 1)
    show = await generate(world)
    assert show.state is ShowState.FAILED
    assert show.detail == "The plan has 36 seats where 37 were published."


@pytest.mark.parametrize("trouble", ["down", "404", "503"])
async def test_an_events_service_that_does_not_answer_is_waited_for(world: World, trouble: str) -> None:
    await published(world)
    good = dict(world.events.answers)
    world.events.down = trouble == "down"
    if trouble != "down":
        world.events.answers["/api/events/evt_1/plan"] = ServiceResponse(int(trouble), {}, b"{}")
    show = await generate(world)
    assert show.state is ShowState.GENERATING
    assert show.look_at is not None
    assert show.look_at > world.clock.now()
    world.events.down, world.events.answers = False, good
    assert (await generate(world)).state is ShowState.GENERATING  # not yet
    await world.clock.advance(1)
    assert (await generate(world)).state is ShowState.READY


async def test_one_events_trouble_is_not_anothers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await published(world)
    await world.receive(world.published("evt_2"))
    halls = world.tickets.layouts
    fetch = halls.fetch

    async def broken_for_the_first(event_id: str, wanted_hash: str) -> Layout:
        if event_id == "evt_1":
            raise RuntimeError("a bug")
        return await fetch(event_id, wanted_hash)

    monkeypatch.setattr(halls, "fetch", broken_for_the_first)
    assert (await generate(world)).state is ShowState.GENERATING
    assert (await world.show_of("evt_2")).state is ShowState.READY
    monkeypatch.setattr(halls, "fetch", fetch)
    await world.clock.advance(1)
    assert (await generate(world)).state is ShowState.READY


async def test_before_the_message_only_the_events_service_knows(world: World) -> None:
    world.published()
    view = await world.tickets.inventory.progress("evt_1", "Bearer organizer")
    assert (view.state, view.generated, view.total) == ("generating", 0, 30)
    assert world.events.headers[-1] == {"authorization": "Bearer organizer"}


async def test_the_message_arrives_while_the_events_service_answers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = world.published()
    on_sale = msgspec.json.encode({"state": "on_sale", "seats_total": 30})
    request = world.events.request

    async def answered_late(*arguments: Any, **named: Any) -> ServiceResponse:
        monkeypatch.setattr(world.events, "request", request)
        await world.receive(message)
        await generate(world)
        return ServiceResponse(200, {}, on_sale)

    monkeypatch.setattr(world.events, "request", answered_late)
    assert (await world.tickets.inventory.progress("evt_1", None)).state == "ready"


async def test_an_event_that_nobody_publishes_is_not_found(world: World) -> None:
    draft = msgspec.json.encode({"state": "draft", "seats_total": 30})
    world.events.answers["/api/events/evt_9"] = ServiceResponse(200, {}, draft)
    for event_id in ("evt_8", "evt_9"):
        assert status_of(await refusal(world.tickets.inventory.progress(event_id, None))) == 404
    world.events.down = True
    with pytest.raises(Unavailable):
        await world.tickets.inventory.progress("evt_8", None)


async def test_a_hall_is_not_there_before_its_plan_is(world: World) -> None:
    assert (await refusal(world.tickets.inventory.hall("evt_1"))).code == "event_not_found"
    await published(world)
    assert (await refusal(world.tickets.inventory.hall("evt_1"))).code == "inventory_not_ready"
    await generate(world)
    show, layout = await world.tickets.inventory.hall("evt_1")
    assert (show.id, layout.seats_total) == ("evt_1", ROWS * SEATS)


async def test_changes_are_taken_over_at_any_time(world: World) -> None:
    change = EventChanged(
        event_id="evt_1", title="Renamed", on_sale_at=5, max_seats_per_order=2, refundable_until=7
    )
    await world.receive(change)  # of an event that is not here: none of our business
    await published(world)
    await world.receive(change)
    show = await generate(world)
    assert (show.title, show.on_sale_at, show.max_seats_per_order) == ("Renamed", 5, 2)
    assert show.state is ShowState.READY


async def test_somebody_elses_event_does_not_exist(world: World) -> None:
    await published(world)
    own_show = world.tickets.inventory.own_show
    assert (await own_show("evt_1", "usr_organizer", is_admin=False)).id == "evt_1"
    assert (await own_show("evt_1", "usr_admin", is_admin=True)).id == "evt_1"
    for event_id, user_id in (("evt_1", "usr_other"), ("evt_2", "usr_organizer")):
        with pytest.raises(DomainError) as error:
            await own_show(event_id, user_id, is_admin=False)
        assert (status_of(error.value), error.value.code) == (404, "event_not_found")


async def test_cancelling_twice_is_once(world: World) -> None:
    await published(world)
    await generate(world)
    await world.receive(EventCancelled(event_id="evt_1"))
    first = await world.show_of()
    await world.clock.advance(5)
    await world.receive(EventCancelled(event_id="evt_1"))
    await world.receive(EventCancelled(event_id="evt_unknown"))
    assert await world.show_of() == first
