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
from tests.unit.tickets.harness import Harness, refusal
from tests.unit.tickets.stand_ins import Crash

ROWS, SEATS = 9, 4
CHUNKS = 5  # nine blocks, two at a time
COMMITS = 1 + CHUNKS + 1  # the plan, the chunks, "ready"


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "CHUNK_BLOCKS", 2)


async def published(harness: Harness, **changes: Any) -> EventPublished:
    message = harness.published(rows=ROWS, seats=SEATS, **changes)
    await harness.receive(message)
    return message


async def generate(harness: Harness) -> Show:
    await harness.tickets.inventory.generate_due()
    return await harness.show_of()


async def blocks_of(harness: Harness) -> list[tuple[str, int, int]]:
    return [(block.id, block.first, block.count) for block in await harness.every(Block)]


COMPLETE = [(f"evt_1:{n:05d}", n * SEATS, SEATS) for n in range(ROWS)]


async def test_every_seat_of_the_plan_is_made_once(harness: Harness) -> None:
    await published(harness)
    show = await generate(harness)
    assert (show.state, show.generated, show.look_at) == (ShowState.READY, ROWS * SEATS, None)
    assert await blocks_of(harness) == COMPLETE
    [ready] = await harness.sent(InventoryReady)
    assert (ready.event_id, ready.seats_total) == ("evt_1", ROWS * SEATS)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, COMMITS + 1))
async def test_a_death_at_any_commit_changes_nothing(harness: Harness, commit: int, when: str) -> None:
    message = await published(harness)
    harness.store.commits, harness.store.dies_at = 0, (commit, when)
    with pytest.raises(Crash):
        await generate(harness)
    so_far = await harness.show_of()
    assert so_far.generated == sum(count for _, _, count in await blocks_of(harness))  # what the UI shows

    harness = await harness.again()
    await harness.receive(message)  # the broker did not hear that it was handled
    show = await generate(harness)
    assert (show.state, show.generated) == (ShowState.READY, ROWS * SEATS)
    assert await blocks_of(harness) == COMPLETE
    assert len(await harness.sent(InventoryReady)) == 1


async def test_a_redelivery_after_sales_began_changes_nothing(harness: Harness) -> None:
    message = await published(harness)
    await generate(harness)
    await harness.hold("A-1")
    before = await harness.show_of(), await harness.every(Block)
    await harness.receive(message)
    await generate(harness)
    assert (await harness.show_of(), await harness.every(Block)) == before
    assert len(await harness.sent(InventoryReady)) == 1


async def test_generators_in_two_processes_make_one_inventory(harness: Harness) -> None:
    await published(harness)
    other = harness.beside()
    await asyncio.gather(generate(harness), generate(other), generate(harness))
    assert (await harness.show_of()).state is ShowState.READY
    assert (await harness.show_of()).generated == ROWS * SEATS
    assert await blocks_of(harness) == COMPLETE
    assert len(await harness.sent(InventoryReady)) == 1


async def test_progress_is_told_while_it_is_made(harness: Harness) -> None:
    await published(harness)
    harness.store.commits, harness.store.dies_at = 0, (3, "after")
    with pytest.raises(Crash):
        await generate(harness)
    view = await harness.tickets.inventory.progress("evt_1", None)
    assert (view.state, view.generated, view.total) == ("generating", 4 * SEATS, ROWS * SEATS)


async def test_an_event_cancelled_in_the_middle_is_not_finished(harness: Harness) -> None:
    await published(harness)
    harness.store.commits, harness.store.dies_at = 0, (3, "after")
    with pytest.raises(Crash):
        await generate(harness)
    harness.store.dies_at = None
    await harness.receive(EventCancelled(event_id="evt_1"))
    show = await generate(harness)
    assert show.state is ShowState.CANCELLED
    assert len(await blocks_of(harness)) == 4
    assert await harness.sent(InventoryReady) == []
    await harness.tickets.reconciliation.refund_cancelled()  # finds nothing to refund and no fault


