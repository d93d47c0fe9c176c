"""Rescheduling: what moves, what the others are told, and what is refused because it betrays a buyer."""

from typing import Any

import msgspec
import pytest

from houseful.kernel.times import rfc3339
from houseful.messages import EventCancelled, EventChanged, EventPublished, EventRescheduled
from houseful.webapi.audit import AuditEntry
from tests.unit.events.support import ALICE, BOB, BUYER, DAY, START, Harness

KEY = {"idempotency-key": "key-1"}
OLD = START + 45 * DAY
NEW = START + 60 * DAY


def move(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "starts_at": rfc3339(NEW),
        "message": "The singer is ill.\r\nShe sings later. ",
        "return_until": rfc3339(START + 20 * DAY),
    }
    return {name: value for name, value in (fields | changes).items() if value is not ...}


async def asked(harness: Harness, event_id: str, key: str = "key-1", **changes: Any) -> tuple[int, Any]:
    answer = await harness.call(
        "POST",
        f"/api/events/{event_id}/reschedule",
        move(**changes),
        ALICE,
        {"idempotency-key": key},
    )
    return answer.status, msgspec.json.decode(answer.body)


async def on_sale(harness: Harness, **changes: Any) -> str:
    return str((await harness.on_sale(starts_at=rfc3339(OLD), **changes))["id"])


async def test_an_event_moves_and_the_others_are_told(harness: Harness) -> None:
    id = await on_sale(harness, ends_at=rfc3339(OLD + 7_200_000))
    status, shown = await asked(harness, id, venue=" Town Hall ")
    assert status == 202
    assert (shown["starts_at"], shown["venue"]) == (rfc3339(NEW), "Town Hall")
    assert shown["ends_at"] == rfc3339(NEW + 7_200_000)  # it stays as long as it is
    [told] = shown["reschedules"]
    assert (told["number"], told["from_starts_at"], told["from_venue"]) == (
        1,
        rfc3339(OLD),
        "Zürich Opera House",
    )
    rows = await harness.sent()
    assert [row.type.split(".")[1] for row in rows] == ["EventPublished", "EventRescheduled"]
    message = msgspec.json.decode(rows[1].payload, type=EventRescheduled)
    assert message.reschedule.message == "The singer is ill.\nShe sings later."
    assert (message.reschedule.from_ends_at, message.reschedule.ends_at) == (
        OLD + 7_200_000,
        NEW + 7_200_000,
    )
    assert (await harness.document(id)).reschedules == (message.reschedule,)
    status, public = await harness.ask("GET", f"/api/events/{id}")
    assert public["reschedules"] == shown["reschedules"]
    status, found = await harness.ask("GET", "/api/events")
    assert [one["starts_at"] for one in found["items"]] == [rfc3339(NEW)]


async def test_a_move_is_in_the_audit_log(harness: Harness) -> None:
    id = await on_sale(harness)
    await asked(harness, id, venue="Town Hall")
    await asked(harness, id, venue="Town Hall")
    [entry] = await harness.store.find(
        AuditEntry, {"object": f"event:{id}"}, by="at", descending=True, limit=1
    )
    assert (entry.act, entry.role, entry.details) == (
        "event.rescheduled",
        "organizer",
        {"fields": ["starts_at", "venue"]},
    )


async def test_the_same_request_moves_once(harness: Harness) -> None:
    id = await on_sale(harness)
    first = await asked(harness, id)
    assert await asked(harness, id) == first
    assert (await harness.sent_types()).count("EventRescheduled") == 1
    status, problem = await asked(harness, id, "key-2")
    assert (status, list(problem["errors"])) == (422, ["starts_at"])  # it is there already


async def test_only_a_place_may_move_and_an_end_may_go(harness: Harness) -> None:
    id = await on_sale(harness, ends_at=rfc3339(OLD + 7_200_000))
    status, shown = await asked(harness, id, starts_at=..., venue="Town Hall")
    assert (status, shown["starts_at"], shown["ends_at"]) == (202, rfc3339(OLD), rfc3339(OLD + 7_200_000))
    status, shown = await asked(harness, id, "key-2", ends_at=None)
    assert (status, shown["venue"], shown["ends_at"]) == (202, "Town Hall", None)
    assert [one["number"] for one in shown["reschedules"]] == [1, 2]


