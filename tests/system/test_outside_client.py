"""A purchase and what comes before it, as a script of somebody else sees it: through a real port."""

import base64
import email
import json
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import icalendar
import pytest

from tests.support.deployment import PASSWORD
from tests.system import outside_client as cards
from tests.system.harness import PRICES, Harness, event_body, hall, in_days, moment, money
from tests.system.outside_client import Answer, Client, Cut
from tests.system.scanner import read_pdf, read_svg, text_of

# Accounts


def test_an_account_from_its_making_to_another_password(harness: Harness) -> None:
    address, client = harness.address(), harness.client()
    user = client.register(address, PASSWORD, "Cem Çelik")
    assert user["email"] == address
    tokens = client.login(address, PASSWORD)
    assert tokens["token_type"] == "Bearer"
    assert 0 < tokens["expires_in"] <= 600
    assert tokens["user"]["roles"] == ["buyer"]
    assert client.get("/api/me")["id"] == user["id"]

    client.refresh()
    assert client.refresh_token != tokens["refresh_token"]
    assert client.get("/api/me")["name"] == "Cem Çelik"

    elsewhere = harness.sign_in(address)
    passwords = {"current_password": PASSWORD, "new_password": "a wholly other one"}
    client.call("POST", "/api/auth/password", passwords).ok(204)
    body = {"refresh_token": elsewhere.refresh_token}
    elsewhere.call("POST", "/api/auth/refresh", body, signed_in=False).refused(401)
    client.refresh()  # this session goes on
    old = {"email": address, "password": PASSWORD}
    harness.client().call("POST", "/api/auth/login", old).refused(401, "bad_credentials")
    harness.client().login(address, "a wholly other one")

    client.call("POST", "/api/auth/logout").ok(204)
    body = {"refresh_token": client.refresh_token}
    harness.client().call("POST", "/api/auth/refresh", body).refused(401)


def test_registering_again_tells_nothing(harness: Harness) -> None:
    address = harness.address()
    first = harness.client().register(address, PASSWORD, "The First")
    again = harness.client().register(address, "another password", "The First")
    assert again.keys() == first.keys()
    assert again["email"] == address
    assert harness.sign_in(address).get("/api/me")["id"] == first["id"]


def test_an_administrator_gives_and_takes_roles(harness: Harness) -> None:
    address = harness.address()
    harness.client().register(address, PASSWORD, "Nia")
    everybody = harness.admin.items("/api/users")
    nia = next(user for user in everybody if user["email"] == address)
    assert nia["roles"] == ["buyer"]

    given = harness.admin.call("PATCH", f"/api/users/{nia['id']}", {"roles": ["organizer"]}).ok()
    assert set(given["roles"]) == {"buyer", "organizer"}
    client = harness.sign_in(address)
    client.call("POST", "/api/events", event_body()).ok(201)
    client.call("PATCH", f"/api/users/{nia['id']}", {"roles": ["admin"]}).refused(403)
    harness.admin.call("PATCH", f"/api/users/{nia['id']}", {"roles": ["king"]}).refused(422)
    harness.admin.call("PATCH", f"/api/users/{nia['id']}", {"roles": []}).ok()
    client.refresh()
    client.call("POST", "/api/events", event_body()).refused(403)


def test_tokens_can_be_verified_by_anybody(harness: Harness, buyer: Client) -> None:
    keys = harness.client().get("/.well-known/jwks.json")["keys"]
    assert buyer.access_token is not None
    head, body = (json.loads(_decode(part)) for part in buyer.access_token.split(".")[:2])
    assert head["alg"] == "EdDSA"
    assert head["typ"] == "at+jwt"
    assert head["kid"] in [key["kid"] for key in keys]
    assert body["exp"] - body["iat"] <= 600
    assert body["aud"]
    assert body["iss"]


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# From the plan to the sale


