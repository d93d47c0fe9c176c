"""Access tokens that end before their time are refused by every service within seconds, not ten minutes."""

import time
from collections.abc import Callable

from houseful.webapi.revoked_tokens import PATH
from tests.support.deployment import PASSWORD
from tests.support.patience import PATIENCE_SECONDS
from tests.system.harness import Harness
from tests.system.installations import make_account
from tests.system.outside_client import Client

ASKED = ("/api/me", "/api/orders", "/api/holds", "/api/events?mine=true")
"""Of the users, the tickets and the events service, through the gateway."""


def becomes(so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not so():
        assert time.monotonic() < until, "it did not become so"
        time.sleep(0.05)


def is_refused_everywhere(client: Client) -> bool:
    answers = [client.call("GET", path) for path in ASKED]
    for answer in answers:
        assert answer.status in (200, 401), answer.content
        assert answer.status == 200 or answer.json["code"] == "token_expired", answer.content
    return all(answer.status == 401 for answer in answers)


def is_good_everywhere(client: Client) -> bool:
    return all(client.call("GET", path).status == 200 for path in ASKED)


def two_devices(harness: Harness) -> tuple[Client, Client]:
    first = harness.client()
    address = harness.address()
    first.register(address, PASSWORD, "Two Devices")
    first.login(address, PASSWORD)
    return first, harness.sign_in(address)


def test_after_a_logout(harness: Harness) -> None:
    phone, laptop = two_devices(harness)
    assert is_good_everywhere(phone)
    phone.call("POST", "/api/auth/logout").ok(204)
    becomes(lambda: is_refused_everywhere(phone))
    assert is_good_everywhere(laptop)


def test_after_a_new_password(harness: Harness) -> None:
    phone, laptop = two_devices(harness)
    assert is_good_everywhere(laptop)
    body = {"current_password": PASSWORD, "new_password": "another password"}
    phone.call("POST", "/api/auth/password", body).ok(204)
    becomes(lambda: is_refused_everywhere(laptop))
    assert is_good_everywhere(phone)


def test_after_the_loss_of_a_role(harness: Harness) -> None:
    make_account(harness.installation, "steward@example.org", PASSWORD, "gate")
    steward = harness.sign_in("steward@example.org")
    path = f"/api/users/{steward.get('/api/me')['id']}"
    assert is_good_everywhere(steward)
    harness.admin.call("PATCH", path, {"roles": []}).ok()
    becomes(lambda: is_refused_everywhere(steward))
    assert steward.refresh()["user"]["roles"] == ["buyer"]
    assert is_good_everywhere(steward)


def test_after_an_old_refresh_token_was_used(harness: Harness) -> None:
    owner, _ = two_devices(harness)
    stolen = owner.refresh_token
    owner.refresh()
    owner.refresh()
    assert is_good_everywhere(owner)
    harness.client().call("POST", "/api/auth/refresh", {"refresh_token": stolen}).refused(
        401, "refresh_reused"
    )
    becomes(lambda: is_refused_everywhere(owner))


def test_what_has_ended_is_nobodys_business(harness: Harness) -> None:
    harness.client().call("GET", PATH).refused(404, "no_such_path")
    harness.admin.call("GET", PATH).refused(404, "no_such_path")
