"""Holding: all or none, at most one buyer a seat, at most so many holds a buyer."""

import asyncio
from typing import Any

import pytest

from houseful.kernel.errors import DomainError, Duplicate, Unavailable
from houseful.kernel.ports import Transaction
from houseful.messages import EventCancelled
from houseful.tickets.domain.blocks import SeatState
from houseful.tickets.domain.holds import MOST_HOLDS, Hold, HoldQuota
from houseful.tickets.domain.orders import Order
from houseful.tickets.schemas import HoldView
from houseful.webapi.idempotency import AlreadyAnswered, context_of, digest, is_copy
from houseful.webapi.problems import status_of
from tests.unit.tickets.harness import Harness, refusal, until, who
from tests.unit.tickets.stand_ins import Crash


async def outcomes(*work: Any) -> tuple[list[HoldView], list[BaseException]]:
    """Who was granted something, and what the others were told."""
    results = await asyncio.gather(*work, return_exceptions=True)
    return (
        [one for one in results if isinstance(one, HoldView)],
        [one for one in results if isinstance(one, BaseException)],
    )


def ids(hold: HoldView) -> list[str]:
    return [seat.id for seat in hold.seats]


async def held(harness: Harness) -> dict[int, str]:
    return {
        ordinal: by for ordinal, (state, by) in (await harness.seats()).items() if state is SeatState.HELD
    }


async def test_a_hold_has_its_seats_its_prices_and_its_end(harness: Harness) -> None:
    await harness.show(hold_seconds=120)
    hold = await harness.hold("A-1", "B-2")
    assert ids(hold) == ["A-1", "B-2"]
    assert (hold.total_minor, hold.currency, hold.status) == (8000, "EUR", "active")
    stored = await harness.get(Hold, hold.hold_id)
    assert stored.until == harness.clock.now() + 120_000
    assert await held(harness) == {0: hold.hold_id, 11: hold.hold_id}


async def test_seats_that_are_taken_are_named_and_none_of_the_others_is_held(harness: Harness) -> None:
    await harness.show()
    first = await harness.hold("A-2", "C-4")
    told = await refusal(harness.hold("A-1", "A-2", "B-1", "C-4", user="usr_2"))
    assert (status_of(told), told.code, told.extra) == (409, "seats_taken", {"taken": ["A-2", "C-4"]})
    assert "Stalls, row A, seat 2" in told.detail
    assert set((await held(harness)).values()) == {first.hold_id}


async def test_ones_own_hold_is_in_the_way_too(harness: Harness) -> None:
    await harness.show()
    await harness.hold("A-1")
    assert (await refusal(harness.hold("A-1"))).code == "seats_taken"


@pytest.mark.parametrize(
    ("seats", "code", "field"),
    [
        (["A-1", "Z-9"], "seat_not_found", "seats[1]"),
        (["-1"], "seat_not_found", "seats[0]"),
        (["A-1", "A-1"], "validation_failed", "seats"),
        ([], "validation_failed", "seats"),
        ([f"A-{n}" for n in range(1, 11)] + ["B-1"], "too_many_seats", "seats"),
    ],
)
async def test_seats_that_can_not_be_held_whatever_their_state(
    harness: Harness, seats: list[str], code: str, field: str
) -> None:
    await harness.show()
    told = await refusal(harness.hold(*seats))
    assert (status_of(told), told.code, list(told.errors)) == (422, code, [field])
    assert await held(harness) == {}


async def test_too_many_of_the_best_are_refused_by_that_field(harness: Harness) -> None:
    await harness.show(max_seats_per_order=2)
    told = await refusal(harness.best(3))
    assert (told.code, list(told.errors)) == ("too_many_seats", ["best_available.quantity"])


async def test_whatever_is_not_on_sale_is_refused(harness: Harness) -> None:
    now = harness.clock.now()
    await harness.receive(harness.published("evt_1"))
    await harness.show("evt_2", on_sale_at=now + 1000)
    await harness.show("evt_3", starts_at=now - 1000, ends_at=now)
    await harness.show("evt_4")
    await harness.receive(EventCancelled(event_id="evt_4"))
    await harness.receive(harness.published("evt_5"))
    codes = [(await refusal(harness.hold("A-1", event=f"evt_{n}"))).code for n in range(2, 7)]
    assert codes == [
        "not_on_sale",
        "event_ended",
        "event_cancelled",
        "inventory_not_ready",
        "event_not_found",
    ]
    best = harness.tickets.holding.hold_best
    told = await refusal(best(who("usr_1"), "evt_2", 1, None, None, harness.use()))
    assert told.code == "not_on_sale"
    await harness.clock.advance(1)
    assert (await harness.hold("A-1", event="evt_2")).status == "active"


