"""A new password for whoever reads the emails of an account's address."""

import asyncio

import pytest

from houseful.users.account_email import AccountEmail
from houseful.users.domain import Session
from tests.unit.users.support import (
    ANN,
    HERE,
    PASSWORD,
    Harness,
    MakeHarness,
    all_of,
    code,
    identity,
    json,
    link_of,
    login,
    refused,
)

ASK, SET = "/api/auth/password-reset", "/api/auth/password-reset/confirm"
NEW = "another horse"


async def asked(harness: Harness, email: str = ANN) -> str:
    """The token of the link."""
    assert (await harness.call("POST", ASK, {"email": email})).status == 204
    [sent] = await harness.mailed()
    return link_of(sent)


async def test_a_new_password_ends_all_sessions_and_verifies_the_address(harness: Harness) -> None:
    token = await harness.registered()
    session = await login(harness.users)
    await harness.mailed()
    link = await asked(harness)
    assert (await harness.call("POST", SET, {"token": link, "new_password": NEW})).status == 204
    assert code(await harness.call("GET", "/api/me", token=token)) == (401, "token_expired")
    assert await refused(harness.users.sessions.refresh(session.refresh_token)) == "refresh_invalid"
    assert await refused(login(harness.users)) == "bad_credentials"
    assert (await harness.signed_in(password=NEW))["user"]["email_verified"] is True
    [told] = await harness.mailed()
    assert (told.to_address, told.subject) == (ANN, "Your password was changed")


async def test_an_unknown_address_is_answered_alike_and_gets_nothing(harness: Harness) -> None:
    await harness.registered()
    await harness.mailed()
    known = await harness.call("POST", ASK, {"email": ANN})
    unknown = await harness.call("POST", ASK, {"email": "bob@example.com"})
    assert (known.status, known.body, known.headers) == (unknown.status, unknown.body, unknown.headers)
    one, other = (email for email in await all_of(harness.store, AccountEmail) if not email.user_id)
    assert (one.kind, one.user_id) == (other.kind, other.user_id), "they write alike"
    assert [email.to_address for email in await harness.mailed()] == [ANN]


async def test_the_email_goes_to_the_address_as_the_account_has_it(harness: Harness) -> None:
    """K as in Kelvin is compared as k, and may be another mailbox."""
    await harness.person("kim@example.com")
    await harness.mailed()
    assert (await harness.call("POST", ASK, {"email": "\u212aim@example.com"})).status in (204, 422)
    assert {email.to_address for email in await harness.mailed()} <= {"kim@example.com"}
    assert (await harness.call("POST", ASK, {"email": "KIM@example.com"})).status == 204
    assert [email.to_address for email in await harness.mailed()] == ["kim@example.com"]


async def test_a_link_sets_one_password_within_an_hour(harness: Harness) -> None:
    await harness.registered()
    await harness.mailed()
    link = await asked(harness)
    attempts = (harness.call("POST", SET, {"token": link, "new_password": f"{NEW} {n}"}) for n in range(5))
    answers = sorted(answer.status for answer in await asyncio.gather(*attempts))
    assert answers == [204, 409, 409, 409, 409]
    again = await harness.call("POST", SET, {"token": link, "new_password": NEW})
    assert code(again) == (409, "link_used")
    await harness.mailed()
    late = await asked(harness)
    await harness.clock.advance(3600)
    assert code(await harness.call("POST", SET, {"token": late, "new_password": NEW})) == (
        409,
        "link_expired",
    )


async def test_a_changed_password_ends_links_from_before(harness: Harness) -> None:
    user = await harness.users.create_user(ANN, PASSWORD, "Ann")
    first, second = await asked(harness), await asked(harness)
    await harness.clock.advance(1)
    assert (await harness.call("POST", SET, {"token": first, "new_password": NEW})).status == 204
    answer = await harness.call("POST", SET, {"token": second, "new_password": NEW})
    assert code(answer) == (409, "link_expired")
    await harness.mailed()
    third = await asked(harness)
    await harness.clock.advance(1)
    await harness.users.password_changes.change(identity(user), current=NEW, new=PASSWORD)
    answer = await harness.call("POST", SET, {"token": third, "new_password": NEW})
    assert code(answer) == (409, "link_expired")
    assert [email.subject for email in await harness.mailed()] == ["Your password was changed"]


async def test_bad_requests(harness: Harness) -> None:
    await harness.registered()
    await harness.mailed()
    answer = await harness.call("POST", ASK, {"email": "ann"})
    assert (code(answer), set(json(answer)["errors"])) == ((422, "validation_failed"), {"email"})
    link = await asked(harness)
    for password in ("short", ANN):
        answer = await harness.call("POST", SET, {"token": link, "new_password": password})
        assert set(json(answer)["errors"]) == {"new_password"}
    answer = await harness.call("POST", SET, {"token": link + "0", "new_password": NEW})
    assert code(answer) == (404, "link_unknown")
    assert (await harness.call("POST", SET, {"token": link, "new_password": NEW})).status == 204


@pytest.mark.parametrize(("email", "most"), [(ANN, 6), ("nobody@example.com", 6)])
async def test_requests_for_an_address_are_limited_whether_it_is_known_or_not(
    make_harness: MakeHarness, email: str, most: int
) -> None:
    harness = make_harness()
    await harness.person()
    answers = [(await harness.call("POST", ASK, {"email": email})).status for _ in range(most + 1)]
    assert answers == [204] * most + [429]


async def test_requests_of_one_network_are_limited(make_harness: MakeHarness) -> None:
    harness = make_harness()
    for number in range(100):
        await harness.users.password_changes.request_reset(f"somebody{number}@example.com", HERE)
    one_more = harness.users.password_changes.request_reset(ANN, HERE)
    assert await refused(one_more) == "too_many_attempts"
    await harness.users.password_changes.request_reset(ANN, "198.51.100.7")


async def test_sessions_of_before_stay_over(harness: Harness) -> None:
    await harness.registered()
    await harness.mailed()
    link = await asked(harness)
    assert (await harness.call("POST", SET, {"token": link, "new_password": NEW})).status == 204
    [session] = await all_of(harness.store, Session)
    assert session.password_version == 1
