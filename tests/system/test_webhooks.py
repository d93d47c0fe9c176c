"""Webhooks: duplicated, shuffled, forged, old, of another amount, or none at all. Time moves by hand."""

import itertools
import json
import random

import pytest

from houseful.kernel import webhook_signature
from tests.system import outside_client as cards
from tests.system.fault_proxy import WEBHOOKS, is_the_gateways, nothing
from tests.system.sale import AFTER_THE_DEADLINE, HOLD_SECONDS, Sale
from tests.system.support import kept_minor, must_be_sound, token_of


@pytest.mark.long_when_split
async def test_webhooks_in_any_order_and_number(sale: Sale) -> None:
    """Three of one payment: declined, authorised, captured. Every order, each of them twice."""
    for turn, places in enumerate(itertools.permutations(range(3))):
        buyer = token_of(sale.deployment, f"b{turn}")
        order = await sale.placed(buyer, 1)
        sale.fault_proxy.catches, sale.fault_proxy.caught = True, []
        assert (await sale.deployment.pay(order, cards.card(cards.DECLINED))).status == 402
        (await sale.deployment.pay(order)).ok(200)
        await sale.caught(2)
        # The order does not know yet; the deadline's poll finds it, and takes the money.
        await sale.clock.advance(AFTER_THE_DEADLINE)
        await sale.becomes(order, "confirmed", token=buyer)
        await sale.caught(3)
        sale.fault_proxy.catches = False
        for place in [*places, *random.Random(turn).sample(range(3), 3)]:
            (await sale.fault_proxy.deliver(sale.deployment, place)).ok(204)
        assert await sale.status(order, buyer) == "confirmed"
        assert len(await sale.tickets(order, buyer)) == 1
        await must_be_sound(sale.deployment)
        assert await kept_minor(sale.deployment) == sum(
            [(await _total(sale, token_of(sale.deployment, f"b{number}"))) for number in range(turn + 1)]
        )


async def _total(sale: Sale, token: str) -> int:
    items = (await sale.deployment.call("GET", "/api/orders", token=token)).ok()["items"]
    return sum(order["total_minor"] for order in items)


async def test_webhooks_shuffled_before_anything_is_known(sale: Sale) -> None:
    for turn, places in enumerate(itertools.permutations(range(2))):
        buyer = token_of(sale.deployment, f"b{turn}")
        order = await sale.placed(buyer, 1)
        sale.fault_proxy.catches, sale.fault_proxy.caught = True, []
        assert (await sale.deployment.pay(order, cards.card(cards.DECLINED))).status == 402
        (await sale.deployment.pay(order)).ok(200)
        await sale.caught(2)
        sale.fault_proxy.catches = False
        for place in (*places, *places):
            (await sale.fault_proxy.deliver(sale.deployment, place)).ok(204)
        await sale.becomes(order, "confirmed", token=buyer)
        assert len(await sale.tickets(order, buyer)) == 1
    await must_be_sound(sale.deployment)


async def test_webhooks_that_are_not_the_gateways(sale: Sale) -> None:
    order = await sale.placed()
    sale.fault_proxy.catches = True
    (await sale.deployment.pay(order)).ok(200)
    await sale.caught(1)
    sale.fault_proxy.catches = False
    body, headers = sale.fault_proxy.caught[0]
    signature = headers[webhook_signature.HEADER]
    cheaper = json.loads(body)
    cheaper["data"]["intent"]["amount_minor"] = 1
    stamp, _, value = signature.partition(",v1=")
    forged: list[tuple[bytes, dict[str, str]]] = [
        (body, {}),
        (body, {webhook_signature.HEADER: ""}),
        (body, {webhook_signature.HEADER: f"{stamp},v1={'0' * 64}"}),
        (body, {webhook_signature.HEADER: f"t={int(stamp[2:]) + 1},v1={value}"}),
        (json.dumps(cheaper).encode(), {webhook_signature.HEADER: signature}),
        (body + b" ", {webhook_signature.HEADER: signature}),
        (body, {webhook_signature.HEADER: webhook_signature.sign([b"another key"], body, sale.clock.now())}),
    ]
    for altered, its_headers in forged:
        reply = await sale.deployment.call("POST", WEBHOOKS, altered, headers=its_headers)
        reply.refused(400, "bad_signature")
    assert await sale.status(order) == "awaiting_payment"

    await sale.clock.advance(webhook_signature.TOLERANCE_SECONDS + 1)
    (await sale.fault_proxy.deliver(sale.deployment)).refused(400, "bad_signature")  # a recording


async def test_a_webhook_of_another_amount_sells_nothing(sale: Sale) -> None:
    """Signed, and about our order, but not what it costs: nothing is sold, and the money goes back."""
    order = await sale.placed()
    sale.fault_proxy.catches = True
    (await sale.deployment.pay(order)).ok(200)
    await sale.caught(1)
    sale.fault_proxy.catches = False
    news = json.loads(sale.fault_proxy.caught[0][0])
    news["data"]["intent"]["amount_minor"] = 1
    body = json.dumps(news).encode()
    keys = webhook_signature.keys_of(sale.deployment.app.secrets.webhook_keys)
    headers = {webhook_signature.HEADER: webhook_signature.sign(keys, body, sale.clock.now())}
    (await sale.deployment.call("POST", WEBHOOKS, body, headers=headers)).ok(204)
    await sale.becomes(order, "refunded")
    assert await sale.tickets(order) == []
    await must_be_sound(sale.deployment)
    assert await kept_minor(sale.deployment) == 0


async def test_a_replayed_webhook_does_not_bring_back_what_was_cancelled(sale: Sale) -> None:
    order = await sale.placed()
    sale.fault_proxy.catches = True
    (await sale.deployment.pay(order)).ok(200)
    await sale.caught(1)
    sale.fault_proxy.catches = False
    (await sale.fault_proxy.deliver(sale.deployment)).ok(204)
    await sale.becomes(order, "confirmed")
    (await sale.deployment.call("POST", f"/api/orders/{order['id']}/cancel", token=sale.bea)).ok(200)
    (await sale.fault_proxy.deliver(sale.deployment)).ok(204)
    await sale.becomes(order, "refunded")
    (await sale.fault_proxy.deliver(sale.deployment)).ok(204)
    assert await sale.status(order) == "refunded"
    assert {ticket["status"] for ticket in await sale.tickets(order)} == {"refunded"}
    await must_be_sound(sale.deployment)
    assert await kept_minor(sale.deployment) == 0


async def test_a_webhook_that_never_comes(sale: Sale) -> None:
    """The gateway believes that we have it. We ask at the deadline, and before the order is given up."""
    order = await sale.placed()
    sale.fault_proxy.catches = True
    (await sale.deployment.pay(order)).ok(200)
    await sale.caught(1)
    await sale.becomes(order, "confirmed", step_seconds=HOLD_SECONDS / 4)
    sale.fault_proxy.catches = False
    await must_be_sound(sale.deployment)
    assert await kept_minor(sale.deployment) == order["total_minor"]


async def test_webhooks_do_not_get_through_for_ten_minutes(sale: Sale) -> None:
    order = await sale.placed()
    sale.fault_proxy.down = lambda path: path == WEBHOOKS or is_the_gateways(path)
    (await sale.deployment.pay(order)).ok(200)
    await sale.clock.advance(600)
    await sale.fails(11)
    sale.fault_proxy.down = nothing
    await sale.becomes(order, "confirmed", "refunded", step_seconds=60)
    assert await sale.status(order) == "confirmed"  # nobody else wanted the seats
    await must_be_sound(sale.deployment)
