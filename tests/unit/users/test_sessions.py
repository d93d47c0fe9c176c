"""The sessions of an account: listed, ended one by one, or all others."""

import asyncio
from typing import Any

import pytest

from houseful.users.devices import device
from tests.unit.users.support import ANN, PASSWORD, Harness, code, json

SESSIONS = "/api/me/sessions"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"


async def listed(harness: Harness, token: str) -> list[dict[str, Any]]:
    answer = await harness.call("GET", SESSIONS, token=token)
    assert answer.status == 200, answer.body
    items: list[dict[str, Any]] = json(answer)["items"]
    return items


async def test_sessions_are_listed_the_last_used_first(harness: Harness) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    old = await harness.users.sign_ins.with_password(
        email=ANN, password=PASSWORD, peer="", user_agent=FIREFOX
    )
    await harness.clock.advance(60)
    here = await harness.signed_in()
    await harness.person("bob@example.com")
    items = await listed(harness, here["access_token"])
    assert [one["device"] for one in items] == ["Unknown device", "Firefox on Linux"]
    assert [one["current"] for one in items] == [True, False]
    await harness.clock.advance(60)
    await harness.users.sessions.refresh(old.refresh_token)
    assert [one["current"] for one in await listed(harness, here["access_token"])] == [False, True]


async def test_one_is_ended_with_its_tokens(harness: Harness) -> None:
    other, here = await harness.person(), await harness.signed_in()
    [_, ending] = sorted(await listed(harness, here["access_token"]), key=lambda one: not one["current"])
    assert not ending["current"]
    for _ in range(2):
        path = f"{SESSIONS}/{ending['id']}"
        assert (await harness.call("DELETE", path, token=here["access_token"])).status == 204
    await harness.ended.look()
    answer = await harness.call("GET", "/api/me", token=other["access_token"])
    assert code(answer) == (401, "token_expired")
    body = {"refresh_token": other["refresh_token"]}
    assert code(await harness.call("POST", "/api/auth/refresh", body)) == (401, "refresh_invalid")
    assert [one["current"] for one in await listed(harness, here["access_token"])] == [True]


async def test_all_others_are_ended(harness: Harness) -> None:
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    others = [await harness.signed_in() for _ in range(3)]
    stranger, here = await harness.person("bob@example.com"), await harness.signed_in()
    assert (await harness.call("DELETE", SESSIONS, token=here["access_token"])).status == 204
    await harness.ended.look()
    for other in others:
        answer = await harness.call("GET", "/api/me", token=other["access_token"])
        assert code(answer) == (401, "token_expired")
    assert len(await listed(harness, here["access_token"])) == 1
    assert len(await listed(harness, stranger["access_token"])) == 1


async def test_sessions_of_others_are_not_there(harness: Harness) -> None:
    ann, bob = await harness.person(), await harness.person("bob@example.com")
    [of_bob] = await listed(harness, bob["access_token"])
    for id in (of_bob["id"], "ses_none"):
        answer = await harness.call("DELETE", f"{SESSIONS}/{id}", token=ann["access_token"])
        assert code(answer) == (404, "session_not_found")
    assert await listed(harness, bob["access_token"]) == [of_bob]
    assert code(await harness.call("GET", SESSIONS)) == (401, "not_authenticated")


async def test_what_is_over_is_not_listed(harness: Harness) -> None:
    await harness.person()
    await harness.clock.advance(29 * 24 * 3600)
    signed_out, here = await harness.signed_in(), await harness.signed_in()
    await harness.call("POST", "/api/auth/logout", token=signed_out["access_token"])
    await harness.clock.advance(1 * 24 * 3600 - 60)
    here = json(await harness.call("POST", "/api/auth/refresh", {"refresh_token": here["refresh_token"]}))
    assert len(await listed(harness, here["access_token"])) == 2
    await harness.clock.advance(60)
    assert len(await listed(harness, here["access_token"])) == 1
    body = {"current_password": PASSWORD, "new_password": "another horse"}
    another = await harness.signed_in()
    assert (
        await harness.call("POST", "/api/auth/password", body, token=another["access_token"])
    ).status == 204
    assert [one["current"] for one in await listed(harness, another["access_token"])] == [True]


async def test_a_refresh_at_that_moment_does_not_bring_it_back(harness: Harness) -> None:
    other, here = await harness.person(), await harness.signed_in()
    body = {"refresh_token": other["refresh_token"]}
    refreshed, _ = await asyncio.gather(
        harness.call("POST", "/api/auth/refresh", body),
        harness.call("DELETE", SESSIONS, token=here["access_token"]),
    )
    if refreshed.status == 200:
        body = {"refresh_token": json(refreshed)["refresh_token"]}
    assert code(await harness.call("POST", "/api/auth/refresh", body)) == (401, "refresh_invalid")


@pytest.mark.parametrize(
    ("user_agent", "called"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/130.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        ("curl/8.9.1", "curl"),
        ("", "Unknown device"),
        ("/" * 200, "Unknown device"),
    ],
)
def test_devices_are_called_as_people_call_them(user_agent: str, called: str) -> None:
    assert device(user_agent) == called
