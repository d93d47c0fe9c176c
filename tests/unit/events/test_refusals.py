"""What the HTTP surface of events refuses, field by field, and what attackers try."""

from typing import Any

import msgspec
import pytest

from houseful.webapi.endpoint import PLAN_BYTES
from tests.unit.events.support import ALICE, Harness, body, plan

FIELD_ERRORS: list[tuple[str, Any, str]] = [
    ("title", "", "title"),
    ("title", "  ", "title"),
    ("title", "x" * 201, "title"),
    ("title", "a\x00b", "title"),
    ("title", None, "title"),
    ("title", {"$gt": ""}, "title"),
    ("title", ["x"], "title"),
    ("title", ..., "title"),
    ("description", "x" * 20_001, "description"),
    ("description", {"$ne": None}, "description"),
    ("venue", "", "venue"),
    ("venue", "x" * 201, "venue"),
    ("venue", ..., "venue"),
    ("starts_at", ..., "starts_at"),
    ("starts_at", "2027-03-01T19:30:00", "starts_at"),
    ("starts_at", "tomorrow", "starts_at"),
    ("starts_at", 1_900_000_000, "starts_at"),
    ("starts_at", "2027-01-15T08:00:00Z", "starts_at"),
    ("starts_at", "0001-01-01T00:00:00+14:00", "starts_at"),
    ("starts_at", "9999-12-31T23:59:59-14:00", "starts_at"),
    ("starts_at", {"$gt": ""}, "starts_at"),
    ("timezone", ..., "timezone"),
    ("timezone", "Europe/Atlantis", "timezone"),
    ("timezone", "../../../etc/passwd", "timezone"),
    ("timezone", "x" * 101, "timezone"),
    ("currency", ..., "currency"),
    ("currency", "XXX", "currency"),
    ("currency", {"$gt": ""}, "currency"),
    ("on_sale_at", "2027-03-01T19:30:00Z", "on_sale_at"),
    ("on_sale_at", "0001-01-01T00:00:00+14:00", "on_sale_at"),
    ("refundable_until", "2027-03-01T19:30:00.001Z", "refundable_until"),
    ("hold_seconds", 0, "hold_seconds"),
    ("hold_seconds", 7201, "hold_seconds"),
    ("hold_seconds", "600", "hold_seconds"),
    ("hold_seconds", True, "hold_seconds"),
    ("hold_seconds", 600.5, "hold_seconds"),
    ("hold_seconds", 10**40, "hold_seconds"),
    ("max_seats_per_order", 0, "max_seats_per_order"),
    ("max_seats_per_order", 51, "max_seats_per_order"),
    ("max_seats_per_buyer", 0, "max_seats_per_buyer"),
    ("max_seats_per_buyer", "4", "max_seats_per_buyer"),
    ("max_seats_per_order", -1, "max_seats_per_order"),
    ("gates", {"accounts_before": "0001-01-01T00:00:00+14:00"}, "gates.accounts_before"),
    ("gates", {"accounts_before": "2027-03-01"}, "gates.accounts_before"),
    ("gates", {"verified_email": 1}, "gates.verified_email"),
    ("gates", {"codes": []}, "gates.codes"),
    ("gates", None, "gates"),
    ("prices", ..., "prices"),
    ("prices", {}, "prices[Stalls]"),
    ("prices", {"Stalls": 1}, "prices[Balcony]"),
    ("prices", {"Stalls": 1, "Balcony": -1}, "prices[Balcony]"),
    ("prices", {"Stalls": 1, "Balcony": 10**9 + 1}, "prices[Balcony]"),
    ("prices", {"Stalls": 1, "Balcony": 10**40}, "prices[Balcony]"),
    ("prices", {"Stalls": 1, "Balcony": 2, "VIPP": 3}, "prices[VIPP]"),
    ("prices", {"Stalls": 1, "Balcony": 2, "$gt": 3}, "prices[$gt]"),
    ("prices", {"Stalls": 1, "Balcony": 1.5}, "prices[Balcony]"),
    ("prices", {"Stalls": {"$gt": 0}, "Balcony": 2}, "prices[Stalls]"),
    ("prices", {f"c{number}": 1 for number in range(1001)}, "prices"),
    ("areas", [{"zone": "Nowhere", "name": "Pit", "category": "Stalls", "capacity": 9}], "areas[Pit].zone"),
    ("areas", [{"zone": "Hall", "name": "Pit", "category": "Gold", "capacity": 9}], "areas[Pit].category"),
    ("areas", [{"zone": "Hall", "name": "Pit", "category": "Stalls", "capacity": 0}], "areas[Pit].capacity"),
    ("areas", [{"zone": "Hall", "name": "", "category": "Stalls", "capacity": 9}], "areas[#1].name"),
    (
        "areas",
        [{"zone": "Hall", "name": "Pit", "category": "Stalls", "capacity": 9, "price": 1}],
        "areas[0].price",
    ),
    ("areas", {"$gt": ""}, "areas"),
    ("plan", ..., "plan"),
    ("plan", None, "plan"),
    ("plan", "a file", "plan"),
    ("plan", {"$gt": ""}, "plan.$gt"),
    ("plan", [], "plan"),
    ("status", "published", "status"),
    ("state", "on_sale", "state"),
    ("organizer_id", "usr_bob", "organizer_id"),
    ("sold_out", False, "sold_out"),
    ("$where", "1", "$where"),
]


