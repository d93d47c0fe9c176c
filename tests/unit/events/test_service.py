"""The use cases on a store: what is written together, what is sent, and what happens at the same time."""

import asyncio
from typing import Any

import msgspec
import pytest

from houseful.events import domain, plans
from houseful.events.domain import Changes, NewEvent
from houseful.events.plans import StoredPlan
from houseful.events.searching import Search
from houseful.kernel.errors import Conflict, DomainError, StateConflict, Unavailable
from houseful.messages import (
    AvailabilityChanged,
    EventChanged,
    EventPublished,
    InventoryFailed,
    InventoryReady,
    LineTerms,
)
from houseful.seating.parsing import StandingArea
from houseful.webapi.cursors import ByMoment
from houseful.webapi.problems import status_of
from tests.unit.events.support import ADMIN, ALICE, BOB, BUYER, DAY, START, Harness, plan, sent


def new_event(**other: Any) -> NewEvent:
    fields: dict[str, Any] = {
        "title": "La Traviata",
        "venue": "Opera House",
        "starts_at": START + 30 * DAY,
        "timezone": "Europe/Zurich",
        "currency": "CHF",
        "prices": {"Stalls": 12_000, "Balcony": 4_500},
        "plan": sent(plan()),
    }
    return NewEvent(**fields | other)


async def test_event_and_plan_are_written_together(harness: Harness) -> None:
    event = await harness.create(ALICE, new_event())
    assert await harness.document(event.id) == event
    assert await harness.store.get(StoredPlan, f"{event.hall.plan_hash}:0") is not None
    assert await harness.sent() == []


async def test_events_with_the_same_plan_share_it(harness: Harness) -> None:
    first = await harness.create(ALICE, new_event())
    second = await harness.create(BOB, new_event(title="Other"))
    assert first.hall == second.hall
    assert await harness.store.count(StoredPlan, {}) == 1


async def test_a_refused_event_leaves_nothing(harness: Harness) -> None:
    with pytest.raises(DomainError):
        await harness.create(ALICE, new_event(title=""))
    assert await harness.store.count(StoredPlan, {}) == 0
    assert await harness.store.find(domain.Event, {}, limit=9) == []


async def test_a_plan_in_many_parts_comes_back_whole(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "PART_BYTES", 100)
    large = plan(rows=5, seats=30)
    event = await harness.create(ALICE, new_event(plan=sent(large)))
    assert event.hall.parts > 2
    found = await harness.service.plan(ALICE, event.id)
    assert msgspec.json.decode(found.content)["zones"][0]["rows"][4]["seats"][29]["seat_guid"] == "s-4-29"


async def test_twenty_publishes_at_once_send_one_message(harness: Harness) -> None:
    event = await harness.create(ALICE, new_event())
    published = await asyncio.gather(*(harness.service.publish(ALICE, event.id) for _ in range(20)))
    assert {one.status for one in published} == {"publishing"}
    assert await harness.sent_types() == ["EventPublished"]


async def test_the_message_has_all_that_the_ticket_service_needs(harness: Harness) -> None:
    event = await harness.create(ALICE, new_event(on_sale_at=START + DAY, refundable_until=START + 9 * DAY))
    await harness.service.publish(ALICE, event.id)
    [row] = await harness.sent()
    assert (row.aggregatetype, row.aggregateid, row.seq) == ("event", event.id, 1)
    assert msgspec.json.decode(row.payload, type=EventPublished) == EventPublished(
        event_id=event.id,
        organizer_id=ALICE.user_id,
        title="La Traviata",
        venue="Opera House",
        starts_at=START + 30 * DAY,
        timezone="Europe/Zurich",
        currency="CHF",
        on_sale_at=START + DAY,
        hold_seconds=600,
        max_seats_per_order=10,
        refundable_until=START + 9 * DAY,
        plan_hash=event.hall.plan_hash,
        seats_total=6,
        prices={"Stalls": 12_000, "Balcony": 4_500},
    )


async def test_an_event_whose_time_has_come_is_not_published(harness: Harness) -> None:
    event = await harness.create(ALICE, new_event())
    await harness.clock.advance(30 * DAY / 1000)
    with pytest.raises(DomainError) as refused:
        await harness.service.publish(ALICE, event.id)
    assert status_of(refused.value) == 422
    assert list(refused.value.errors) == ["starts_at"]
    assert await harness.sent() == []


