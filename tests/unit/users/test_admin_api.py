"""What an administrator does with accounts and their emails; the audit log of all services."""

from typing import Any
from urllib.parse import quote

import pytest

from houseful.kernel.errors import Unavailable
from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.users.domain import Session
from tests.unit.users.support import ANN, PASSWORD, Harness, all_of, code, identity, json, refused
from tests.unit.users.test_second_factor import confirmed

ROOT = "root@example.com"


async def admin(harness: Harness) -> str:
    token = str((await harness.person(ROOT, Role.ADMIN))["access_token"])
    await harness.mailed()
    return token


async def ask(harness: Harness, path: str, token: str) -> Any:
    answer = await harness.call("GET", path, token=token)
    assert answer.status == 200, answer.body
    return json(answer)


async def log(harness: Harness, token: str, query: str = "") -> list[Any]:
    items: list[Any] = (await ask(harness, f"/api/audit/users{query}", token))["items"]
    return items


async def test_administration_is_for_admins(harness: Harness) -> None:
    root = await admin(harness)
    organizer = await harness.person(ANN, Role.ORGANIZER)
    token, user = organizer["access_token"], organizer["user"]["id"]
    for method, path, body in (
        ("GET", "/api/users", None),
        ("GET", f"/api/users/{user}", None),
        ("PATCH", f"/api/users/{user}", {"roles": ["admin"]}),
        ("DELETE", f"/api/users/{user}/sessions", None),
        ("GET", "/api/audit", None),
        ("GET", "/api/audit/users", None),
        ("GET", "/api/health/users", None),
        ("POST", "/api/messages/users/replay", {"reason": "x"}),
        ("GET", "/api/emails/accounts", None),
        ("POST", "/api/emails/accounts/eml_1/send", None),
    ):
        assert code(await harness.call(method, path, body, token=token)) == (403, "forbidden"), path
        assert code(await harness.call(method, path, body)) == (401, "not_authenticated"), path
    assert len(await log(harness, root, "?act=account.roles_changed")) == 0


async def test_a_changed_role_is_in_the_log(harness: Harness) -> None:
    root = await admin(harness)
    user = (await harness.person(ANN))["user"]["id"]
    changed = await harness.call("PATCH", f"/api/users/{user}", {"roles": ["gate"]}, token=root)
    assert changed.status == 200
    again = await harness.call("PATCH", f"/api/users/{user}", {"roles": ["gate"]}, token=root)
    assert again.status == 200, "which changes nothing"
    [entry] = await log(harness, root, "?act=account.roles_changed")
    assert (entry["object"], entry["details"]) == (
        f"account:{user}",
        {"before": ["buyer"], "after": ["buyer", "gate"]},
    )
    assert (entry["actor"]["email"], entry["actor"]["role"]) == (ROOT, "admin")
    assert (entry["service"], entry["at"]) == ("users", rfc3339(harness.clock.now()))


async def test_what_the_operator_does_is_in_the_log(harness: Harness) -> None:
    root = await admin(harness)
    await confirmed(harness)
    await harness.users.create_user(ANN, "another horse", "Ann", [Role.ORGANIZER])
    entries = await log(harness, root)
    assert [entry["act"] for entry in entries] == [
        "account.roles_changed", "account.password_set", "account.created", "account.created",
    ]  # fmt: skip
    assert entries[1]["details"] == {"second_factor_removed": True, "passkeys_removed": 0}
    assert {entry["actor"]["role"] for entry in entries} == {"operator"}
    assert {entry["actor"]["id"] for entry in entries} == {None}
    assert "horse" not in str(entries)


async def test_a_user_is_signed_out_everywhere(harness: Harness) -> None:
    root = await admin(harness)
    ann = await harness.person(ANN)
    await harness.signed_in()
    path = f"/api/users/{ann['user']['id']}"
    assert (await ask(harness, path, root))["sessions"] == 2
    assert (await harness.call("DELETE", f"{path}/sessions", token=root)).status == 204
    await harness.ended.look()
    assert code(await harness.call("GET", "/api/me", token=ann["access_token"])) == (401, "token_expired")
    refreshed = await harness.call("POST", "/api/auth/refresh", {"refresh_token": ann["refresh_token"]})
    assert refreshed.status == 401
    details = await ask(harness, path, root)
    assert (details["sessions"], details["second_factor"], details["email"]) == (0, False, ANN)
    assert [entry["object"] for entry in await log(harness, root, "?act=account.sessions_ended")] == [
        f"account:{ann['user']['id']}"
    ]
    await harness.signed_in()
    assert code(await harness.call("DELETE", "/api/users/usr_none/sessions", token=root)) == (
        404,
        "user_not_found",
    )
    assert code(await harness.call("GET", "/api/users/usr_none", token=root)) == (404, "user_not_found")


