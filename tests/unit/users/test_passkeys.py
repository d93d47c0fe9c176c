"""Passkeys: made, named, removed, and used in the place of a password or of a code."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from houseful.kernel.ports import ServiceResponse
from houseful.users.domain import Session
from houseful.users.passkey import AccountPasskeys, UsedChallenge
from tests.support.authenticator import Authenticator, data, text
from tests.unit.users.support import (
    ANN,
    PASSWORD,
    Harness,
    MakeHarness,
    all_of,
    code,
    json,
)
from tests.unit.users.test_second_factor import confirmed, signing_in

PASSKEYS = "/api/me/passkeys"
SIGN_IN = "/api/auth/passkey"
ORIGIN = "https://tickets.example.org"
RP_ID = "tickets.example.org"


def authenticator(**other: Any) -> Authenticator:
    return Authenticator(**{"origin": ORIGIN, "rp_id": RP_ID, **other})


async def options(harness: Harness, token: str, **other: Any) -> ServiceResponse:
    body = {"current_password": PASSWORD, **other}
    return await harness.call("POST", f"{PASSKEYS}/options", body, token=token)


async def adding(harness: Harness, token: str, credential: Any, name: str = "Phone") -> ServiceResponse:
    body = {"name": name, "credential": credential}
    return await harness.call("POST", PASSKEYS, body, token=token)


async def added(
    harness: Harness, token: str, device: Authenticator | None = None, **other: Any
) -> Authenticator:
    device = device or authenticator()
    told = json(await options(harness, token, **other))["options"]
    answer = await adding(harness, token, device.create(told))
    assert answer.status == 201, answer.body
    return device


async def account_with_passkey(harness: Harness) -> tuple[str, Authenticator]:
    token = str((await harness.person())["access_token"])
    await harness.mailed()
    device = await added(harness, token)
    [told] = await harness.mailed()
    assert told.subject == "A passkey was added to your account"
    return token, device


async def sign_in_options(harness: Harness) -> dict[str, Any]:
    answer = await harness.call("POST", f"{SIGN_IN}/options")
    assert answer.status == 200, answer.body
    told: dict[str, Any] = json(answer)["options"]
    return told


async def presented(harness: Harness, credential: Any, **headers: str) -> ServiceResponse:
    body = {"credential": credential, "token_transport": "body"}
    return await harness.call("POST", SIGN_IN, body, **headers)


async def used(harness: Harness, device: Authenticator) -> ServiceResponse:
    return await presented(harness, device.get(await sign_in_options(harness)))


async def listed(harness: Harness, token: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json(await harness.call("GET", PASSKEYS, token=token))["items"]
    return items


def before_commit(
    monkeypatch: pytest.MonkeyPatch, harness: Harness, use_case: str, act: Callable[[], Awaitable[None]]
) -> None:
    """The next transaction of a use case is overtaken: it has read, and `act` commits first."""
    store = type(harness.store)
    transact = store.transact
    due = [act]

    async def overtaken(self: Any, work: Any) -> Any:
        async def slow(tx: Any) -> Any:
            told = await work(tx)
            if due and use_case in work.__qualname__:
                await due.pop()()
            return told

        return await transact(self, slow)

    monkeypatch.setattr(store, "transact", overtaken)


# Made, named, removed


async def test_a_passkey_is_made_named_and_removed(named: Harness) -> None:
    token, device = await account_with_passkey(named)
    [shown] = await listed(named, token)
    assert (shown["name"], shown["synced"], shown["last_used_at"]) == ("Phone", True, None)
    path = f"{PASSKEYS}/{shown['id']}"
    renamed = await named.call("PATCH", path, {"name": " Blue key "}, token=token)
    assert json(renamed)["name"] == "Blue key"
    assert (await used(named, device)).status == 200
    wrong = await named.call("DELETE", path, {"current_password": "wrong"}, token=token)
    assert code(wrong) == (403, "bad_credentials")
    assert (await named.call("DELETE", path, {"current_password": PASSWORD}, token=token)).status == 204
    [told] = await named.mailed()
    assert told.subject == "A passkey was removed from your account"
    assert await listed(named, token) == []
    assert code(await used(named, device)) == (401, "passkey_wrong")
    again = await named.call("DELETE", path, {"current_password": PASSWORD}, token=token)
    assert code(again) == (404, "passkey_not_found")
    assert code(await named.call("PATCH", path, {"name": "X"}, token=token)) == (404, "passkey_not_found")


async def test_what_a_browser_is_told(named: Harness) -> None:
    token, device = await account_with_passkey(named)
    told = json(await options(named, token))["options"]
    assert told["rp"] == {"id": RP_ID, "name": "Houseful"}
    assert told["user"]["name"] == ANN
    assert ANN.encode() not in data(told["user"]["id"])
    assert told["attestation"] == "none"
    selection = told["authenticatorSelection"]
    assert (selection["residentKey"], selection["userVerification"]) == ("required", "required")
    assert [one["id"] for one in told["excludeCredentials"]] == [text(device.credential_id)]
    asked = await sign_in_options(named)
    assert (asked["rpId"], asked["userVerification"]) == (RP_ID, "required")
    assert not asked.get("allowCredentials")


async def test_making_one_takes_the_password_and_a_code_where_there_is_a_second_factor(
    named: Harness,
) -> None:
    token, app, recovery = await confirmed(named)
    assert code(await options(named, token, current_password="wrong")) == (403, "bad_credentials")
    assert code(await options(named, token)) == (403, "second_factor_required")
    assert code(await options(named, token, second_factor_code="000000")) == (403, "second_factor_wrong")
    await added(named, token, second_factor_code=app.code())
    await added(named, token, second_factor_code=recovery[0])
    assert len(await listed(named, token)) == 2


async def test_an_account_has_twenty_at_most(named: Harness) -> None:
    token = str((await named.person())["access_token"])
    for _ in range(20):
        await added(named, token)
    assert code(await options(named, token)) == (409, "passkeys_most")


async def test_nobody_else_adds_to_an_account(named: Harness) -> None:
    token = str((await named.person())["access_token"])
    other = str((await named.person("bob@example.com"))["access_token"])
    made = authenticator().create(json(await options(named, token))["options"])
    assert code(await adding(named, other, made)) == (409, "challenge_invalid")
    elsewhere = str((await named.signed_in())["access_token"])
    assert code(await adding(named, elsewhere, made)) == (409, "challenge_invalid"), "another session"
    assert (await adding(named, token, made)).status == 201
    assert code(await adding(named, token, made)) == (409, "challenge_invalid"), "the same answer again"
    assert len(await listed(named, token)) == 1


async def test_a_challenge_for_a_new_passkey_ends_with_the_password(named: Harness) -> None:
    token = str((await named.person())["access_token"])
    made = authenticator().create(json(await options(named, token))["options"])
    body = {"current_password": PASSWORD, "new_password": "another horse"}
    assert (await named.call("POST", "/api/auth/password", body, token=token)).status == 204
    assert code(await adding(named, token, made)) == (409, "challenge_invalid")


@pytest.mark.parametrize(
    "other",
    [{"origin": "https://evil.example.org"}, {"rp_id": "evil.example.org"}, {"verifies": False}],
)
async def test_what_was_made_elsewhere_or_unverified_is_not_added(
    named: Harness, other: dict[str, Any]
) -> None:
    token = str((await named.person())["access_token"])
    made = authenticator(**other).create(json(await options(named, token))["options"])
    answer = await adding(named, token, made)
    assert (answer.status, list(json(answer)["errors"])) == (422, ["credential"])
    assert await listed(named, token) == []


@pytest.mark.parametrize("broken", ["clientDataJSON", "attestationObject"])
async def test_what_can_not_be_read_is_refused_by_field(named: Harness, broken: str) -> None:
    token = str((await named.person())["access_token"])
    made = authenticator().create(json(await options(named, token))["options"])
    for garbage, field in (
        ("AAAA", "credential"),
        ("A", "credential"),
        ("not base64!", f"credential.response.{broken}"),
    ):
        response = made["response"] | {broken: garbage}
        answer = await adding(named, token, made | {"response": response})
        assert (answer.status, list(json(answer)["errors"])) == (422, [field])


# Signing in


async def test_a_passkey_alone_signs_in(named: Harness) -> None:
    token, device = await account_with_passkey(named)
    answer = await used(named, device)
    assert answer.status == 200, answer.body
    told = json(answer)
    assert told["user"]["email"] == ANN
    assert (await named.call("GET", "/api/me", token=told["access_token"])).status == 200
    body = {"refresh_token": told["refresh_token"]}
    assert (await named.call("POST", "/api/auth/refresh", body)).status == 200
    [shown] = await listed(named, token)
    assert shown["last_used_at"] is not None
    assert len(await all_of(named.store, Session)) == 2


async def test_the_refresh_token_travels_in_a_cookie_as_that_of_a_password(named: Harness) -> None:
    _, device = await account_with_passkey(named)
    body = {"credential": device.get(await sign_in_options(named))}
    foreign = await named.call("POST", SIGN_IN, body, origin="https://evil.example.org")
    assert code(foreign) == (403, "cross_site")
    answer = await named.call("POST", SIGN_IN, body, origin=ORIGIN)
    assert answer.status == 200, answer.body
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "refresh_token" not in json(answer)


async def test_it_takes_no_code_besides(named: Harness) -> None:
    token, app, _ = await confirmed(named)
    device = await added(named, token, second_factor_code=app.code())
    assert (await used(named, device)).status == 200


async def test_it_takes_the_place_of_a_code_besides_the_password(named: Harness) -> None:
    token, app, _ = await confirmed(named)
    assert json(await signing_in(named))["passkey"] is False
    device = await added(named, token, authenticator(counts=False), second_factor_code=app.code())
    assert json(await signing_in(named))["passkey"] is True
    bob = str((await named.person("bob@example.com"))["access_token"])
    others = await added(named, bob)
    foreign = await signing_in(named, passkey=others.get(await sign_in_options(named)))
    assert code(foreign) == (401, "passkey_wrong"), "somebody else's"
    signed = device.get(await sign_in_options(named))
    assert code(await signing_in(named, password="wrong", passkey=signed)) == (401, "bad_credentials")
    assert (await signing_in(named, passkey=signed)).status == 200
    assert code(await signing_in(named, passkey=signed)) == (409, "challenge_invalid")


async def test_a_challenge_is_answered_once(named: Harness) -> None:
    _, device = await account_with_passkey(named)
    device.counts = False
    signed = device.get(await sign_in_options(named))
    answers = await asyncio.gather(*(presented(named, signed) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    assert code(await presented(named, signed)) == (409, "challenge_invalid")
    assert len(await all_of(named.store, Session)) == 2


async def test_a_challenge_is_answered_by_one_of_two_accounts(
    named: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, anns = await account_with_passkey(named)
    bob = str((await named.person("bob@example.com"))["access_token"])
    asked, bobs = await sign_in_options(named), await added(named, bob)

    async def bob_is_first() -> None:
        assert (await presented(named, bobs.get(asked))).status == 200

    before_commit(monkeypatch, named, "Passkeys._verified", bob_is_first)
    assert code(await presented(named, anns.get(asked))) == (409, "challenge_invalid")


async def test_a_challenge_expires_and_what_was_used_is_forgotten(named: Harness) -> None:
    _, device = await account_with_passkey(named)
    late, early = await sign_in_options(named), await sign_in_options(named)
    assert (await presented(named, device.get(early))).status == 200
    assert len(await all_of(named.store, UsedChallenge)) == 2
    await named.clock.advance(600)
    assert code(await presented(named, device.get(late))) == (409, "challenge_invalid")
    await named.clock.advance(1)
    while await named.users.passkeys.purge_expired():
        pass
    assert await all_of(named.store, UsedChallenge) == []


async def test_only_our_challenges_for_signing_in_are_answered(named: Harness) -> None:
    token, device = await account_with_passkey(named)
    own = {"challenge": text(b"a challenge of a stranger's own make")}
    assert code(await presented(named, device.get(own))) == (409, "challenge_invalid")
    expires, id, mac = data((await sign_in_options(named))["challenge"]).decode().split(".")
    forged = {"challenge": text(f"{int(expires) + 1}.{id}.{mac}".encode())}
    assert code(await presented(named, device.get(forged))) == (409, "challenge_invalid")
    for_a_new_one = json(await options(named, token))["options"]
    assert code(await presented(named, device.get(for_a_new_one))) == (409, "challenge_invalid")


@pytest.mark.parametrize(
    "other",
    [{"origin": "https://evil.example.org"}, {"rp_id": "evil.example.org"}, {"verifies": False}],
)
async def test_what_was_signed_elsewhere_or_unverified_signs_nobody_in(
    named: Harness, other: dict[str, Any]
) -> None:
    _, device = await account_with_passkey(named)
    for name, value in other.items():
        setattr(device, name, value)
    assert code(await used(named, device)) == (401, "passkey_wrong")


async def test_a_count_that_goes_back_is_refused(named: Harness) -> None:
    _, device = await account_with_passkey(named)
    assert (await used(named, device)).status == 200
    device.sign_count = 5
    assert (await used(named, device)).status == 200
    [stored] = await all_of(named.store, AccountPasskeys)
    assert stored.passkeys[0].sign_count == 6
    device.sign_count = 3
    assert code(await used(named, device)) == (401, "passkey_wrong"), "a copy of it counts anew"
    device.sign_count = 6
    assert (await used(named, device)).status == 200


async def test_passkeys_that_do_not_count_sign_in_again_and_again(named: Harness) -> None:
    token = str((await named.person())["access_token"])
    device = await added(named, token, authenticator(counts=False))
    assert [(await used(named, device)).status for _ in range(3)] == [200, 200, 200]


async def test_unknown_passkeys_signatures_and_owners_get_one_answer(named: Harness) -> None:
    _, device = await account_with_passkey(named)
    stranger = authenticator()
    stranger.user_handle = device.user_handle
    unknown = await used(named, stranger)
    stranger.credential_id = device.credential_id
    forged = await used(named, stranger)
    stranger.user_handle = text(b"usr_nobody")
    nobody = await used(named, stranger)
    stranger.user_handle = text(b"\xff\xfe")
    unreadable = await used(named, stranger)
    for answer in (unknown, forged, nobody, unreadable):
        assert code(answer) == (401, "passkey_wrong")
    details = {json(answer)["detail"] for answer in (unknown, forged, nobody, unreadable)}
    assert len(details) == 1


async def test_guesses_are_limited_and_cost_the_owner_nothing(make_harness: MakeHarness) -> None:
    harness = make_harness(public_url=ORIGIN)
    _, device = await account_with_passkey(harness)
    stranger = authenticator(credential_id=device.credential_id)
    stranger.user_handle = device.user_handle
    answers = [code(await used(harness, stranger)) for _ in range(12)]
    assert answers == [(401, "passkey_wrong")] * 10 + [(429, "too_many_attempts")] * 2
    body = {"email": ANN, "password": PASSWORD}
    assert (await harness.call("POST", "/api/auth/login", body)).status == 200


# Where there can be none


@pytest.mark.parametrize(
    ("public_url", "says"),
    [
        ("http://192.0.2.7:8000", "the address 192.0.2.7"),
        ("https://[2001:db8::1]", "the address 2001:db8::1"),
        ("http://tickets.example.org", "need https"),
        ("https://tickets.example.org", None),
        ("http://localhost:8000", None),
        ("http://shop.localhost:8000", None),
    ],
)
async def test_where_browsers_have_no_passkeys_it_is_said_why(
    make_harness: MakeHarness, public_url: str, says: str | None
) -> None:
    harness = make_harness(rate_limits="off", public_url=public_url)
    token = str((await harness.person())["access_token"])
    told = json(await harness.call("GET", PASSKEYS, token=token))["unavailable"]
    asked = [await options(harness, token), await harness.call("POST", f"{SIGN_IN}/options")]
    if says is None:
        assert told is None
        assert [answer.status for answer in asked] == [200, 200]
    else:
        assert says in told
        assert "HOUSEFUL_PUBLIC_URL" in told
        assert [code(answer) for answer in asked] == [(409, "passkeys_unavailable")] * 2
