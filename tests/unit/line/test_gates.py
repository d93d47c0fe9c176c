"""An event's gates hold for its line too: else places would go to who may not buy."""

import altcha
import pytest

from houseful.kernel.errors import Forbidden
from houseful.messages import EventChanged, Gates
from houseful.webapi.proof_of_work import JOIN
from tests.unit.line.harness import EVENT, ON_SALE, START, Harness, who


async def refused(harness: Harness, user_id: str = "usr_1", **claims: object) -> str:
    with pytest.raises(Forbidden) as refusal:
        await harness.line.join(who(user_id, **claims), EVENT)
    return refusal.value.code


async def test_who_does_not_pass_does_not_join(harness: Harness) -> None:
    await harness.publish(gates=Gates(verified_email=True, accounts_before=START))
    await harness.until(START + 60_000)
    assert await refused(harness) == "email_not_verified"
    assert await refused(harness, email_verified=True, account_since=START) == "account_too_new"
    _, joined = await harness.line.join(who("usr_1", email_verified=True, account_since=START - 1), EVENT)
    assert joined == "new"


async def test_a_place_stays_when_gates_are_closed(harness: Harness) -> None:
    await harness.opened_lobby()
    await harness.join("anna")
    await harness.receive(
        EventChanged(
            event_id=EVENT,
            title="A show",
            on_sale_at=ON_SALE,
            max_seats_per_order=8,
            refundable_until=None,
            gates=Gates(verified_email=True),
        )
    )
    assert (await harness.line.join(who("usr_anna"), EVENT))[1] == "again"
    assert await refused(harness, "usr_berta") == "email_not_verified"


async def test_a_network_with_many_joins_is_asked_for_work(harness: Harness) -> None:
    await harness.opened_lobby()
    address, rate = "203.0.113.7", JOIN.steps[0]
    bucket = f"work:join:0:{address}"
    for _ in range(round(rate.burst)):
        await harness.coordination.take(bucket, per_second=rate.per_second, burst=rate.burst)
    with pytest.raises(Forbidden) as refusal:
        await harness.line.join(who("usr_1"), EVENT, peer=address)
    assert refusal.value.code == "proof_of_work_required"
    challenge = altcha.Challenge.from_dict(refusal.value.extra["challenge"])
    found = altcha.solve_challenge(challenge)
    assert found is not None
    solution = altcha.Payload(challenge, found).to_base64()
    _, joined = await harness.line.join(who("usr_1"), EVENT, peer=address, solution=solution)
    assert joined == "new"
