"""An account's address, changed and changed back."""

import pytest

from houseful.kernel.ports import Email
from houseful.users.domain import FormerAddress, User
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

CHANGE, CONFIRM, UNDO = "/api/me/email", "/api/auth/email-change/confirm", "/api/auth/email-change/undo"
NEW, OTHER = "ann@new.example", "evil@example.net"
WEEK_SECONDS = 7 * 24 * 3600


async def person(harness: Harness) -> str:
    token = str((await harness.person())["access_token"])
    await harness.mailed()
    return token


async def asked(harness: Harness, token: str, email: str = NEW, password: str = PASSWORD) -> Email:
    body = {"email": email, "current_password": password}
    answer = await harness.call("POST", CHANGE, body, token=token)
    assert answer.status == 204, answer.body
    [sent] = await harness.mailed()
    assert sent.to_address == email
    return sent


async def changed(harness: Harness, token: str, email: str = NEW) -> Email:
    """The email to the former address."""
    sent = await asked(harness, token, email)
    assert (await harness.call("POST", CONFIRM, {"token": link_of(sent)})).status == 204
    [told] = await harness.mailed()
    return told


async def address(harness: Harness) -> str:
    [user] = [one for one in await all_of(harness.store, User) if one.name == "Ann"]
    return str(user.email)


async def test_an_address_changes_when_its_owner_confirms_it(harness: Harness) -> None:
    token = await person(harness)
    sent = await asked(harness, token)
    assert await address(harness) == ANN
    assert (await harness.call("POST", CONFIRM, {"token": link_of(sent)})).status == 204
    [told] = await harness.mailed()
    assert (told.to_address, told.subject) == (ANN, "Your email address was changed")
    me = json(await harness.call("GET", "/api/me", token=token))
    assert (me["email"], me["email_verified"]) == (NEW, True)
    assert (await login(harness.users, NEW)).user.email == NEW
    assert await refused(login(harness.users)) == "bad_credentials"
    assert code(await harness.call("POST", CONFIRM, {"token": link_of(sent)})) == (409, "link_used")


async def test_the_former_address_takes_the_account_back(harness: Harness) -> None:
    token = await person(harness)
    told = await changed(harness, token, OTHER)
    assert (await harness.call("POST", UNDO, {"token": link_of(told)})).status == 204
    assert await address(harness) == ANN
    await harness.ended.look()
    assert code(await harness.call("GET", "/api/me", token=token)) == (401, "token_expired")
    assert await refused(login(harness.users)) == "bad_credentials", "the password may be known to others"
    [reset] = await harness.mailed()
    assert (reset.to_address, reset.subject) == (ANN, "Set a new password")
    body = {"token": link_of(reset), "new_password": "another horse"}
    assert (await harness.call("POST", "/api/auth/password-reset/confirm", body)).status == 204
    assert (await harness.signed_in(password="another horse"))["user"]["email"] == ANN
    assert code(await harness.call("POST", UNDO, {"token": link_of(told)})) == (409, "link_used")


async def test_who_has_taken_an_account_can_not_keep_it_by_further_changes(harness: Harness) -> None:
    token = await person(harness)
    first = await changed(harness, token, OTHER)
    await harness.clock.advance(1)
    pending = await asked(harness, token, "evil3@example.net")
    second = await changed(harness, token, "evil2@example.net")
    await harness.clock.advance(1)
    body = {"current_password": PASSWORD, "new_password": "theirs alone"}
    assert (await harness.call("POST", "/api/auth/password", body, token=token)).status == 204
    await harness.mailed()
    assert (await harness.call("POST", UNDO, {"token": link_of(first)})).status == 204
    assert await address(harness) == ANN
    assert code(await harness.call("POST", UNDO, {"token": link_of(second)})) == (409, "link_expired")
    assert code(await harness.call("POST", CONFIRM, {"token": link_of(pending)})) == (409, "link_expired")
    assert await address(harness) == ANN


