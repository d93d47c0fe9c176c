"""The HTTP surface: shapes, secrets, keys, and what is refused."""

import logging

import pytest

from houseful.kernel.errors import Unavailable
from tests.unit.payments.harness import ANSWER_LOST, API_KEY, CHALLENGED, DECLINED, GOOD, POOR, SLOW, Harness

KEYED = {"authorization": f"Bearer {API_KEY}", "idempotency-key": "k"}


async def test_a_purchase(harness: Harness) -> None:
    intent = await harness.new_intent(amount_minor=1234, reference="ord_7")
    assert intent["status"] == "requires_payment_method"
    assert await harness.pay(intent) == (200, {"id": intent["id"], "status": "succeeded"})
    assert (await harness.details(intent))["captured_minor"] == 0, "authorised is not taken"
    status, captured = await harness.server(f"/{intent['id']}/capture", {})
    assert (status, captured["status"], captured["captured_minor"]) == (200, "succeeded", 1234)
    status, refunded = await harness.server(f"/{intent['id']}/refunds", {"amount_minor": 1000})
    assert (status, refunded["refunded_minor"]) == (200, 1000)
    assert await harness.details(intent) == refunded
    assert refunded == {
        "id": intent["id"],
        "client_secret": intent["client_secret"],
        "status": "succeeded",
        "amount_minor": 1234,
        "currency": "EUR",
        "reference": "ord_7",
        "authorized_minor": 1234,
        "authorized_at": harness.clock.now(),
        "captured_minor": 1234,
        "refunded_minor": 1000,
        "voided": False,
        "attempts": 1,
        "last_error": None,
        "card_brand": "visa",
        "card_last4": "4242",
    }


@pytest.mark.parametrize(("number", "code"), [(DECLINED, "card_declined"), (POOR, "insufficient_funds")])
async def test_a_decline_and_another_card(harness: Harness, number: str, code: str) -> None:
    intent = await harness.new_intent()
    status, problem = await harness.pay(intent, number)
    assert (status, problem["status"], problem["code"]) == (402, 402, code)
    assert problem["intent_status"] == "requires_payment_method"
    assert (await harness.pay(intent))[1]["status"] == "succeeded"
    assert (await harness.details(intent))["attempts"] == 2


async def test_paying_twice_takes_nothing_twice(harness: Harness) -> None:
    intent = await harness.new_intent()
    for number in (GOOD, GOOD, DECLINED, ANSWER_LOST, SLOW):
        assert await harness.pay(intent, number) == (200, {"id": intent["id"], "status": "succeeded"})
    details = await harness.details(intent)
    assert (details["attempts"], details["authorized_minor"]) == (1, 5000)


@pytest.mark.parametrize("outcome", ["approve", "refuse"])
async def test_a_challenge(harness: Harness, outcome: str) -> None:
    intent = await harness.new_intent()
    status, asked = await harness.pay(intent, CHALLENGED)
    assert (status, asked["status"], asked["next_action"]["type"]) == (200, "requires_action", "redirect")
    url = asked["next_action"]["url"]
    assert url.startswith("/api/payments/challenges/")
    other = {"approve": "refuse", "refuse": "approve"}[outcome]
    for tried in (outcome, outcome, other):  # the first answer counts
        status, answer = await harness.call("POST", url, {"outcome": tried})
        if outcome == "approve":
            assert (status, answer["status"]) == (200, "succeeded")
        else:
            assert (status, answer["code"]) == (402, "authentication_failed")
            assert answer["intent_status"] == "requires_payment_method"
    assert (await harness.call("POST", url, {"outcome": "maybe"}))[0] == 422
    if outcome == "refuse":
        assert (await harness.pay(intent))[1]["status"] == "succeeded"


async def test_a_challenge_that_is_replaced_or_made_up_is_not_found(harness: Harness) -> None:
    intent = await harness.new_intent()
    first = (await harness.pay(intent, CHALLENGED))[1]["next_action"]["url"]
    second = (await harness.pay(intent, CHALLENGED))[1]["next_action"]["url"]
    for url in (
        first,
        second[:-1],
        f"/api/payments/challenges/{intent['id']}",
        "/api/payments/challenges/x-y",
    ):
        status, problem = await harness.call("POST", url, {"outcome": "approve"})
        assert (status, problem["code"]) == (404, "challenge_not_found")
    unchallenged = await harness.new_intent()
    status, _ = await harness.call(
        "POST", f"/api/payments/challenges/{unchallenged['id']}-", {"outcome": "approve"}
    )
    assert status == 404
    assert (await harness.call("POST", second, {"outcome": "approve"}))[1]["status"] == "succeeded"


