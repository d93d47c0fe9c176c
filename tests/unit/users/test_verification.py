"""Whether an account's address is its owner's."""

import re

import pytest

from houseful.kernel.errors import Unavailable, invalid
from houseful.kernel.ports import Email
from houseful.users.account_email import AccountEmail, Kind, Links
from houseful.users.domain import User
from tests.unit.users.support import ANN, PASSWORD, Harness, MakeHarness, all_of, code, json, link_of

LINK, CODE, AGAIN = "/api/auth/verify-email", "/api/me/verification/code", "/api/me/verification"


def code_of(email: Email) -> str:
    [found] = re.findall(r"\b\d{6}\b", email.text)
    assert email.html is not None
    assert found in email.html
    return str(found)


def another(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


async def is_verified(harness: Harness, token: str) -> bool:
    return bool(json(await harness.call("GET", "/api/me", token=token))["email_verified"])


async def test_the_link_verifies_the_address_and_again_is_once(harness: Harness) -> None:
    token = await harness.registered()
    assert not await is_verified(harness, token)
    [email] = await harness.mailed()
    assert (email.to_address, email.to_name) == (ANN, "")
    assert "Ann" not in email.text, "anybody can type anybody's address, and any name"
    for _ in range(2):
        assert (await harness.call("POST", LINK, {"token": link_of(email)})).status == 204
    assert await is_verified(harness, token)
    assert (await harness.call("POST", AGAIN, token=token)).status == 204
    assert await harness.mailed() == []


async def test_the_code_verifies_the_address(harness: Harness) -> None:
    token = await harness.registered()
    [email] = await harness.mailed()
    wrong = await harness.call("POST", CODE, {"code": another(code_of(email))}, token=token)
    assert code(wrong) == (403, "code_wrong")
    assert not await is_verified(harness, token)
    assert (await harness.call("POST", CODE, {"code": code_of(email)}, token=token)).status == 204
    assert await is_verified(harness, token)
    signed_in = await harness.signed_in()
    assert signed_in["user"]["email_verified"] is True
    assert (await harness.verifier.identity(signed_in["access_token"])).email_verified


async def test_five_wrong_codes_are_enough_and_the_link_goes_on(harness: Harness) -> None:
    token = await harness.registered()
    [email] = await harness.mailed()
    for _ in range(5):
        wrong = await harness.call("POST", CODE, {"code": another(code_of(email))}, token=token)
        assert code(wrong) == (403, "code_wrong")
    right = await harness.call("POST", CODE, {"code": code_of(email)}, token=token)
    assert code(right) == (409, "code_expired")
    assert (await harness.call("POST", LINK, {"token": link_of(email)})).status == 204


async def test_the_newest_code_counts_for_an_hour(harness: Harness) -> None:
    token = await harness.registered()
    [first] = await harness.mailed()
    assert (await harness.call("POST", AGAIN, token=token)).status == 204
    [second] = await harness.mailed()
    if code_of(first) != code_of(second):
        old = await harness.call("POST", CODE, {"code": code_of(first)}, token=token)
        assert code(old) == (403, "code_wrong")
    await harness.clock.advance(3600)
    token = (await harness.signed_in())["access_token"]
    late = await harness.call("POST", CODE, {"code": code_of(second)}, token=token)
    assert code(late) == (409, "code_expired")
    assert (await harness.call("POST", LINK, {"token": link_of(first)})).status == 204


async def test_a_link_holds_for_two_days(harness: Harness) -> None:
    await harness.registered()
    [email] = await harness.mailed()
    await harness.clock.advance(2 * 24 * 3600)
    assert code(await harness.call("POST", LINK, {"token": link_of(email)})) == (409, "link_expired")
    await harness.clock.advance(1)
    assert await harness.users.email_outbox.purge_expired() == 1
    assert code(await harness.call("POST", LINK, {"token": link_of(email)})) == (409, "link_expired")


@pytest.mark.parametrize("token", ["", "eml_1", "eml_1.00", "ä.ö", "\x00.", "x" * 500, "a.b.c"])
async def test_links_that_are_none_of_ours(harness: Harness, token: str) -> None:
    assert code(await harness.call("POST", LINK, {"token": token})) == (404, "link_unknown")


async def test_a_link_is_good_for_its_purpose_alone(harness: Harness) -> None:
    await harness.registered()
    await harness.mailed()
    [email] = await all_of(harness.store, AccountEmail)
    links = Links(b"\x04\x10\x41" * 11)
    assert code(await harness.call("POST", LINK, {"token": links.token(Kind.VERIFY, email.id)})) == (
        404,
        "link_unknown",
    )
    other = links.token(Kind.ALREADY_REGISTERED, email.id)
    assert links.email_id(Kind.ALREADY_REGISTERED, other) == email.id
    assert code(await harness.call("POST", LINK, {"token": other})) == (404, "link_unknown")


async def test_the_store_holds_neither_link_nor_code(harness: Harness) -> None:
    await harness.registered()
    [email] = await harness.mailed()
    [stored] = await all_of(harness.store, AccountEmail)
    secret = link_of(email).partition(".")[2]
    assert secret not in repr(stored)
    assert code_of(email) not in repr(stored)


async def test_who_registers_a_known_address_is_told_by_an_email_alone(harness: Harness) -> None:
    await harness.registered()
    await harness.mailed()
    body = {"email": ANN, "password": "another one", "name": "Mallory <http://evil.example>"}
    assert (await harness.call("POST", "/api/auth/register", body)).status == 201
    [email] = await harness.mailed()
    assert (email.to_address, email.subject) == (ANN, "You have an account already")
    assert "Mallory" not in email.text
    [user] = await all_of(harness.store, User)
    assert user.verified_at is None


async def test_accounts_of_the_operator_are_verified(harness: Harness) -> None:
    token = await harness.registered()
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    assert await is_verified(harness, token)
    assert await is_verified(harness, (await harness.person("gus@example.com"))["access_token"])
    assert (await harness.call("POST", AGAIN, token=token)).status == 204
    assert [email.to_address for email in await harness.mailed()] == []


async def test_emails_to_one_address_are_limited_and_registering_goes_on(make_harness: MakeHarness) -> None:
    harness = make_harness()
    body = {"email": ANN, "password": PASSWORD, "name": "Ann"}
    for _ in range(10):
        assert (await harness.call("POST", "/api/auth/register", body)).status == 201
    assert len(await harness.mailed()) == 6
    token = (await harness.signed_in())["access_token"]
    refused = await harness.call("POST", AGAIN, token=token)
    assert code(refused) == (429, "too_many_attempts")


async def test_codes_of_one_account_are_limited(make_harness: MakeHarness) -> None:
    harness = make_harness()
    token = await harness.registered()
    answers = [(await harness.call("POST", AGAIN, token=token)).status for _ in range(7)]
    assert answers == [204] * 5 + [429] * 2


# Sending


async def test_an_email_that_can_not_go_now_goes_later(harness: Harness) -> None:
    await harness.registered()
    harness.mail.error = Unavailable("the mail server is away")
    assert await harness.mailed() == []
    await harness.clock.advance(9)
    harness.mail.error = None
    assert await harness.mailed() == []
    await harness.clock.advance(1)
    assert len(await harness.mailed()) == 1
    assert await harness.mailed() == []


async def test_an_email_that_is_refused_is_given_up(harness: Harness) -> None:
    await harness.registered()
    harness.mail.error = invalid({"to": "there is no such mailbox"})
    assert await harness.mailed() == []
    harness.mail.error = None
    await harness.clock.advance(7200)
    assert await harness.mailed() == []
    [stored] = await all_of(harness.store, AccountEmail)
    assert (stored.due_at, stored.error) == (None, "Some fields need a correction.")


async def test_of_two_processes_one_sends(harness: Harness) -> None:
    await harness.registered()
    first, second = harness.users, harness.another_process()
    [due] = await all_of(harness.store, AccountEmail)
    assert await first.email_outbox._claim(due) is not None
    assert await second.email_outbox._claim(due) is None
    assert await second.email_outbox.send_due() == 0
    await harness.clock.advance(61)
    assert len(await harness.mailed()) == 1, "its sender has died"
