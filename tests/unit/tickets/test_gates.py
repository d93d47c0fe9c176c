"""An event's gates: who may hold its seats, by what the access token says of the account."""

from collections.abc import Awaitable
from typing import Any

import pytest

from houseful.kernel.errors import DomainError
from houseful.messages import EventChanged, Gates
from houseful.tickets.schemas import HoldView
from tests.unit.tickets.harness import DAY, Harness, refusal, who


async def holds(harness: Harness, user: str = "usr_1", **claims: Any) -> str:
    """How a hold of one seat ends, of a named one and of the best one: alike."""
    holding, buyer = harness.tickets.holding, who(user, **claims)
    ends = {
        await _end(holding.hold_seats(buyer, "evt_1", ["A-1"], harness.use(user))),
        await _end(holding.hold_best(buyer, "evt_1", 1, None, None, harness.use(user))),
    }
    [end] = ends
    return end


async def _end(hold: Awaitable[HoldView]) -> str:
    try:
        await hold
    except DomainError as error:
        return error.code
    return "held"


async def test_an_event_for_verified_addresses(harness: Harness) -> None:
    await harness.show(gates=Gates(verified_email=True))
    assert await holds(harness) == "email_not_verified"
    assert await holds(harness, email_verified=True) == "held"


async def test_an_event_for_accounts_that_were_made_before(harness: Harness) -> None:
    before = harness.clock.now() - DAY
    await harness.show(gates=Gates(accounts_before=before))
    assert await holds(harness, account_since=before) == "account_too_new"
    assert await holds(harness, account_since=None) == "account_too_new", "a token of an older version"
    assert await holds(harness, account_since=before - 1) == "held"


async def test_a_refusal_says_what_to_do(harness: Harness) -> None:
    await harness.show(gates=Gates(verified_email=True, accounts_before=harness.clock.now()))
    holding = harness.tickets.holding
    told = await refusal(holding.hold_seats(who("usr_1"), "evt_1", ["A-1"], harness.use()))
    assert "POST /api/me/verification" in told.detail
    verified = who("usr_1", email_verified=True, account_since=harness.clock.now())
    told = await refusal(holding.hold_seats(verified, "evt_1", ["A-1"], harness.use()))
    assert "made before" in told.detail


@pytest.mark.parametrize("gates", [None, Gates()])
async def test_an_event_without_gates_asks_nothing(harness: Harness, gates: Gates | None) -> None:
    await harness.show(gates=gates)
    assert await holds(harness) == "held"


async def test_gates_are_opened_and_closed_while_an_event_is_on_sale(harness: Harness) -> None:
    await harness.show()
    changed: dict[str, Any] = {
        "event_id": "evt_1",
        "title": "An Evening",
        "on_sale_at": None,
        "max_seats_per_order": 10,
        "refundable_until": None,
    }
    await harness.receive(EventChanged(**changed, gates=Gates(verified_email=True)))
    assert await holds(harness) == "email_not_verified"
    await harness.receive(EventChanged(**changed))
    assert await holds(harness) == "held"
