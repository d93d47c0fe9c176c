"""The gate over HTTP: what is one scan, who may scan, and how each scan of a batch gets its own answer."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.tools import invariants
from tests.support.deployment import Deployment, Reply, started

NO_TICKET = "This is not a ticket of this house."


@dataclass
class Door:
    """A house with one event and a buyer's tickets; `gate` is the operator's gate account."""

    deployment: Deployment
    event_id: str
    codes: list[str]
    organizer: str
    gate: str

    def body(self, code: str, scan_id: str = "1", **changes: Any) -> dict[str, Any]:
        at = rfc3339(self.deployment.app.clock.now())
        return {"code": code, "gate": "North", "scan_id": scan_id, "scanned_at": at} | changes

    async def ask(self, body: dict[str, Any], token: str | None = None) -> Reply:
        return await self.deployment.call("POST", "/api/checkins", body, token=token or self.gate)

    async def scan(self, body: dict[str, Any], token: str | None = None) -> dict[str, Any]:
        return dict((await self.ask(body, token)).ok(200))

    async def batch(self, *scans: Any, token: str | None = None) -> list[dict[str, Any]]:
        body = {"scans": list(scans)}
        answer = await self.deployment.call("POST", "/api/checkins/batch", body, token=token or self.gate)
        return list(answer.ok(200)["scans"])

    async def admissions(self) -> int:
        sales = await self.deployment.call("GET", f"/api/events/{self.event_id}/sales", token=self.organizer)
        return int(sales.ok()["admitted"])

    async def staff(self, method: str, path: str = "", body: Any = None, token: str = "") -> Reply:
        url = f"/api/events/{self.event_id}/gate-staff{path}"
        return await self.deployment.call(method, url, body, token=token or self.organizer)


async def door_of(deployment: Deployment) -> Door:
    organizer, buyer = await deployment.user("organizer", Role.ORGANIZER), await deployment.user()
    event_id = await deployment.event(organizer)
    order = await deployment.buy(buyer, event_id, 4)
    path = f"/api/orders/{order['id']}/tickets"
    codes = [one["code"] for one in (await deployment.call("GET", path, token=buyer)).ok()["items"]]
    return Door(deployment, event_id, codes, organizer, await deployment.user("gate", Role.GATE))


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with started(tmp_path / "data") as deployment:
        yield await door_of(deployment)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "_PAUSE_SECONDS", 0.01)


# One scan


@pytest.mark.usefixtures("impatient")
async def test_phones_of_one_account_that_count_alike_admit_a_ticket_once(door: Door) -> None:
    first = door.body(door.codes[0], "1")
    earlier = rfc3339(door.deployment.app.clock.now() - 60_000)
    changes: tuple[dict[str, Any], ...] = (
        {},
        {"gate": "South"},
        {"scanned_at": earlier},
        {"event_id": door.event_id},
    )
    scans = [first | change for change in changes]
    results = [(await door.scan(scan))["result"] for scan in scans]
    assert results == ["admitted", "already_used", "already_used", "already_used"]
    assert [one["result"] for one in await door.batch(*scans)] == results  # each is known again
    assert await door.admissions() == 1
    report = await invariants.check_all(door.deployment.app.settings)
    assert report.ok, report


async def test_a_batch_that_a_colleague_sends_again_gets_the_same_answers(door: Door) -> None:
    first, second = door.codes[:2]
    scans = [door.body(code, f"{n}") for n, code in enumerate([first, first, second, "nonsense"])]
    answers = await door.batch(*scans)
    assert [one["result"] for one in answers] == ["admitted", "already_used", "admitted", "invalid"]
    colleague = await door.deployment.user("colleague", Role.GATE)
    assert await door.batch(*scans, token=colleague) == answers
    assert await door.admissions() == 2


# Each its own verdict


async def test_what_is_wrong_with_one_scan_of_a_batch_is_that_scans_own(door: Door) -> None:
    good = door.body(door.codes[0], "good")
    wrong: list[tuple[Any, str, str]] = [
        (door.body("x" * 401, "long"), "long", NO_TICKET),
        (door.body("HTTPS://EXAMPLE.ORG/" + "A" * 5000, "longer"), "longer", NO_TICKET),
        (door.body("4006381333931", "a bottle"), "a bottle", NO_TICKET),
        (door.body("HF2ABC", "damaged"), "damaged", "not read whole"),
        (door.body(door.codes[1], "no zone", scanned_at="2026-11-28T20:00:00"), "no zone", "zone"),
        (door.body(door.codes[1], "no time", scanned_at="yesterday"), "no time", "scanned_at"),
        (door.body(door.codes[1], "no gate", gate=""), "no gate", "gate"),
        (door.body(door.codes[1], "x" * 101), "", "scan_id"),
        (door.body(door.codes[1], "more", surprise=1), "more", "surprise is unknown"),
        ({"scan_id": "bare"}, "bare", "code is missing"),
        ([1], "", "can't be read"),
        (None, "", "can't be read"),
    ]
    answers = await door.batch(*(scan for scan, _, _ in wrong), good)
    for (_, scan_id, words), answer in zip(wrong, answers, strict=False):
        assert (answer["result"], answer["scan_id"]) == ("invalid", scan_id)
        assert words in answer["reason"], answer
        assert (answer["ticket"], answer["event"]) == (None, None)
    assert (answers[-1]["result"], answers[-1]["reason"]) == ("admitted", None)
    assert await door.admissions() == 1


async def test_a_batch_that_is_none_is_refused(door: Door) -> None:
    scan = door.body(door.codes[0])
    refused: list[dict[str, Any]] = [{"scans": [scan], "more": 1}, {"scans": [scan] * 501}]
    for body in (*refused, {}, {"scans": []}, {"scans": "all"}):
        answer = await door.deployment.call("POST", "/api/checkins/batch", body, token=door.gate)
        answer.refused(422, "validation_failed")
    assert await door.admissions() == 0


async def test_a_foreign_code_of_any_length_is_no_ticket(door: Door) -> None:
    answer = await door.scan(door.body("x" * 5000))
    assert (answer["result"], answer["reason"]) == ("invalid", NO_TICKET)


# Clocks


@pytest.mark.parametrize(
    ("said", "flags"),
    [
        ("2099-01-01T00:00:00Z", ["clock_ahead"]),
        ("9999-12-31T23:59:59-12:00", ["clock_ahead"]),
        ("1970-01-01T00:00:00Z", ["clock_behind"]),
        ("2000-01-01T00:00:00Z", ["clock_behind"]),
        ("0001-01-01T00:00:00+12:00", ["clock_behind"]),
    ],
)
async def test_a_scan_of_a_wrong_clock_counts_when_it_arrives(
    door: Door, said: str, flags: list[str]
) -> None:
    scan = door.body(door.codes[0], scanned_at=said)
    before = rfc3339(door.deployment.app.clock.now())
    [first] = await door.batch(scan)
    assert (first["result"], first["flags"]) == ("admitted", flags)
    assert before <= first["scanned_at"] <= rfc3339(door.deployment.app.clock.now())
    assert await door.scan(scan) == first
    again = await door.scan(door.body(door.codes[0], "2"))
    assert again["first_admission"] == {"at": first["scanned_at"], "gate": "North"}


async def test_a_scan_made_without_a_network_counts_when_it_was_made(door: Door) -> None:
    at = rfc3339(door.deployment.app.clock.now() - 3_600_000)
    answer = await door.scan(door.body(door.codes[0], scanned_at=at))
    assert (answer["result"], answer["scanned_at"], answer["flags"]) == ("admitted", at, [])


# Who may scan


async def test_an_organizer_scans_own_events_only(door: Door) -> None:
    rival = await door.deployment.user("rival", Role.ORGANIZER)
    scan = door.body(door.codes[0])
    named = scan | {"event_id": door.event_id}
    for body in (scan, named):
        (await door.ask(body, rival)).refused(403, "not_gate_staff")
    answers = await door.batch(scan, named, door.body("nonsense"), token=rival)
    assert [one["result"] for one in answers] == ["wrong_event", "wrong_event", "invalid"]
    assert [one["flags"] for one in answers] == [["not_staff"], ["not_staff"], []]
    own = await door.deployment.event(rival)
    elsewhere = await door.scan(scan | {"event_id": own}, rival)
    assert (elsewhere["result"], elsewhere["ticket"]) == ("wrong_event", None)
    assert await door.admissions() == 0
    assert (await door.scan(scan, door.organizer))["result"] == "admitted"
    (await door.ask(scan, rival)).refused(403, "not_gate_staff")  # not by an answer of somebody else either


async def test_without_names_every_gate_account_scans_and_with_names_only_those(door: Door) -> None:
    other = await door.deployment.user("other", Role.GATE)
    assert (await door.scan(door.body(door.codes[0]), other))["result"] == "admitted"
    assert (await door.staff("GET")).ok()["items"] == []

    added = (await door.staff("POST", body={"email": "Gate@Example.org"})).ok(200)["items"]
    assert [(one["email"], one["name"]) for one in added] == [("gate@example.org", "Gate")]
    assert (await door.staff("POST", body={"email": "gate@example.org"})).ok(200)["items"] == added
    scan = door.body(door.codes[1], "2")
    (await door.ask(scan, other)).refused(403, "not_gate_staff")
    [kept] = await door.batch(scan, token=other)
    assert (kept["result"], kept["flags"]) == ("wrong_event", ["not_staff"])
    admin = await door.deployment.user("admin", Role.ADMIN)
    for number, token in enumerate((door.gate, door.organizer, admin)):
        answer = await door.scan(door.body(door.codes[number + 1], "2"), token)
        assert answer["result"] == "admitted"

    assert (await door.staff("DELETE", f"/{added[0]['user_id']}")).ok(204) is None
    (await door.staff("DELETE", f"/{added[0]['user_id']}")).refused(404, "member_not_found")
    assert (await door.scan(door.body(door.codes[0], "9"), other))["result"] == "already_used"


async def test_staff_is_named_by_the_events_organizer_and_has_a_gate_account(door: Door) -> None:
    for email in ("nobody@example.org", "buyer@example.org"):
        problem = (await door.staff("POST", body={"email": email})).refused(422, "validation_failed")
        assert "role gate" in problem["errors"]["email"]
    rival = await door.deployment.user("rival", Role.ORGANIZER)
    for method, path, body in (
        ("GET", "", None),
        ("POST", "", {"email": "gate@example.org"}),
        ("DELETE", "/usr_1", None),
    ):
        (await door.staff(method, path, body, rival)).refused(404, "event_not_found")
        (await door.staff(method, path, body, door.gate)).refused(403, "forbidden")
    url = "/api/users/gate-account?email=gate@example.org"
    (await door.deployment.call("GET", url, token=door.gate)).refused(403, "forbidden")


# What is shown


async def test_the_verdict_names_the_tickets_event_and_day(door: Door) -> None:
    other = await door.deployment.event(door.organizer, title="Another Evening")
    event = (await door.deployment.call("GET", f"/api/events/{door.event_id}")).ok()
    named = {name: event[name] for name in ("id", "title", "venue", "starts_at", "timezone")}
    wrong = await door.scan(door.body(door.codes[0], event_id=other))
    assert (wrong["result"], wrong["event"]) == ("wrong_event", named)
    assert wrong["reason"] == "This ticket is for another event: An Evening."
    assert (await door.scan(door.body(door.codes[0])))["event"] == named
    assert (await door.scan(door.body("nonsense")))["event"] is None