@pytest.mark.parametrize(
    ("changes", "field", "fix"),
    [
        ({"starts_at": rfc3339(START - DAY)}, "starts_at", "has to be in the future"),
        ({"starts_at": rfc3339(OLD)}, "starts_at", "Say what moves"),
        ({"starts_at": rfc3339(START + DAY)}, "starts_at", "change on_sale_at first"),
        ({"starts_at": rfc3339(START + 5 * DAY)}, "starts_at", "change refundable_until first"),
        ({"ends_at": rfc3339(NEW)}, "ends_at", "has to be after starts_at"),
        ({"venue": " "}, "venue", "is empty"),
        ({"message": " \n "}, "message", "tell buyers why"),
        ({"message": "a\u202eb"}, "message", "control characters"),
        ({"message": "x" * 2001}, "message", "at most 2,000"),
        ({"return_until": rfc3339(NEW + 1000)}, "return_until", f"choose a time until {rfc3339(NEW)}"),
        ({"return_until": rfc3339(START - DAY)}, "return_until", f"choose {rfc3339(START + DAY)} or later"),
        ({"return_until": rfc3339(START + DAY - 1000)}, "return_until", "less than a day"),
    ],
)
async def test_what_betrays_a_buyer_is_refused_by_field_with_its_fix(
    harness: Harness, changes: dict[str, Any], field: str, fix: str
) -> None:
    id = await on_sale(
        harness, on_sale_at=rfc3339(START + 2 * DAY), refundable_until=rfc3339(START + 10 * DAY)
    )
    status, problem = await asked(harness, id, **changes)
    assert (status, list(problem["errors"])) == (422, [field])
    assert fix in problem["errors"][field]
    assert (await harness.document(id)).starts_at == OLD
    assert "EventRescheduled" not in await harness.sent_types()


async def test_what_buyers_were_told_is_kept(harness: Harness) -> None:
    """Unless the event comes before that."""
    id = await on_sale(harness)
    await asked(harness, id)
    status, problem = await asked(
        harness, id, "key-2", starts_at=rfc3339(NEW + DAY), return_until=rfc3339(START + 19 * DAY)
    )
    assert (status, list(problem["errors"])) == (422, ["return_until"])
    assert rfc3339(START + 20 * DAY) in problem["errors"]["return_until"]
    sooner = rfc3339(START + 15 * DAY)
    status, _ = await asked(harness, id, "key-3", starts_at=sooner, return_until=sooner)
    assert status == 202


