"""A passkey from its making to the erasure of its account, in each topology."""

from tests.support.authenticator import Authenticator
from tests.support.deployment import PASSWORD
from tests.system.fixtures import OpenInstallation
from tests.system.harness import Harness
from tests.system.installations import must_pass_the_check
from tests.system.outside_client import Answer, Client
from tests.system.test_accounts import App, login, newest, registered

ORIGIN, RP_ID = "https://tickets.example.org", "tickets.example.org"


def presented(client: Client, passkey: Authenticator) -> Answer:
    options = client.call("POST", "/api/auth/passkey/options").ok()["options"]
    body = {"credential": passkey.get(options), "token_transport": "body"}
    return client.call("POST", "/api/auth/passkey", body)


def test_a_passkey_signs_in_until_its_account_is_gone(open_installation: OpenInstallation) -> None:
    installation = open_installation(public_url=ORIGIN)
    harness = Harness(installation)
    client, address = registered(harness)
    app = App(client)
    proof = {"current_password": PASSWORD, "second_factor_code": app.recovery[0]}
    options = client.call("POST", "/api/me/passkeys/options", proof).ok()["options"]
    passkey = Authenticator(ORIGIN, RP_ID)
    body = {"name": "Phone", "credential": passkey.create(options)}
    client.call("POST", "/api/me/passkeys", body).ok(201)
    client.call("POST", "/api/me/passkeys", body).refused(409, "challenge_invalid")
    newest(harness, address, "A passkey was added to your account")

    phone = harness.client()
    assert presented(phone, passkey).ok()["user"]["email"] == address
    assert phone.call("POST", "/api/auth/login", login(address)).refused(401)["passkey"] is True
    options = phone.call("POST", "/api/auth/passkey/options").ok()["options"]
    second = login(address) | {"passkey": passkey.get(options)}
    phone.call("POST", "/api/auth/login", second).ok()
    phone.call("POST", "/api/auth/login", second).refused(401, "passkey_wrong")
    passkey.sign_count = 1
    presented(phone, passkey).refused(401, "passkey_wrong")
    passkey.sign_count = 10

    [shown] = client.get("/api/me/export")["account"]["passkeys"]
    assert (shown["name"], shown["sign_count"]) == ("Phone", 2)
    erasure = {"current_password": PASSWORD, "second_factor_code": app.recovery[1]}
    client.call("DELETE", "/api/me", erasure).ok(204)
    presented(phone, passkey).refused(401, "passkey_wrong")
    must_pass_the_check(installation)
    harness.close()
