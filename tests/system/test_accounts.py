"""An account from its registration to its erasure, in each topology: by HTTP, and by the emails alone."""

import email
import email.policy
import re
import time
from email.message import EmailMessage
from typing import Any

import pyotp

from tests.support.deployment import PASSWORD
from tests.system.harness import Harness
from tests.system.installations import must_pass_the_check
from tests.system.outside_client import Client

_STEP_SECONDS = 30


def newest(harness: Harness, address: str, subject: str) -> str:
    """The text of an email, as soon as it has come."""

    def look() -> str | None:
        for file in harness.installation.mail.glob("*.eml"):
            message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            if address in str(message["To"]) and message["Subject"] == subject:
                text = message.get_body(("plain",))
                html = message.get_body(("html",))
                assert text is not None
                assert html is not None
                return str(text.get_content())
        return None

    return harness.client().until(look)


def link(text: str) -> str:
    [token] = re.findall(r"#(\S+)", text)
    return str(token)


def registered(harness: Harness) -> tuple[Client, str]:
    """Somebody with a verified address."""
    address, client = harness.address(), harness.client()
    client.register(address, PASSWORD, "Ann Example")
    client.login(address, PASSWORD)
    [code] = re.findall(r"\b\d{6}\b", newest(harness, address, "Confirm your email address"))
    assert client.get("/api/me")["email_verified"] is False
    client.call("POST", "/api/me/verification/code", {"code": code}).ok(204)
    assert client.get("/api/me")["email_verified"] is True
    return client, address


class App:
    """An authenticator app. A code is good once: the next one is of another half minute."""

    def __init__(self, client: Client) -> None:
        told = client.call("POST", "/api/me/second-factor", {"current_password": PASSWORD}).ok()
        self._totp = pyotp.TOTP(told["secret"])
        confirmed = client.call("POST", "/api/me/second-factor/confirm", {"code": self.code()}).ok()
        self.recovery: list[str] = confirmed["recovery_codes"]

    def code(self) -> str:
        return self._totp.at(int(time.time()))


def login(address: str, code: str | None = None) -> dict[str, Any]:
    body = {"email": address, "password": PASSWORD, "token_transport": "body"}
    return body | ({} if code is None else {"second_factor_code": code})


def test_a_second_factor_and_another_address(harness: Harness) -> None:
    client, address = registered(harness)
    app = App(client)
    phone = harness.client()
    phone.call("POST", "/api/auth/login", login(address)).refused(401, "second_factor_required")
    phone.call("POST", "/api/auth/login", login(address, "000000")).refused(401, "second_factor_wrong")
    phone.call("POST", "/api/auth/login", login(address, app.recovery[0])).ok()
    phone.call("POST", "/api/auth/login", login(address, app.recovery[0])).refused(401, "second_factor_wrong")

    new = harness.address()
    client.call("POST", "/api/me/email", {"email": new, "current_password": PASSWORD}).ok(204)
    token = link(newest(harness, new, "Confirm your new email address"))
    phone.call("POST", "/api/auth/email-change/confirm", {"token": token}).ok(204)
    assert client.get("/api/me")["email"] == new
    undo = link(newest(harness, address, "Your email address was changed"))

    erasure = {"current_password": PASSWORD, "second_factor_code": app.recovery[1]}
    client.call("DELETE", "/api/me", erasure).refused(409, "address_changed")
    phone.call("POST", "/api/auth/email-change/undo", {"token": undo}).ok(204)
    phone.call("POST", "/api/auth/login", login(new)).refused(401, "bad_credentials")
    newest(harness, address, "Set a new password")


def test_an_event_for_confirmed_addresses(harness: Harness) -> None:
    event = harness.event(gates={"verified_email": True})
    assert event["gates"] == {"verified_email": True, "accounts_before": None}
    best: dict[str, Any] = {"best_available": {"quantity": 1}}
    harness.buyer().hold(event["id"], **best).refused(403, "email_not_verified")
    client, _ = registered(harness)
    client.hold(event["id"], **best).refused(403, "email_not_verified")
    client.refresh()
    client.hold(event["id"], **best).ok(201)
    gates = {"accounts_before": "2020-01-01T00:00:00Z"}
    harness.organizer.call("PATCH", f"/api/events/{event['id']}", {"gates": gates}).ok()

    def is_closed() -> bool:
        return client.hold(event["id"], **best).status == 403

    client.until(is_closed)
    refusal = client.hold(event["id"], **best).refused(403, "account_too_new")
    assert refusal["accounts_before"] == "2020-01-01T00:00:00.000Z"


def test_an_export_and_an_erasure(harness: Harness, event: dict[str, Any]) -> None:
    client, address = registered(harness)
    app = App(client)
    me = client.get("/api/me")
    kept, cancelled = (client.buy(event["id"], best_available={"quantity": 1}) for _ in range(2))
    client.cancel(cancelled["id"]).ok()
    told = client.get("/api/me/export")
    assert told["account"]["email"] == address
    orders = {one["order"]["id"]: one for one in told["parts"]["orders"]}
    assert orders.keys() == {kept["id"], cancelled["id"]}
    assert len(orders[kept["id"]]["tickets"]) == 1
    assert orders[kept["id"]]["order"]["buyer"]["name"] == "Bea Brandt"

    erasure = {"current_password": PASSWORD, "second_factor_code": app.recovery[0]}
    client.order_that_is(cancelled["id"], "refunded")

    def settled() -> bool:
        refusal = client.call("DELETE", "/api/me", erasure).refused(409)
        return bool(refusal["code"] == "upcoming_tickets")

    client.until(settled)
    client.cancel(kept["id"]).ok()
    client.order_that_is(kept["id"], "refunded")

    def gone() -> bool:
        answer = client.call("DELETE", "/api/me", erasure)
        return answer.status == 204 or answer.refused(409, "payments_open") is None

    client.until(gone)
    assert client.call("GET", "/api/me").status == 401
    harness.client().call("POST", "/api/auth/login", login(address)).refused(401, "bad_credentials")
    newest(harness, address, "Your account was erased")

    def nobody_is_named() -> bool:
        lines = harness.organizer.call("GET", f"/api/events/{event['id']}/orders.csv").content.decode()
        own = [line for line in lines.splitlines() if kept["id"] in line or cancelled["id"] in line]
        assert len(own) >= 2
        return not any("Bea Brandt" in line for line in own)

    client.until(nobody_is_named)
    users = harness.admin.items(f"/api/users?q={address}")
    assert me["id"] not in [user["id"] for user in users]
    must_pass_the_check(harness.installation)


def test_who_organizes_an_event_stays_until_it_is_over(harness: Harness) -> None:
    body = {"current_password": PASSWORD}
    harness.event()
    harness.organizer.call("DELETE", "/api/me", body).refused(409, "upcoming_events")
    told = harness.organizer.get("/api/me/export")
    assert {one["organizer_id"] for one in told["parts"]["events"]} == {
        harness.organizer.get("/api/me")["id"]
    }
    harness.admin.call("DELETE", "/api/me", body).refused(409, "own_admin_role")
