"""An event's gates: who may hold its seats, by what the access token says of the account."""

from collections.abc import Awaitable
from typing import Any

import pytest

from houseful.kernel.errors import DomainError
from houseful.messages import EventChanged, Gates
from houseful.tickets.schemas import HoldView
from tests.unit.tickets.world import DAY, World, refusal, who


async def holds(world: World, user: str = "usr_1", **claims: Any) -> str:
    """How a hold of one seat ends, of a named one and of the best one: alike."""
    holding, buyer = world.tickets.holding, who(user, **claims)
    ends = {
        await _end(holding.hold_seats(buyer, "evt_1", ["A-1"], world.use(user))),
        await _end(holding.hold_best(buyer, "evt_1", 1, None, None, world.use(user))),
    }
    [end] = ends
    return end


async def _end(hold: Awaitable[HoldView]) -> str:
    try:
        await hold
    except DomainError as error:
        return error.code
    return "held"


async def test_an_event_for_verified_addresses(world: World) -> None:
    await world.show(gates=Gates(verified_email=True))
    assert await holds(world) == "email_not_verified"
    assert await holds(world, email_verified=True) == "held"


async def test_an_event_for_accounts_that_were_made_before(world: World) -> None:
    before = world.clock.now() - DAY
    await world.show(gates=Gates(accounts_before=before))
    assert await holds(world, account_since=before) == "account_too_new"
    assert await holds(world, account_since=None) == "account_too_new", "a token of an older version"
    assert await holds(world, account_since=before - 1) == "held"


async def test_a_refusal_says_what_to_do(world: World) -> None:
    await world.show(gates=Gates(verified_email=True, accounts_before=world.clock.now()))
    holding = world.tickets.holding
    told = await refusal(holding.hold_seats(who("usr_1"), "evt_1", ["A-1"], world.use()))
    assert "POST /api/me/verification" in told.detail
    verified = who("usr_1", email_verified=True, account_since=world.clock.now())
    told = await refusal(holding.hold_seats(verified, "evt_1", ["A-1"], world.use()))
    assert "made before" in told.detail


@pytest.mark.parametrize("gates", [None, Gates()])
async def test_an_event_without_gates_asks_nothing(world: World, gates: Gates | None) -> None:
    await world.show(gates=gates)
    assert await holds(world) == "held"


async def test_gates_are_opened_and_closed_while_an_event_is_on_sale(world: World) -> None:
    await world.show()
    changed: dict[str, Any] = {
        "event_id": "evt_1",
        "title": "An Evening",
        "on_sale_at": None,
        "max_seats_per_order": 10,
        "refundable_until": None,
    }
    await world.receive(EventChanged(**changed, gates=Gates(verified_email=True)))
    assert await holds(world) == "email_not_verified"
    await world.receive(EventChanged(**changed))
    assert await holds(world) == "held"