def test_an_event_from_its_plan_to_the_seat_map(harness: Harness) -> None:
    body = event_body(
        title="Süßer Jazz",
        plan=hall(rows=3, seats=10),
        areas=[{"zone": "Pit", "name": "Standing", "category": "Standard", "capacity": 50}],
    )
    body["plan"]["zones"].append({"name": "Pit", "position": {"x": 0, "y": 200}, "rows": []})
    draft = harness.organizer.call("POST", "/api/events", body).ok(201)
    assert draft["state"] == "draft"
    harness.client().call("GET", f"/api/events/{draft['id']}").refused(404)
    assert draft["id"] not in [one["id"] for one in harness.client().items("/api/events")]

    harness.organizer.call("POST", f"/api/events/{draft['id']}/publish").ok(202)
    anyone = harness.client()
    inventory = f"/api/events/{draft['id']}/inventory"
    anyone.until(lambda: anyone.get(inventory)["state"] == "ready")
    assert anyone.get(inventory)["generated"] == anyone.get(inventory)["total"] == 80
    event = anyone.event_that_is(draft["id"], "on_sale")
    assert {name: event[name] for name in ("title", "venue", "timezone", "currency")} == {
        name: body[name] for name in ("title", "venue", "timezone", "currency")
    }
    assert moment(event["starts_at"]) == moment(body["starts_at"])
    assert [one["id"] for one in anyone.items("/api/events?q=susser")] == [event["id"]]

    categories = anyone.items(f"/api/events/{event['id']}/categories")
    assert {one["name"]: (one["price_minor"], one["total"], one["available"]) for one in categories} == {
        "Premium": (5000, 10, 10),
        "Standard": (3000, 70, 70),
    }
    sections = anyone.items(f"/api/events/{event['id']}/sections?category=Premium")
    assert [(one["name"], one["total"], one["available"]) for one in sections] == [("Stalls", 10, 10)]
    seats = anyone.seats(event["id"])
    assert len({seat["id"] for seat in seats}) == 80
    assert {seat["status"] for seat in seats} == {"available"}
    named = {(seat["row"], seat["number"]): seat for seat in seats}
    third, ninth, before = named["B", "3"], named["B", "9"], named["A", "3"]
    assert third.keys() >= {"id", "section_id"}
    assert (third["category"], before["category"]) == ("Standard", "Premium")
    assert (ninth["x"] - third["x"], ninth["y"] - third["y"]) == (150, 0)
    assert (before["x"] - third["x"], before["y"] - third["y"]) == (0, -30)

    geometry = anyone.call("GET", f"/api/events/{event['id']}/geometry?v={event['plan_hash']}")
    assert "immutable" in geometry.headers["cache-control"]
    assert geometry.content[:4] == b"HFG1"
    assert int.from_bytes(geometry.content[4:8], "little") == 80


def test_what_is_wrong_with_a_plan_is_said_by_place(harness: Harness) -> None:
    body = event_body(plan=hall(rows=1, seats=3), prices={"Premium": 100})
    body["plan"]["zones"][0]["rows"][0]["seats"][1]["category"] = "VIPP"
    problem = harness.organizer.call("POST", "/api/events", body).refused(422)
    assert any("seats[" in place and "VIPP" in text for place, text in problem["errors"].items()), problem


def test_sales_begin_when_they_begin(harness: Harness, buyer: Client) -> None:
    event = harness.organizer.call("POST", "/api/events", event_body(on_sale_at=in_days(1))).ok(201)
    harness.organizer.call("POST", f"/api/events/{event['id']}/publish").ok(202)
    harness.organizer.event_that_is(event["id"], "scheduled")
    problem = buyer.hold(event["id"], best_available={"quantity": 1}).refused(409, "not_on_sale")
    assert problem["on_sale_at"] == event["on_sale_at"]


def test_the_seat_map_follows_a_hold(harness: Harness, buyer: Client) -> None:
    event = harness.event()
    with buyer.stream(f"/api/events/{event['id']}/availability/stream") as messages:
        name, data = next(messages)
        assert name == "snapshot"
        before = _statuses(base64.b64decode(data))
        hold = buyer.hold(event["id"], best_available={"quantity": 3}).ok(201)
        ordinals = {seat["ordinal"] for seat in hold["seats"]}
        assert all(before[ordinal] == 0 for ordinal in ordinals)
        seen: dict[int, int] = {}
        while not ordinals <= seen.keys():
            name, data = next(messages)
            assert name == "delta"
            seen |= _delta(base64.b64decode(data))
        assert {seen[ordinal] for ordinal in ordinals} == {1}

    def shown() -> Answer | None:
        answer = buyer.call("GET", f"/api/events/{event['id']}/availability")
        statuses = _statuses(answer.content)
        return answer if all(statuses[ordinal] == 1 for ordinal in ordinals) else None

    same = {"if-none-match": buyer.until(shown).headers["etag"]}
    assert buyer.call("GET", f"/api/events/{event['id']}/availability", headers=same).status in (200, 304)
    buyer.call("DELETE", f"/api/holds/{hold['hold_id']}").ok(204)