async def test_a_lost_answer(harness: Harness) -> None:
    intent = await harness.new_intent()
    with pytest.raises(Unavailable):
        await harness.pay(intent, ANSWER_LOST)
    path = f"/api/payments/intents/{intent['id']}?client_secret={intent['client_secret']}"
    assert await harness.call("GET", path) == (
        200,
        {"id": intent["id"], "status": "succeeded", "amount_minor": 5000, "currency": "EUR"},
    )
    assert (await harness.pay(intent, ANSWER_LOST))[1]["status"] == "succeeded", "only one answer is lost"
    await harness.service.webhooks.step()
    assert harness.receiver.types == ["payment_intent.succeeded"]


async def test_a_canceled_payment_is_not_payable(harness: Harness) -> None:
    for number in (None, DECLINED, SLOW, CHALLENGED, GOOD):
        intent = await harness.new_intent()
        asked = await harness.pay(intent, number) if number else None
        assert (await harness.server(f"/{intent['id']}/cancel", {}))[1]["status"] == "canceled"
        status, problem = await harness.pay(intent)
        assert (status, problem["code"], problem["intent_status"]) == (409, "intent_not_payable", "canceled")
        if asked and number == CHALLENGED:
            status, problem = await harness.call(
                "POST", asked[1]["next_action"]["url"], {"outcome": "approve"}
            )
            assert (status, problem["code"]) == (409, "intent_not_payable")
        assert (await harness.details(intent))["voided"] is (number == GOOD)


async def test_a_wrong_secret_is_as_a_wrong_id(harness: Harness) -> None:
    intent, other = await harness.new_intent(), await harness.new_intent()
    status, problem = await harness.pay(intent, secret=other["client_secret"])
    assert (status, problem["code"]) == (404, "intent_not_found")
    status, unknown = await harness.pay({"id": "pi_unknown", "client_secret": "s"})
    assert {**problem, "request_id": 0} == {**unknown, "request_id": 0}
    for secret in (other["client_secret"], "é", "%00"):
        path = f"/api/payments/intents/{intent['id']}?client_secret={secret}"
        assert (await harness.call("GET", path))[0] == 404
    assert (await harness.call("GET", f"/api/payments/intents/{intent['id']}"))[0] == 422
    assert (await harness.details(intent))["attempts"] == 0


async def test_a_card_that_cannot_be_is_no_attempt(harness: Harness) -> None:
    intent = await harness.new_intent()
    status, problem = await harness.pay(intent, "4242424242424241", exp="01/20", cvc="1")
    assert (status, set(problem["errors"])) == (422, {"card.number", "card.exp", "card.cvc"})
    assert (await harness.details(intent))["attempts"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {
            "client_secret": "SECRET",
            "card": {"number": GOOD, "exp": "12/40", "cvc": "123"},
            "amount_minor": 1,
        },
        {"client_secret": "SECRET", "card": {"number": GOOD, "exp": "12/40", "cvc": "123", "name": "x"}},
        {"client_secret": {"$gt": ""}, "card": {"number": GOOD, "exp": "12/40", "cvc": "123"}},
        {"client_secret": "SECRET", "card": {"number": {"$gt": ""}, "exp": "12/40", "cvc": "123"}},
        {"client_secret": "SECRET", "card": {"number": int(GOOD), "exp": "12/40", "cvc": "123"}},
        {"client_secret": "SECRET", "card": {"number": GOOD, "exp": "12/40"}},
        {"card": {"number": GOOD, "exp": "12/40", "cvc": "123"}},
        {"client_secret": "", "card": {"number": GOOD, "exp": "12/40", "cvc": "123"}},
        [],
    ],
)
async def test_a_body_that_does_not_fit_is_refused(harness: Harness, body: object) -> None:
    intent = await harness.new_intent()
    if isinstance(body, dict) and body.get("client_secret") == "SECRET":
        body = {**body, "client_secret": intent["client_secret"]}
    assert (await harness.call("POST", f"/api/payments/intents/{intent['id']}/confirm", body))[0] == 422
    assert (await harness.details(intent))["status"] == "requires_payment_method"


