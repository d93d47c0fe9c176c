"""An account's address, changed and changed back."""

import pytest

from houseful.kernel.ports import Email
from houseful.users.domain import FormerAddress, User
from tests.unit.users.support import (
    ANN,
    PASSWORD,
    MakeWorld,
    World,
    all_of,
    code,
    json,
    link_of,
    login,
    refused,
)

CHANGE, CONFIRM, UNDO = "/api/me/email", "/api/auth/email-change/confirm", "/api/auth/email-change/undo"
NEW, OTHER = "ann@new.example", "evil@example.net"
WEEK_SECONDS = 7 * 24 * 3600


async def person(world: World) -> str:
    token = str((await world.person())["access_token"])
    await world.mailed()
    return token


async def asked(world: World, token: str, email: str = NEW, password: str = PASSWORD) -> Email:
    body = {"email": email, "current_password": password}
    answer = await world.call("POST", CHANGE, body, token=token)
    assert answer.status == 204, answer.body
    [sent] = await world.mailed()
    assert sent.to_address == email
    return sent


async def changed(world: World, token: str, email: str = NEW) -> Email:
    """The email to the former address."""
    sent = await asked(world, token, email)
    assert (await world.call("POST", CONFIRM, {"token": link_of(sent)})).status == 204
    [told] = await world.mailed()
    return told


async def address(world: World) -> str:
    [user] = [one for one in await all_of(world.store, User) if one.name == "Ann"]
    return str(user.email)


async def test_an_address_changes_when_its_owner_confirms_it(world: World) -> None:
    token = await person(world)
    sent = await asked(world, token)
    assert await address(world) == ANN
    assert (await world.call("POST", CONFIRM, {"token": link_of(sent)})).status == 204
    [told] = await world.mailed()
    assert (told.to_address, told.subject) == (ANN, "Your email address was changed")
    me = json(await world.call("GET", "/api/me", token=token))
    assert (me["email"], me["email_verified"]) == (NEW, True)
    assert (await login(world.users, NEW)).user.email == NEW
    assert await refused(login(world.users)) == "bad_credentials"
    assert code(await world.call("POST", CONFIRM, {"token": link_of(sent)})) == (409, "link_used")


async def test_the_former_address_takes_the_account_back(world: World) -> None:
    token = await person(world)
    told = await changed(world, token, OTHER)
    assert (await world.call("POST", UNDO, {"token": link_of(told)})).status == 204
    assert await address(world) == ANN
    await world.ended.look()
    assert code(await world.call("GET", "/api/me", token=token)) == (401, "token_expired")
    assert await refused(login(world.users)) == "bad_credentials", "the password may be known to others"
    [reset] = await world.mailed()
    assert (reset.to_address, reset.subject) == (ANN, "Set a new password")
    body = {"token": link_of(reset), "new_password": "another horse"}
    assert (await world.call("POST", "/api/auth/password-reset/confirm", body)).status == 204
    assert (await world.signed_in(password="another horse"))["user"]["email"] == ANN
    assert code(await world.call("POST", UNDO, {"token": link_of(told)})) == (409, "link_used")


async def test_who_has_taken_an_account_can_not_keep_it_by_further_changes(world: World) -> None:
    token = await person(world)
    first = await changed(world, token, OTHER)
    await world.clock.advance(1)
    pending = await asked(world, token, "evil3@example.net")
    second = await changed(world, token, "evil2@example.net")
    await world.clock.advance(1)
    body = {"current_password": PASSWORD, "new_password": "theirs alone"}
    assert (await world.call("POST", "/api/auth/password", body, token=token)).status == 204
    await world.mailed()
    assert (await world.call("POST", UNDO, {"token": link_of(first)})).status == 204
    assert await address(world) == ANN
    assert code(await world.call("POST", UNDO, {"token": link_of(second)})) == (409, "link_expired")
    assert code(await world.call("POST", CONFIRM, {"token": link_of(pending)})) == (409, "link_expired")
    assert await address(world) == ANN


