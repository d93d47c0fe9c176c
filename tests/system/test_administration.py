"""Administration from outside, in each topology: acts of staff in several services are one log; services tell
how they do; a user is found and signed out."""

from typing import Any

from tests.support.deployment import PASSWORD
from tests.system.harness import Harness, hall
from tests.system.installations import must_pass_the_check
from tests.system.outside_client import new_key

SERVICES = ("users", "events", "tickets", "line", "payments")


def test_acts_of_all_services_are_one_log(harness: Harness) -> None:
    admin, organizer, buyer = harness.admin, harness.organizer, harness.buyer()
    event_id = harness.event(plan=hall(rows=2, seats=6))["id"]
    order = buyer.buy(event_id, seats=["A-1", "A-2"])
    path = f"/api/events/{event_id}/orders/{order['id']}/refund"
    organizer.call("POST", path, {"reason": "ill"}, key=new_key()).ok()
    [user] = admin.get(f"/api/users?q={buyer.get('/api/me')['email']}")["items"]
    admin.call("PATCH", f"/api/users/{user['id']}", {"roles": ["gate"]}).ok()

    def log(query: str) -> list[tuple[str, str, str, str]]:
        page = admin.get(f"/api/audit?limit=200&{query}")
        assert page["missing"] == []
        return [(one["service"], one["act"], one["object"], one["actor"]["email"]) for one in page["items"]]

    by = "organizer@example.org"
    assert log(f"object=event:{event_id}") == [
        ("events", "event.published", f"event:{event_id}", by),
        ("events", "event.created", f"event:{event_id}", by),
    ]
    assert log(f"object=order:{order['id']}") == [("tickets", "order.refunded", f"order:{order['id']}", by)]
    roles = ("users", "account.roles_changed", f"account:{user['id']}", "admin@example.org")
    assert log(f"object=account:{user['id']}") == [roles]
    mine = organizer.get("/api/me")["id"]
    assert [act for _, act, _, _ in log(f"actor={mine}")][:3] == [
        "order.refunded", "event.published", "event.created",
    ]  # fmt: skip
    first = admin.get("/api/audit?limit=1")
    second = admin.get(f"/api/audit?limit=1&cursor={first['next_cursor']}")
    assert [one["act"] for one in first["items"] + second["items"]] == [
        "account.roles_changed",
        "order.refunded",
    ]
    organizer.call("GET", "/api/audit").refused(403, "forbidden")
    must_pass_the_check(harness.installation)


def test_services_tell_how_they_do(harness: Harness) -> None:
    for service in SERVICES:

        def is_well(service: str = service) -> Any:
            health = harness.admin.get(f"/api/health/{service}")
            return health["checks"][f"{service} store"] == "ready" and health["outbox_waiting"] == 0

        harness.admin.until(is_well)
    for service in ("events", "tickets", "line"):
        assert harness.admin.get(f"/api/messages/{service}/parked")["items"] == []
        assert harness.admin.get(f"/api/messages/{service}/dead")["items"] == []


def test_a_user_is_signed_out_everywhere(harness: Harness) -> None:
    email = harness.address()
    harness.client().register(email, PASSWORD, "Zoë Älg")
    user = harness.sign_in(email)
    user_id = user.get("/api/me")["id"]
    assert user_id in [one["id"] for one in harness.admin.get("/api/users?q=alg")["items"]]
    harness.admin.call("DELETE", f"/api/users/{user_id}/sessions").ok(204)
    user.until(lambda: user.call("GET", "/api/me").status == 401)
    body = {"refresh_token": user.refresh_token}
    user.call("POST", "/api/auth/refresh", body, signed_in=False).refused(401, "refresh_invalid")
    assert harness.admin.get(f"/api/users/{user_id}")["sessions"] == 0
