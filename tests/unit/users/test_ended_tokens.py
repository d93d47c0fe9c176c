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
from tests.unit.users.support import ANN, PASSWORD, SECRETS, World, code, json

NEW = "the new password"


async def me(world: World, tokens: dict[str, Any]) -> tuple[int, str | None]:
    """What the token is good for, in a process that has looked just now."""
    await world.ended.look()
    answer = await world.call("GET", "/api/me", token=tokens["access_token"])
    return answer.status, json(answer).get("code")


ENDED = (401, "token_expired")
GOOD = (200, None)


async def refreshed(world: World, tokens: dict[str, Any]) -> tuple[int, Any]:
    answer = await world.call("POST", "/api/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    return answer.status, json(answer)


async def set_roles(world: World, admin: dict[str, Any], user_id: str, *roles: Role) -> None:
    answer = await world.call(
        "PATCH", f"/api/users/{user_id}", {"roles": list(roles)}, token=admin["access_token"]
    )
    assert answer.status == 200, answer.body


async def test_a_logout_ends_the_access_token_and_no_other_sessions(world: World) -> None:
    mine, other = await world.person(), await world.signed_in()
    assert await me(world, mine) == GOOD
    assert (await world.call("POST", "/api/auth/logout", token=mine["access_token"])).status == 204
    assert await me(world, mine) == ENDED
    assert (await refreshed(world, mine))[0] == 401
    assert await me(world, other) == GOOD


async def test_a_logout_by_refresh_token_ends_every_access_token_of_the_session(world: World) -> None:
    mine = await world.person()
    _, second = await refreshed(world, mine)
    body = {"refresh_token": second["refresh_token"]}
    assert (await world.call("POST", "/api/auth/logout", body)).status == 204
    assert await me(world, mine) == ENDED
    assert await me(world, second) == ENDED


async def test_a_new_password_ends_the_tokens_of_all_other_sessions(world: World) -> None:
    mine, other = await world.person(), await world.signed_in()
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert (await world.call("POST", "/api/auth/password", body, token=mine["access_token"])).status == 204
    assert await me(world, other) == ENDED
    assert await me(world, mine) == GOOD
    status, next_one = await refreshed(world, mine)
    assert status == 200
    assert await me(world, next_one) == GOOD
    assert await me(world, await world.signed_in(password=NEW)) == GOOD


async def test_other_roles_end_the_token_and_a_refresh_has_them(world: World) -> None:
    admin, user = await world.person("root@example.com", Role.ADMIN), await world.person(ANN, Role.GATE)
    await set_roles(world, admin, user["user"]["id"], Role.GATE)
    assert await me(world, user) == GOOD  # they are the same
    await set_roles(world, admin, user["user"]["id"])
    assert await me(world, user) == ENDED
    status, next_one = await refreshed(world, user)
    assert (status, next_one["user"]["roles"]) == (200, ["buyer"])
    assert await me(world, next_one) == GOOD
    assert await me(world, admin) == GOOD


async def test_a_password_does_not_keep_a_token_with_older_roles(world: World) -> None:
    admin, user = await world.person("root@example.com", Role.ADMIN), await world.person(ANN, Role.GATE)
    status, later = await refreshed(world, user)
    assert status == 200
    await set_roles(world, admin, user["user"]["id"])
    _, current = await refreshed(world, later)
    body = {"current_password": PASSWORD, "new_password": NEW}
    answer = await world.call("POST", "/api/auth/password", body, token=current["access_token"])
    assert answer.status == 204
    assert await me(world, current) == GOOD
    assert await me(world, later) == ENDED


async def test_a_stolen_refresh_token_ends_the_access_tokens_too(world: World) -> None:
    mine = await world.person()
    _, second = await refreshed(world, mine)
    _, third = await refreshed(world, second)
    status, told = await refreshed(world, mine)
    assert (status, told["code"]) == (401, "refresh_reused")
    for tokens in (mine, second, third):
        assert await me(world, tokens) == ENDED


async def test_the_operators_new_password_ends_everything(world: World) -> None:
    mine = await world.person()
    await world.users.create_user(ANN, PASSWORD, "Ann")
    assert await me(world, mine) == GOOD  # nothing was changed
    await world.users.create_user(ANN, NEW, "Ann")
    assert await me(world, mine) == ENDED


# How it becomes known


@pytest.fixture
async def listening(world: World) -> AsyncIterator[None]:
    task = asyncio.create_task(world.ended.listen())
    await asyncio.sleep(0)
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.usefixtures("listening")
async def test_a_signal_tells_it_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = await world.person()
    assert await me(world, mine) == GOOD

    async def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("nobody can be asked")

    await world.call("POST", "/api/auth/logout", token=mine["access_token"])
    monkeypatch.setattr(world.client, "request", away)
    for _ in range(100):
        await asyncio.sleep(0)
    with pytest.raises(DomainError) as refused:
        await world.verifier.identity(mine["access_token"])
    assert refused.value.code == "token_expired"


async def test_without_signals_it_is_looked_up_every_second(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise Unavailable("no signals")

    monkeypatch.setattr(world.coordination, "publish", away)
    mine = await world.person()
    watching = asyncio.create_task(world.ended.watch())
    await world.clock.advance(1)
    assert (await world.call("POST", "/api/auth/logout", token=mine["access_token"])).status == 204
    session_id = jwt.decode(mine["access_token"], options={"verify_signature": False})["sid"]
    for _ in range(1000):
        await world.clock.advance(1)
        if world.ended.has("", session_id, 0):
            break
        await asyncio.sleep(0.001)
    assert await me(world, mine) == ENDED
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_process_that_has_just_begun_asks_before_it_believes(world: World) -> None:
    mine, other = await world.person(), await world.signed_in()
    await world.call("POST", "/api/auth/logout", token=mine["access_token"])
    begun = TokenVerifier(world.client, world.clock, world.what_another_knows())
    with pytest.raises(DomainError):
        await begun.identity(mine["access_token"])
    assert (await begun.identity(other["access_token"])).user_id == other["user"]["id"]


async def test_while_nobody_can_be_asked_what_is_known_stays(world: World, monkeypatch: Any) -> None:
    mine, other = await world.person(), await world.signed_in()
    await world.call("POST", "/api/auth/logout", token=mine["access_token"])
    assert await me(world, mine) == ENDED
    request = world.client.request

    async def away(method: str, path: str, **rest: Any) -> Any:
        if path.startswith(PATH):
            raise Unavailable("cut by the test")
        return await request(method, path, **rest)

    monkeypatch.setattr(world.client, "request", away)
    watching = asyncio.create_task(world.ended.watch())
    await world.clock.advance(5)
    assert code(await world.call("GET", "/api/me", token=mine["access_token"])) == ENDED
    assert (await world.call("GET", "/api/me", token=other["access_token"])).status == 200
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_it_is_kept_as_long_as_it_matters_and_no_longer(world: World) -> None:
    mine = await world.person()
    await world.call("POST", "/api/auth/logout", token=mine["access_token"])
    await world.ended.look()
    [ended] = await world.store.find(TokensEnded, {}, limit=10)
    assert world.ended.has("", ended.session_id, 0)
    await world.clock.advance(KEPT_MILLIS / 1000 + 1)
    assert await world.users.ended_tokens(0) == []
    await world.ended.look()
    assert not world.ended.has("", ended.session_id, 0)
    await world.clock.advance(KEPT_MILLIS / 1000)
    forgetting = asyncio.create_task(world.users.purge_expired())
    for _ in range(1000):
        if not await world.store.find(TokensEnded, {}, limit=10):
            break
        await asyncio.sleep(0.001)
    forgetting.cancel()
    await asyncio.gather(forgetting, return_exceptions=True)
    assert await world.store.find(TokensEnded, {}, limit=10) == []


async def test_many_are_listed_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("houseful.users.revocations._PAGE", 2)
    await world.person()
    for _ in range(5):
        tokens = await world.signed_in()
        await world.call("POST", "/api/auth/logout", token=tokens["access_token"])
    assert len(await world.users.ended_tokens(0)) == 5
    assert len(await world.users.ended_tokens(world.clock.now() + 1)) == 0


async def test_tokens_and_users_of_the_version_before(world: World) -> None:
    mine = await world.person()
    claims = jwt.decode(mine["access_token"], options={"verify_signature": False})
    assert claims.pop("ver") == 0
    header = jwt.get_unverified_header(mine["access_token"])
    key = Ed25519PrivateKey.from_private_bytes(SECRETS.raw("token_key"))
    old = {"access_token": jwt.encode(claims, key, algorithm="EdDSA", headers=header)}
    assert await me(world, old) == GOOD
    user = await world.store.get(User, mine["user"]["id"])
    assert b"tokens_version" not in msgspec.json.encode(user)
    await world.users.create_user(ANN, NEW, "Ann")
    assert await me(world, old) == ENDED


def test_the_signal_is_small_and_tolerates_what_is_new() -> None:
    raw = msgspec.json.encode(Ending(at=5, session_id="ses_1"))
    assert raw == b'{"at":5,"session_id":"ses_1"}'
    assert msgspec.json.decode(raw[:-1] + b',"why":"logout"}', type=Ending) == Ending(5, "ses_1")
