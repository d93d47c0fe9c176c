"""A line of mode auto: nobody sees it until the shop is at its limit."""

from typing import Any

import pytest

from houseful.kernel.errors import StateConflict
from houseful.line import standby
from houseful.line.domain import audit
from houseful.line.domain.lines import Phase
from houseful.webapi.shop_signals import ShopFigures
from tests.unit.line.harness import EVENT, ON_SALE, Harness

BUSY: dict[str, Any] = {"hold_p95_seconds": 0.6, "holds": 40, "event_holds": 40}


async def seconds(harness: Harness, count: int, event_id: str = EVENT, **told: Any) -> None:
    """So many, in each of which the shop tells these figures."""
    for _ in range(count):
        await harness.clock.advance(1)
        figures = ShopFigures(event_id=event_id, process="shop_1", seats_left={"Standard": 900}, **told)
        harness.line.admitting.hear(figures)
        for line in await harness.line.progress.lines_in(Phase.OPEN):
            await harness.line.admitting.step(line.id)
        await harness.line.admitting.standby.look()


@pytest.fixture
async def auto(harness: Harness) -> Harness:
    await harness.publish(mode="auto", lobby_opens_at=None)
    await harness.until(ON_SALE)
    return harness


async def test_nobody_sees_a_line_that_is_not_needed(auto: Harness) -> None:
    await seconds(auto, 10, holds=200, event_holds=200, hold_p95_seconds=0.1)
    assert list(await auto.line.events_with_line()) == []
    with pytest.raises(StateConflict, match="Nobody has to wait"):
        await auto.join(1)


async def test_it_wakes_at_the_limit_and_calls_at_what_the_shop_bears(auto: Harness) -> None:
    await seconds(auto, 2, **BUSY)
    await seconds(auto, 1, holds=40, event_holds=40)
    await seconds(auto, 2, **BUSY)
    assert list(await auto.line.events_with_line()) == [], "a second without trouble begins anew"
    await seconds(auto, 1, **BUSY)
    assert list(await auto.line.events_with_line()) == [EVENT]
    await auto.join(*range(200))
    while await auto.line.progress.number(EVENT):
        pass
    assert [await auto.number(user) for user in (0, 199)] != [None, None]
    before = await auto.line.admitting.step(EVENT)
    assert before is not None
    assert before.load_rate == pytest.approx(28, abs=1)
    await seconds(auto, 2)
    after = await auto.line.admitting.step(EVENT)
    assert after is not None
    assert 40 < after.front < 80
    assert audit.contradictions(await auto.line.audit(EVENT)) == []


async def test_trouble_of_others_wakes_no_line_that_nobody_asks_for(auto: Harness) -> None:
    await seconds(auto, 10, hold_p95_seconds=0.6, holds=40, event_holds=0)
    assert list(await auto.line.events_with_line()) == []


async def test_it_stands_by_when_nobody_needs_it_and_numbers_stay(
    auto: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standby, "QUIET_LOOKS", 20)
    await seconds(auto, 3, **BUSY)
    await auto.join("anna")
    await auto.line.progress.number(EVENT)
    await seconds(auto, 10)
    assert list(await auto.line.events_with_line()) == [EVENT]
    await seconds(auto, 20)
    assert list(await auto.line.events_with_line()) == []
    assert await auto.number("anna") == 1
    await seconds(auto, 3, **BUSY)
    await auto.join("berta")
    await auto.line.progress.number(EVENT)
    assert [await auto.number(user) for user in ("anna", "berta")] == [1, 2]
    await auto.line.line_pass("usr_anna", EVENT)


async def test_what_is_not_known_is_no_quiet(auto: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby, "QUIET_LOOKS", 20)
    await seconds(auto, 3, **BUSY)
    for _ in range(60):
        await auto.clock.advance(1)
        await auto.line.admitting.standby.look()
    assert list(await auto.line.events_with_line()) == [EVENT]


async def test_it_ends_with_its_event(auto: Harness) -> None:
    line = await auto.stored()
    assert line.due_at == line.is_over_at
    await auto.until(line.is_over_at)
    assert (await auto.stored()).phase is Phase.ENDED


async def test_many_that_stand_by_are_asked_for_in_turn(harness: Harness) -> None:
    for number in range(45):
        await harness.publish(f"evt_{number:02}", mode="auto", lobby_opens_at=None)
    asked: list[str] = []

    async def note(event_id: str) -> None:
        asked.append(event_id)

    harness.line.admitting.standby._ask = note
    for _ in range(3):
        await harness.line.admitting.standby.look()
    assert len(asked) == 60
    assert len(set(asked)) == 45
