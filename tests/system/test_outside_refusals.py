"""What is repeated, and what is refused. From outside, through a real port."""

import json
from functools import partial
from typing import Any

from tests.support.deployment import PASSWORD
from tests.system.harness import Harness, at_once, event_body
from tests.system.installations import must_pass_the_check
from tests.system.outside_client import Answer, Client, new_key

# Repeating


def test_the_same_key_gives_the_same_answer(buyer: Client, event: dict[str, Any]) -> None:
    key = new_key()
    first = buyer.hold(event["id"], key=key, best_available={"quantity": 1})
    assert "idempotent-replayed" not in first.headers

    def must_be_repeated() -> None:
        again = buyer.hold(event["id"], key=key, best_available={"quantity": 1})
        assert again.ok(201) == first.ok(201)
        assert again.headers["idempotent-replayed"] == "true"

    must_be_repeated()
    other = buyer.hold(event["id"], key=key, best_available={"quantity": 2})
    other.refused(422, "idempotency_key_reused")

    hold_id = first.json["hold_id"]
    order = buyer.order(hold_id, key=key)  # a key belongs to its route: this is another use
    assert order.ok(201)["id"] == buyer.order(hold_id, key=key).ok(201)["id"]
    buyer.order(hold_id).refused(409, "already_ordered")
    must_be_repeated()  # whatever became of it
    buyer.cancel(order.json["id"]).ok()
    must_be_repeated()


def test_a_key_belongs_to_its_user(harness: Harness, buyer: Client, event: dict[str, Any]) -> None:
    key = new_key()
    mine = buyer.hold(event["id"], key=key, best_available={"quantity": 1}).ok(201)
    somebody = harness.buyer()
    theirs = somebody.hold(event["id"], key=key, best_available={"quantity": 1})
    assert theirs.ok(201)["hold_id"] != mine["hold_id"]
    assert "idempotent-replayed" not in theirs.headers
    somebody.call("DELETE", f"/api/holds/{theirs.json['hold_id']}").ok(204)
    buyer.call("DELETE", f"/api/holds/{mine['hold_id']}").ok(204)


def test_a_refusal_is_replayed_too(harness: Harness, buyer: Client, event: dict[str, Any]) -> None:
    seat = buyer.seats(event["id"])[-1]["id"]  # nobody's idea of the best
    hold = buyer.hold(event["id"], seats=[seat]).ok(201)
    somebody, key = harness.buyer(), new_key()
    first = somebody.hold(event["id"], key=key, seats=[seat])
    first.refused(409, "seats_taken")
    buyer.call("DELETE", f"/api/holds/{hold['hold_id']}").ok(204)
    again = somebody.hold(event["id"], key=key, seats=[seat])
    again.refused(409, "seats_taken")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json["taken"] == [seat]


def test_without_a_key_nothing_is_done(harness: Harness, buyer: Client, event: dict[str, Any]) -> None:
    requests: list[tuple[Client, str, Any]] = [
        (buyer, f"/api/events/{event['id']}/holds", {"best_available": {"quantity": 1}}),
        (buyer, "/api/orders", {"hold_id": "hold_1", "buyer": {"name": "B", "email": "b@example.org"}}),
        (buyer, "/api/orders/ord_1/cancel", None),
        (harness.gate, "/api/checkins", _scan("HF1.x")),
        (harness.gate, "/api/checkins/batch", {"scans": [_scan("HF1.x")]}),
    ]
    for client, path, body in requests:
        client.call("POST", path, body).refused(400, "idempotency_key_missing")


def _scan(code: str) -> dict[str, str]:
    return {"code": code, "gate": "North", "scan_id": new_key(), "scanned_at": "2026-05-01T18:00:00Z"}


def test_replies_that_are_lost_are_had_again(harness: Harness, buyer: Client, event: dict[str, Any]) -> None:
    """The client goes away before it has read the answer, then comes back with the same key."""
    key, body = new_key(), {"best_available": {"quantity": 1}}
    impatient = buyer.connect()
    headers = {
        "authorization": f"Bearer {buyer.access_token}",
        "content-type": "application/json",
        "idempotency-key": key,
    }
    path = f"/api/events/{event['id']}/holds"
    before = {hold["hold_id"] for hold in buyer.items("/api/holds")}
    impatient.request("POST", path, body=json.dumps(body), headers=headers)
    impatient.close()

    def look() -> Any:
        answer = buyer.call("POST", path, body, key=key)
        return None if answer.status == 409 and answer.json["code"] == "still_running" else answer

    held = buyer.until(look).ok(201)
    mine = {hold["hold_id"] for hold in buyer.items("/api/holds")} - before
    assert mine == {held["hold_id"]}
    buyer.call("DELETE", f"/api/holds/{held['hold_id']}").ok(204)


