"""What an owner may ask of an account's data: a copy of everything, and that it is erased."""

from typing import Any

import pytest

from houseful.kernel.roles import Role
from houseful.manifests import MANIFESTS
from houseful.messages import AccountErased
from houseful.users import erasures, exports
from houseful.users.account_email import AccountEmail
from houseful.users.domain import ErasedAccount, FormerAddress, Session, User, begin_session
from houseful.users.second_factor import SecondFactor
from houseful.webapi.account_parts import ERASURE, EXPORT
from tests.unit.users.support import (
    ANN,
    PASSWORD,
    Harness,
    MakeHarness,
    all_of,
    code,
    json,
    link_of,
    login,
    refused,
)
from tests.unit.users.test_second_factor import confirmed

ME = "/api/me"
WEEK_SECONDS = 7 * 24 * 3600


async def person(harness: Harness, *roles: Role) -> str:
    token = str((await harness.person(ANN, *roles))["access_token"])
    await harness.mailed()
    return token


async def erase(harness: Harness, token: str, password: str = PASSWORD, **other: Any) -> tuple[int, str]:
    answer = await harness.call("DELETE", ME, {"current_password": password, **other}, token=token)
    if answer.status == 204:
        assert "Max-Age=0" in answer.headers["set-cookie"]
        return 204, ""
    return code(answer)


async def sweep(harness: Harness) -> None:
    while await harness.users.erasures.erase_due():
        pass


async def sent(harness: Harness) -> list[str]:
    return [
        row.payload.decode() async for row in harness.store.outbox.rows() if row.type == AccountErased.type()
    ]


# Export


async def test_an_export_has_what_is_held_here_and_what_the_others_hold(harness: Harness) -> None:
    token, _, _ = await confirmed(harness)
    harness.others.answers = {
        f"{EXPORT}/orders": {"items": [{"id": "ord_1"}], "next_cursor": "a+b"},
        f"{EXPORT}/orders?cursor=a%2Bb": {"items": [{"id": "ord_2"}]},
    }
    answer = await harness.call("GET", f"{ME}/export", token=token)
    assert answer.status == 200, answer.body
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith("attachment")
    told = json(answer)
    assert told["parts"]["orders"] == [{"id": "ord_1"}, {"id": "ord_2"}]
    assert told["parts"]["events"] == []
    account = told["account"]
    assert (account["email"], account["name"]) == (ANN, "Ann")
    assert len(account["sessions"]) == 1
    assert account["emails"][0]["to_address"] == ANN
    assert account["second_factor"]["recovery_codes_left"] == 10
    [factor] = await all_of(harness.store, SecondFactor)
    [user] = await all_of(harness.store, User)
    assert factor.nonce not in answer.body.decode()
    assert user.password_hash not in answer.body.decode()
    assert {bearer for _, bearer in harness.others.asked} == {f"Bearer {token}"}


async def test_an_export_is_whole_or_there_is_none(harness: Harness) -> None:
    token = await person(harness)
    harness.others.answers = {f"{EXPORT}/events": 503}
    answer = await harness.call("GET", f"{ME}/export", token=token)
    assert (answer.status, "account" in json(answer)) == (503, False)


async def test_exports_are_limited(make_harness: MakeHarness) -> None:
    harness = make_harness()
    token = await person(harness)
    for _ in range(5):
        assert (await harness.call("GET", f"{ME}/export", token=token)).status == 200
    answer = await harness.call("GET", f"{ME}/export", token=token)
    assert code(answer) == (429, "too_many_attempts")


def test_every_part_that_a_service_offers_is_asked_for() -> None:
    paths = {endpoint.path for manifest in MANIFESTS for endpoint in manifest.endpoints}
    assert {path for path in paths if path.startswith(f"{EXPORT}/")} == {
        f"{EXPORT}/{name}" for name in exports.PARTS
    }
    assert {path for path in paths if path.startswith(f"{ERASURE}/")} == {
        f"{ERASURE}/{name}" for name in erasures.ASKED
    }


# Erasure


async def test_an_erased_account_is_gone_and_so_are_its_sessions(harness: Harness) -> None:
    token = await person(harness)
    other = await harness.signed_in()
    [user] = await all_of(harness.store, User)
    assert await erase(harness, token) == (204, "")
    assert await all_of(harness.store, User) == []
    assert code(await harness.call("GET", ME, token=token)) == (401, "token_invalid")
    [ending] = await harness.users.ended_tokens(0)
    assert (ending.user_id, ending.version, ending.kept_session) == (user.id, user.tokens_version + 1, "")
    refreshed = await harness.call("POST", "/api/auth/refresh", {"refresh_token": other["refresh_token"]})
    assert code(refreshed) == (401, "refresh_invalid")
    assert await refused(login(harness.users)) == "bad_credentials"
    assert len(await sent(harness)) == 1
    [email] = await harness.mailed()
    assert (email.to_address, email.to_name, email.subject) == (ANN, "", "Your account was erased")
    assert "Ann" not in email.text
    assert email.html is not None
    await sweep(harness)
    assert await all_of(harness.store, Session) == []
    assert await all_of(harness.store, AccountEmail) == []
    [erased] = await all_of(harness.store, ErasedAccount)
    assert erased.id == user.id


