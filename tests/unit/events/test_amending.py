"""Another plan for a published event: what is asked of the ticket service, and what becomes of it."""

from typing import Any

import msgspec
import pytest

from houseful.kernel.times import rfc3339
from houseful.messages import (
    AmendmentApplied,
    AmendmentRefused,
    AmendmentRequested,
    EventChanged,
    EventPublished,
)
from houseful.webapi.audit import AuditEntry
from tests.unit.events.support import ALICE, BOB, BUYER, START, Harness, plan


async def asked(
    harness: Harness, event_id: str, new: Any, key: str = "key-1", **more: Any
) -> tuple[int, Any]:
    body, path = {"plan": new, **more}, f"/api/events/{event_id}/amendment"
    answer = await harness.call("POST", path, body, ALICE, {"idempotency-key": key})
    return answer.status, msgspec.json.decode(answer.body)


async def latest(harness: Harness, event_id: str) -> Any:
    return (await harness.ask("GET", f"/api/events/{event_id}/amendment", who=ALICE))[1]["amendment"]


async def messages(harness: Harness) -> list[AmendmentRequested]:
    return [
        msgspec.json.decode(row.payload, type=AmendmentRequested)
        for row in await harness.sent()
        if row.type == AmendmentRequested.type()
    ]


async def test_another_plan_is_asked_for_and_shown_once_it_is_applied(harness: Harness) -> None:
    before = await harness.on_sale()
    id = before["id"]
    assert await latest(harness, id) is None
    status, shown = await asked(harness, id, plan(3))
    assert (status, shown["amendment"]["state"], shown["amendment"]["seats_total"]) == (202, "pending", 9)
    [message] = await messages(harness)
    assert (message.number, message.seats_total, message.prices) == (1, 9, before["prices"])
    now = (await harness.ask("GET", f"/api/events/{id}"))[1]
    assert (now["plan_hash"], now["seats_total"]) == (before["plan_hash"], 6)
    assert now["layout_version"] == before["plan_hash"]

    await harness.deliver(AmendmentApplied(event_id=id, number=1))
    now = (await harness.ask("GET", f"/api/events/{id}"))[1]
    assert (now["plan_hash"], now["seats_total"]) == (message.plan_hash, 9)
    assert now["layout_version"] == message.layout_version
    assert (await latest(harness, id))["state"] == "applied"
    assert len((await harness.ask("GET", f"/api/events/{id}/plan"))[1]["zones"][0]["rows"]) == 3


async def test_the_plan_to_be_is_there_for_who_knows_its_hash_alone(harness: Harness) -> None:
    id = (await harness.on_sale())["id"]
    await asked(harness, id, plan(3))
    [message] = await messages(harness)
    path = f"/api/events/{id}/plan"
    coming = await harness.call("GET", f"{path}?v={message.plan_hash}")
    assert len(msgspec.json.decode(coming.body)["zones"][0]["rows"]) == 3
    assert coming.headers["cache-control"] == "public, max-age=86400"
    there = await harness.call("GET", path)
    assert len(msgspec.json.decode(there.body)["zones"][0]["rows"]) == 2
    assert there.headers["cache-control"] == "public, max-age=60"
    assert (await harness.call("GET", f"{path}?v=0000")).headers["cache-control"] == "public, max-age=60"


async def test_what_is_refused_is_told_and_the_event_stays(harness: Harness) -> None:
    before = await harness.on_sale()
    id = before["id"]
    await asked(harness, id, plan(1))
    refused = AmendmentRefused(
        event_id=id, number=1, detail="Somebody has seats.", seats=("Row 2, seat 1 is sold.",)
    )
    await harness.deliver(refused)
    shown = await latest(harness, id)
    assert (shown["state"], shown["detail"], shown["taken"]) == (
        "refused",
        "Somebody has seats.",
        ["Row 2, seat 1 is sold."],
    )
    now = (await harness.ask("GET", f"/api/events/{id}"))[1]
    assert (now["plan_hash"], now["prices"]) == (before["plan_hash"], before["prices"])
    await harness.deliver(AmendmentApplied(event_id=id, number=1))  # too late to be true
    assert (await latest(harness, id))["state"] == "refused"
    status, shown = await asked(harness, id, plan(3), key="key-2")
    assert (status, shown["amendment"]["number"]) == (202, 2)


async def test_one_at_a_time_and_a_repetition_is_no_second_one(harness: Harness) -> None:
    id = (await harness.on_sale())["id"]
    first = await asked(harness, id, plan(3))
    assert await asked(harness, id, plan(3)) == first
    status, problem = await asked(harness, id, plan(4), key="key-2")
    assert (status, problem["code"]) == (409, "amendment_pending")
    assert len(await messages(harness)) == 1