def test_a_double_click_is_one_hold(harness: Harness, event: dict[str, Any]) -> None:
    buyer, key = harness.buyer(), new_key()
    clients = [buyer] + [_twin(harness, buyer) for _ in range(7)]

    def click(client: Client) -> Answer:
        return client.hold(event["id"], key=key, best_available={"quantity": 1})

    answers = at_once([partial(click, client) for client in clients])
    done = [answer.json["hold_id"] for answer in answers if answer.status == 201]
    assert len(set(done)) == 1
    others = [answer.json for answer in answers if answer.status != 201]
    assert [problem for problem in others if problem["code"] != "still_running"] == []
    assert len(buyer.items("/api/holds")) == 1
    buyer.call("DELETE", f"/api/holds/{done[0]}").ok(204)


def _twin(harness: Harness, client: Client) -> Client:
    twin = harness.client()
    twin.access_token = client.access_token
    return twin


# Refusals


def test_every_refusal_is_a_problem_document(harness: Harness, buyer: Client, event: dict[str, Any]) -> None:
    anyone = harness.client()
    anyone.call("GET", "/api/nothing").refused(404, "no_such_path")
    anyone.call("GET", "/api/events/evt_nothing").refused(404)
    answer = anyone.call("DELETE", "/api/events")
    answer.refused(405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]
    anyone.call("GET", "/api/me").refused(401, "not_authenticated")
    anyone.call("GET", "/api/me", headers={"authorization": "Bearer abc.def.ghi"}).refused(
        401, "token_invalid"
    )
    buyer.call("GET", "/api/users").refused(403, "forbidden")
    buyer.call("POST", "/api/events", event_body()).refused(403)
    buyer.call("POST", "/api/checkins", _scan("HF1.x"), key=new_key()).refused(403)
    buyer.call("POST", f"/api/events/{event['id']}/holds", b"{", key=new_key()).refused(400)
    buyer.call("GET", "/api/orders?limit=many").refused(422)
    login = {"email": {"$gt": ""}, "password": "' OR 1=1 --"}
    anyone.call("POST", "/api/auth/login", login).refused(422)


def test_bodies_have_limits(harness: Harness, buyer: Client, event: dict[str, Any]) -> None:
    path = f"/api/events/{event['id']}/holds"
    buyer.call("POST", path, b" " * (257 * 1024), key=new_key()).refused(413, "body_too_large")
    deep = b'{"seats":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    refused = buyer.call("POST", path, deep, key=new_key())
    assert refused.status in (400, 413, 422)
    refused.refused(refused.status)
    many = {"seats": [f"seat-{i}" for i in range(10_001)]}
    buyer.call("POST", path, many, key=new_key()).refused(422)


def test_seats_that_can_not_be_held(harness: Harness, buyer: Client, event: dict[str, Any]) -> None:
    seats = [seat["id"] for seat in buyer.seats(event["id"])]
    mistakes: list[dict[str, Any]] = [
        {"seats": []},
        {"seats": [seats[0], seats[0]]},
        {"seats": ["no such seat"]},
        {"seats": seats[:11]},
        {"best_available": {"quantity": 0}},
        {"best_available": {"quantity": -1}},
        {"best_available": {"quantity": 1, "category": "Nowhere"}},
        {"seats": seats[:1], "best_available": {"quantity": 1}},
        {},
    ]
    for wrong in mistakes:
        buyer.hold(event["id"], **wrong).refused(422)
    buyer.hold("evt_nothing", seats=seats[:1]).refused(404)