async def test_publishing_again_after_the_start_is_still_idempotent(harness: Harness) -> None:
    event = await harness.on_sale()
    await harness.clock.advance(365 * DAY / 1000)
    assert (await harness.service.publish(ALICE, event["id"])).status == "published"
    assert await harness.sent_types() == ["EventPublished"]


async def test_the_inventory_puts_the_event_on_sale(harness: Harness) -> None:
    event = await harness.create(ALICE, new_event())
    await harness.service.publish(ALICE, event.id)
    assert harness.service.state(await harness.document(event.id)) == "publishing"
    await harness.deliver(InventoryReady(event_id=event.id, seats_total=6))
    assert harness.service.state(await harness.document(event.id)) == "on_sale"
    await harness.deliver(AvailabilityChanged(event_id=event.id, sold_out=True))
    assert harness.service.state(await harness.document(event.id)) == "sold_out"
    await harness.deliver(AvailabilityChanged(event_id=event.id, sold_out=False))
    assert harness.service.state(await harness.document(event.id)) == "on_sale"


async def test_a_failed_inventory_is_a_problem_until_it_is_there(harness: Harness) -> None:
    event = await harness.create(ALICE, new_event())
    await harness.service.publish(ALICE, event.id)
    await harness.deliver(InventoryFailed(event_id=event.id, detail="The plan can't be had."))
    failed = await harness.document(event.id)
    assert (failed.status, failed.problem) == ("publishing", "The plan can't be had.")
    await harness.deliver(InventoryReady(event_id=event.id, seats_total=6))
    ready = await harness.document(event.id)
    assert (ready.status, ready.problem) == ("published", None)


async def test_messages_that_come_twice_change_nothing(harness: Harness) -> None:
    event = await harness.on_sale()
    before = await harness.document(event["id"])
    await harness.clock.advance(5)
    await harness.deliver(InventoryReady(event_id=event["id"], seats_total=6))
    await harness.deliver(AvailabilityChanged(event_id=event["id"], sold_out=False))
    assert await harness.document(event["id"]) == before


async def test_a_message_about_no_event_or_a_draft_is_a_bug(harness: Harness) -> None:
    with pytest.raises(LookupError):
        await harness.deliver(InventoryReady(event_id="evt_none", seats_total=6))
    event = await harness.create(ALICE, new_event())
    with pytest.raises(domain.IllegalStep):
        await harness.deliver(InventoryReady(event_id=event.id, seats_total=6))


async def test_cancelling_is_told_once_and_only_of_what_was_published(harness: Harness) -> None:
    draft = await harness.create(ALICE, new_event())
    await harness.service.cancel(ALICE, draft.id)
    assert await harness.sent() == []
    event = await harness.on_sale()
    cancelled = await asyncio.gather(*(harness.service.cancel(ALICE, event["id"]) for _ in range(10)))
    assert {one.status for one in cancelled} == {"cancelled"}
    assert await harness.sent_types() == ["EventPublished", "EventCancelled"]
    with pytest.raises(DomainError) as refused:
        await harness.service.publish(ALICE, draft.id)
    assert (status_of(refused.value), refused.value.code) == (409, "event_cancelled")


async def test_cancel_and_publish_at_once_end_the_same_for_both_services(harness: Harness) -> None:
    event = await harness.create(ALICE, new_event())
    await asyncio.gather(
        harness.service.publish(ALICE, event.id),
        harness.service.cancel(ALICE, event.id),
        return_exceptions=True,
    )
    assert (await harness.document(event.id)).status == "cancelled"
    assert await harness.sent_types() in ([], ["EventPublished", "EventCancelled"])


async def test_a_change_of_a_published_event_is_told(harness: Harness) -> None:
    event = await harness.on_sale()
    changes = Changes(title="Aida", max_seats_per_order=4, on_sale_at=START + DAY, description="New cast")
    await harness.service.change(ALICE, event["id"], changes)
    rows = await harness.sent()
    assert [row.seq for row in rows] == [1, 2]
    assert msgspec.json.decode(rows[1].payload, type=EventChanged) == EventChanged(
        event_id=event["id"],
        title="Aida",
        on_sale_at=START + DAY,
        max_seats_per_order=4,
        refundable_until=None,
    )
    await harness.service.change(ALICE, event["id"], changes)
    assert len(await harness.sent()) == 2, "a change of nothing is not told"


async def test_a_change_of_a_draft_is_not_told(harness: Harness) -> None:
    event = await harness.create(ALICE, new_event())
    await harness.service.change(ALICE, event.id, Changes(title="Aida", venue="Arena", hold_seconds=60))
    changed = await harness.document(event.id)
    assert (changed.title, changed.venue, changed.hold_seconds) == ("Aida", "Arena", 60)
    assert await harness.sent() == []