async def test_nobody_registers_or_gets_a_former_address_before_it_can_not_be_had_back(
    harness: Harness,
) -> None:
    token = await person(harness)
    told = await changed(harness, token)
    body = {"email": ANN, "password": "another one", "name": "Mallory"}
    assert (await harness.call("POST", "/api/auth/register", body)).status == 201
    assert await refused(login(harness.users, password="another one")) == "bad_credentials"
    bob = (await harness.person("bob@example.com"))["access_token"]
    assert (await asked(harness, bob, ANN)).subject == "This address has an account already"
    await harness.clock.advance(WEEK_SECONDS + 1)
    assert code(await harness.call("POST", UNDO, {"token": link_of(told)})) == (409, "link_expired")
    assert await harness.users.address_changes.purge_expired() == 1
    assert (await harness.call("POST", "/api/auth/register", body)).status == 201
    assert (await login(harness.users, password="another one")).user.name == "Mallory"


async def test_ones_own_former_address_can_be_had_again(harness: Harness) -> None:
    token = await person(harness)
    await changed(harness, token)
    told = await changed(harness, token, ANN)
    assert (await address(harness), told.to_address) == (ANN, NEW)
    assert [one.id for one in await all_of(harness.store, FormerAddress)] == [NEW]


async def test_a_known_address_is_answered_alike_and_told_by_an_email(harness: Harness) -> None:
    await harness.users.create_user("bob@example.com", PASSWORD, "Bob")
    token = await person(harness)
    sent = await asked(harness, token, "bob@example.com")
    assert sent.subject == "This address has an account already"
    assert "#" not in sent.text


async def test_an_address_that_gets_an_account_before_it_is_confirmed(harness: Harness) -> None:
    token = await person(harness)
    sent = await asked(harness, token)
    await harness.users.create_user(NEW, PASSWORD, "Nora")
    assert code(await harness.call("POST", CONFIRM, {"token": link_of(sent)})) == (409, "address_taken")
    assert await address(harness) == ANN


async def test_an_address_that_was_never_verified_gets_no_way_back(harness: Harness) -> None:
    """It may be a stranger's, by a slip of the pen."""
    token = await harness.registered()
    await harness.mailed()
    sent = await asked(harness, token)
    assert (await harness.call("POST", CONFIRM, {"token": link_of(sent)})).status == 204
    assert await harness.mailed() == []
    assert await all_of(harness.store, FormerAddress) == []


async def test_another_spelling_of_the_same_address_reserves_nothing(harness: Harness) -> None:
    token = await person(harness)
    sent = await asked(harness, token, "ANN@example.com")
    assert (await harness.call("POST", CONFIRM, {"token": link_of(sent)})).status == 204
    assert await address(harness) == "ANN@example.com"
    assert await all_of(harness.store, FormerAddress) == []


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"email": "ann"}, 422, "email"),
        ({"email": ANN}, 422, "email"),
        ({"current_password": "wrong"}, 403, "current_password"),
    ],
)
async def test_bad_requests(harness: Harness, change: dict[str, str], status: int, field: str) -> None:
    token = await person(harness)
    body = {"email": NEW, "current_password": PASSWORD, **change}
    answer = await harness.call("POST", CHANGE, body, token=token)
    assert (answer.status, set(json(answer)["errors"])) == (status, {field})
    assert await harness.mailed() == []


async def test_changes_are_limited_by_account_and_by_address(make_harness: MakeHarness) -> None:
    harness = make_harness()
    token = await person(harness)
    for number in range(6):
        body = {"email": f"ann{number}@new.example", "current_password": PASSWORD}
        answer = await harness.call("POST", CHANGE, body, token=token)
    assert code(answer) == (429, "too_many_attempts")
    for number in range(7):
        token = str((await harness.person(f"ann{number}@example.org"))["access_token"])
        answer = await harness.call(
            "POST", CHANGE, {"email": OTHER, "current_password": PASSWORD}, token=token
        )
    assert code(answer) == (429, "too_many_attempts")