async def test_an_expired_hold_is_the_next_ones(harness: Harness) -> None:
    await harness.show(hold_seconds=60)
    first = await harness.hold("A-1", "A-2")
    await harness.clock.advance(59.999)
    assert (await refusal(harness.hold("A-1", user="usr_2"))).code == "seats_taken"
    await harness.clock.advance(0.001)
    second = await harness.hold("A-1", user="usr_2")
    assert (await harness.tickets.holding.get_hold("usr_1", first.hold_id)).status == "expired"
    await harness.tickets.holding.release("usr_1", first.hold_id)  # gives back nothing of the other's
    assert await held(harness) == {0: second.hold_id}


async def test_a_released_hold_is_free_at_once_and_twice_is_once(harness: Harness) -> None:
    await harness.show()
    hold = await harness.hold("A-1")
    for _ in range(2):
        await harness.tickets.holding.release("usr_1", hold.hold_id)
    assert await held(harness) == {}
    assert (await harness.tickets.holding.get_hold("usr_1", hold.hold_id)).status == "released"
    await harness.hold("A-1", user="usr_2")


async def test_an_ordered_hold_belongs_to_its_order(harness: Harness) -> None:
    await harness.show()
    hold = await harness.hold("A-1")
    order = await harness.order(hold.hold_id)
    told = await refusal(harness.tickets.holding.release("usr_1", hold.hold_id))
    assert (status_of(told), told.code, told.extra) == (409, "already_ordered", {"order_id": order.id})


async def test_somebody_elses_hold_does_not_exist(harness: Harness) -> None:
    await harness.show()
    hold = await harness.hold("A-1")
    for work in (harness.tickets.holding.get_hold, harness.tickets.holding.release):
        for user, id in (("usr_2", hold.hold_id), ("usr_1", "hold_unknown")):
            assert status_of(await refusal(work(user, id))) == 404


async def test_what_i_hold_now(harness: Harness) -> None:
    await harness.show("evt_1", hold_seconds=60)
    await harness.show("evt_2", hold_seconds=600)
    expiring, kept = await harness.hold("A-1"), await harness.hold("A-1", event="evt_2")
    ordered, released = await harness.hold("B-1"), await harness.hold("B-2")
    await harness.hold("C-1", user="usr_2")
    await harness.order(ordered.hold_id)
    await harness.tickets.holding.release("usr_1", released.hold_id)
    mine = await harness.tickets.holding.running_holds("usr_1")
    assert {one.hold_id for one in mine} == {expiring.hold_id, kept.hold_id}
    await harness.clock.advance(60)
    assert [one.hold_id for one in await harness.tickets.holding.running_holds("usr_1")] == [kept.hold_id]


async def test_of_fifty_at_once_one_gets_the_seat(harness: Harness) -> None:
    await harness.show()
    other = harness.beside()
    harnesses = [harness, other] * 25
    granted, told = await outcomes(*(one.hold("A-1", user=f"usr_{n}") for n, one in enumerate(harnesses)))
    assert len(granted) == 1
    assert all(isinstance(one, DomainError) and one.code == "seats_taken" for one in told)
    assert await held(harness) == {0: granted[0].hold_id}


async def test_a_ring_of_wishes_gives_somebody_all_and_nobody_a_part(harness: Harness) -> None:
    await harness.show(rows=3)
    other = harness.beside()
    ring = [("A-1", "B-1"), ("B-1", "C-1"), ("C-1", "A-1")]
    for turn in range(10):
        granted, told = await outcomes(
            *(
                (other if n == 1 else harness).hold(*seats, user=f"usr_{turn}_{n}")
                for n, seats in enumerate(ring)
            )
        )
        assert len(granted) == 1
        assert all(isinstance(one, DomainError) for one in told)
        assert len(await held(harness)) == 2
        await harness.tickets.holding.release(await owner(harness, granted[0]), granted[0].hold_id)


async def owner(harness: Harness, hold: HoldView) -> str:
    return (await harness.get(Hold, hold.hold_id)).user_id


async def test_no_buyer_has_more_running_holds_than_the_limit(harness: Harness) -> None:
    await harness.show()
    other = harness.beside()
    wishes = [(harness if n % 2 else other).hold(f"{'ABC'[n % 3]}-{n // 3 + 1}") for n in range(15)]
    granted, told = await outcomes(*wishes)
    assert len(granted) == MOST_HOLDS
    assert {one.code for one in told if isinstance(one, DomainError)} == {"hold_limit"}
    assert len(await held(harness)) == MOST_HOLDS
    await harness.tickets.holding.release("usr_1", granted[0].hold_id)
    await harness.hold("C-10")