async def test_what_was_under_way_at_the_erasure_is_deleted_an_hour_later(harness: Harness) -> None:
    token = await person(harness)
    [user] = await all_of(harness.store, User)
    assert (await erase(harness, token))[0] == 204
    await harness.mailed()
    await sweep(harness)
    # A sign-in that had read the account before commits its session after.
    async with harness.store.begin() as tx:
        tx.insert(begin_session("ses_late", user, now=harness.clock.now(), days=30))
    await harness.clock.advance(3600)
    await sweep(harness)
    assert await all_of(harness.store, Session) == []
    [erased] = await all_of(harness.store, ErasedAccount)
    assert erased.due_at is None


async def test_the_last_email_waits_for_the_mail_server(harness: Harness) -> None:
    token = await person(harness)
    assert (await erase(harness, token))[0] == 204
    await sweep(harness)
    [email] = await all_of(harness.store, AccountEmail)
    assert email.to_address == ANN
    [told] = await harness.mailed()
    assert told.to_address == ANN
    await harness.clock.advance(60)
    await sweep(harness)
    assert await all_of(harness.store, AccountEmail) == []


async def test_an_erased_address_can_be_registered_again(harness: Harness) -> None:
    token = await person(harness)
    assert (await erase(harness, token))[0] == 204
    again = await harness.registered(ANN)
    await sweep(harness)
    assert json(await harness.call("GET", ME, token=again))["email"] == ANN
    assert len(await all_of(harness.store, Session)) == 1


async def test_it_takes_the_password_and_the_second_factor(harness: Harness) -> None:
    token, app, _ = await confirmed(harness)
    assert await erase(harness, token, "wrong horse") == (403, "bad_credentials")
    assert await erase(harness, token) == (403, "second_factor_required")
    assert await erase(harness, token, second_factor_code="000000") == (403, "second_factor_wrong")
    assert len(await all_of(harness.store, User)) == 1
    assert await erase(harness, token, second_factor_code=app.code()) == (204, "")
    assert await all_of(harness.store, SecondFactor) == []


async def test_nobody_erases_without_an_account(harness: Harness) -> None:
    answer = await harness.call("DELETE", ME, {"current_password": PASSWORD})
    assert answer.status == 401
    assert (await harness.call("GET", f"{ME}/export")).status == 401


@pytest.mark.parametrize("service", erasures.ASKED)
async def test_what_another_service_waits_for_refuses_it(harness: Harness, service: str) -> None:
    token = await person(harness)
    harness.others.answers[f"{ERASURE}/{service}"] = {
        "obstacles": [{"code": "upcoming_tickets", "detail": "An Evening."}]
    }
    assert await erase(harness, token) == (409, "upcoming_tickets")
    harness.others.answers[f"{ERASURE}/{service}"] = 503
    assert (await erase(harness, token))[0] == 503
    assert len(await all_of(harness.store, User)) == 1
    assert await sent(harness) == []


async def test_an_admin_gives_the_role_back_first(harness: Harness) -> None:
    token = await person(harness, Role.ADMIN)
    assert await erase(harness, token) == (409, "own_admin_role")
    assert len(await all_of(harness.store, User)) == 1


async def test_who_has_taken_an_account_can_not_destroy_it(harness: Harness) -> None:
    token = await person(harness)
    body = {"email": "evil@example.net", "current_password": PASSWORD}
    assert (await harness.call("POST", "/api/me/email", body, token=token)).status == 204
    [confirm] = await harness.mailed()
    answer = await harness.call("POST", "/api/auth/email-change/confirm", {"token": link_of(confirm)})
    assert answer.status == 204
    await harness.mailed()
    assert await erase(harness, token) == (409, "address_changed")
    await harness.clock.advance(WEEK_SECONDS)
    token = str((await harness.signed_in("evil@example.net"))["access_token"])
    assert await erase(harness, token) == (204, "")
    await sweep(harness)
    assert await all_of(harness.store, FormerAddress) == []


async def test_a_password_that_was_changed_meanwhile_erases_nothing(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await person(harness)

    async def changes(*_: Any) -> None:
        await harness.users.create_user(ANN, "another horse", "Ann")

    monkeypatch.setattr(harness.users.second_factors, "check_owner", changes)
    assert await erase(harness, token) == (403, "bad_credentials")
    assert len(await all_of(harness.store, User)) == 1