async def test_who_is_no_admin_any_more_ends_no_sessions(harness: Harness) -> None:
    ann = await harness.person(ANN)
    other = await harness.users.create_user("b@example.com", PASSWORD, "Bea", [Role.ADMIN])
    root = await harness.users.create_user(ROOT, PASSWORD, "Root", [Role.ADMIN])
    await harness.users.set_roles(other.id, [], by=identity(root))
    assert await refused(harness.users.sessions.end_all(ann["user"]["id"], identity(other))) == "forbidden"
    assert [one.ended_at for one in await all_of(harness.store, Session)] == [None]


@pytest.mark.parametrize("text", ["zoë älg", "ALG", "zoe@", "Zoe"])
async def test_users_are_found_by_name_and_address(harness: Harness, text: str) -> None:
    root = await admin(harness)
    zoe = await harness.users.create_user("zoe@example.org", PASSWORD, "Zoë Älg")
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    for query in (text, zoe.id):
        page = await ask(harness, f"/api/users?q={quote(query)}", root)
        assert [user["id"] for user in page["items"]] == [zoe.id]
    assert (await ask(harness, "/api/users?q=nobody", root))["items"] == []


async def test_an_email_that_has_not_gone_is_sent_again(harness: Harness) -> None:
    root = await admin(harness)
    await harness.registered(ANN)
    [waiting] = (await ask(harness, "/api/emails/accounts", root))["items"]
    assert (waiting["kind"], waiting["to"], waiting["error"]) == ("verify", ANN, None)
    harness.mail.error = Unavailable("the mail server is away")
    await harness.mailed()
    assert (await ask(harness, "/api/emails/accounts", root))["items"] == []
    [failed] = (await ask(harness, "/api/emails/accounts?state=failed", root))["items"]
    assert (failed["error"], failed["tries"]) == ("the mail server is away", 1)
    harness.mail.error = None
    path = f"/api/emails/accounts/{failed['id']}/send"
    for _ in range(2):
        sent = await harness.call("POST", path, token=root, idempotency_key="k1")
        assert (sent.status, json(sent)["error"]) == (200, None)
    [email] = await harness.mailed()
    assert email.to_address == ANN
    assert len(await log(harness, root, "?act=email.sent_again")) == 1
    gone = await harness.call("POST", path, token=root, idempotency_key="k2")
    assert code(gone) == (409, "email_sent")
    gone = await harness.call("POST", "/api/emails/accounts/x/send", token=root, idempotency_key="k3")
    assert code(gone) == (404, "email_not_found")


def entry(at: int, id: str, service: str) -> dict[str, Any]:
    return {
        "id": id,
        "at": rfc3339(at),
        "service": service,
        "actor": {"id": None, "role": "operator", "email": None},
        "act": "event.published",
        "object": "event:evt_1",
        "details": {},
        "request_id": None,
    }


async def test_the_logs_of_all_services_are_one(harness: Harness) -> None:
    root = await admin(harness)
    query = "?act=event&limit=2"
    harness.others.answers = {
        f"/api/audit/users{query}": {"items": []},
        f"/api/audit/events{query}": {"items": [entry(9, "a", "events"), entry(5, "b", "events")]},
        f"/api/audit/tickets{query}": {"items": [entry(7, "c", "tickets")]},
        f"/api/audit/line{query}": 404,
    }
    page = await ask(harness, f"/api/audit{query}", root)
    assert [one["id"] for one in page["items"]] == ["a", "c"]
    assert page["missing"] == []
    assert page["next_cursor"] is not None
    assert {authorization for _, authorization in harness.others.asked} == {f"Bearer {root}"}


async def test_a_service_that_does_not_answer_is_named(harness: Harness) -> None:
    root = await admin(harness)
    harness.others.answers = {f"/api/audit/{name}?limit=50": {"items": []} for name in ("users", "line")}
    harness.others.answers |= {"/api/audit/events?limit=50": {"items": [entry(9, "a", "events")]}}
    harness.others.answers |= {"/api/audit/tickets?limit=50": 503}
    page = await ask(harness, "/api/audit", root)
    assert ([one["id"] for one in page["items"]], page["missing"]) == (["a"], ["tickets"])
    bad = await harness.call("GET", "/api/audit?cursor=x", token=root)
    assert code(bad) == (422, "validation_failed")


async def test_health_tells_of_the_process_and_the_outbox(harness: Harness) -> None:
    health = await ask(harness, "/api/health/users", await admin(harness))
    assert health["checks"] == {"jobs": "ready"}
    assert (health["outbox_waiting"], health["outbox_oldest_seconds"]) == (0, None)
    assert (health["parked"], health["retrying"], health["dead_letters"]) == (0, 0, 0)


async def test_own_acts_are_exported(harness: Harness) -> None:
    root = await admin(harness)
    user = (await harness.person(ANN))["user"]["id"]
    await harness.call("PATCH", f"/api/users/{user}", {"roles": ["gate"]}, token=root)
    own = await ask(harness, "/api/me/export/users-audit", root)
    assert [one["act"] for one in own["items"]] == ["account.roles_changed"]
    other = str((await harness.signed_in())["access_token"])
    assert (await ask(harness, "/api/me/export/users-audit", other))["items"] == []