async def test_a_buyers_very_first_holds_may_come_together(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both processes find no quota and begin one; the slower one then counts itself into the other's."""
    await harness.show()
    other = harness.beside()
    count = harness.tickets.holding.count
    quicker: list[HoldView] = []

    async def overtaken(tx: Transaction, hold: Hold, now: int) -> None:
        await count(tx, hold, now)
        if not quicker:
            quicker.append(await other.hold("B-1"))

    monkeypatch.setattr(harness.tickets.holding, "count", overtaken)
    slower = await harness.hold("A-1")
    [quota] = await harness.every(HoldQuota)
    assert {one.hold_id for one in quota.running} == {slower.hold_id, quicker[0].hold_id}


async def test_the_same_request_twice_at_once_holds_once(harness: Harness) -> None:
    await harness.show()
    hold = harness.tickets.holding.hold_best
    granted, told = await outcomes(
        *(hold(who("usr_1"), "evt_1", 2, None, None, harness.use("usr_1", "same")) for _ in range(5))
    )
    assert len(granted) == 1
    assert [type(one) for one in told] == [AlreadyAnswered] * 4
    assert len(await held(harness)) == 2


async def test_a_request_is_told_its_first_answer_whatever_became_of_the_hold(harness: Harness) -> None:
    await harness.show()
    holding = harness.tickets.holding

    async def again(user: str, key: str, body: bytes = b"") -> HoldView | None:
        async with harness.store.begin() as tx:
            return await holding.replay(tx, context_of(user, "POST", "/", key, digest(body), harness.clock))

    first = await holding.hold_seats(who("usr_1"), "evt_1", ["A-1", "A-2"], harness.use("usr_1", "same"))
    assert await again("usr_1", "other") is None
    assert await again("usr_2", "same") is None
    await harness.clock.advance(60)
    await harness.order(first.hold_id)
    assert (await holding.get_hold("usr_1", first.hold_id)).expires_at > first.expires_at
    await harness.clock.advance(3600)
    await harness.tickets.reconciliation.look_at((await harness.every(Order))[0].id)
    assert not await held(harness)
    use = harness.use("usr_1", "same")
    with pytest.raises(AlreadyAnswered):
        await harness.tickets.hold(
            "usr_1", "evt_1", lambda: holding.hold_seats(who("usr_1"), "evt_1", ["A-1", "A-2"], use)
        )
    assert not await held(harness)
    assert await again("usr_1", "same") == first
    assert (await refusal(again("usr_1", "same", b"another"))).code == "idempotency_key_reused"


async def test_what_was_refused_is_not_held_later(harness: Harness) -> None:
    """The refusal was kept, and may have been read."""
    await harness.show()
    use = harness.use("usr_1", "same")
    await use.store_afterwards(harness.store, 409, b"{}")
    with pytest.raises(Duplicate) as caught:
        await harness.tickets.holding.hold_seats(who("usr_1"), "evt_1", ["A-1"], use)
    assert is_copy(caught.value)
    assert not await held(harness)


async def test_without_coordination_sales_go_on(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    await harness.show()

    async def down(*_: object, **__: object) -> None:
        raise Unavailable("the lock service is down")

    for name in ("acquire", "publish"):
        monkeypatch.setattr(harness.coordination, name, down)
    granted, told = await outcomes(*(harness.hold("A-1", user=f"usr_{n}") for n in range(10)))
    assert len(granted) == 1
    assert all(isinstance(one, DomainError) and one.code == "seats_taken" for one in told)


async def test_a_lock_that_somebody_forgot_only_takes_time(harness: Harness) -> None:
    await harness.show()
    await harness.coordination.acquire(["evt_1:00000"], "a dead process", ttl_seconds=60)
    holding = asyncio.create_task(harness.hold("A-1"))
    await until(lambda: harness.clock.sleepers > 0)
    await harness.clock.advance(3)
    assert (await holding).status == "active"


async def test_who_loses_every_race_is_told_to_try_again(harness: Harness) -> None:
    await harness.show()
    harness.store.clashes = 1000
    with pytest.raises(Unavailable):
        await harness.hold("A-1")
    harness.store.clashes = 5
    assert (await harness.hold("A-1")).status == "active"


async def test_who_loses_every_race_to_somebody_is_told_to_whom(harness: Harness) -> None:
    await harness.show()
    await harness.hold("A-1")
    harness.store.clashes = 1000
    assert (await refusal(harness.hold("A-1", "A-2", user="usr_2"))).extra == {"taken": ["A-1"]}


async def test_a_crash_leaves_the_hold_whole_or_not_at_all(harness: Harness) -> None:
    await harness.show()
    for when, count in (("before", 0), ("after", 2)):
        harness.store.commits, harness.store.dies_at = 0, (1, when)
        with pytest.raises(Crash):
            await harness.hold("A-1", "B-1")
        harness = await harness.again()
        assert len(await held(harness)) == count
        assert len(await harness.every(Hold)) == count // 2