async def test_card_numbers_are_neither_kept_nor_logged(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    intent = await harness.new_intent()
    await harness.pay(intent, DECLINED)
    await harness.pay(intent, GOOD[:-1] + "1")
    await harness.pay(intent, GOOD)
    await harness.service.webhooks.step()
    kept = b"".join(file.read_bytes() for file in harness.path.parent.iterdir())
    assert intent["id"].encode() in kept, "what is searched is where the payments are"
    for number in (DECLINED, GOOD, GOOD[:-1] + "1"):
        assert number.encode() not in kept
        assert number not in caplog.text


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", f"Basic {API_KEY}", "Bearer ", "Bearer é"])
async def test_the_server_side_needs_the_api_key(harness: Harness, authorization: str | None) -> None:
    intent = await harness.new_intent()
    headers = {"idempotency-key": "k"} | ({} if authorization is None else {"authorization": authorization})
    body = {"amount_minor": 1, "currency": "EUR", "reference": "r"}
    for method, path, sent in (
        ("POST", "", body),
        ("GET", f"/{intent['id']}/details", None),
        ("POST", f"/{intent['id']}/capture", {}),
        ("POST", f"/{intent['id']}/cancel", {}),
        ("POST", f"/{intent['id']}/refunds", {"amount_minor": 1}),
    ):
        status, _ = await harness.call(method, f"/api/payments/intents{path}", sent, headers=headers)
        assert status == 401
    assert (await harness.details(intent))["status"] == "requires_payment_method"


async def test_the_buyers_side_does_not_look_at_tokens(harness: Harness) -> None:
    intent = await harness.new_intent()
    path = f"/api/payments/intents/{intent['id']}?client_secret={intent['client_secret']}"
    assert (await harness.call("GET", path, headers={"authorization": "Bearer expired"}))[0] == 200


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("amount_minor", 0),
        ("amount_minor", -1),
        ("amount_minor", 1.5),
        ("amount_minor", "100"),
        ("amount_minor", 2**70),
        ("currency", "XXX"),
        ("currency", "eur"),
        ("reference", ""),
        ("reference", "a b"),
        ("reference", "x\n"),
        ("reference", "x" * 101),
        ("status", "succeeded"),
    ],
)
async def test_an_intent_that_does_not_fit_is_refused(harness: Harness, field: str, wrong: object) -> None:
    body = {"amount_minor": 100, "currency": "EUR", "reference": "ord_1", field: wrong}
    status, problem = await harness.server("", body)
    assert (status, list(problem["errors"])) == (422, [field])


async def test_server_calls_need_a_key(harness: Harness) -> None:
    intent = await harness.new_intent()
    headers = {"authorization": f"Bearer {API_KEY}"}
    for key, code in ((None, "missing"), ("", "invalid"), ("x" * 201, "invalid")):
        for path, body in (("/capture", {}), ("/cancel", {}), ("/refunds", {"amount_minor": 1})):
            sent = headers if key is None else {**headers, "idempotency-key": key}
            status, problem = await harness.call(
                "POST", f"/api/payments/intents/{intent['id']}{path}", body, headers=sent
            )
            assert (status, problem["code"]) == (400, f"idempotency_key_{code}")


async def test_a_key_gives_the_first_answer_again(harness: Harness) -> None:
    body = {"amount_minor": 100, "currency": "EUR", "reference": "ord_1"}
    first = await harness.server("", body, key="k")
    assert await harness.server("", body, key="k") == first
    status, problem = await harness.server("", {**body, "amount_minor": 101}, key="k")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    intent = first[1]
    await harness.pay(intent)
    assert await harness.server("", body, key="k") == first, "as it was answered then"
    captured = await harness.server(f"/{intent['id']}/capture", {}, key="k")
    refunded = await harness.server(f"/{intent['id']}/refunds", {"amount_minor": 40}, key="k")
    assert (captured[0], refunded[0]) == (200, 200), "keys belong to an operation on an intent"
    assert await harness.server(f"/{intent['id']}/refunds", {"amount_minor": 40}, key="k") == refunded
    assert await harness.server(f"/{intent['id']}/capture", {}, key="k") == captured
    assert (await harness.details(intent))["refunded_minor"] == 40
    assert (await harness.server(f"/{intent['id']}/refunds", {"amount_minor": 41}, key="k"))[0] == 422


async def test_a_refusal_does_not_use_up_its_key(harness: Harness) -> None:
    intent = await harness.new_intent()
    early = await harness.server(f"/{intent['id']}/capture", {}, key="capture")
    assert (early[0], early[1]["code"], early[1]["intent_status"]) == (
        409,
        "intent_not_capturable",
        "requires_payment_method",
    )
    await harness.pay(intent)
    assert (await harness.server(f"/{intent['id']}/capture", {}, key="capture"))[0] == 200


async def test_what_the_state_does_not_allow_is_a_conflict(harness: Harness) -> None:
    intent = await harness.new_intent()
    path = f"/{intent['id']}"
    assert (await harness.server(f"{path}/refunds", {"amount_minor": 1}))[1][
        "code"
    ] == "intent_not_refundable"
    await harness.pay(intent)
    assert (await harness.server(f"{path}/capture", {"amount_minor": 1}))[0] == 422, "all or nothing"
    await harness.server(f"{path}/capture", {})
    assert (await harness.server(f"{path}/capture", {}))[1]["code"] == "intent_not_capturable"
    assert (await harness.server(f"{path}/cancel", {}))[1]["code"] == "intent_not_cancelable"
    status, problem = await harness.server(f"{path}/refunds", {"amount_minor": 5001})
    assert (status, problem["code"], problem["refundable_minor"]) == (409, "refund_too_large", 5000)
    assert (await harness.server(f"{path}/refunds", {"amount_minor": 0}))[0] == 422
    for unknown in ("capture", "cancel"):
        assert (await harness.server(f"/pi_x/{unknown}", {}))[1]["code"] == "intent_not_found"
    assert (await harness.call("GET", "/api/payments/intents/pi_x/details", headers=KEYED))[0] == 404