async def test_changes_at_once_are_all_kept(harness: Harness) -> None:
    event = await harness.on_sale()
    await asyncio.gather(
        harness.service.change(ALICE, event["id"], Changes(title="Aida")),
        harness.service.change(ALICE, event["id"], Changes(description="New cast")),
        harness.service.change(ALICE, event["id"], Changes(max_seats_per_order=4)),
        harness.deliver(AvailabilityChanged(event_id=event["id"], sold_out=True)),
    )
    changed = await harness.document(event["id"])
    assert (changed.title, changed.description, changed.max_seats_per_order) == ("Aida", "New cast", 4)
    assert changed.sold_out
    last = (await harness.sent())[-1]
    assert msgspec.json.decode(last.payload, type=EventChanged).max_seats_per_order == 4


async def test_a_plan_that_is_read_while_the_event_is_published_comes_too_late(harness: Harness) -> None:
    event = await harness.create(ALICE, new_event())
    async with harness.service._plan_work:
        changes = Changes(plan=sent(plan(rows=3)))
        change = asyncio.create_task(harness.service.change(ALICE, event.id, changes))
        await harness.service.publish(ALICE, event.id)
    with pytest.raises(DomainError) as refused:
        await change
    assert refused.value.code == "event_published"
    assert (await harness.document(event.id)).hall == event.hall


async def test_what_can_not_change_is_refused_before_a_plan_is_read(harness: Harness) -> None:
    event = await harness.on_sale()
    async with harness.service._plan_work:
        change = harness.service.change(ALICE, event["id"], Changes(plan=sent({})))
        with pytest.raises(DomainError):
            await asyncio.wait_for(change, 60)


