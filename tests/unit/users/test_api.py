from typing import Any

import pytest

from houseful.kernel.roles import Role
from tests.unit.users.support import ANN, OURS, PASSWORD, Harness, MakeHarness, code, cookie_login, json

# Accounts


async def test_register_then_sign_in(harness: Harness) -> None:
    body = {"email": "Ann@EXAMPLE.com", "password": PASSWORD, "name": " Ann "}
    answer = await harness.call("POST", "/api/auth/register", body)
    assert answer.status == 201
    made = json(answer)
    assert made == {"id": made["id"], "email": "Ann@example.com", "name": "Ann"}
    signed_in = await harness.signed_in()
    assert signed_in["user"] == {**made, "roles": ["buyer"], "email_verified": False}
    me = json(await harness.call("GET", "/api/me", token=signed_in["access_token"]))
    assert me == {**signed_in["user"], "created_at": "2027-01-15T08:00:00.000Z"}


async def test_registering_a_known_address_is_neutral(harness: Harness) -> None:
    body = {"email": ANN, "password": PASSWORD, "name": "Ann"}
    first = await harness.call("POST", "/api/auth/register", body)
    second = await harness.call("POST", "/api/auth/register", {**body, "name": "Bob", "email": ANN.upper()})
    assert (first.status, second.status) == (201, 201)
    assert first.headers.keys() == second.headers.keys()
    assert json(first).keys() == json(second).keys()
    assert len(json(first)["id"]) == len(json(second)["id"])
    assert json(second)["name"] == "Bob"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "ann"}, "email"),
        ({"email": {"$gt": ""}}, "email"),
        ({"email": "'; DROP TABLE users --"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"password": ANN}, "password"),
        ({"password": None}, "password"),
        ({"name": "  "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"roles": ["admin"]}, "roles"),
        ({"id": "usr_1"}, "id"),
    ],
)
async def test_registrations_with_faults(harness: Harness, change: dict[str, Any], field: str) -> None:
    body = {"email": ANN, "password": PASSWORD, "name": "Ann", **change}
    answer = await harness.call("POST", "/api/auth/register", body)
    assert code(answer) == (422, "validation_failed")
    assert set(json(answer)["errors"]) == {field}


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"email": "bob@example.com"}, {"email": "?"}])
async def test_wrong_credentials_look_alike(harness: Harness, change: dict[str, Any]) -> None:
    await harness.person()
    answer = await harness.call("POST", "/api/auth/login", {"email": ANN, "password": PASSWORD, **change})
    assert code(answer) == (401, "bad_credentials")
    assert "set-cookie" not in answer.headers


async def test_operators_and_extra_fields_are_refused(harness: Harness) -> None:
    await harness.person()
    for change in (
        {"email": {"$gt": ""}},
        {"password": {"$ne": 1}},
        {"roles": ["admin"]},
        {"token_transport": "x"},
    ):
        answer = await harness.call("POST", "/api/auth/login", {"email": ANN, "password": PASSWORD, **change})
        assert code(answer) == (422, "validation_failed")


async def test_too_many_attempts_say_when_to_come_again(make_harness: MakeHarness) -> None:
    harness = make_harness()
    body = {"email": ANN, "password": "wrong password"}
    answers = [await harness.call("POST", "/api/auth/login", body) for _ in range(11)]
    assert [answer.status for answer in answers] == [401] * 10 + [429]
    assert code(answers[-1]) == (429, "too_many_attempts")
    assert int(answers[-1].headers["retry-after"]) >= 1


# The end of sessions


async def test_logout_by_cookie_clears_it(harness: Harness) -> None:
    cookie, _ = await cookie_login(harness)
    for _ in range(2):
        answer = await harness.call("POST", "/api/auth/logout", cookie=cookie, **OURS)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["set-cookie"].startswith("houseful_refresh=; Max-Age=0; Path=/; HttpOnly")
    answer = await harness.call("POST", "/api/auth/refresh", cookie=cookie, **OURS)
    assert code(answer) == (401, "refresh_invalid")


async def test_logout_by_access_token(harness: Harness) -> None:
    """The access token itself holds until it expires: the price of verifying it without asking anybody."""
    mine, other = await harness.person(), await harness.signed_in()
    for _ in range(2):
        assert (await harness.call("POST", "/api/auth/logout", token=mine["access_token"])).status == 204
    answer = await harness.call("POST", "/api/auth/refresh", {"refresh_token": mine["refresh_token"]})
    assert code(answer) == (401, "refresh_invalid")
    assert (await harness.call("GET", "/api/me", token=mine["access_token"])).status == 200
    answer = await harness.call("POST", "/api/auth/refresh", {"refresh_token": other["refresh_token"]})
    assert answer.status == 200


async def test_logout_by_body_and_by_nothing(harness: Harness) -> None:
    mine = await harness.person()
    body = {"refresh_token": mine["refresh_token"]}
    assert (await harness.call("POST", "/api/auth/logout", body)).status == 204
    assert code(await harness.call("POST", "/api/auth/refresh", body)) == (401, "refresh_invalid")
    assert code(await harness.call("POST", "/api/auth/logout")) == (401, "not_authenticated")