@pytest.mark.parametrize(("field", "value", "place"), FIELD_ERRORS)
async def test_what_does_not_fit_is_refused_by_field(
    harness: Harness, field: str, value: Any, place: str
) -> None:
    status, problem = await harness.ask("POST", "/api/events", body(**{field: value}), ALICE)
    assert status == 422, problem
    assert problem["code"] in ("validation_failed", "invalid_plan")
    assert place in problem["errors"]
    assert all(error.startswith((place.split("[")[0], "plan")) for error in problem["errors"])
    assert (await harness.ask("GET", "/api/events?mine=true", who=ALICE))[1]["items"] == []


async def test_everything_that_is_wrong_is_told_at_once(harness: Harness) -> None:
    wrong = plan()
    wrong["zones"][0]["rows"][1]["seats"][2]["category"] = "VIPP"
    wrong["zones"][0]["rows"][0]["seats"][1]["seat_guid"] = wrong["zones"][0]["rows"][0]["seats"][0][
        "seat_guid"
    ]
    request = body(title=" ", currency="XXX", plan=wrong, hold_seconds=0)
    status, problem = await harness.ask("POST", "/api/events", request, ALICE)
    assert (status, problem["code"]) == (422, "invalid_plan")
    assert set(problem["errors"]) == {
        "title",
        "currency",
        "hold_seconds",
        "plan.zones[Hall].rows[2].seats[3].category",
        "plan.zones[Hall].rows[1].seats[2].seat_guid",
    }
    assert 'unknown category "VIPP"' in problem["errors"]["plan.zones[Hall].rows[2].seats[3].category"]


async def test_a_wrong_type_beside_a_plan_does_not_blame_the_plan(harness: Harness) -> None:
    _, problem = await harness.ask("POST", "/api/events", body(title=5, venue=[]), ALICE)
    assert set(problem["errors"]) == {"title", "venue"}


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"null", 422),
        (b"[]", 422),
        (b'{"title": 5, "plan": [', 400),
        (b'{"title": "x", "plan": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b'{"title": "\xff"}', 400),
        (b'{"title": "\\ud800"}', 400),
        (b'{"title": 1e999}', 422),
    ],
)
async def test_malformed_bodies_are_the_callers_fault(harness: Harness, raw: bytes, status: int) -> None:
    event = await harness.new_event()
    assert (await harness.call("POST", "/api/events", raw, ALICE)).status == status
    assert (await harness.call("PATCH", f"/api/events/{event['id']}", raw, ALICE)).status == status


async def test_a_broken_plan_in_a_fine_body_is_an_error_of_the_plan(harness: Harness) -> None:
    raw = msgspec.json.encode(body(plan=1)).replace(b'"plan":1', b'"plan":{"name":"\xff"}')
    answer = await harness.call("POST", "/api/events", raw, ALICE)
    assert answer.status == 422
    assert list(msgspec.json.decode(answer.body)["errors"]) == ["plan"]


async def test_a_plan_may_be_large_and_other_bodies_not(harness: Harness) -> None:
    event = await harness.on_sale()
    for method, path in (("POST", "/api/events"), ("PATCH", f"/api/events/{event['id']}")):
        assert (await harness.call(method, path, b" " * (PLAN_BYTES + 1), ALICE)).status == 413
    for action in ("publish", "cancel"):
        answer = await harness.call("POST", f"/api/events/{event['id']}/{action}", b" " * 300_000, ALICE)
        assert answer.status == 413
    assert (await harness.ask("POST", "/api/events", body(description="x" * 300_000), ALICE))[0] == 422


async def test_identity_headers_mean_nothing(harness: Harness) -> None:
    event = await harness.new_event()
    headers = {"x-user-id": "usr_alice", "x-roles": "admin"}
    assert (await harness.call("GET", f"/api/events/{event['id']}", headers=headers)).status == 404


@pytest.mark.parametrize(("field", "value", "place"), [one for one in FIELD_ERRORS if one[1] is not ...])
async def test_patch_checks_the_same(harness: Harness, field: str, value: Any, place: str) -> None:
    event = await harness.new_event()
    status, problem = await harness.ask("PATCH", f"/api/events/{event['id']}", {field: value}, ALICE)
    assert (status, place in problem["errors"]) == (422, True), problem
    assert await harness.ask("GET", f"/api/events/{event['id']}", who=ALICE) == (200, event)


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=", "cursor"),
        ("cursor=!!!", "cursor"),
        ("cursor=ü", "cursor"),
        ("cursor=e30", "cursor"),
        ("cursor=WzEsMl0", "cursor"),
        ("cursor=WzEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMCwieCJd", "cursor"),
        ("cursor=" + "A" * 201, "cursor"),
        ("from=2027-03-01", "from"),
        ("from=2027-03-01T19:30:00", "from"),
        ("from=x", "from"),
        ("to=" + "9" * 40, "to"),
        ("q=" + "x" * 201, "q"),
        ("mine=maybe", "mine"),
        ("status=draft", "status"),
        ("organizer_id=usr_alice", "organizer_id"),
        ("from[$gt]=1", "from[$gt]"),
    ],
)
async def test_queries_are_checked(harness: Harness, query: str, place: str) -> None:
    status, problem = await harness.ask("GET", f"/api/events?{query}")
    assert (status, list(problem["errors"])) == (422, [place])


@pytest.mark.parametrize(
    "id", ["evt_none", "%00", "%ff", "%F0%9F%98%80", "..", "{}", "'%20OR%201=1", "x" * 5000]
)
async def test_what_is_not_there_is_a_404(harness: Harness, id: str) -> None:
    for method, action in (
        ("GET", ""),
        ("GET", "/plan"),
        ("PATCH", ""),
        ("POST", "/publish"),
        ("POST", "/cancel"),
    ):
        content = {"title": "x"} if method == "PATCH" else None
        assert (await harness.ask(method, f"/api/events/{id}{action}", content, ALICE))[0] == 404