async def test_a_new_category_needs_its_price_and_prices_of_others_may_change(harness: Harness) -> None:
    before = await harness.on_sale()
    id, new = before["id"], plan()
    new["categories"] = [*new["categories"], {"name": "Box"}]
    new["zones"][0]["rows"][0]["seats"][0]["category"] = "Box"
    status, problem = await asked(harness, id, new)
    assert (status, list(problem["errors"])) == (422, ["prices[Box]"])
    status, problem = await asked(harness, id, new, key="key-2", prices={"Box": 1, "Sofa": 2})
    assert (status, list(problem["errors"])) == (422, ["prices[Sofa]"])
    status, _ = await asked(harness, id, new, key="key-3", prices={"Box": 9000, "Stalls": 5000})
    assert status == 202
    [message] = await messages(harness)
    assert message.prices == {**before["prices"], "Box": 9000, "Stalls": 5000}


async def test_the_same_plan_and_a_broken_one_are_refused_with_words(harness: Harness) -> None:
    id = (await harness.on_sale())["id"]
    status, problem = await asked(harness, id, plan())
    assert (status, list(problem["errors"])) == (422, ["plan"])
    status, problem = await asked(harness, id, {"name": "x", "categories": [], "zones": "none"}, key="key-2")
    assert (status, problem["code"]) == (422, "invalid_plan")


@pytest.mark.parametrize(
    ("state", "code"),
    [("draft", "event_draft"), ("publishing", "inventory_not_ready"), ("cancelled", "event_cancelled")],
)
async def test_only_the_plan_of_a_published_event_is_amended(harness: Harness, state: str, code: str) -> None:
    if state == "cancelled":
        id = (await harness.on_sale())["id"]
        await harness.ask("POST", f"/api/events/{id}/cancel", who=ALICE)
    else:
        id = (await harness.new_event())["id"]
        if state == "publishing":
            await harness.ask("POST", f"/api/events/{id}/publish", who=ALICE)
    status, problem = await asked(harness, id, plan(3))
    assert (status, problem["code"]) == (409, code)


async def test_an_event_that_is_over_keeps_its_plan(harness: Harness) -> None:
    id = (await harness.on_sale(starts_at=rfc3339(START + 3_600_000)))["id"]
    await harness.clock.advance(5 * 3600)
    status, problem = await asked(harness, id, plan(3))
    assert (status, problem["code"]) == (409, "event_ended")


async def test_it_is_its_organizers_and_in_the_audit_log(harness: Harness) -> None:
    id = (await harness.on_sale())["id"]
    path = f"/api/events/{id}/amendment"
    for who, status in ((BOB, 404), (BUYER, 403)):
        assert (await harness.ask("GET", path, who=who))[0] == status
        answer = await harness.call("POST", path, {"plan": plan(3)}, who, {"idempotency-key": "k"})
        assert answer.status == status
    await asked(harness, id, plan(3))
    [entry] = await harness.store.find(
        AuditEntry, {"object": f"event:{id}"}, by="at", descending=True, limit=1
    )
    assert (entry.act, entry.role) == ("event.amended", "organizer")


async def test_it_goes_out_after_the_publishing(harness: Harness) -> None:
    id = (await harness.on_sale())["id"]
    await asked(harness, id, plan(3))
    rows = [row for row in await harness.sent() if row.aggregateid == id]
    assert [row.type for row in rows] == [EventPublished.type(), AmendmentRequested.type()]
    assert [row.seq for row in rows] == [1, 2]


async def changes(harness: Harness) -> list[EventChanged]:
    return [
        msgspec.json.decode(row.payload, type=EventChanged)
        for row in await harness.sent()
        if row.type == EventChanged.type()
    ]


async def test_prices_of_a_published_event_change_and_are_told_where_they_did(harness: Harness) -> None:
    event = await harness.on_sale()
    path = f"/api/events/{event['id']}"
    dearer = {**event["prices"], "Stalls": 15_000}
    status, shown = await harness.ask("PATCH", path, {"prices": dearer}, ALICE)
    assert (status, shown["prices"], shown["price_to_minor"]) == (200, dearer, 15_000)
    await harness.ask("PATCH", path, {"title": "Aida"}, ALICE)
    assert [(one.prices, one.seats_total) for one in await changes(harness)] == [(dearer, None), (None, None)]
    status, problem = await harness.ask("PATCH", path, {"prices": {"Stalls": 1}}, ALICE)
    assert (status, list(problem["errors"])) == (422, ["prices[Balcony]"])


async def test_what_an_amendment_changes_is_told_to_the_others_once_it_is_applied(harness: Harness) -> None:
    id = (await harness.on_sale())["id"]
    await asked(harness, id, plan(3), prices={"Stalls": 1})
    assert await changes(harness) == []
    for _ in range(2):
        await harness.deliver(AmendmentApplied(event_id=id, number=1))
    [told] = await changes(harness)
    assert (told.seats_total, told.prices) == (9, {"Stalls": 1, "Balcony": 4500})


async def test_prices_wait_for_an_amendment_and_the_rest_does_not(harness: Harness) -> None:
    event = await harness.on_sale()
    path = f"/api/events/{event['id']}"
    await asked(harness, event["id"], plan(3))
    status, problem = await harness.ask("PATCH", path, {"prices": {"Stalls": 1, "Balcony": 1}}, ALICE)
    assert (status, problem["code"]) == (409, "amendment_pending")
    assert (await harness.ask("PATCH", path, {"title": "Aida"}, ALICE))[0] == 200