@pytest.mark.parametrize("turns", [0, 3, 6, 9, 12, 15, 20, 30])
async def test_a_cancellation_beside_the_making_wins(harness: Harness, turns: int) -> None:
    await published(harness)
    making = asyncio.create_task(generate(harness))
    for _ in range(turns):
        await asyncio.sleep(0)
    await harness.receive(EventCancelled(event_id="evt_1"))
    await making
    assert (await harness.show_of()).state is ShowState.CANCELLED


async def test_a_cancellation_while_it_is_counted_wins_too(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await published(harness)
    is_complete = harness.tickets.inventory._is_complete

    async def cancelled_meanwhile(event_id: str, layout: Layout) -> bool:
        await harness.receive(EventCancelled(event_id=event_id))
        return await is_complete(event_id, layout)

    monkeypatch.setattr(harness.tickets.inventory, "_is_complete", cancelled_meanwhile)
    assert (await generate(harness)).state is ShowState.CANCELLED
    assert await harness.sent(InventoryReady) == []
    assert not caplog.records  # nobody has to be woken for that


async def test_a_missing_block_is_made_before_anything_is_sold(harness: Harness) -> None:
    await published(harness)
    harness.store.commits, harness.store.dies_at = 0, (COMMITS, "before")
    with pytest.raises(Crash):
        await generate(harness)
    harness.store.dies_at = None
    async with harness.store.begin() as tx:
        lost = await tx.get(Block, "evt_1:00004")
        assert lost is not None
        tx.delete(lost)
    show = await generate(harness)
    assert (show.state, show.generated) == (ShowState.GENERATING, 0)
    assert (await generate(harness)).state is ShowState.READY
    assert await blocks_of(harness) == COMPLETE


async def test_another_plan_than_the_published_one_fails_with_words(harness: Harness) -> None:
    await published(harness)
    answer = ServiceResponse(200, {}, msgspec.json.encode(plan(rows=ROWS, seats=SEATS + 1)))
    harness.events.answers["/api/events/evt_1/plan"] = answer
    show = await generate(harness)
    assert (show.state, show.detail) == (ShowState.FAILED, "The plan is not the one that was published.")
    assert show.look_at is None
    [failed] = await harness.sent(InventoryFailed)
    assert failed.detail == show.detail
    assert await blocks_of(harness) == []
    assert (await generate(harness)).state is ShowState.FAILED


@pytest.mark.parametrize("path", ["/api/events/evt_1", "/api/events/evt_1/plan"])
async def test_an_answer_that_is_no_plan_fails_with_words(harness: Harness, path: str) -> None:
    await published(harness)
    harness.events.answers[path] = ServiceResponse(200, {}, b"<html>")
    show = await generate(harness)
    assert show.state is ShowState.FAILED
    assert show.detail is not None
    assert "can't be read" in show.detail


async def test_another_number_of_seats_than_published_fails(harness: Harness) -> None:
    await published(harness, seats_total=ROWS * SEATS + 1)
    show = await generate(harness)
    assert show.state is ShowState.FAILED
    assert show.detail == "The plan has 36 seats where 37 were published."


@pytest.mark.parametrize("trouble", ["down", "404", "503"])
async def test_an_events_service_that_does_not_answer_is_waited_for(harness: Harness, trouble: str) -> None:
    await published(harness)
    good = dict(harness.events.answers)
    harness.events.down = trouble == "down"
    if trouble != "down":
        harness.events.answers["/api/events/evt_1/plan"] = ServiceResponse(int(trouble), {}, b"{}")
    show = await generate(harness)
    assert show.state is ShowState.GENERATING
    assert show.look_at is not None
    assert show.look_at > harness.clock.now()
    harness.events.down, harness.events.answers = False, good
    assert (await generate(harness)).state is ShowState.GENERATING  # not yet
    await harness.clock.advance(1)
    assert (await generate(harness)).state is ShowState.READY


async def test_one_events_trouble_is_not_anothers(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await published(harness)
    await harness.receive(harness.published("evt_2"))
    halls = harness.tickets.layouts
    fetch = halls.fetch

    async def broken_for_the_first(event_id: str, wanted_hash: str) -> Layout:
        if event_id == "evt_1":
            raise RuntimeError("a bug")
        return await fetch(event_id, wanted_hash)

    monkeypatch.setattr(halls, "fetch", broken_for_the_first)
    assert (await generate(harness)).state is ShowState.GENERATING
    assert (await harness.show_of("evt_2")).state is ShowState.READY
    monkeypatch.setattr(halls, "fetch", fetch)
    await harness.clock.advance(1)
    assert (await generate(harness)).state is ShowState.READY


async def test_before_the_message_only_the_events_service_knows(harness: Harness) -> None:
    harness.published()
    view = await harness.tickets.inventory.progress("evt_1", "Bearer organizer")
    assert (view.state, view.generated, view.total) == ("generating", 0, 30)
    assert harness.events.headers[-1] == {"authorization": "Bearer organizer"}


async def test_the_message_arrives_while_the_events_service_answers(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = harness.published()
    on_sale = msgspec.json.encode({"state": "on_sale", "seats_total": 30})
    request = harness.events.request

    async def answered_late(*arguments: Any, **named: Any) -> ServiceResponse:
        monkeypatch.setattr(harness.events, "request", request)
        await harness.receive(message)
        await generate(harness)
        return ServiceResponse(200, {}, on_sale)

    monkeypatch.setattr(harness.events, "request", answered_late)
    assert (await harness.tickets.inventory.progress("evt_1", None)).state == "ready"


async def test_an_event_that_nobody_publishes_is_not_found(harness: Harness) -> None:
    draft = msgspec.json.encode({"state": "draft", "seats_total": 30})
    harness.events.answers["/api/events/evt_9"] = ServiceResponse(200, {}, draft)
    for event_id in ("evt_8", "evt_9"):
        assert status_of(await refusal(harness.tickets.inventory.progress(event_id, None))) == 404
    harness.events.down = True
    with pytest.raises(Unavailable):
        await harness.tickets.inventory.progress("evt_8", None)


async def test_a_hall_is_not_there_before_its_plan_is(harness: Harness) -> None:
    assert (await refusal(harness.tickets.inventory.hall("evt_1"))).code == "event_not_found"
    await published(harness)
    assert (await refusal(harness.tickets.inventory.hall("evt_1"))).code == "inventory_not_ready"
    await generate(harness)
    show, layout = await harness.tickets.inventory.hall("evt_1")
    assert (show.id, layout.seats_total) == ("evt_1", ROWS * SEATS)


async def test_changes_are_taken_over_at_any_time(harness: Harness) -> None:
    change = EventChanged(
        event_id="evt_1", title="Renamed", on_sale_at=5, max_seats_per_order=2, refundable_until=7
    )
    await harness.receive(change)  # of an event that is not here: none of our business
    await published(harness)
    await harness.receive(change)
    show = await generate(harness)
    assert (show.title, show.on_sale_at, show.max_seats_per_order) == ("Renamed", 5, 2)
    assert show.state is ShowState.READY


async def test_somebody_elses_event_does_not_exist(harness: Harness) -> None:
    await published(harness)
    own_show = harness.tickets.inventory.own_show
    assert (await own_show("evt_1", "usr_organizer", is_admin=False)).id == "evt_1"
    assert (await own_show("evt_1", "usr_admin", is_admin=True)).id == "evt_1"
    for event_id, user_id in (("evt_1", "usr_other"), ("evt_2", "usr_organizer")):
        with pytest.raises(DomainError) as error:
            await own_show(event_id, user_id, is_admin=False)
        assert (status_of(error.value), error.value.code) == (404, "event_not_found")


async def test_cancelling_twice_is_once(harness: Harness) -> None:
    await published(harness)
    await generate(harness)
    await harness.receive(EventCancelled(event_id="evt_1"))
    first = await harness.show_of()
    await harness.clock.advance(5)
    await harness.receive(EventCancelled(event_id="evt_1"))
    await harness.receive(EventCancelled(event_id="evt_unknown"))
    assert await harness.show_of() == first