async def test_change_of_password(harness: Harness) -> None:
    mine, other = await harness.person(), await harness.signed_in()
    token = mine["access_token"]
    body = {"current_password": "wrong", "new_password": "the new password"}
    answer = await harness.call("POST", "/api/auth/password", body, token=token)
    assert code(answer) == (403, "bad_credentials")
    assert set(json(answer)["errors"]) == {"current_password"}
    body = {"current_password": PASSWORD, "new_password": ANN}
    answer = await harness.call("POST", "/api/auth/password", body, token=token)
    assert code(answer) == (422, "validation_failed")
    assert set(json(answer)["errors"]) == {"new_password"}
    body["new_password"] = "the new password"
    assert code(await harness.call("POST", "/api/auth/password", body)) == (401, "not_authenticated")
    assert (await harness.call("POST", "/api/auth/password", body, token=token)).status == 204
    answer = await harness.call("POST", "/api/auth/refresh", {"refresh_token": other["refresh_token"]})
    assert code(answer) == (401, "refresh_invalid")
    answer = await harness.call("POST", "/api/auth/refresh", {"refresh_token": mine["refresh_token"]})
    assert answer.status == 200
    await harness.signed_in(password="the new password")


# Administration


async def test_only_admins_see_and_change_users(harness: Harness) -> None:
    admin = await harness.person("root@example.com", Role.ADMIN)
    for roles in ([], [Role.ORGANIZER], [Role.GATE]):
        someone = await harness.person(f"{len(roles)}{''.join(roles)}@example.com", *roles)
        token, id = someone["access_token"], someone["user"]["id"]
        assert code(await harness.call("GET", "/api/users", token=token)) == (403, "forbidden")
        answer = await harness.call("PATCH", f"/api/users/{id}", {"roles": ["admin"]}, token=token)
        assert code(answer) == (403, "forbidden")
        assert json(answer)["detail"] == "This needs the role admin."  # refused by the token already
    assert code(await harness.call("GET", "/api/users")) == (401, "not_authenticated")
    listed = json(await harness.call("GET", "/api/users?q=ROOT", token=admin["access_token"]))
    assert [user["email"] for user in listed["items"]] == ["root@example.com"]
    assert listed["next_cursor"] is None
    assert listed["items"][0].keys() == {"id", "email", "name", "roles", "email_verified", "created_at"}


async def test_the_list_goes_on_behind_its_cursor(harness: Harness) -> None:
    admin = await harness.person("root@example.com", Role.ADMIN)
    for n in range(4):
        await harness.users.create_user(f"u{n}@example.com", PASSWORD, "Ann")
    seen, path = [], "/api/users?limit=2"
    while True:
        answer = json(await harness.call("GET", path, token=admin["access_token"]))
        seen += [user["email"] for user in answer["items"]]
        if answer["next_cursor"] is None:
            break
        path = f"/api/users?limit=2&cursor={answer['next_cursor']}"
    assert seen == ["root@example.com"] + [f"u{n}@example.com" for n in range(4)]
    for query in ("cursor=zzz", "limit=0", "limit=1000", "limit=x", "roles=admin"):
        answer = await harness.call("GET", f"/api/users?{query}", token=admin["access_token"])
        assert code(answer) == (422, "validation_failed"), query


async def test_roles_are_given_and_count_from_the_next_refresh(harness: Harness) -> None:
    admin, ann = await harness.person("root@example.com", Role.ADMIN), await harness.person()
    path, token = f"/api/users/{ann['user']['id']}", admin["access_token"]
    answer = await harness.call("PATCH", path, {"roles": ["organizer", "organizer"]}, token=token)
    assert answer.status == 200
    assert json(answer)["roles"] == ["buyer", "organizer"]
    refreshed = json(await harness.call("POST", "/api/auth/refresh", {"refresh_token": ann["refresh_token"]}))
    assert refreshed["user"]["roles"] == ["buyer", "organizer"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"roles": "admin"},
        {"roles": ["king"]},
        {"roles": [{"$ne": 1}]},
        {"roles": ["gate"] * 21},
        {"roles": [], "email": "x@y.de"},
    ],
)
async def test_roles_that_do_not_exist(harness: Harness, body: Any) -> None:
    admin = await harness.person(ANN, Role.ADMIN)
    path = f"/api/users/{admin['user']['id']}"
    answer = await harness.call("PATCH", path, body, token=admin["access_token"])
    assert code(answer) == (422, "validation_failed")


async def test_roles_of_oneself_and_of_nobody(harness: Harness) -> None:
    admin = await harness.person(ANN, Role.ADMIN)
    token = admin["access_token"]
    path = f"/api/users/{admin['user']['id']}"
    assert code(await harness.call("PATCH", path, {"roles": []}, token=token)) == (409, "own_admin_role")
    for nobody in ("usr_none", "admins", "%00", "..", "'"):
        answer = await harness.call("PATCH", f"/api/users/{nobody}", {"roles": []}, token=token)
        assert code(answer) == (404, "user_not_found")


async def test_an_admin_who_is_none_any_more_changes_nothing(harness: Harness) -> None:
    root, ann = await harness.person("root@example.com", Role.ADMIN), await harness.person(ANN, Role.ADMIN)
    path = f"/api/users/{ann['user']['id']}"
    assert (await harness.call("PATCH", path, {"roles": []}, token=root["access_token"])).status == 200
    answer = await harness.call("PATCH", path, {"roles": ["admin"]}, token=ann["access_token"])
    assert code(answer) == (403, "forbidden")
