"""`houseful check` is red when an amended plan has taken a seat from somebody, or keeps one from
everybody."""

import msgspec
import pytest

from houseful.kernel.ports import Transaction
from houseful.seating.parsing import parse_plan, plan_hash
from houseful.tickets.domain.amendments import Amendment, Stage, difference_of_packed
from houseful.tickets.domain.blocks import FROZEN, REMOVED, Block, Claim, block_id
from houseful.tickets.domain.orders import Order, OrderState
from houseful.tickets.domain.shows import PlanPart, Show
from tests.support.deployment import Deployment, plan
from tests.unit.tickets.test_amended_layouts import Json, changed, stored, without
from tests.unit.tools.sold_seats import do, found, impatient, report_of, sold

__all__ = ["impatient", "sold"]


async def amended(
    sold: Deployment, new: Json, claims: dict[int, Claim], stage: Stage = Stage.APPLIED
) -> list[str]:
    """An amendment as it is stored once it is done. Returns the ids of the seats that are in an order."""
    store = sold.app.stores["tickets"]
    [show] = await store.find(Show, {}, limit=2)
    [order] = [one for one in await store.find(Order, {}, limit=9) if one.state is OrderState.CONFIRMED]
    part = await store.get(PlanPart, f"{show.plan_hash}:0")
    assert part is not None
    result = difference_of_packed(part.piece, stored(new))

    async def work(tx: Transaction) -> None:
        await tx.get(Show, show.id)
        tx.insert(PlanPart(id="amended:0", parts=1, piece=result.packed))
        tx.put(
            msgspec.structs.replace(
                show,
                plan_hash="amended",
                seats_total=result.seats_left,
                generated=result.seats_left,
                removed_total=result.removed_total,
            )
        )
        tx.insert(
            Amendment(
                id=show.id,
                number=1,
                plan_hash=plan_hash(parse_plan(msgspec.json.encode(new)), ()),
                layout_version="amended",
                base=show.plan_hash,
                seats_total=result.seats_left,
                prices=show.prices,
                stage=stage,
            )
        )
        for ordinal, claim in claims.items():
            block = await tx.get(Block, block_id(show.id, ordinal // 10))
            assert block is not None
            tx.put(msgspec.structs.replace(block, claims={**block.claims, ordinal - block.first: claim}))

    await do(sold, work)
    return [seat.seat_id for seat in order.seats]


async def test_c20_a_plan_that_was_amended(sold: Deployment) -> None:
    await amended(sold, without(plan(), "C-10"), {29: REMOVED})
    assert await found(sold) == {}
    [check] = [result for result in (await report_of(sold)).checks if result.code == "C20"]
    assert check.scope == "1 amended plans"


async def test_c20_a_seat_that_is_gone_is_for_sale(sold: Deployment) -> None:
    await amended(sold, without(plan(), "C-10"), {})
    assert await found(sold) == {"C20": ["sells seats that the plan does not have: [29]"]}


async def test_c20_a_seat_that_is_there_is_not_for_sale(sold: Deployment) -> None:
    await amended(sold, without(plan(), "C-10"), {29: REMOVED, 28: REMOVED})
    assert await found(sold) == {"C20": ["does not sell seats that the plan has: [28]"]}


async def test_c20_a_seat_is_kept_from_everybody(sold: Deployment) -> None:
    await amended(sold, without(plan(), "C-10"), {29: REMOVED, 28: FROZEN})
    assert await found(sold) == {"C20": ["keeps 1 seats from everybody, and no amendment is under way"]}


async def test_c20_while_it_is_under_way_seats_are_kept(sold: Deployment) -> None:
    await amended(sold, without(plan(), "C-10"), {28: FROZEN}, stage=Stage.THAWING)
    assert await found(sold) == {}


@pytest.mark.parametrize("how", ["gone", "category", "another"])
async def test_c20_somebodys_seat_is_another_now(sold: Deployment, how: str) -> None:
    [order] = [
        one
        for one in await sold.app.stores["tickets"].find(Order, {}, limit=9)
        if one.state is OrderState.CONFIRMED
    ]
    seat_id = order.seats[0].seat_id
    new = {
        "gone": without(plan(), seat_id),
        "category": changed(plan(), seat_id, category="Standard"),
        "another": changed(plan(), seat_id, seat_guid="somebody-else"),
    }[how]
    await amended(sold, new, {})
    [detail] = (await found(sold))["C20"][-1:]
    assert seat_id in detail
    assert ("in Standard" in detail) == (how == "category")