def _statuses(snapshot: bytes) -> list[int]:
    assert snapshot[:4] == b"HFS1"
    count = int.from_bytes(snapshot[4:8], "little")
    return [snapshot[16 + i // 4] >> 2 * (i % 4) & 3 for i in range(count)]


def _delta(data: bytes) -> dict[int, int]:
    """Status by ordinal."""
    changes: dict[int, int] = {}
    ordinal, value, shift = -1, 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            ordinal += (value >> 2) + 1
            changes[ordinal] = value & 3
            value = shift = 0
    return changes


# Buying


def test_a_seat_that_is_taken_is_named(harness: Harness, buyer: Client, event: dict[str, Any]) -> None:
    free = [seat["id"] for seat in buyer.seats(event["id"]) if seat["status"] == "available"][-4:]
    mine = buyer.hold(event["id"], seats=free[1:3]).ok(201)
    assert [seat["id"] for seat in mine["seats"]] == free[1:3]
    assert mine["total_minor"] == money(mine["seats"])
    assert {seat["status"] for seat in mine["seats"]} == {"held"}

    somebody = harness.buyer()
    problem = somebody.hold(event["id"], seats=free).refused(409, "seats_taken")
    assert sorted(problem["taken"]) == sorted(free[1:3])
    all_or_none = ("available", "held", "held", "available")
    buyer.seats_that_are(event["id"], dict(zip(free, all_or_none, strict=True)))

    buyer.call("DELETE", f"/api/holds/{mine['hold_id']}").ok(204)
    theirs = somebody.hold(event["id"], seats=free).ok(201)
    buyer.order(mine["hold_id"]).refused(409, "hold_released")
    somebody.call("DELETE", f"/api/holds/{theirs['hold_id']}").ok(204)


def test_the_best_seats_are_next_to_each_other(buyer: Client, event: dict[str, Any]) -> None:
    hold = buyer.hold(event["id"], best_available={"quantity": 4, "category": "Premium"}).ok(201)
    assert {seat["category"] for seat in hold["seats"]} == {"Premium"}
    assert len({seat["row"] for seat in hold["seats"]}) == 1
    numbers = sorted(int(seat["number"]) for seat in hold["seats"])
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert hold["total_minor"] == 4 * PRICES["Premium"]
    buyer.call("DELETE", f"/api/holds/{hold['hold_id']}").ok(204)
    problem = buyer.hold(event["id"], best_available={"quantity": 60}).refused(422)
    assert problem["errors"]
    section = hold["seats"][0]["section_id"]
    there = buyer.hold(event["id"], best_available={"quantity": 1, "section": section}).ok(201)
    assert there["seats"][0]["section_id"] == section
    buyer.call("DELETE", f"/api/holds/{there['hold_id']}").ok(204)


def test_a_purchase(harness: Harness, buyer: Client, event: dict[str, Any], order: dict[str, Any]) -> None:
    assert order["status"] == "awaiting_payment"
    assert order["total_minor"] == money(order["seats"])
    assert order["currency"] == "EUR"
    assert order["buyer"] == {"name": "Bea Brandt", "email": "bea@example.org"}
    with buyer.stream(f"/api/orders/{order['id']}/stream") as messages:
        assert json.loads(next(messages)[1])["status"] == "awaiting_payment"
        assert buyer.pay(order).ok() == {"id": order["payment"]["intent_id"], "status": "succeeded"}
        while json.loads(next(messages)[1])["status"] != "confirmed":
            pass
    confirmed = buyer.order_that_is(order["id"], "confirmed")
    assert confirmed["total_minor"] == order["total_minor"]
    assert order["id"] in [one["id"] for one in buyer.items("/api/orders")]
    buyer.seats_that_are(event["id"], {seat["id"]: "sold" for seat in order["seats"]})

    tickets = buyer.tickets(order["id"])
    assert [ticket["seat"]["id"] for ticket in tickets] == [seat["id"] for seat in order["seats"]]
    assert {ticket["status"] for ticket in tickets} == {"valid"}
    assert {ticket["order_id"] for ticket in tickets} == {order["id"]}
    assert len({ticket["code"] for ticket in tickets}) == 2


def test_what_a_buyer_takes_along(harness: Harness, buyer: Client, event: dict[str, Any]) -> None:
    order = buyer.buy(event["id"], best_available={"quantity": 2})
    for ticket in buyer.tickets(order["id"]):
        svg = buyer.call("GET", f"/api/tickets/{ticket['id']}/qr.svg")
        assert svg.headers["content-type"] == "image/svg+xml"
        assert read_svg(svg.content) == ticket["code"]
        pdf = buyer.call("GET", f"/api/tickets/{ticket['id']}.pdf")
        assert pdf.headers["content-type"] == "application/pdf"
        assert read_pdf(pdf.content) == ticket["code"]
        seat = ticket["seat"]
        text = text_of(pdf.content)
        assert event["title"] in text
        assert f"{seat['section_name']}, row {seat['row']}, seat {seat['number']}" in text

    ics = buyer.call("GET", f"/api/orders/{order['id']}/event.ics")
    assert ics.headers["content-type"].startswith("text/calendar")
    calendar = icalendar.Calendar.from_ical(ics.content.decode())
    (entry,) = calendar.walk("VEVENT")
    assert entry["SUMMARY"] == event["title"]
    assert entry.decoded("DTSTART") == moment(event["starts_at"])

    letter = _letter(buyer.until(lambda: harness.mail(f"confirmed-{order['id']}.eml")))
    assert "bea@example.org" in letter["To"]
    assert event["title"] in letter["Subject"]
    attached = {part.get_filename(): part for part in letter.iter_attachments()}
    pdf_bytes = cast(bytes, attached["tickets.pdf"].get_payload(decode=True))
    codes = [ticket["code"] for ticket in buyer.tickets(order["id"])]
    assert [read_pdf(pdf_bytes, page) for page in range(2)] == codes
    assert "event.ics" in attached


def _letter(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=default)


# Cards


def test_after_a_decline_another_card_pays_the_same_intent(buyer: Client, order: dict[str, Any]) -> None:
    buyer.pay(order, cards.DECLINED).refused(402, "card_declined")
    waiting = buyer.get(f"/api/orders/{order['id']}")
    assert waiting["status"] == "awaiting_payment"
    assert buyer.pay(order).ok()["status"] == "succeeded"
    paid = buyer.order_that_is(order["id"], "confirmed")
    assert paid["payment"]["intent_id"] == order["payment"]["intent_id"]


def test_not_enough_money(buyer: Client, order: dict[str, Any]) -> None:
    buyer.pay(order, cards.INSUFFICIENT_FUNDS).refused(402, "insufficient_funds")
    assert buyer.get(f"/api/orders/{order['id']}")["status"] == "awaiting_payment"
    assert buyer.tickets(order["id"]) == []


def test_3d_secure_approved(buyer: Client, order: dict[str, Any]) -> None:
    asked = buyer.pay(order, cards.THREE_D_SECURE).ok()
    assert asked["status"] == "requires_action"
    assert buyer.get(f"/api/orders/{order['id']}")["status"] == "awaiting_payment"
    answered = buyer.call("POST", asked["next_action"]["url"], {"outcome": "approve"}).ok()
    assert answered["status"] == "succeeded"
    buyer.order_that_is(order["id"], "confirmed")


def test_3d_secure_refused_then_another_card(buyer: Client, order: dict[str, Any]) -> None:
    asked = buyer.pay(order, cards.THREE_D_SECURE).ok()
    buyer.call("POST", asked["next_action"]["url"], {"outcome": "refuse"}).refused(
        402, "authentication_failed"
    )
    assert buyer.get(f"/api/orders/{order['id']}")["status"] == "awaiting_payment"
    buyer.pay(order).ok()
    buyer.order_that_is(order["id"], "confirmed")


def test_a_bank_that_takes_its_time(buyer: Client, order: dict[str, Any]) -> None:
    assert buyer.pay(order, cards.SLOW).ok()["status"] == "processing"
    buyer.order_that_is(order["id"], "confirmed")


def test_the_answer_is_lost_and_the_order_confirmed(buyer: Client, order: dict[str, Any]) -> None:
    with pytest.raises(Cut):
        buyer.pay(order, cards.ANSWER_LOST)
    buyer.order_that_is(order["id"], "confirmed")
    assert len(buyer.tickets(order["id"])) == 2
    assert buyer.pay(order, cards.ANSWER_LOST).ok()["status"] == "succeeded"  # only the first one is lost


def test_cards_that_can_not_exist(buyer: Client, order: dict[str, Any]) -> None:
    problem = buyer.pay(order, "4242424242424241").refused(422)
    assert list(problem["errors"]) == ["card.number"]
    stranger = order | {"payment": order["payment"] | {"client_secret": "pi_guessed_secret"}}
    buyer.pay(stranger).refused(404)


def test_paying_twice_takes_the_money_once(
    buyer: Client, order: dict[str, Any], event: dict[str, Any]
) -> None:
    for _ in range(3):
        assert buyer.pay(order).ok()["status"] == "succeeded"
    confirmed = buyer.order_that_is(order["id"], "confirmed")
    assert len(buyer.tickets(confirmed["id"])) == 2