async def test_an_event_that_never_stands_still_is_given_up(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await harness.create(ALICE, new_event())
    replace = type(harness.service)._replace

    async def after_another(service: Any, seen: Any, *others: Any) -> bool:
        async def work(tx: Any) -> None:
            current = await tx.get(domain.Event, event.id)
            tx.put(msgspec.structs.replace(current, hold_seconds=current.hold_seconds + 1))

        await harness.store.transact(work)
        return await replace(service, seen, *others)

    monkeypatch.setattr(type(harness.service), "_replace", after_another)
    with pytest.raises(Conflict):
        await harness.service.change(ALICE, event.id, Changes(title="Aida"))


async def test_plan_prices_and_areas_are_checked_as_one(harness: Harness) -> None:
    event = await harness.create(ALICE, new_event())
    with pytest.raises(DomainError) as refused:
        await harness.service.change(ALICE, event.id, Changes(prices={"Stalls": 1}))
    assert list(refused.value.errors) == ["prices[Balcony]"]
    area = StandingArea(zone="Hall", name="Pit", category="Spare", capacity=10)
    with pytest.raises(DomainError) as refused:
        await harness.service.change(ALICE, event.id, Changes(areas=[area]))
    assert list(refused.value.errors) == ["prices[Spare]"]
    prices = {"Stalls": 1, "Balcony": 2, "Spare": 3}
    changed = await harness.service.change(ALICE, event.id, Changes(areas=[area], prices=prices))
    assert (changed.hall.seats_total, changed.prices) == (16, prices)
    assert changed.hall.plan_hash != event.hall.plan_hash
    assert msgspec.json.decode((await harness.service.plan(ALICE, event.id)).content) == plan()
    smaller = plan(rows=1)
    smaller["categories"] = smaller["categories"][:1]
    with pytest.raises(DomainError) as refused:
        await harness.service.change(ALICE, event.id, Changes(plan=sent(smaller)))
    assert set(refused.value.errors) == {"areas[Pit].category", "prices[Balcony]", "prices[Spare]"}
    assert await harness.document(event.id) == changed


async def test_only_the_organizer_and_administrators_may(harness: Harness) -> None:
    event = await harness.create(ALICE, new_event())
    for attempt in (
        lambda who: harness.service.change(who, event.id, Changes(title="x")),
        lambda who: harness.service.publish(who, event.id),
        lambda who: harness.service.cancel(who, event.id),
        lambda who: harness.service.event(who, event.id),
        lambda who: harness.service.plan(who, event.id),
    ):
        for stranger in (BOB, BUYER):
            with pytest.raises(DomainError) as refused:
                await attempt(stranger)
            assert (status_of(refused.value), refused.value.code) == (404, "event_not_found")
    assert await harness.document(event.id) == event
    assert (await harness.service.change(ADMIN, event.id, Changes(title="x"))).title == "x"
    assert (await harness.service.publish(ADMIN, event.id)).organizer_id == ALICE.user_id


async def test_pages_hold_each_event_once_though_others_come_and_go(harness: Harness) -> None:
    for number in range(12):  # four at each moment, so that ids decide between them
        await harness.on_sale(starts_at=f"2027-03-0{1 + number % 3}T19:30:00Z", title=f"Show {number}")
    everything, end = await harness.service.search(Search(limit=100))
    assert end is None
    assert len(everything) == 12
    assert everything == sorted(everything, key=lambda event: (event.starts_at, event.id))
    seen: list[str] = []
    after: ByMoment | None = None
    for page in range(6):
        found, after = await harness.service.search(Search(limit=2, after=after))
        seen += [event.id for event in found]
        assert len(found) == 2
        assert (after is None) == (page == 5)
        if page == 2:
            await harness.on_sale(starts_at="2027-02-01T19:30:00Z", title="Before the place that was reached")
            await harness.service.cancel(ALICE, seen[0])
    assert seen == [event.id for event in everything]


async def test_a_search_for_words_reads_on_until_it_has_enough(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("houseful.events.searching._MOST_SCANNED", 1000)
    event = await harness.document((await harness.on_sale(title="Needle"))["id"])

    async def work(tx: Any) -> None:
        for number in range(1050):
            copy = {
                "id": f"evt_{number:04}",
                "starts_at": event.starts_at - 1050 + number,
                "title": f"Hay {number}",
            }
            tx.insert(msgspec.structs.replace(event, **copy))

    await harness.store.transact(work)
    found, after = await harness.service.search(Search(query="needle"))
    assert found == []
    assert after is not None, "1,000 were read and there are more"
    found, after = await harness.service.search(Search(query="needle", after=after))
    assert [one.title for one in found] == ["Needle"]
    assert after is None
    found, after = await harness.service.search(Search(query="hay 4", limit=5))
    assert [one.title for one in found] == ["Hay 4", "Hay 40", "Hay 41", "Hay 42", "Hay 43"]
    found, after = await harness.service.search(Search(query="hay 4", limit=5, after=after))
    assert found[0].title == "Hay 44"


async def test_the_list_of_ones_own_is_newest_first_with_everything(harness: Harness) -> None:
    titles = ["Draft", "On sale", "Cancelled"]
    for title in titles:
        await harness.clock.advance(1)
        event = await harness.new_event(title=title)
        if title != "Draft":
            await harness.service.publish(ALICE, event["id"])
    await harness.service.cancel(ALICE, event["id"])
    await harness.new_event(BOB, title="Bob's")
    found, after = await harness.service.search(Search(organizer_id=ALICE.user_id, limit=2))
    assert [one.title for one in found] == ["Cancelled", "On sale"]
    found, after = await harness.service.search(Search(organizer_id=ALICE.user_id, limit=2, after=after))
    assert [one.title for one in found] == ["Draft"]
    assert after is None
    found, _ = await harness.service.search(Search(organizer_id=ALICE.user_id, query="sale"))
    assert [one.title for one in found] == ["On sale"]
    found, _ = await harness.service.search(Search(organizer_id=ALICE.user_id, since=START + 300 * DAY))
    assert found == []


async def test_an_event_with_a_line_needs_a_line_service_to_be_published(harness: Harness) -> None:
    terms = LineTerms(mode="on")
    event = await harness.create(ALICE, new_event(line=terms, on_sale_at=START + 10 * DAY))
    harness.line_service.status = 404
    with pytest.raises(StateConflict, match="HOUSEFUL_LINE_URL") as refusal:
        await harness.service.publish(ALICE, event.id)
    assert refusal.value.code == "no_line_service"
    harness.line_service.status = 503
    with pytest.raises(Unavailable):
        await harness.service.publish(ALICE, event.id)
    assert await harness.sent() == []
    without = await harness.create(ALICE, new_event())
    assert (await harness.service.publish(ALICE, without.id)).status == "publishing"
    harness.line_service.status = 200
    assert (await harness.service.publish(ALICE, event.id)).status == "publishing"
    harness.line_service.status = 404
    assert (await harness.service.publish(ALICE, event.id)).status == "publishing", "again changes nothing"