def test_unknown_fields_are_refused(harness: Harness, buyer: Client, event: dict[str, Any]) -> None:
    hold = buyer.hold(event["id"], best_available={"quantity": 1}).ok(201)
    person = {"name": "Bea", "email": "bea@example.org"}
    placed = {"hold_id": hold["hold_id"], "buyer": person}
    account = {"email": "x@example.org", "password": PASSWORD, "name": "X"}
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("/api/orders", placed | {"total_minor": 1}, "total_minor"),
        ("/api/orders", placed | {"status": "confirmed"}, "status"),
        ("/api/auth/register", account | {"roles": ["admin"]}, "roles"),
        (f"/api/events/{event['id']}/holds", {"seats": [], "price_minor": 1}, "price_minor"),
    ]
    for path, body, field in wrong:
        problem = buyer.call("POST", path, body, key=new_key()).refused(422)
        assert field in problem["errors"]
    event_with_more = event_body() | {"state": "on_sale"}
    problem = harness.organizer.call("POST", "/api/events", event_with_more).refused(422)
    assert "state" in problem["errors"]
    buyer.call("DELETE", f"/api/holds/{hold['hold_id']}").ok(204)


def test_what_is_somebody_elses_does_not_exist(
    harness: Harness, buyer: Client, event: dict[str, Any]
) -> None:
    order = buyer.buy(event["id"], best_available={"quantity": 1})
    (ticket,) = buyer.tickets(order["id"])
    hold = buyer.hold(event["id"], best_available={"quantity": 1}).ok(201)
    stranger = harness.buyer()
    for path in (
        f"/api/holds/{hold['hold_id']}",
        f"/api/orders/{order['id']}",
        f"/api/orders/{order['id']}/stream",
        f"/api/orders/{order['id']}/tickets",
        f"/api/orders/{order['id']}/event.ics",
        f"/api/tickets/{ticket['id']}/qr.svg",
        f"/api/tickets/{ticket['id']}.pdf",
    ):
        stranger.call("GET", path).refused(404)
        harness.client().call("GET", path).refused(401)
    stranger.call("DELETE", f"/api/holds/{hold['hold_id']}").refused(404)
    stranger.order(hold["hold_id"]).refused(404)
    stranger.cancel(order["id"]).refused(404)
    assert order["id"] not in [one["id"] for one in stranger.items("/api/orders")]
    assert buyer.get(f"/api/orders/{order['id']}")["status"] == "confirmed"
    buyer.call("DELETE", f"/api/holds/{hold['hold_id']}").ok(204)


def test_nobody_is_who_a_header_says(harness: Harness, buyer: Client) -> None:
    admin = harness.admin.get("/api/me")
    claims = {
        "x-user-id": admin["id"],
        "x-houseful-user-id": admin["id"],
        "x-houseful-user": admin["id"],
        "x-houseful-roles": "admin",
        "x-roles": "admin",
        "x-forwarded-user": admin["email"],
        "x-remote-user": admin["email"],
    }
    harness.client().call("GET", "/api/me", headers=claims).refused(401)
    harness.client().call("GET", "/api/users", headers=claims).refused(401)
    buyer.call("GET", "/api/users", headers=claims).refused(403)
    assert buyer.call("GET", "/api/me", headers=claims).ok()["id"] != admin["id"]


def test_requests_have_names_of_our_giving(harness: Harness) -> None:
    answer = harness.client().call("GET", "/api/nothing", headers={"x-request-id": "mine"})
    assert answer.refused(404)["request_id"] == answer.headers["x-request-id"] != "mine"


def test_webhooks_of_somebody_else(harness: Harness, buyer: Client, order: dict[str, Any]) -> None:
    news = {
        "id": "whe_forged",
        "type": "payment_intent.succeeded",
        "data": {
            "intent": {
                "id": order["payment"]["intent_id"],
                "reference": order["id"],
                "status": "succeeded",
                "amount_minor": order["total_minor"],
                "currency": "EUR",
            }
        },
    }
    for headers in ({}, {"houseful-signature": "t=1,v1=" + "0" * 64}):
        answer = harness.client().call("POST", "/api/tickets/webhooks/payments", news, headers=headers)
        answer.refused(400, "bad_signature")
    assert buyer.get(f"/api/orders/{order['id']}")["status"] == "awaiting_payment"


# Running it


def test_operations_answer(harness: Harness) -> None:
    anyone = harness.client()
    for path in ("/healthz", "/readyz", "/metrics", "/api/openapi.json", "/api/docs"):
        assert anyone.call("GET", path).status == 200
    assert anyone.get("/api/openapi.json")["openapi"].startswith("3.1")


def test_all_of_this_left_everything_sound(harness: Harness) -> None:
    """The last one here: what all the others have done holds together."""
    report = must_pass_the_check(harness.installation)
    assert {check["code"] for check in report["checks"]} >= {"C1", "C2", "C4", "C7", "C9"}
