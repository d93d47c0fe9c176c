"""Whether an account's address is its owner's."""

import re

import pytest

from houseful.kernel.errors import Unavailable, invalid
from houseful.kernel.ports import Email
from houseful.users.account_email import AccountEmail, Kind, Links
from houseful.users.domain import User
from tests.unit.users.support import ANN, PASSWORD, MakeWorld, World, all_of, code, json, link_of

LINK, CODE, AGAIN = "/api/auth/verify-email", "/api/me/verification/code", "/api/me/verification"


def code_of(email: Email) -> str:
    [found] = re.findall(r"\b\d{6}\b", email.text)
    assert email.html is not None
    assert found in email.html
    return str(found)


def another(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


async def is_verified(world: World, token: str) -> bool:
    return bool(json(await world.call("GET", "/api/me", token=token))["email_verified"])


async def test_the_link_verifies_the_address_and_again_is_once(world: World) -> None:
    token = await world.registered()
    assert not await is_verified(world, token)
    [email] = await world.mailed()
    assert (email.to_address, email.to_name) == (ANN, "")
    assert "Ann" not in email.text, "anybody can type anybody's address, and any name"
    for _ in range(2):
        assert (await world.call("POST", LINK, {"token": link_of(email)})).status == 204
    assert await is_verified(world, token)
    assert (await world.call("POST", AGAIN, token=token)).status == 204
    assert await world.mailed() == []


async def test_the_code_verifies_the_address(world: World) -> None:
    token = await world.registered()
    [email] = await world.mailed()
    wrong = await world.call("POST", CODE, {"code": another(code_of(email))}, token=token)
    assert code(wrong) == (403, "code_wrong")
    assert not await is_verified(world, token)
    assert (await world.call("POST", CODE, {"code": code_of(email)}, token=token)).status == 204
    assert await is_verified(world, token)
    signed_in = await world.signed_in()
    assert signed_in["user"]["email_verified"] is True
    assert (await world.verifier.identity(signed_in["access_token"])).email_verified


async def test_five_wrong_codes_are_enough_and_the_link_goes_on(world: World) -> None:
    token = await world.registered()
    [email] = await world.mailed()
    for _ in range(5):
        wrong = await world.call("POST", CODE, {"code": another(code_of(email))}, token=token)
        assert code(wrong) == (403, "code_wrong")
    right = await world.call("POST", CODE, {"code": code_of(email)}, token=token)
    assert code(right) == (409, "code_expired")
    assert (await world.call("POST", LINK, {"token": link_of(email)})).status == 204


async def test_the_newest_code_counts_for_an_hour(world: World) -> None:
    token = await world.registered()
    [first] = await world.mailed()
    assert (await world.call("POST", AGAIN, token=token)).status == 204
    [second] = await world.mailed()
    if code_of(first) != code_of(second):
        old = await world.call("POST", CODE, {"code": code_of(first)}, token=token)
        assert code(old) == (403, "code_wrong")
    await world.clock.advance(3600)
    token = (await world.signed_in())["access_token"]
    late = await world.call("POST", CODE, {"code": code_of(second)}, token=token)
    assert code(late) == (409, "code_expired")
    assert (await world.call("POST", LINK, {"token": link_of(first)})).status == 204


async def test_a_link_holds_for_two_days(world: World) -> None:
    await world.registered()
    [email] = await world.mailed()
    await world.clock.advance(2 * 24 * 3600)
    assert code(await world.call("POST", LINK, {"token": link_of(email)})) == (409, "link_expired")
    await world.clock.advance(1)
    assert await world.users.email_outbox.purge_expired() == 1
    assert code(await world.call("POST", LINK, {"token": link_of(email)})) == (409, "link_expired")


@pytest.mark.parametrize("token", ["", "eml_1", "eml_1.00", "ä.ö", "\x00.", "x" * 500, "a.b.c"])
async def test_links_that_are_none_of_ours(world: World, token: str) -> None:
    assert code(await world.call("POST", LINK, {"token": token})) == (404, "link_unknown")


async def test_a_link_is_good_for_its_purpose_alone(world: World) -> None:
    await world.registered()
    await world.mailed()
    [email] = await all_of(world.store, AccountEmail)
    links = Links(b"\x04\x10\x41" * 11)
    assert code(await world.call("POST", LINK, {"token": links.token(Kind.VERIFY, email.id)})) == (
        404,
        "link_unknown",
    )
    other = links.token(Kind.ALREADY_REGISTERED, email.id)
    assert links.email_id(Kind.ALREADY_REGISTERED, other) == email.id
    assert code(await world.call("POST", LINK, {"token": other})) == (404, "link_unknown")


async def test_the_store_holds_neither_link_nor_code(world: World) -> None:
    await world.registered()
    [email] = await world.mailed()
    [stored] = await all_of(world.store, AccountEmail)
    secret = link_of(email).partition(".")[2]
    assert secret not in repr(stored)
    assert code_of(email) not in repr(stored)


async def test_who_registers_a_known_address_is_told_by_an_email_alone(world: World) -> None:
    await world.registered()
    await world.mailed()
    body = {"email": ANN, "password": "another one", "name": "Mallory <http://evil.example>"}
    assert (await world.call("POST", "/api/auth/register", body)).status == 201
    [email] = await world.mailed()
    assert (email.to_address, email.subject) == (ANN, "You have an account already")
    assert "Mallory" not in email.text
    [user] = await all_of(world.store, User)
    assert user.verified_at is None


async def test_accounts_of_the_operator_are_verified(world: World) -> None:
    token = await world.registered()
    await world.users.create_user(ANN, PASSWORD, "Ann")
    assert await is_verified(world, token)
    assert await is_verified(world, (await world.person("gus@example.com"))["access_token"])
    assert (await world.call("POST", AGAIN, token=token)).status == 204
    assert [email.to_address for email in await world.mailed()] == []


async def test_emails_to_one_address_are_limited_and_registering_goes_on(make_world: MakeWorld) -> None:
    world = make_world()
    body = {"email": ANN, "password": PASSWORD, "name": "Ann"}
    for _ in range(10):
        assert (await world.call("POST", "/api/auth/register", body)).status == 201
    assert len(await world.mailed()) == 6
    token = (await world.signed_in())["access_token"]
    refused = await world.call("POST", AGAIN, token=token)
    assert code(refused) == (429, "too_many_attempts")


async def test_codes_of_one_account_are_limited(make_world: MakeWorld) -> None:
    world = make_world()
    token = await world.registered()
    answers = [(await world.call("POST", AGAIN, token=token)).status for _ in range(7)]
    assert answers == [204] * 5 + [429] * 2


# Sending


async def test_an_email_that_can_not_go_now_goes_later(world: World) -> None:
    await world.registered()
    world.mail.error = Unavailable("the mail server is away")
    assert await world.mailed() == []
    await world.clock.advance(9)
    world.mail.error = None
    assert await world.mailed() == []
    await world.clock.advance(1)
    assert len(await world.mailed()) == 1
    assert await world.mailed() == []


async def test_an_email_that_is_refused_is_given_up(world: World) -> None:
    await world.registered()
    world.mail.error = invalid({"to": "there is no such mailbox"})
    assert await world.mailed() == []
    world.mail.error = None
    await world.clock.advance(7200)
    assert await world.mailed() == []
    [stored] = await all_of(world.store, AccountEmail)
    assert (stored.due_at, stored.error) == (None, "Some fields need a correction.")


async def test_of_two_processes_one_sends(world: World) -> None:
    await world.registered()
    first, second = world.users, world.another_process()
    [due] = await all_of(world.store, AccountEmail)
    assert await first.email_outbox._claim(due) is not None
    assert await second.email_outbox._claim(due) is None
    assert await second.email_outbox.send_due() == 0
    await world.clock.advance(61)
    assert len(await world.mailed()) == 1, "its sender has died"
