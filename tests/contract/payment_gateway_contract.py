"""What every `PaymentGateway` must do. A subclass has a fixture `processor` that gives a `Processor`."""

import asyncio
from typing import Protocol

import pytest

from houseful.kernel.errors import DomainError, Unavailable
from houseful.kernel.ports import PaymentGateway, PaymentIntent
from houseful.webapi.problems import status_of


class Processor(Protocol):
    """A card processor to be tested, and the two things that it needs a world for."""

    gateway: PaymentGateway

    async def pay(self, intent: PaymentIntent) -> None:
        """As the buyer: with a card that succeeds."""
        ...

    def lose_answers(self, lost: bool) -> None:
        """While lost, what is asked is done but the answer never arrives."""
        ...


async def created(processor: Processor, *, key: str = "create", amount_minor: int = 500) -> PaymentIntent:
    return await processor.gateway.create_intent(
        key=key, amount_minor=amount_minor, currency="EUR", reference="ord_1"
    )


async def paid(processor: Processor, *, key: str = "create") -> PaymentIntent:
    intent = await created(processor, key=key)
    await processor.pay(intent)
    return intent


class PaymentGatewayContract:
    async def test_an_intent_waits_to_be_paid(self, processor: Processor) -> None:
        intent = await created(processor)
        assert (intent.status, intent.amount_minor, intent.currency) == (
            "requires_payment_method",
            500,
            "EUR",
        )
        assert (intent.captured_minor, intent.refunded_minor) == (0, 0)
        assert intent.id
        assert intent.client_secret
        assert await processor.gateway.intent(intent.id) == intent

    async def test_two_keys_make_two_intents(self, processor: Processor) -> None:
        one, other = await created(processor, key="1"), await created(processor, key="2")
        assert one.id != other.id
        assert one.client_secret != other.client_secret

    async def test_paid_is_authorised_and_then_captured_and_then_refunded(self, processor: Processor) -> None:
        intent = await paid(processor)
        authorised = await processor.gateway.intent(intent.id)
        assert (authorised.status, authorised.captured_minor) == ("succeeded", 0)
        captured = await processor.gateway.capture(intent.id, key="capture")
        assert (captured.status, captured.captured_minor) == ("succeeded", 500)
        part = await processor.gateway.refund(intent.id, key="part", amount_minor=200)
        assert (part.captured_minor, part.refunded_minor) == (500, 200)
        rest = await processor.gateway.refund(intent.id, key="rest", amount_minor=300)
        assert rest.refunded_minor == 500
        assert await processor.gateway.intent(intent.id) == rest

    async def test_the_same_key_is_the_same_thing(self, processor: Processor) -> None:
        gateway = processor.gateway
        intent = await paid(processor)
        assert (await created(processor)).id == intent.id
        captured = [await gateway.capture(intent.id, key="capture") for _ in range(3)]
        refunded = [await gateway.refund(intent.id, key="refund", amount_minor=200) for _ in range(3)]
        assert captured == [captured[0]] * 3
        assert refunded == [refunded[0]] * 3
        assert (await gateway.intent(intent.id)).refunded_minor == 200

    async def test_the_same_key_at_one_instant_is_the_same_thing(self, processor: Processor) -> None:
        assert (
            len({intent.id for intent in await asyncio.gather(*(created(processor) for _ in range(8)))}) == 1
        )
        intent = await paid(processor)
        await asyncio.gather(*(processor.gateway.capture(intent.id, key="capture") for _ in range(8)))
        refunds = (processor.gateway.refund(intent.id, key="refund", amount_minor=100) for _ in range(8))
        assert {one.refunded_minor for one in await asyncio.gather(*refunds)} == {100}

    async def test_a_key_for_something_else_is_refused(self, processor: Processor) -> None:
        await created(processor)
        with pytest.raises(DomainError) as refused:
            await created(processor, amount_minor=501)
        assert status_of(refused.value) == 422

    @pytest.mark.parametrize("is_paid", [False, True])
    async def test_cancelling_ends_it_without_money(self, processor: Processor, is_paid: bool) -> None:
        intent = await paid(processor) if is_paid else await created(processor)
        for key in ("cancel", "cancel", "once more"):
            canceled = await processor.gateway.cancel(intent.id, key=key)
            assert (canceled.status, canceled.captured_minor) == ("canceled", 0)
        await refused_409(processor.gateway.capture(intent.id, key="capture"))

    async def test_an_unpaid_intent_is_ended_and_a_paid_one_stays(self, processor: Processor) -> None:
        unpaid, reserved, taken = [await created(processor, key=key) for key in ("1", "2", "3")]
        for intent in (reserved, taken):
            await processor.pay(intent)
        await processor.gateway.capture(taken.id, key="capture")
        for key in ("end", "end", "once more"):
            ended = await processor.gateway.cancel_unpaid(unpaid.id, key=f"1:{key}")
            assert (ended.status, ended.authorized_at) == ("canceled", None)
            stays = await processor.gateway.cancel_unpaid(reserved.id, key=f"2:{key}")
            assert (stays.status, stays.captured_minor) == ("succeeded", 0)
            assert stays.authorized_at is not None
            assert (await processor.gateway.cancel_unpaid(taken.id, key=f"3:{key}")).captured_minor == 500
        assert (await processor.gateway.capture(reserved.id, key="capture too")).captured_minor == 500

    async def test_what_the_money_does_not_allow_is_refused(self, processor: Processor) -> None:
        gateway = processor.gateway
        intent = await created(processor)
        await refused_409(gateway.capture(intent.id, key="early"))
        await refused_409(gateway.refund(intent.id, key="early", amount_minor=1))
        await processor.pay(intent)
        await refused_409(gateway.refund(intent.id, key="before capture", amount_minor=1))
        await gateway.capture(intent.id, key="capture")
        await refused_409(gateway.capture(intent.id, key="twice"))
        await refused_409(gateway.cancel(intent.id, key="late"))
        await refused_409(gateway.refund(intent.id, key="too much", amount_minor=501))
        assert (await gateway.intent(intent.id)).refunded_minor == 0

    async def test_a_refused_key_may_be_used_again(self, processor: Processor) -> None:
        intent = await created(processor)
        await refused_409(processor.gateway.capture(intent.id, key="capture"))
        await processor.pay(intent)
        assert (await processor.gateway.capture(intent.id, key="capture")).captured_minor == 500

    async def test_what_is_unknown_is_refused(self, processor: Processor) -> None:
        for call in (processor.gateway.intent("pi_x"), processor.gateway.capture("pi_x", key="k")):
            with pytest.raises(DomainError) as refused:
                await call
            assert (status_of(refused.value), refused.value.code) == (404, "intent_not_found")

    async def test_a_lost_answer_is_had_again_by_its_key(self, processor: Processor) -> None:
        """A lost answer is unknown, not failed: what was asked may have been done."""
        gateway = processor.gateway
        processor.lose_answers(True)
        with pytest.raises(Unavailable):
            await created(processor)
        processor.lose_answers(False)
        intent = await paid(processor)
        processor.lose_answers(True)
        with pytest.raises(Unavailable):
            await gateway.intent(intent.id)
        with pytest.raises(Unavailable):
            await gateway.capture(intent.id, key="capture")
        with pytest.raises(Unavailable):
            await gateway.refund(intent.id, key="refund", amount_minor=100)
        processor.lose_answers(False)
        assert (await gateway.intent(intent.id)).refunded_minor == 100
        assert (await gateway.capture(intent.id, key="capture")).captured_minor == 500
        assert (await gateway.refund(intent.id, key="refund", amount_minor=100)).refunded_minor == 100


async def refused_409(call: object) -> None:
    with pytest.raises(DomainError) as refused:
        await call  # type: ignore[misc]
    assert status_of(refused.value) == 409