async def test_an_event_of_tomorrow_leaves_until_its_start(harness: Harness) -> None:
    id = await on_sale(harness)
    soon = rfc3339(START + DAY // 2)
    assert (await asked(harness, id, starts_at=soon, return_until=soon))[0] == 202


async def test_what_can_not_be_moved(harness: Harness) -> None:
    async def code(event_id: str, key: str) -> tuple[int, str]:
        status, problem = await asked(harness, event_id, key)
        return status, problem["code"]

    draft = (await harness.new_event())["id"]
    assert await code(draft, "a") == (409, "event_draft")
    await harness.service.publish(ALICE, draft)
    assert await code(draft, "b") == (409, "inventory_not_ready")
    id = await on_sale(harness)
    await harness.clock.advance((OLD - START) / 1000 + 3 * 3600 - 1)  # it has begun, and could not be played
    later = {"starts_at": rfc3339(OLD + 9 * DAY), "return_until": rfc3339(OLD + 5 * DAY)}
    assert (await asked(harness, id, "c", **later))[0] == 202
    await harness.clock.advance(20 * DAY / 1000)
    assert await code(id, "d") == (409, "event_ended")
    await harness.service.cancel(ALICE, id)
    assert await code(id, "e") == (409, "event_cancelled")
    assert await code("evt_none", "f") == (404, "event_not_found")


async def test_an_event_is_moved_so_often_and_no_more(harness: Harness) -> None:
    id = await on_sale(harness)
    for number in range(20):
        moved = {"starts_at": rfc3339(NEW + number * DAY)}
        assert (await asked(harness, id, f"key-{number}", **moved))[0] == 202
    status, problem = await asked(harness, id, "key-20", starts_at=rfc3339(NEW + 30 * DAY))
    assert (status, problem["code"]) == (409, "too_many_reschedules")


@pytest.mark.parametrize(("who", "status"), [(BOB, 404), (BUYER, 403)])
async def test_only_its_organizer_moves_an_event(harness: Harness, who: Any, status: int) -> None:
    id = await on_sale(harness)
    answer = await harness.call("POST", f"/api/events/{id}/reschedule", move(), who, KEY)
    assert answer.status == status


async def test_a_change_of_a_published_date_names_the_way(harness: Harness) -> None:
    id = await on_sale(harness)
    status, problem = await harness.ask(
        "PATCH", f"/api/events/{id}", {"starts_at": rfc3339(NEW), "currency": "EUR"}, ALICE
    )
    assert status == 409
    assert "reschedule the event instead" in problem["errors"]["starts_at"]
    assert "reschedule" not in problem["errors"]["currency"]


async def test_what_comes_after_is_told_after(harness: Harness) -> None:
    id = await on_sale(harness)
    await asked(harness, id)
    await harness.ask("PATCH", f"/api/events/{id}", {"title": "Aida"}, ALICE)
    await harness.service.cancel(ALICE, id)
    types = [EventPublished, EventRescheduled, EventChanged, EventCancelled]
    assert await harness.sent_types() == [one.__name__ for one in types]


async def test_doors_move_with_the_start_and_can_be_said_anew(harness: Harness) -> None:
    id = await on_sale(harness, doors_at=rfc3339(OLD - 3_600_000))
    _, shown = await asked(harness, id)
    assert shown["doors_at"] == shown["reschedules"][0]["doors_at"] == rfc3339(NEW - 3_600_000)
    _, shown = await asked(harness, id, "key-2", starts_at=rfc3339(NEW + DAY), doors_at=rfc3339(NEW + DAY))
    assert shown["doors_at"] == rfc3339(NEW + DAY)
    _, shown = await asked(harness, id, "key-3", starts_at=..., venue="Town Hall", doors_at=None)
    assert shown["doors_at"] is None
    messages = [
        msgspec.json.decode(row.payload, type=EventRescheduled).reschedule
        for row in await harness.sent()
        if row.type == EventRescheduled.type()
    ]
    assert [one.doors_at for one in messages] == [NEW - 3_600_000, NEW + DAY, None]
    status, problem = await asked(harness, id, "key-4", venue="Arena", doors_at=rfc3339(NEW + 9 * DAY))
    assert (status, list(problem["errors"])) == (422, ["doors_at"])


async def test_doors_change_after_publishing_and_are_told(harness: Harness) -> None:
    id = await on_sale(harness, doors_at=rfc3339(OLD - 3_600_000))
    path = f"/api/events/{id}"
    status, shown = await harness.ask("PATCH", path, {"doors_at": rfc3339(OLD - 60_000)}, ALICE)
    assert (status, shown["doors_at"]) == (200, rfc3339(OLD - 60_000))
    for wrong in (OLD + 1000, OLD - DAY - 1000):
        status, problem = await harness.ask("PATCH", path, {"doors_at": rfc3339(wrong)}, ALICE)
        assert (status, list(problem["errors"])) == (422, ["doors_at"])
    published, changed = await harness.sent()
    assert msgspec.json.decode(published.payload, type=EventPublished).doors_at == OLD - 3_600_000
    assert msgspec.json.decode(changed.payload, type=EventChanged).doors_at == OLD - 60_000
