"""A second factor: an authenticator app's codes, and recovery codes."""

import asyncio
from typing import Any

import pyotp

from houseful.kernel.ports import ServiceResponse
from houseful.users.second_factor import SecondFactor
from tests.unit.users.support import (
    ANN,
    PASSWORD,
    Harness,
    MakeHarness,
    all_of,
    code,
    identity,
    json,
    link_of,
)

FACTOR = "/api/me/second-factor"


class App:
    """An authenticator app."""

    def __init__(self, harness: Harness, secret: str) -> None:
        self._harness = harness
        self._totp = pyotp.TOTP(secret)

    def code(self, steps: int = 0) -> str:
        return self._totp.at(self._harness.clock.now() // 1000, counter_offset=steps)


async def begun(harness: Harness) -> tuple[str, App]:
    token = str((await harness.person())["access_token"])
    await harness.mailed()
    answer = await harness.call("POST", FACTOR, {"current_password": PASSWORD}, token=token)
    assert answer.status == 200, answer.body
    told = json(answer)
    assert told["qr_svg"].startswith("<svg")
    assert pyotp.parse_uri(told["uri"]).secret == told["secret"]
    return token, App(harness, told["secret"])


async def confirmed(harness: Harness) -> tuple[str, App, list[str]]:
    token, app = await begun(harness)
    answer = await harness.call("POST", f"{FACTOR}/confirm", {"code": app.code()}, token=token)
    assert answer.status == 200, answer.body
    [told] = await harness.mailed()
    assert told.subject == "Signing in takes a code now"
    await harness.clock.advance(60)
    return token, app, json(answer)["recovery_codes"]


async def signing_in(harness: Harness, factor_code: str | None = None, **other: Any) -> ServiceResponse:
    body = {"email": ANN, "password": PASSWORD, "token_transport": "body", **other}
    if factor_code is not None:
        body["second_factor_code"] = factor_code
    return await harness.call("POST", "/api/auth/login", body)


async def test_signing_in_takes_a_code_once_it_is_confirmed(harness: Harness) -> None:
    token, app = await begun(harness)
    assert (await signing_in(harness)).status == 200, "it is not confirmed"
    wrong = await harness.call("POST", f"{FACTOR}/confirm", {"code": "000000"}, token=token)
    assert code(wrong) == (403, "second_factor_wrong")
    await harness.clock.advance(60)
    assert (await harness.call("POST", f"{FACTOR}/confirm", {"code": app.code()}, token=token)).status == 200
    await harness.clock.advance(60)
    assert code(await signing_in(harness)) == (401, "second_factor_required")
    assert code(await signing_in(harness, password="wrong")) == (401, "bad_credentials")
    assert code(await signing_in(harness, "000000")) == (401, "second_factor_wrong")
    assert (await signing_in(harness, app.code())).status == 200
    assert json(await harness.call("GET", FACTOR, token=token)) == {"totp": True, "recovery_codes_left": 10}


async def test_a_code_is_good_once_and_for_a_minute_and_a_half(harness: Harness) -> None:
    _, app, _ = await confirmed(harness)
    answers = await asyncio.gather(*(signing_in(harness, app.code()) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 401, 401, 401]
    assert code(await signing_in(harness, app.code(-1))) == (401, "second_factor_wrong"), "an older one"
    assert (await signing_in(harness, app.code(1))).status == 200, "a clock that goes before"
    await harness.clock.advance(300)
    assert code(await signing_in(harness, app.code(-2))) == (401, "second_factor_wrong")
    assert (await signing_in(harness, f" {app.code(-1)[:3]} {app.code(-1)[3:]}")).status == 200


async def test_recovery_codes_are_good_once_each(harness: Harness) -> None:
    token, app, recovery = await confirmed(harness)
    assert len(set(recovery)) == 10
    answers = await asyncio.gather(*(signing_in(harness, recovery[0]) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == [200, 401, 401]
    assert (await signing_in(harness, recovery[1].upper().replace("-", " "))).status == 200
    assert json(await harness.call("GET", FACTOR, token=token))["recovery_codes_left"] == 8
    [stored] = await all_of(harness.store, SecondFactor)
    assert not any(one in repr(stored) for one in recovery)
    assert (await signing_in(harness, app.code())).status == 200


async def test_it_is_removed_with_password_and_code(harness: Harness) -> None:
    token, app, _ = await confirmed(harness)
    body = {"current_password": PASSWORD, "code": "000000"}
    assert code(await harness.call("POST", f"{FACTOR}/remove", body, token=token)) == (
        403,
        "second_factor_wrong",
    )
    body = {"current_password": "wrong", "code": app.code()}
    assert code(await harness.call("POST", f"{FACTOR}/remove", body, token=token)) == (403, "bad_credentials")
    again = await harness.call("POST", FACTOR, {"current_password": PASSWORD}, token=token)
    assert code(again) == (409, "second_factor_on")
    body = {"current_password": PASSWORD, "code": app.code()}
    assert (await harness.call("POST", f"{FACTOR}/remove", body, token=token)).status == 204
    [told] = await harness.mailed()
    assert told.subject == "Signing in takes no code any more"
    assert (await signing_in(harness)).status == 200
    assert (await harness.call("POST", f"{FACTOR}/remove", body, token=token)).status == 204


async def test_codes_are_limited_by_account(make_harness: MakeHarness) -> None:
    harness = make_harness()
    token, app = await begun(harness)
    assert (await harness.call("POST", f"{FACTOR}/confirm", {"code": app.code()}, token=token)).status == 200
    answers = [code(await signing_in(harness, "000000")) for _ in range(11)]
    assert answers[8:] == [(401, "second_factor_wrong")] + [(429, "too_many_attempts")] * 2
    assert code(await signing_in(harness, app.code())) == (429, "too_many_attempts")
    await harness.clock.advance(400)
    assert (await signing_in(harness, app.code())).status == 200


async def test_a_new_password_leaves_it_on_and_the_operator_takes_it_off(harness: Harness) -> None:
    await confirmed(harness)
    await harness.call("POST", "/api/auth/password-reset", {"email": ANN})
    [email] = await harness.mailed()
    body = {"token": link_of(email), "new_password": "another horse"}
    assert (await harness.call("POST", "/api/auth/password-reset/confirm", body)).status == 204
    assert code(await signing_in(harness, password="another horse")) == (401, "second_factor_required")
    await harness.users.create_user(ANN, "another horse", "Ann")
    assert code(await signing_in(harness, password="another horse")) == (401, "second_factor_required")
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    assert (await signing_in(harness)).status == 200


async def test_a_factor_that_was_put_on_a_taken_account_goes_with_the_way_back(harness: Harness) -> None:
    user = await harness.users.create_user(ANN, PASSWORD, "Ann")
    who = identity(user)
    await harness.users.address_changes.request(who, "evil@example.net", PASSWORD)
    [email] = await harness.mailed()
    await harness.users.address_changes.confirm(link_of(email))
    [told] = await harness.mailed()
    begun = await harness.users.second_factors.begin(who, PASSWORD)
    await harness.users.second_factors.confirm(who, App(harness, begun.secret).code())
    await harness.users.address_changes.undo(link_of(told))
    assert await harness.users.second_factors.of(user.id) is None


async def test_a_stranger_who_registered_the_address_leaves_no_factor_behind(harness: Harness) -> None:
    token = await harness.registered()
    await harness.mailed()
    told = json(await harness.call("POST", FACTOR, {"current_password": PASSWORD}, token=token))
    body = {"code": App(harness, told["secret"]).code()}
    assert (await harness.call("POST", f"{FACTOR}/confirm", body, token=token)).status == 200
    await harness.mailed()
    await harness.call("POST", "/api/auth/password-reset", {"email": ANN})
    [email] = await harness.mailed()
    body = {"token": link_of(email), "new_password": "another horse"}
    assert (await harness.call("POST", "/api/auth/password-reset/confirm", body)).status == 204
    assert (await signing_in(harness, password="another horse")).status == 200
