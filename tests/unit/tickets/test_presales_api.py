"""Presales over HTTP: what organizers and buyers say and are told."""

from typing import Any

import pytest

from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.webapi.idempotency import StoredResponse
from tests.support.deployment import Deployment, Reply

DAY = 24 * 3_600_000


class House:
    """An event that goes on sale in a day, with one presale that is open."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.organizer = self.event = self.presale = ""

    async def open(self, **changes: Any) -> "House":
        now = self.deployment.app.clock.now()
        self.organizer = await self.deployment.user("organizer", Role.ORGANIZER)
        self.event = await self.deployment.event(self.organizer, on_sale_at=rfc3339(now + DAY), **changes)
        window = {"name": "Friends", "opens_at": rfc3339(now - 1000)}
        self.presale = (await self.ask("POST", "/presales", window)).ok(201)["id"]
        return self

    async def ask(self, method: str, path: str, body: Any = None, token: str | None = "") -> Reply:
        """The organizer's, if no other token is given."""
        whose = self.organizer if token == "" else token
        return await self.deployment.call(method, f"/api/events/{self.event}{path}", body, token=whose)

    async def generated(self, **generate: Any) -> list[dict[str, Any]]:
        body = {"generate": {"count": 3} | generate}
        (await self.ask("POST", f"/presales/{self.presale}/codes", body)).ok(201)
        return list((await self.ask("GET", f"/presales/{self.presale}/codes")).ok()["items"])

    async def use(self, code: str, token: str) -> Reply:
        return await self.ask("POST", "/presale-access", {"code": code}, token)

    async def hold(self, token: str) -> Reply:
        return await self.ask("POST", "/holds", {"best_available": {"quantity": 1}}, token)


@pytest.fixture
async def house(deployment: Deployment) -> House:
    return await House(deployment).open()


async def test_from_the_code_to_the_seat(house: House) -> None:
    bea = await house.deployment.user("bea")
    shown = (await house.ask("GET", "/presales", token=None)).ok()
    assert [(one["id"], one["closes_at"]) for one in shown["items"]] == [(house.presale, None)]
    (await house.hold(bea)).refused(403, "access_code_required")
    assert (await house.ask("GET", "/presale-access", token=bea)).ok()["items"] == []
    code = (await house.generated())[0]["code"]
    assert (await house.use(code.lower(), bea)).ok(200)["name"] == "Friends"
    [mine] = (await house.ask("GET", "/presale-access", token=bea)).ok()["items"]
    assert mine["id"] == house.presale
    held = (await house.hold(bea)).ok(201)
    await house.deployment.order(bea, held["hold_id"])
    used = [
        one["uses_left"] for one in (await house.ask("GET", f"/presales/{house.presale}/codes")).ok()["items"]
    ]
    assert used == [0, 1, 1]
    told = (await house.deployment.call("GET", "/api/me/export", token=bea)).ok()["parts"]["access-codes"]
    assert [(one["event_id"], one["begins_with"]) for one in told] == [(house.event, code[:2])]


async def test_errors_of_codes_name_the_field(house: House) -> None:
    bea, carl = await house.deployment.user("bea"), await house.deployment.user("carl")
    body = {"codes": [{"code": "Opening Night 7", "max_uses": 1}]}
    assert (await house.ask("POST", f"/presales/{house.presale}/codes", body)).ok(201) == {"made": 1}
    refused = (await house.use("OPENING-NIGHT-8", bea)).refused(422, "access_code_invalid")
    assert refused["errors"] == {"code": "is no access code of this event"}
    (await house.use("openingnight7", bea)).ok(200)
    (await house.use("openingnight7", carl)).refused(409, "access_code_used_up")
    [code] = (await house.ask("GET", f"/presales/{house.presale}/codes")).ok()["items"]
    assert (code["code"], code["begins_with"], code["uses_left"]) == (None, "OP", 0)
    (await house.ask("DELETE", f"/presales/{house.presale}/codes/{code['id']}")).ok(204)
    (await house.hold(bea)).refused(403, "access_code_required")
    [code] = (await house.ask("GET", f"/presales/{house.presale}/codes")).ok()["items"]
    assert code["revoked_at"] is not None


