"""What takes passkeys off an account: whoever gets it back gets it without a stranger's ways in."""

import pytest

from houseful.users.passkey import AccountPasskeys
from tests.support.authenticator import text
from tests.unit.users.support import ANN, PASSWORD, Harness, all_of, code, json, link_of
from tests.unit.users.test_passkeys import (
    account_with_passkey,
    adding,
    authenticator,
    before_commit,
    options,
    used,
)


async def test_a_new_password_by_email_removes_them(named: Harness) -> None:
    _, device = await account_with_passkey(named)
    await named.call("POST", "/api/auth/password-reset", {"email": ANN})
    [email] = await named.mailed()
    body = {"token": link_of(email), "new_password": "another horse"}
    assert (await named.call("POST", "/api/auth/password-reset/confirm", body)).status == 204
    assert code(await used(named, device)) == (401, "passkey_wrong")
    subjects = {email.subject for email in await named.mailed()}
    assert subjects == {"Your password was changed", "A passkey was removed from your account"}


async def test_a_new_password_by_the_old_one_leaves_them(named: Harness) -> None:
    token, device = await account_with_passkey(named)
    body = {"current_password": PASSWORD, "new_password": "another horse"}
    assert (await named.call("POST", "/api/auth/password", body, token=token)).status == 204
    assert (await used(named, device)).status == 200


async def test_the_operator_takes_them_off_with_another_password(named: Harness) -> None:
    _, device = await account_with_passkey(named)
    await named.users.create_user(ANN, PASSWORD, "Ann")
    assert (await used(named, device)).status == 200
    await named.users.create_user(ANN, "another horse", "Ann")
    assert code(await used(named, device)) == (401, "passkey_wrong")


async def test_one_that_was_put_on_a_taken_account_goes_with_the_way_back(named: Harness) -> None:
    token, device = await account_with_passkey(named)
    body = {"email": "evil@example.net", "current_password": PASSWORD}
    assert (await named.call("POST", "/api/me/email", body, token=token)).status == 204
    [email] = await named.mailed()
    await named.users.address_changes.confirm(link_of(email))
    [told] = await named.mailed()
    await named.users.address_changes.undo(link_of(told))
    assert code(await used(named, device)) == (401, "passkey_wrong")


async def test_they_are_exported_and_go_with_the_account(named: Harness) -> None:
    token, device = await account_with_passkey(named)
    told = json(await named.call("GET", "/api/me/export", token=token))["account"]["passkeys"]
    assert [(one["name"], one["credential"]) for one in told] == [("Phone", text(device.credential_id))]
    assert (await named.call("DELETE", "/api/me", {"current_password": PASSWORD}, token=token)).status == 204
    assert await all_of(named.store, AccountPasskeys) == []
    assert code(await used(named, device)) == (401, "passkey_wrong")


async def test_one_that_is_made_while_they_are_taken_off_does_not_stay(
    named: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that takes them off sees none yet, and the new one is committed beside it."""
    token = str((await named.person())["access_token"])
    await named.mailed()
    await named.call("POST", "/api/auth/password-reset", {"email": ANN})
    [email] = await named.mailed()
    made = authenticator().create(json(await options(named, token))["options"])

    async def reset() -> None:
        body = {"token": link_of(email), "new_password": "another horse"}
        answer = await named.call("POST", "/api/auth/password-reset/confirm", body)
        assert answer.status == 204

    before_commit(monkeypatch, named, "Passkeys.add", reset)
    assert code(await adding(named, token, made)) == (403, "bad_credentials")
    assert await all_of(named.store, AccountPasskeys) == []
