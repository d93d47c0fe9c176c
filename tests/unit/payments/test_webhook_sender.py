"""Webhooks under load: what is sent first, and that a claim is one process's alone."""

import asyncio
from typing import Any

from houseful.kernel.ports import ServiceResponse
from houseful.payments.webhook_deliveries import CLAIM_MILLIS, DeliveryStatus, WebhookDelivery
from houseful.payments.webhook_sender import WebhookSender
from tests.unit.payments.harness import Harness, eventually


async def test_what_somebody_waits_for_is_sent_first(harness: Harness) -> None:
    """However many captures wait: they have few places of their own."""
    released, captures = asyncio.Event(), 0
    answer = harness.receiver.request

    async def request(method: str, path: str, *, body: bytes = b"", **rest: Any) -> ServiceResponse:
        nonlocal captures
        if b"payment_intent.captured" in body:
            captures += 1
            await released.wait()
        return await answer(method, path, body=body, **rest)

    harness.receiver.request = request  # type: ignore[method-assign]
    intents = [
        await harness.new_intent(reference=f"ord_{n}") for n in range(WebhookSender.LATER_AT_ONCE + 20)
    ]
    job = asyncio.ensure_future(harness.service.send_webhooks())
    try:
        for intent in intents[:-1]:
            await harness.pay(intent)
            await harness.server(f"/{intent['id']}/capture", {})

        async def busy() -> bool:
            return captures == WebhookSender.LATER_AT_ONCE

        await eventually(busy)
        await harness.pay(intents[-1])

        async def told() -> bool:
            return harness.receiver.types.count("payment_intent.succeeded") == len(intents)

        await eventually(told)
        assert captures == WebhookSender.LATER_AT_ONCE
    finally:
        released.set()
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


async def test_an_answer_that_takes_longer_than_a_claim_is_not_asked_for_twice(harness: Harness) -> None:
    """Neither by the process that waits for it nor by another."""
    asked, released = 0, asyncio.Event()
    answer = harness.receiver.request

    async def request(method: str, path: str, **rest: Any) -> ServiceResponse:
        nonlocal asked
        asked += 1
        await released.wait()
        return await answer(method, path, **rest)

    harness.receiver.request = request  # type: ignore[method-assign]
    other = Harness(harness.path, clock=harness.clock, receiver=harness.receiver)
    await harness.pay(await harness.new_intent())
    sending = asyncio.ensure_future(harness.service.webhooks.step())
    try:

        async def is_asked() -> bool:
            return asked == 1

        await eventually(is_asked)
        for _ in range(4):
            await harness.clock.advance(CLAIM_MILLIS / 2000)
            await harness.service.webhooks.renew()
            assert await other.service.webhooks._find_due() == 0
            await harness.service.webhooks._find_due()
        released.set()
        assert await sending == 1
        assert (await harness.store.find(WebhookDelivery, {}, limit=1))[0].status is DeliveryStatus.DELIVERED
    finally:
        released.set()
        await other.close()
    assert asked == len(harness.receiver.got) == 1


async def test_what_another_process_has_claimed_is_left_to_it(harness: Harness) -> None:
    await harness.pay(await harness.new_intent())
    await harness.clock.advance(CLAIM_MILLIS / 1000)  # this process stood still
    other = Harness(harness.path, clock=harness.clock, receiver=harness.receiver)
    try:
        await other.service.webhooks._find_due()
        await harness.service.webhooks.renew()
        assert await harness.service.webhooks.step() == 0
        assert await other.service.webhooks.step() == 1
    finally:
        await other.close()
    assert len(harness.receiver.got) == 1