async def test_only_the_organizer_sees_codes(house: House) -> None:
    rival, bea = await house.deployment.user("rival", Role.ORGANIZER), await house.deployment.user("bea")
    [code, *_] = await house.generated()
    codes = f"/presales/{house.presale}/codes"
    calls: list[tuple[str, str, Any]] = [
        ("GET", codes, None),
        ("GET", f"{codes}.csv", None),
        ("POST", codes, {"generate": {"count": 1}}),
        ("DELETE", f"{codes}/{code['id']}", None),
        ("PATCH", f"/presales/{house.presale}", {"name": "Mine"}),
        ("POST", "/presales", {"name": "Mine", "opens_at": "2026-01-01T00:00:00Z"}),
    ]
    for method, path, body in calls:
        (await house.ask(method, path, body, bea)).refused(403, "forbidden")
        (await house.ask(method, path, body, rival)).refused(404, "event_not_found")
        assert (await house.ask(method, path, body, None)).status == 401
    assert len((await house.ask("GET", codes)).ok()["items"]) == 3


async def test_codes_of_another_presale_are_not_revoked_by_its_address(house: House) -> None:
    now = house.deployment.app.clock.now()
    other = (await house.ask("POST", "/presales", {"name": "Press", "opens_at": rfc3339(now)})).ok(201)["id"]
    [code, *_] = await house.generated()
    (await house.ask("DELETE", f"/presales/{other}/codes/{code['id']}")).refused(404, "access_code_not_found")
    (await house.ask("GET", "/presales/psl_none/codes")).refused(404, "presale_not_found")


async def test_the_list_goes_on_and_the_file_has_all(house: House) -> None:
    made = await house.generated(count=5, length=8, max_uses=2)
    path = f"/presales/{house.presale}/codes"
    first = (await house.ask("GET", f"{path}?limit=3")).ok()
    rest = (await house.ask("GET", f"{path}?limit=3&cursor={first['next_cursor']}")).ok()
    assert [*first["items"], *rest["items"]] == made
    assert rest["next_cursor"] is None
    answer = await house.ask("GET", f"{path}.csv")
    assert answer.headers["cache-control"] == "no-store"
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[1:] == [f"{one['code']},Friends,0,2," for one in made]


async def test_a_request_for_codes_that_is_repeated_makes_them_once_and_keeps_none(house: House) -> None:
    path, body = f"/api/events/{house.event}/presales/{house.presale}/codes", {"generate": {"count": 4}}
    for _ in range(2):
        answer = await house.deployment.call("POST", path, body, token=house.organizer, key="once")
        assert answer.ok(201) == {"made": 4}
    made = (await house.ask("GET", f"/presales/{house.presale}/codes")).ok()["items"]
    assert len(made) == 4
    kept = await house.deployment.app.stores["tickets"].find(StoredResponse, {}, limit=100)
    assert not any(one["code"].encode() in bytes(answer.body) for one in made for answer in kept)


async def test_what_is_wrong_with_a_window_is_said_by_field(house: House) -> None:
    now = house.deployment.app.clock.now()
    late = {"name": "Late", "opens_at": rfc3339(now + 2 * DAY)}
    assert list((await house.ask("POST", "/presales", late)).refused(422, "validation_failed")["errors"]) == [
        "opens_at"
    ]
    early = {"closes_at": rfc3339(now - 5000)}
    told = await house.ask("PATCH", f"/presales/{house.presale}", early)
    assert list(told.refused(422, "validation_failed")["errors"]) == ["closes_at"]
    closed = {"closes_at": rfc3339(now)}
    assert (await house.ask("PATCH", f"/presales/{house.presale}", closed)).ok()["closes_at"] == rfc3339(now)
    again = (await house.ask("PATCH", f"/presales/{house.presale}", {"closes_at": None})).ok()
    assert again["closes_at"] is None
    for body in ({}, {"codes": [{"code": "GOOD-ONE", "max_uses": 1}], "generate": {"count": 1}}):
        answer = await house.ask("POST", f"/presales/{house.presale}/codes", body)
        assert "codes" in answer.refused(422, "validation_failed")["errors"]
