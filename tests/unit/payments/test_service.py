"""What happens over time: webhooks, delayed payments, races, restarts, forgetting."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import ServiceResponse, Transaction
from houseful.kernel.tracing import trace
from houseful.payments import domain, service
from houseful.payments.domain import Totals
from houseful.payments.webhook_deliveries import CLAIM_MILLIS, DeliveryStatus, WebhookDelivery
from houseful.webapi.idempotency import StoredResponse
from tests.unit.payments.harness import CHALLENGED, DECLINED, GOOD, SLOW, Harness, Json, eventually, no_answer

DAY = 86_400


async def deliveries(harness: Harness) -> list[WebhookDelivery]:
    return await harness.store.find(WebhookDelivery, {}, limit=1000)


async def test_each_change_is_told_once_acknowledged(harness: Harness) -> None:
    intent = await harness.new_intent(reference="ord_9")
    await harness.pay(intent, DECLINED)
    url = (await harness.pay(intent, CHALLENGED))[1]["next_action"]["url"]
    await harness.call("POST", url, {"outcome": "approve"})
    await harness.server(f"/{intent['id']}/capture", {})
    await harness.server(f"/{intent['id']}/refunds", {"amount_minor": 5000})
    assert await harness.service.webhooks.step() == 5
    assert sorted(harness.receiver.types) == [
        "charge.refunded",
        "payment_intent.captured",
        "payment_intent.payment_failed",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
    ]
    by_type = {notice["type"]: notice["data"]["intent"] for notice in harness.receiver.got}
    assert by_type["payment_intent.payment_failed"]["last_error"] == "card_declined"
    assert by_type["charge.refunded"]["refunded_minor"] == 5000
    assert {one["reference"] for one in by_type.values()} == {"ord_9"}
    assert len({notice["id"] for notice in harness.receiver.got}) == 5
    await harness.clock.advance(DAY)
    assert await harness.service.webhooks.step() == 0
    assert {one.status for one in await deliveries(harness)} == {DeliveryStatus.DELIVERED}


@pytest.mark.parametrize("failure", ["no answer", 500, 400, 302, 404])
async def test_what_is_not_acknowledged_comes_again(harness: Harness, failure: str | int) -> None:
    harness.receiver.answer = no_answer if isinstance(failure, str) else lambda notice: failure
    await harness.pay(await harness.new_intent())
    assert await harness.service.webhooks.step() == 1
    assert await harness.service.webhooks.step() == 0, "not before its pause is over"
    await harness.clock.advance(1)
    assert await harness.service.webhooks.step() == 1
    harness.receiver.answer = lambda notice: 200
    await harness.clock.advance(2)
    assert await harness.service.webhooks.step() == 1
    assert len({notice["id"] for notice in harness.receiver.got}) == 1
    times = {headers["houseful-signature"].split(",")[0] for headers in harness.receiver.headers}
    assert len(times) == 3, "each attempt is signed anew"
    [delivery] = await deliveries(harness)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 3)


async def test_it_is_given_up_after_three_days(harness: Harness) -> None:
    harness.receiver.answer = lambda notice: 503
    await harness.pay(await harness.new_intent())
    for _ in range(4 * DAY // 300):
        await harness.service.webhooks.step()
        await harness.clock.advance(300)
    [delivery] = await deliveries(harness)
    assert delivery.status is DeliveryStatus.GIVEN_UP
    assert delivery.attempts > 700
    tried = len(harness.receiver.got)
    await harness.clock.advance(DAY)
    assert await harness.service.webhooks.step() == 0
    assert len(harness.receiver.got) == tried


async def test_a_webhook_outlives_the_process_that_made_it(harness: Harness) -> None:
    await harness.pay(await harness.new_intent())
    restarted = await harness.reopened()
    try:
        assert await restarted.service.webhooks.step() == 0, "still claimed"
        await harness.clock.advance(CLAIM_MILLIS / 1000)
        assert await restarted.service.webhooks.step() == 1
        assert harness.receiver.types == ["payment_intent.succeeded"]
    finally:
        await restarted.close()


async def test_a_webhook_belongs_to_the_trace_of_what_it_tells(harness: Harness) -> None:
    """Sent at once, or by the process that finds it later. One of an older version names no trace."""
    paying = f"00-{'5eed' * 8}-{'ca11' * 4}-01"
    with trace(paying):
        await harness.pay(await harness.new_intent())
    await harness.pay(await harness.new_intent())
    restarted = await harness.reopened()
    try:
        await harness.clock.advance(CLAIM_MILLIS / 1000)
        assert await restarted.service.webhooks.step() == 2
    finally:
        await restarted.close()
    assert sorted(harness.receiver.traces, key=str) == [paying, None]


async def test_of_two_processes_one_sends_what_is_found(harness: Harness) -> None:
    for _ in range(20):
        await harness.pay(await harness.new_intent())
    await harness.clock.advance(CLAIM_MILLIS / 1000)
    one, other = Harness(harness.path, clock=harness.clock, receiver=harness.receiver), None
    try:
        other = Harness(harness.path, clock=harness.clock, receiver=harness.receiver)
        await asyncio.gather(one.service.webhooks.step(), other.service.webhooks.step())
    finally:
        await one.close()
        if other is not None:
            await other.close()
    assert len(harness.receiver.got) == 20


async def test_what_waited_too_long_in_memory_is_left_to_the_store(harness: Harness) -> None:
    await harness.pay(await harness.new_intent())
    await harness.clock.advance(CLAIM_MILLIS / 1000)
    await harness.service.webhooks.step()  # finds it due; the copy in memory has no claim any more
    assert len(harness.receiver.got) == 1


async def test_the_job_sends_at_once_and_not_only_at_its_next_look(harness: Harness) -> None:
    async def delivered() -> bool:
        found = await deliveries(harness)
        return bool(found) and all(one.status is DeliveryStatus.DELIVERED for one in found)

    job = asyncio.ensure_future(harness.service.send_webhooks())
    try:
        for _ in range(3):
            await asyncio.gather(*[harness.pay(await harness.new_intent()) for _ in range(50)])
            await eventually(delivered)
        assert len(harness.receiver.got) == 150
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


async def test_one_slow_answer_does_not_hold_up_the_others(harness: Harness) -> None:
    slow, released = asyncio.Event(), asyncio.Event()
    answer = harness.receiver.request

    async def request(method: str, path: str, **rest: Any) -> ServiceResponse:
        if not slow.is_set():
            slow.set()
            await released.wait()
        return await answer(method, path, **rest)

    harness.receiver.request = request  # type: ignore[method-assign]
    job = asyncio.ensure_future(harness.service.send_webhooks())
    try:
        intents = [await harness.new_intent() for _ in range(5)]
        for intent in intents:
            await harness.pay(intent)

        async def all_but_one() -> bool:
            found = await deliveries(harness)
            return sum(one.status is DeliveryStatus.DELIVERED for one in found) == 4

        await eventually(all_but_one)
        released.set()
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


async def test_a_job_that_fails_says_so_and_can_start_again(harness: Harness) -> None:
    find, failing = harness.store.find, True

    async def broken(*args: Any, **rest: Any) -> Any:
        if failing:
            raise Unavailable("no store")
        return await find(*args, **rest)

    harness.store.find = broken  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await harness.service.send_webhooks()
    failing = False
    await harness.pay(await harness.new_intent())
    assert await harness.service.webhooks.step() == 1


async def test_a_delayed_payment_succeeds_when_its_time_has_come(harness: Harness) -> None:
    intent = await harness.new_intent()
    for number in (SLOW, SLOW, GOOD):  # while it is processing, paying again changes nothing
        assert await harness.pay(intent, number) == (200, {"id": intent["id"], "status": "processing"})
    await harness.clock.advance(4.999)
    assert await harness.service.settle_due() == 0
    restarted = await harness.reopened()
    try:
        await harness.clock.advance(0.001)
        assert await restarted.service.settle_due() == 1
        assert await restarted.service.settle_due() == 0
        assert (await restarted.details(intent))["status"] == "succeeded"
        await restarted.service.webhooks.step()
        await harness.clock.advance(CLAIM_MILLIS / 1000)
        await restarted.service.webhooks.step()
        assert sorted(harness.receiver.types) == ["payment_intent.processing", "payment_intent.succeeded"]
    finally:
        await restarted.close()


async def test_the_job_settles_on_time(harness: Harness) -> None:
    job = asyncio.ensure_future(harness.service.settle_delayed())
    try:
        intent = await harness.new_intent()
        await harness.pay(intent, SLOW)

        async def asleep() -> bool:
            return harness.clock.sleepers == 1

        for _ in range(6):
            await eventually(asleep)
            await harness.clock.advance(1)

        async def succeeded() -> bool:
            return bool((await harness.details(intent))["status"] == "succeeded")

        await eventually(succeeded)
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


async def test_a_canceled_delayed_payment_takes_no_money(harness: Harness) -> None:
    intent = await harness.new_intent()
    await harness.pay(intent, SLOW)
    assert (await harness.server(f"/{intent['id']}/cancel", {}))[0] == 200
    await harness.clock.advance(60)
    assert await harness.service.settle_due() == 0
    details = await harness.details(intent)
    assert (details["status"], details["authorized_minor"], details["voided"]) == ("canceled", 0, False)


async def test_cancel_and_settle_at_one_instant(harness: Harness) -> None:
    intents = [await harness.new_intent(reference=f"ord_{n}") for n in range(30)]
    for intent in intents:
        await harness.pay(intent, SLOW)
    await harness.clock.advance(5)
    calls = [harness.server(f"/{intent['id']}/cancel", {}) for intent in intents]
    answers, _ = await asyncio.gather(asyncio.gather(*calls), harness.service.settle_due())
    assert {(status, body["status"]) for status, body in answers} == {(200, "canceled")}
    assert set((await service.ledger(harness.store)).values()) == {Totals()}


async def test_pay_and_cancel_at_one_instant(harness: Harness) -> None:
    for _ in range(30):
        intent = await harness.new_intent()
        paid, canceled = await asyncio.gather(
            harness.pay(intent), harness.server(f"/{intent['id']}/cancel", {})
        )
        assert canceled[0] == 200
        assert paid[0] in (200, 409)
    assert set((await service.ledger(harness.store)).values()) == {Totals()}


async def test_pay_many_times_at_one_instant(harness: Harness) -> None:
    intent = await harness.new_intent()
    answers = await asyncio.gather(*(harness.pay(intent) for _ in range(20)))
    assert {status for status, _ in answers} == {200}
    assert (await harness.details(intent))["attempts"] == 1
    assert len(await deliveries(harness)) == 1


async def test_one_key_at_one_instant(harness: Harness) -> None:
    body = {"amount_minor": 100, "currency": "EUR", "reference": "ord_1"}
    created = await asyncio.gather(*(harness.server("", body, key="k") for _ in range(10)))
    assert len({intent["id"] for _, intent in created}) == 1
    intent = created[0][1]
    await harness.pay(intent)
    capture = f"/{intent['id']}/capture"
    captured = await asyncio.gather(*(harness.server(capture, {}, key="k") for _ in range(10)))
    assert [answer == captured[0] and answer[0] == 200 for answer in captured] == [True] * 10
    refund = f"/{intent['id']}/refunds"
    refunded = await asyncio.gather(
        *(harness.server(refund, {"amount_minor": 10}, key="k") for _ in range(10))
    )
    assert [status for status, _ in refunded] == [200] * 10
    assert (await harness.details(intent))["refunded_minor"] == 10


async def test_one_key_in_two_processes(harness: Harness) -> None:
    """The other process creates the intent after this one has looked for the key and before it commits."""
    other = Harness(harness.path, clock=harness.clock)
    body = {"amount_minor": 100, "currency": "EUR", "reference": "ord_1"}
    by_other: list[tuple[int, Json]] = []
    transact = harness.store.transact

    async def overtaken(work: Callable[[Transaction], Awaitable[Any]]) -> Any:
        async def slow(tx: Transaction) -> Any:
            result = await work(tx)
            if not by_other:
                by_other.append(await other.server("", body, key="k"))
            return result

        return await transact(slow)

    harness.store.transact = overtaken  # type: ignore[method-assign]
    try:
        assert await harness.server("", body, key="k") == by_other[0]
    finally:
        await other.close()
    assert len(await harness.store.find(domain.Intent, {}, limit=10)) == 1


async def test_refunds_at_one_instant_never_exceed_what_was_taken(harness: Harness) -> None:
    intent = await harness.new_intent(amount_minor=100)
    await harness.pay(intent)
    await harness.server(f"/{intent['id']}/capture", {})
    path = f"/{intent['id']}/refunds"
    answers = await asyncio.gather(*(harness.server(path, {"amount_minor": 30}) for _ in range(8)))
    assert sorted(status for status, _ in answers) == [200] * 3 + [409] * 5
    assert (await harness.details(intent))["refunded_minor"] == 90


async def test_the_ledger_reads_everything(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_READ_AT_ONCE", 3)
    for n in range(7):
        intent = await harness.new_intent(amount_minor=10 + n, reference=f"ord_{n % 2}")
        await harness.pay(intent)
        if n < 4:
            await harness.server(f"/{intent['id']}/capture", {})
        if n == 3:
            await harness.server(f"/{intent['id']}/refunds", {"amount_minor": 5})
    assert await service.ledger(harness.store) == {
        "ord_0": Totals(captured_minor=10 + 12, refunded_minor=0, open_minor=14 + 16),
        "ord_1": Totals(captured_minor=11 + 13, refunded_minor=5, open_minor=15),
    }


async def test_old_webhooks_and_keys_are_forgotten_but_never_payments(harness: Harness) -> None:
    await harness.pay(await harness.new_intent())
    await harness.service.webhooks.step()
    await harness.clock.advance(30 * DAY - 1)
    harness.receiver.answer = lambda notice: 503
    fresh: Json = await harness.new_intent()
    await harness.pay(fresh)
    assert await harness.service.purge_batch() == 0
    await harness.clock.advance(2)
    await harness.service.webhooks.step()
    assert await harness.service.purge_batch() == 2, "a webhook and a key"
    assert [one.status for one in await deliveries(harness)] == [DeliveryStatus.PENDING]
    assert len(await harness.store.find(StoredResponse, {}, limit=10)) == 1
    assert len(await harness.store.find(domain.Intent, {}, limit=10)) == 2


async def test_what_nobody_could_send_for_a_month_is_still_sent(harness: Harness) -> None:
    await harness.pay(await harness.new_intent())
    await harness.clock.advance(31 * DAY)
    assert await harness.service.purge_batch() == 1, "only the key"
    assert await harness.service.webhooks.step() == 1
    assert harness.receiver.types == ["payment_intent.succeeded"]
