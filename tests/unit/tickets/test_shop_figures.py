"""What the shop tells the lines that ask."""

import pytest

from houseful.kernel.errors import StateConflict, Unavailable
from houseful.tickets.schemas import HoldView
from houseful.tickets.use_cases import shop_figures
from tests.unit.tickets.harness import Harness


async def test_each_line_is_told_the_same_trouble(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_figures, "_LATELY_SECONDS", 3600.0)
    await harness.show("evt_1")
    await harness.show("evt_2")
    teller = harness.tickets.shop_figures

    async def fails() -> HoldView:
        raise Unavailable("these seats are too busy")

    with pytest.raises(Unavailable):
        await harness.tickets.hold("usr_1", "evt_1", fails)
    with pytest.raises(StateConflict):
        await harness.tickets.hold("usr_1", "evt_1", _refused)
    told = [await teller._figures(event_id) for event_id in ("evt_1", "evt_2")]
    assert [(one.holds, one.unavailable) for one in told] == [(2, 1), (2, 1)]
    assert [one.event_holds for one in told] == [2, 0]


async def test_what_was_long_ago_is_no_trouble_now(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop_figures, "_LATELY_SECONDS", -1.0)
    await harness.show("evt_1")

    with pytest.raises(StateConflict):
        await harness.tickets.hold("usr_1", "evt_1", _refused)
    assert (await harness.tickets.shop_figures._figures("evt_1")).holds == 0


async def _refused() -> HoldView:
    raise StateConflict("seats_taken", "These seats are taken.")
