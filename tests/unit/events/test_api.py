"""The HTTP surface of events: shapes, roles, lists."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from houseful.kernel.times import millis
from houseful.messages import EventChanged, InventoryFailed, InventoryReady
from houseful.seating.parsing import StandingArea, parse_plan, plan_hash
from tests.unit.events.support import ADMIN, ALICE, BOB, BUYER, Harness, body, plan


async def test_a_new_event_is_a_draft_with_every_field_of_the_contract(harness: Harness) -> None:
    status, event = await harness.ask("POST", "/api/events", body(), ALICE)
    assert status == 201
    assert event["id"].startswith("evt_")
    assert event == {
        "id": event["id"],
        "title": "La Traviata",
        "description": "Opera in three acts",
        "venue": "Zürich Opera House",
        "starts_at": "2027-03-01T19:30:00.000Z",
        "doors_at": None,
        "ends_at": None,
        "is_over_at": "2027-03-01T22:30:00.000Z",
        "timezone": "Europe/Zurich",
        "currency": "CHF",
        "currency_exponent": 2,
        "on_sale_at": None,
        "hold_seconds": 600,
        "max_seats_per_order": 10,
        "max_seats_per_buyer": None,
        "refundable_until": None,
        "state": "draft",
        "organizer_id": "usr_alice",
        "prices": {"Stalls": 12_000, "Balcony": 4_500},
        "areas": [],
        "line": {"mode": "off", "lobby_opens_at": None, "beacon": "none", "commitment": None},
        "gates": {"verified_email": False, "accounts_before": None},
        "reschedules": [],
        "plan_name": "Small hall",
        "plan_hash": plan_hash(parse_plan(msgspec.json.encode(plan())), ()),
        "layout_version": plan_hash(parse_plan(msgspec.json.encode(plan())), ()),
        "seats_total": 6,
        "price_from_minor": 4_500,
        "price_to_minor": 12_000,
        "problem": None,
        "plan_warnings": {},
        "created_at": "2027-01-15T08:00:00.000Z",
        "updated_at": "2027-01-15T08:00:00.000Z",
        "server_time": "2027-01-15T08:00:00.000Z",
    }
    assert await harness.ask("GET", f"/api/events/{event['id']}", who=ALICE) == (200, event)


async def test_an_event_is_listed_until_it_is_over(harness: Harness) -> None:
    usual = await harness.on_sale(title="Usual")  # starts at 19:30
    long = await harness.on_sale(title="Long", ends_at="2027-03-04T19:30:00Z")
    later = await harness.on_sale(title="Later", starts_at="2027-03-20T19:30:00Z")

    async def listed(query: str = "") -> list[str]:
        return [one["title"] for one in (await harness.ask("GET", f"/api/events{query}"))[1]["items"]]

    async def at(moment: str) -> None:
        seconds = (millis(datetime.fromisoformat(moment)) - harness.clock.now()) / 1000
        await harness.clock.advance(seconds)

    assert sorted(await listed()) == ["Later", "Long", "Usual"]
    await at("2027-03-01T22:29:59+00:00")
    assert sorted(await listed()) == ["Later", "Long", "Usual"]
    assert (await harness.ask("GET", f"/api/events/{usual['id']}"))[1]["state"] == "on_sale"
    assert await listed("?from=2027-03-01T22:29:59Z") == ["Later"]  # by the start, where that is asked for
    await at("2027-03-01T22:30:00+00:00")
    assert await listed() == ["Long", "Later"]
    assert (await harness.ask("GET", f"/api/events/{usual['id']}"))[1]["state"] == "ended"
    await at("2027-03-04T19:30:00+00:00")
    assert await listed() == ["Later"]
    assert (long["ends_at"], later["ends_at"]) == ("2027-03-04T19:30:00.000Z", None)


async def test_the_end_may_change_after_publishing(harness: Harness) -> None:
    event = await harness.on_sale()
    path = f"/api/events/{event['id']}"
    status, later = await harness.ask("PATCH", path, {"ends_at": "2027-03-02T01:00:00Z"}, ALICE)
    assert (status, later["is_over_at"]) == (200, "2027-03-02T01:00:00.000Z")
    status, usual = await harness.ask("PATCH", path, {"ends_at": None}, ALICE)
    assert (status, usual["is_over_at"]) == (200, "2027-03-01T22:30:00.000Z")
    sent = [
        msgspec.json.decode(row.payload, type=EventChanged).ends_at
        for row in await harness.sent()
        if row.type == EventChanged.type()
    ]
    assert sent == [millis(datetime.fromisoformat("2027-03-02T01:00:00+00:00")), None]
    status, problem = await harness.ask("PATCH", path, {"ends_at": "2027-03-01T19:30:00Z"}, ALICE)
    assert (status, list(problem["errors"])) == (422, ["ends_at"])


async def test_pages_of_what_is_running_and_to_come(harness: Harness) -> None:
    for day in range(1, 11):
        ends_at = "2027-03-12T00:00:00Z" if day % 2 else None
        await harness.on_sale(title=f"Day {day}", starts_at=f"2027-03-{day:02}T19:30:00Z", ends_at=ends_at)
    noon = datetime.fromisoformat("2027-03-06T12:00:00+00:00")
    await harness.clock.advance((millis(noon) - harness.clock.now()) / 1000)
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await harness.ask("GET", f"/api/events?limit=2{cursor}"))[1]
        seen += [one["title"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [f"Day {day}" for day in (1, 3, 5, 6, 7, 8, 9, 10)]


async def test_from_draft_to_sale(harness: Harness) -> None:
    event = await harness.new_event()
    path = f"/api/events/{event['id']}"
    assert (await harness.ask("GET", path))[0] == 404
    status, published = await harness.ask("POST", f"{path}/publish", who=ALICE)
    assert (status, published["state"]) == (202, "publishing")
    assert await harness.ask("POST", f"{path}/publish", who=ALICE) == (202, published)
    assert (await harness.ask("GET", path))[1]["state"] == "publishing"
    assert (await harness.ask("GET", "/api/events"))[1]["items"] == []
    await harness.deliver(InventoryReady(event_id=event["id"], seats_total=6))
    status, page = await harness.ask("GET", "/api/events")
    assert (status, page["next_cursor"]) == (200, None)
    assert [(one["id"], one["state"]) for one in page["items"]] == [(event["id"], "on_sale")]
    assert await harness.ask("GET", path) == (200, page["items"][0])
    status, cancelled = await harness.ask("POST", f"{path}/cancel", who=ALICE)
    assert (status, cancelled["state"]) == (202, "cancelled")
    assert (await harness.ask("GET", path))[1]["state"] == "cancelled"
    assert (await harness.ask("GET", "/api/events"))[1]["items"] == []


async def test_a_failed_inventory_shows_as_a_problem(harness: Harness) -> None:
    event = await harness.new_event()
    await harness.ask("POST", f"/api/events/{event['id']}/publish", who=ALICE)
    await harness.deliver(InventoryFailed(event_id=event["id"], detail="No plan."))
    shown = (await harness.ask("GET", f"/api/events/{event['id']}"))[1]
    assert (shown["state"], shown["problem"]) == ("publishing", "No plan.")


async def test_who_may(harness: Harness) -> None:
    draft, on_sale = await harness.new_event(), await harness.on_sale()
    writes: list[tuple[str, str, Any]] = [
        ("POST", "/api/events", body()),
        ("PATCH", f"/api/events/{draft['id']}", {"title": "x"}),
        ("POST", f"/api/events/{draft['id']}/publish", None),
        ("POST", f"/api/events/{on_sale['id']}/cancel", None),
    ]
    for method, path, content in writes:
        assert (await harness.ask(method, path, content))[1]["code"] == "not_authenticated"
        assert (await harness.ask(method, path, content, BUYER))[1]["code"] == "forbidden"
    for method, path, content in writes[1:]:
        assert (await harness.ask(method, path, content, BOB))[1]["code"] == "event_not_found"
    for path in (f"/api/events/{draft['id']}", f"/api/events/{draft['id']}/plan"):
        for stranger in (None, BUYER, BOB):
            assert (await harness.ask("GET", path, who=stranger))[0] == 404
        assert (await harness.call("GET", path, who=ADMIN)).status == 200
    assert (await harness.ask("GET", f"/api/events/{draft['id']}", who=ALICE))[1] == draft
    for method, path, content in writes:
        assert (await harness.call(method, path, content, ADMIN)).status in (200, 201, 202)


async def test_patch_changes_only_what_is_given_and_null_clears(harness: Harness) -> None:
    event = await harness.new_event(
        on_sale_at="2027-02-01T08:00:00+01:00", refundable_until="2027-02-20T00:00:00Z"
    )
    assert event["on_sale_at"] == "2027-02-01T07:00:00.000Z"
    path = f"/api/events/{event['id']}"
    await harness.clock.advance(60)
    status, changed = await harness.ask("PATCH", path, {"on_sale_at": None, "title": "Aida"}, ALICE)
    assert status == 200
    now = "2027-01-15T08:01:00.000Z"
    assert changed == event | {"on_sale_at": None, "title": "Aida", "updated_at": now, "server_time": now}
    for name in (
        "title",
        "venue",
        "starts_at",
        "timezone",
        "hold_seconds",
        "plan",
        "prices",
        "areas",
        "description",
    ):
        status, problem = await harness.ask("PATCH", path, {name: None}, ALICE)
        assert (status, list(problem["errors"])) == (422, [name])
    assert await harness.ask("PATCH", path, {}, ALICE) == (200, changed)
    bigger = {
        "plan": plan(rows=3),
        "areas": [{"zone": "Hall", "name": "Pit", "category": "Stalls", "capacity": 50}],
    }
    status, changed = await harness.ask("PATCH", path, bigger, ALICE)
    assert (status, changed["seats_total"], changed["areas"]) == (200, 59, bigger["areas"])


async def test_a_published_event_names_what_it_can_not_change(harness: Harness) -> None:
    event = await harness.on_sale()
    request: dict[str, Any] = {
        "title": "Aida",
        "venue": "Arena",
        "prices": {"Stalls": 1, "Balcony": 1},
        "plan": {},
    }
    status, problem = await harness.ask("PATCH", f"/api/events/{event['id']}", request, ALICE)
    assert (status, problem["code"]) == (409, "event_published")
    assert set(problem["errors"]) == {"venue", "plan"}
    assert (await harness.ask("GET", f"/api/events/{event['id']}"))[1]["title"] == "La Traviata"
    request = {
        "title": "Aida",
        "description": "",
        "on_sale_at": None,
        "max_seats_per_order": 2,
        "refundable_until": None,
    }
    status, changed = await harness.ask("PATCH", f"/api/events/{event['id']}", request, ALICE)
    assert (status, changed["title"], changed["max_seats_per_order"]) == (200, "Aida", 2)
    await harness.ask("POST", f"/api/events/{event['id']}/cancel", who=ALICE)
    status, problem = await harness.ask("PATCH", f"/api/events/{event['id']}", {"title": "x"}, ALICE)
    assert (status, problem["code"]) == (409, "event_cancelled")


async def test_a_late_sale_still_has_to_begin_before_the_show(harness: Harness) -> None:
    event = await harness.on_sale()
    status, problem = await harness.ask(
        "PATCH", f"/api/events/{event['id']}", {"on_sale_at": "2027-03-02T00:00:00Z"}, ALICE
    )
    assert (status, list(problem["errors"])) == (422, ["on_sale_at"])


async def test_the_plan_is_for_anyone_once_published_and_may_be_cached(harness: Harness) -> None:
    event = await harness.new_event(
        areas=[{"zone": "Hall", "name": "Pit", "category": "Stalls", "capacity": 50}], plan=plan()
    )
    path = f"/api/events/{event['id']}/plan"
    answer = await harness.call("GET", path, who=ALICE)
    assert answer.headers["cache-control"] == "private, no-cache"
    await harness.ask("POST", f"/api/events/{event['id']}/publish", who=ALICE)
    answer = await harness.call("GET", path)
    assert answer.status == 200
    assert msgspec.json.decode(answer.body) == plan()
    assert answer.headers["cache-control"].startswith("public, max-age=")
    etag = answer.headers["etag"]
    assert etag == f'"{event["plan_hash"]}"'
    # What the ticket service does: the plan and the areas, from two answers, have the published hash.
    shown = (await harness.ask("GET", f"/api/events/{event['id']}"))[1]
    areas = msgspec.convert(shown["areas"], tuple[StandingArea, ...])
    assert plan_hash(parse_plan(answer.body), areas) == shown["plan_hash"]
    for known in (etag, f"W/{etag}", f'"other", {etag}'):
        again = await harness.call("GET", path, headers={"if-none-match": known})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert (await harness.call("GET", path, headers={"if-none-match": '"other"'})).status == 200


async def test_each_event_has_its_own_plan(harness: Harness) -> None:
    first, second = await harness.on_sale(), await harness.on_sale(plan=plan(name="Other"))
    for event, name in ((first, "Small hall"), (second, "Other"), (first, "Small hall")):
        assert (await harness.ask("GET", f"/api/events/{event['id']}/plan"))[1]["name"] == name


async def test_lists_by_words_and_time(harness: Harness) -> None:
    for month, title in ((2, "Aida"), (3, "La Traviata"), (4, "Tosca")):
        await harness.on_sale(title=title, starts_at=f"2027-0{month}-01T19:30:00Z")

    async def titles(query: str) -> list[str]:
        status, page = await harness.ask("GET", f"/api/events?{query}")
        assert status == 200, page
        return [event["title"] for event in page["items"]]

    assert await titles("") == ["Aida", "La Traviata", "Tosca"]
    assert await titles("q=tos") == ["Tosca"]
    assert await titles("q=zurich+tra") == ["La Traviata"]
    assert await titles("q=%25") == await titles("q=!!!") == []
    assert await titles("q=+") == ["Aida", "La Traviata", "Tosca"]
    assert await titles("q=" + quote("ＴＯＳＣＡ")) == ["Tosca"]
    assert await titles("q=%7B%22%24gt%22%3A%22%22%7D") == []
    assert await titles("from=2027-03-01T19:30:00Z") == ["La Traviata", "Tosca"]
    assert await titles("to=2027-03-01T19:30:00Z") == ["Aida"]
    assert await titles("from=2027-02-02T00:00:00Z&to=2027-03-02T00:00:00Z") == ["La Traviata"]
    await harness.clock.advance(30 * 86_400)
    assert await titles("") == ["La Traviata", "Tosca"]
    assert await titles("from=2027-01-01T00:00:00Z") == ["Aida", "La Traviata", "Tosca"]


async def test_a_list_goes_on_with_its_cursor(harness: Harness) -> None:
    for number in range(5):
        await harness.on_sale(title=f"Show {number}")
    titles: list[str] = []
    path = "/api/events?limit=2"
    for _ in range(3):
        page = (await harness.ask("GET", path))[1]
        titles += [event["title"] for event in page["items"]]
        path = f"/api/events?limit=2&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert titles == [f"Show {number}" for number in range(5)]


async def test_ones_own_events(harness: Harness) -> None:
    draft = await harness.new_event()
    await harness.new_event(BOB)
    assert (await harness.ask("GET", "/api/events?mine=true"))[1]["code"] == "not_authenticated"
    assert (await harness.ask("GET", "/api/events?mine=true", who=BUYER))[1]["items"] == []
    assert (await harness.ask("GET", "/api/events?mine=true", who=ALICE))[1]["items"] == [draft]
