"""What the lines hold of an account: shown to it, and left behind by it when it is erased."""

from typing import Any

import msgspec
import pytest

from houseful.kernel.roles import Identity
from houseful.line import account_api, account_data
from houseful.line.domain.lines import Entry, Visit
from houseful.messages import AccountErased
from houseful.webapi.account_parts import PartQuery
from houseful.webapi.requests import Request
from tests.unit.line.harness import EVENT, ON_SALE, ORGANIZER, Harness


async def pages(harness: Harness, handler: Any, user_id: str) -> list[list[dict[str, Any]]]:
    request = Request({}, Identity(user_id, "ses_1", frozenset(), 2**62, 0), "127.0.0.1", b"")
    found, cursor = [], None
    while True:
        page = msgspec.to_builtins(await handler(harness.line, request, PartQuery(cursor=cursor)))
        found.append(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def called(harness: Harness, *users: str) -> None:
    """The line is open, and these are inside."""
    await harness.opened_lobby()
    await harness.join(*users)
    await harness.until(ON_SALE - 60_000)
    await harness.until(ON_SALE)
    await harness.admit(3)
    for user in users:
        await harness.line.line_pass(f"usr_{user}", EVENT)


async def test_an_export_has_the_places_of_all_lines(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_data, "_PAGE", 2)
    await called(harness, "anna", "berta")
    for number in range(2, 5):
        await harness.publish(f"evt_{number}")
    [[place], [], []] = await pages(harness, account_api.exported_places, "usr_anna")
    mine = await harness.line.place("usr_anna", EVENT)
    assert (place["event_id"], place["entrant"]) == (EVENT, mine.entry.entrant.hex())
    assert place["called_at"] is not None
    assert place["left_at"] is None
    assert await pages(harness, account_api.exported_places, "usr_carla") == [[], [], []]


async def test_an_export_has_what_was_done_in_control_rooms(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_data, "_PAGE", 2)
    await called(harness)
    for message in ("one", "two", "three"):
        await harness.clock.advance(1)
        await harness.line.control.act(ORGANIZER, EVENT, "message", message=message)
    done = await pages(harness, account_api.exported_acts, ORGANIZER.user_id)
    assert [[one["act"]["message"] for one in page] for page in done] == [["three", "two"], ["one"]]
    assert await pages(harness, account_api.exported_acts, "usr_anna") == [[]]


async def test_an_erased_account_makes_room_and_leaves_the_numbers_whole(harness: Harness) -> None:
    await called(harness, "anna", "berta")
    await harness.receive(AccountErased(user_id="usr_anna", erased_at=harness.clock.now()))
    inside = await harness.store.find(Visit, {"event_id": EVENT, "is_inside": True}, by="until", limit=10)
    assert [visit.id for visit in inside] == [harness.line.entry_id(EVENT, "usr_berta")]
    assert await harness.store.get(Entry, harness.line.entry_id(EVENT, "usr_anna")) is not None
    assert {await harness.number(user) for user in ("anna", "berta")} == {1, 2}


async def test_no_document_of_a_line_tells_whose_a_place_is(harness: Harness) -> None:
    await called(harness, "anna")
    for kind in (Entry, Visit):
        [document] = await harness.store.find(kind, {"event_id": EVENT}, limit=10)
        assert b"usr_anna" not in msgspec.json.encode(document)