async def test_nobody_registers_or_gets_a_former_address_before_it_can_not_be_had_back(world: World) -> None:
    token = await person(world)
    told = await changed(world, token)
    body = {"email": ANN, "password": "another one", "name": "Mallory"}
    assert (await world.call("POST", "/api/auth/register", body)).status == 201
    assert await refused(login(world.users, password="another one")) == "bad_credentials"
    bob = (await world.person("bob@example.com"))["access_token"]
    assert (await asked(world, bob, ANN)).subject == "This address has an account already"
    await world.clock.advance(WEEK_SECONDS + 1)
    assert code(await world.call("POST", UNDO, {"token": link_of(told)})) == (409, "link_expired")
    assert await world.users.address_changes.purge_expired() == 1
    assert (await world.call("POST", "/api/auth/register", body)).status == 201
    assert (await login(world.users, password="another one")).user.name == "Mallory"


async def test_ones_own_former_address_can_be_had_again(world: World) -> None:
    token = await person(world)
    await changed(world, token)
    told = await changed(world, token, ANN)
    assert (await address(world), told.to_address) == (ANN, NEW)
    assert [one.id for one in await all_of(world.store, FormerAddress)] == [NEW]


async def test_a_known_address_is_answered_alike_and_told_by_an_email(world: World) -> None:
    await world.users.create_user("bob@example.com", PASSWORD, "Bob")
    token = await person(world)
    sent = await asked(world, token, "bob@example.com")
    assert sent.subject == "This address has an account already"
    assert "#" not in sent.text


async def test_an_address_that_gets_an_account_before_it_is_confirmed(world: World) -> None:
    token = await person(world)
    sent = await asked(world, token)
    await world.users.create_user(NEW, PASSWORD, "Nora")
    assert code(await world.call("POST", CONFIRM, {"token": link_of(sent)})) == (409, "address_taken")
    assert await address(world) == ANN


async def test_an_address_that_was_never_verified_gets_no_way_back(world: World) -> None:
    """It may be a stranger's, by a slip of the pen."""
    token = await world.registered()
    await world.mailed()
    sent = await asked(world, token)
    assert (await world.call("POST", CONFIRM, {"token": link_of(sent)})).status == 204
    assert await world.mailed() == []
    assert await all_of(world.store, FormerAddress) == []


async def test_another_spelling_of_the_same_address_reserves_nothing(world: World) -> None:
    token = await person(world)
    sent = await asked(world, token, "ANN@example.com")
    assert (await world.call("POST", CONFIRM, {"token": link_of(sent)})).status == 204
    assert await address(world) == "ANN@example.com"
    assert await all_of(world.store, FormerAddress) == []


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"email": "ann"}, 422, "email"),
        ({"email": ANN}, 422, "email"),
        ({"current_password": "wrong"}, 403, "current_password"),
    ],
)
async def test_bad_requests(world: World, change: dict[str, str], status: int, field: str) -> None:
    token = await person(world)
    body = {"email": NEW, "current_password": PASSWORD, **change}
    answer = await world.call("POST", CHANGE, body, token=token)
    assert (answer.status, set(json(answer)["errors"])) == (status, {field})
    assert await world.mailed() == []


async def test_changes_are_limited_by_account_and_by_address(make_world: MakeWorld) -> None:
    world = make_world()
    token = await person(world)
    for number in range(6):
        body = {"email": f"ann{number}@new.example", "current_password": PASSWORD}
        answer = await world.call("POST", CHANGE, body, token=token)
    assert code(answer) == (429, "too_many_attempts")
    for number in range(7):
        token = str((await world.person(f"ann{number}@example.org"))["access_token"])
        answer = await world.call("POST", CHANGE, {"email": OTHER, "current_password": PASSWORD}, token=token)
    assert code(answer) == (429, "too_many_attempts")
