"""A new password for whoever reads the emails of an account's address."""

import asyncio

import pytest

from houseful.users.account_email import AccountEmail
from houseful.users.domain import Session
from tests.unit.users.support import (
    ANN,
    HERE,
    PASSWORD,
    MakeWorld,
    World,
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


async def asked(world: World, email: str = ANN) -> str:
    """The token of the link."""
    assert (await world.call("POST", ASK, {"email": email})).status == 204
    [sent] = await world.mailed()
    return link_of(sent)


async def test_a_new_password_ends_all_sessions_and_verifies_the_address(world: World) -> None:
    token = await world.registered()
    session = await login(world.users)
    await world.mailed()
    link = await asked(world)
    assert (await world.call("POST", SET, {"token": link, "new_password": NEW})).status == 204
    assert code(await world.call("GET", "/api/me", token=token)) == (401, "token_expired")
    assert await refused(world.users.sessions.refresh(session.refresh_token)) == "refresh_invalid"
    assert await refused(login(world.users)) == "bad_credentials"
    assert (await world.signed_in(password=NEW))["user"]["email_verified"] is True
    [told] = await world.mailed()
    assert (told.to_address, told.subject) == (ANN, "Your password was changed")


async def test_an_unknown_address_is_answered_alike_and_gets_nothing(world: World) -> None:
    await world.registered()
    await world.mailed()
    known = await world.call("POST", ASK, {"email": ANN})
    unknown = await world.call("POST", ASK, {"email": "bob@example.com"})
    assert (known.status, known.body, known.headers) == (unknown.status, unknown.body, unknown.headers)
    one, other = (email for email in await all_of(world.store, AccountEmail) if not email.user_id)
    assert (one.kind, one.user_id) == (other.kind, other.user_id), "they write alike"
    assert [email.to_address for email in await world.mailed()] == [ANN]


async def test_the_email_goes_to_the_address_as_the_account_has_it(world: World) -> None:
    """K as in Kelvin is compared as k, and may be another mailbox."""
    await world.person("kim@example.com")
    await world.mailed()
    assert (await world.call("POST", ASK, {"email": "\u212aim@example.com"})).status in (204, 422)
    assert {email.to_address for email in await world.mailed()} <= {"kim@example.com"}
    assert (await world.call("POST", ASK, {"email": "KIM@example.com"})).status == 204
    assert [email.to_address for email in await world.mailed()] == ["kim@example.com"]


async def test_a_link_sets_one_password_within_an_hour(world: World) -> None:
    await world.registered()
    await world.mailed()
    link = await asked(world)
    attempts = (world.call("POST", SET, {"token": link, "new_password": f"{NEW} {n}"}) for n in range(5))
    answers = sorted(answer.status for answer in await asyncio.gather(*attempts))
    assert answers == [204, 409, 409, 409, 409]
    again = await world.call("POST", SET, {"token": link, "new_password": NEW})
    assert code(again) == (409, "link_used")
    await world.mailed()
    late = await asked(world)
    await world.clock.advance(3600)
    assert code(await world.call("POST", SET, {"token": late, "new_password": NEW})) == (409, "link_expired")


async def test_a_changed_password_ends_links_from_before(world: World) -> None:
    user = await world.users.create_user(ANN, PASSWORD, "Ann")
    first, second = await asked(world), await asked(world)
    await world.clock.advance(1)
    assert (await world.call("POST", SET, {"token": first, "new_password": NEW})).status == 204
    answer = await world.call("POST", SET, {"token": second, "new_password": NEW})
    assert code(answer) == (409, "link_expired")
    await world.mailed()
    third = await asked(world)
    await world.clock.advance(1)
    await world.users.password_changes.change(identity(user), current=NEW, new=PASSWORD)
    answer = await world.call("POST", SET, {"token": third, "new_password": NEW})
    assert code(answer) == (409, "link_expired")
    assert [email.subject for email in await world.mailed()] == ["Your password was changed"]


async def test_bad_requests(world: World) -> None:
    await world.registered()
    await world.mailed()
    answer = await world.call("POST", ASK, {"email": "ann"})
    assert (code(answer), set(json(answer)["errors"])) == ((422, "validation_failed"), {"email"})
    link = await asked(world)
    for password in ("short", ANN):
        answer = await world.call("POST", SET, {"token": link, "new_password": password})
        assert set(json(answer)["errors"]) == {"new_password"}
    answer = await world.call("POST", SET, {"token": link + "0", "new_password": NEW})
    assert code(answer) == (404, "link_unknown")
    assert (await world.call("POST", SET, {"token": link, "new_password": NEW})).status == 204


@pytest.mark.parametrize(("email", "most"), [(ANN, 6), ("nobody@example.com", 6)])
async def test_requests_for_an_address_are_limited_whether_it_is_known_or_not(
    make_world: MakeWorld, email: str, most: int
) -> None:
    world = make_world()
    await world.person()
    answers = [(await world.call("POST", ASK, {"email": email})).status for _ in range(most + 1)]
    assert answers == [204] * most + [429]


async def test_requests_of_one_network_are_limited(make_world: MakeWorld) -> None:
    world = make_world()
    for number in range(100):
        await world.users.password_changes.request_reset(f"somebody{number}@example.com", HERE)
    one_more = world.users.password_changes.request_reset(ANN, HERE)
    assert await refused(one_more) == "too_many_attempts"
    await world.users.password_changes.request_reset(ANN, "198.51.100.7")


async def test_sessions_of_before_stay_over(world: World) -> None:
    await world.registered()
    await world.mailed()
    link = await asked(world)
    assert (await world.call("POST", SET, {"token": link, "new_password": NEW})).status == 204
    [session] = await all_of(world.store, Session)
    assert session.password_version == 1
