"""Access tokens that end before their time, and how every process comes to know it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from houseful.kernel.errors import DomainError, Unavailable
from houseful.kernel.roles import Role
from houseful.users.domain import User
from houseful.users.revocations import TokensEnded
from houseful.webapi.auth import TokenVerifier
from houseful.webapi.revoked_tokens import KEPT_MILLIS, PATH, Ending
from tests.unit.users.support import ANN, PASSWORD, SECRETS, Harness, code, json

NEW = "the new password"


async def me(harness: Harness, tokens: dict[str, Any]) -> tuple[int, str | None]:
    """What the token is good for, in a process that has looked just now."""
    await harness.ended.look()
    answer = await harness.call("GET", "/api/me", token=tokens["access_token"])
    return answer.status, json(answer).get("code")


ENDED = (401, "token_expired")
GOOD = (200, None)


async def refreshed(harness: Harness, tokens: dict[str, Any]) -> tuple[int, Any]:
    answer = await harness.call("POST", "/api/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    return answer.status, json(answer)


async def set_roles(harness: Harness, admin: dict[str, Any], user_id: str, *roles: Role) -> None:
    answer = await harness.call(
        "PATCH", f"/api/users/{user_id}", {"roles": list(roles)}, token=admin["access_token"]
    )
    assert answer.status == 200, answer.body


async def test_a_logout_ends_the_access_token_and_no_other_sessions(harness: Harness) -> None:
    mine, other = await harness.person(), await harness.signed_in()
    assert await me(harness, mine) == GOOD
    assert (await harness.call("POST", "/api/auth/logout", token=mine["access_token"])).status == 204
    assert await me(harness, mine) == ENDED
    assert (await refreshed(harness, mine))[0] == 401
    assert await me(harness, other) == GOOD


async def test_a_logout_by_refresh_token_ends_every_access_token_of_the_session(harness: Harness) -> None:
    mine = await harness.person()
    _, second = await refreshed(harness, mine)
    body = {"refresh_token": second["refresh_token"]}
    assert (await harness.call("POST", "/api/auth/logout", body)).status == 204
    assert await me(harness, mine) == ENDED
    assert await me(harness, second) == ENDED


async def test_a_new_password_ends_the_tokens_of_all_other_sessions(harness: Harness) -> None:
    mine, other = await harness.person(), await harness.signed_in()
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert (await harness.call("POST", "/api/auth/password", body, token=mine["access_token"])).status == 204
    assert await me(harness, other) == ENDED
    assert await me(harness, mine) == GOOD
    status, next_one = await refreshed(harness, mine)
    assert status == 200
    assert await me(harness, next_one) == GOOD
    assert await me(harness, await harness.signed_in(password=NEW)) == GOOD


async def test_other_roles_end_the_token_and_a_refresh_has_them(harness: Harness) -> None:
    admin, user = await harness.person("root@example.com", Role.ADMIN), await harness.person(ANN, Role.GATE)
    await set_roles(harness, admin, user["user"]["id"], Role.GATE)
    assert await me(harness, user) == GOOD  # they are the same
    await set_roles(harness, admin, user["user"]["id"])
    assert await me(harness, user) == ENDED
    status, next_one = await refreshed(harness, user)
    assert (status, next_one["user"]["roles"]) == (200, ["buyer"])
    assert await me(harness, next_one) == GOOD
    assert await me(harness, admin) == GOOD


async def test_a_password_does_not_keep_a_token_with_older_roles(harness: Harness) -> None:
    admin, user = await harness.person("root@example.com", Role.ADMIN), await harness.person(ANN, Role.GATE)
    status, later = await refreshed(harness, user)
    assert status == 200
    await set_roles(harness, admin, user["user"]["id"])
    _, current = await refreshed(harness, later)
    body = {"current_password": PASSWORD, "new_password": NEW}
    answer = await harness.call("POST", "/api/auth/password", body, token=current["access_token"])
    assert answer.status == 204
    assert await me(harness, current) == GOOD
    assert await me(harness, later) == ENDED


async def test_a_stolen_refresh_token_ends_the_access_tokens_too(harness: Harness) -> None:
    mine = await harness.person()
    _, second = await refreshed(harness, mine)
    _, third = await refreshed(harness, second)
    status, told = await refreshed(harness, mine)
    assert (status, told["code"]) == (401, "refresh_reused")
    for tokens in (mine, second, third):
        assert await me(harness, tokens) == ENDED


async def test_the_operators_new_password_ends_everything(harness: Harness) -> None:
    mine = await harness.person()
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    assert await me(harness, mine) == GOOD  # nothing was changed
    await harness.users.create_user(ANN, NEW, "Ann")
    assert await me(harness, mine) == ENDED


# How it becomes known


@pytest.fixture
async def listening(harness: Harness) -> AsyncIterator[None]:
    task = asyncio.create_task(harness.ended.listen())
    await asyncio.sleep(0)
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.usefixtures("listening")
async def test_a_signal_tells_it_at_once(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = await harness.person()
    assert await me(harness, mine) == GOOD

    async def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("nobody can be asked")

    await harness.call("POST", "/api/auth/logout", token=mine["access_token"])
    monkeypatch.setattr(harness.client, "request", away)
    for _ in range(100):
        await asyncio.sleep(0)
    with pytest.raises(DomainError) as refused:
        await harness.verifier.identity(mine["access_token"])
    assert refused.value.code == "token_expired"


async def test_without_signals_it_is_looked_up_every_second(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise Unavailable("no signals")

    monkeypatch.setattr(harness.coordination, "publish", away)
    mine = await harness.person()
    watching = asyncio.create_task(harness.ended.watch())
    await harness.clock.advance(1)
    assert (await harness.call("POST", "/api/auth/logout", token=mine["access_token"])).status == 204
    session_id = jwt.decode(mine["access_token"], options={"verify_signature": False})["sid"]
    for _ in range(1000):
        await harness.clock.advance(1)
        if harness.ended.has("", session_id, 0):
            break
        await asyncio.sleep(0.001)
    assert await me(harness, mine) == ENDED
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_process_that_has_just_begun_asks_before_it_believes(harness: Harness) -> None:
    mine, other = await harness.person(), await harness.signed_in()
    await harness.call("POST", "/api/auth/logout", token=mine["access_token"])
    begun = TokenVerifier(harness.client, harness.clock, harness.what_another_knows())
    with pytest.raises(DomainError):
        await begun.identity(mine["access_token"])
    assert (await begun.identity(other["access_token"])).user_id == other["user"]["id"]


async def test_while_nobody_can_be_asked_what_is_known_stays(harness: Harness, monkeypatch: Any) -> None:
    mine, other = await harness.person(), await harness.signed_in()
    await harness.call("POST", "/api/auth/logout", token=mine["access_token"])
    assert await me(harness, mine) == ENDED
    request = harness.client.request

    async def away(method: str, path: str, **rest: Any) -> Any:
        if path.startswith(PATH):
            raise Unavailable("cut by the test")
        return await request(method, path, **rest)

    monkeypatch.setattr(harness.client, "request", away)
    watching = asyncio.create_task(harness.ended.watch())
    await harness.clock.advance(5)
    assert code(await harness.call("GET", "/api/me", token=mine["access_token"])) == ENDED
    assert (await harness.call("GET", "/api/me", token=other["access_token"])).status == 200
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_it_is_kept_as_long_as_it_matters_and_no_longer(harness: Harness) -> None:
    mine = await harness.person()
    await harness.call("POST", "/api/auth/logout", token=mine["access_token"])
    await harness.ended.look()
    [ended] = await harness.store.find(TokensEnded, {}, limit=10)
    assert harness.ended.has("", ended.session_id, 0)
    await harness.clock.advance(KEPT_MILLIS / 1000 + 1)
    assert await harness.users.ended_tokens(0) == []
    await harness.ended.look()
    assert not harness.ended.has("", ended.session_id, 0)
    await harness.clock.advance(KEPT_MILLIS / 1000)
    forgetting = asyncio.create_task(harness.users.purge_expired())
    for _ in range(1000):
        if not await harness.store.find(TokensEnded, {}, limit=10):
            break
        await asyncio.sleep(0.001)
    forgetting.cancel()
    await asyncio.gather(forgetting, return_exceptions=True)
    assert await harness.store.find(TokensEnded, {}, limit=10) == []


async def test_many_are_listed_page_by_page(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("houseful.users.revocations._PAGE", 2)
    await harness.person()
    for _ in range(5):
        tokens = await harness.signed_in()
        await harness.call("POST", "/api/auth/logout", token=tokens["access_token"])
    assert len(await harness.users.ended_tokens(0)) == 5
    assert len(await harness.users.ended_tokens(harness.clock.now() + 1)) == 0


async def test_tokens_and_users_of_the_version_before(harness: Harness) -> None:
    mine = await harness.person()
    claims = jwt.decode(mine["access_token"], options={"verify_signature": False})
    assert claims.pop("ver") == 0
    header = jwt.get_unverified_header(mine["access_token"])
    key = Ed25519PrivateKey.from_private_bytes(SECRETS.raw("token_key"))
    old = {"access_token": jwt.encode(claims, key, algorithm="EdDSA", headers=header)}
    assert await me(harness, old) == GOOD
    user = await harness.store.get(User, mine["user"]["id"])
    assert b"tokens_version" not in msgspec.json.encode(user)
    await harness.users.create_user(ANN, NEW, "Ann")
    assert await me(harness, old) == ENDED


def test_the_signal_is_small_and_tolerates_what_is_new() -> None:
    raw = msgspec.json.encode(Ending(at=5, session_id="ses_1"))
    assert raw == b'{"at":5,"session_id":"ses_1"}'
    assert msgspec.json.decode(raw[:-1] + b',"why":"logout"}', type=Ending) == Ending(5, "ses_1")
