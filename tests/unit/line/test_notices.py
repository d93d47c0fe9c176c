"""An email when the turn is near: asked for once, by who wants it, in time."""

import msgspec
import pytest

from houseful.kernel.errors import DomainError
from houseful.line.account_api import _place_view
from houseful.line.domain import notices
from houseful.line.domain.admission import Admission
from houseful.line.domain.notices import TurnNotice
from houseful.messages import AccountErased, TurnNear
from tests.unit.line.harness import EVENT, ON_SALE, Harness, who


def buyer(name: str) -> str:
    return f"usr_{name}"


async def wanted(harness: Harness, *users: str) -> None:
    for user in users:
        await harness.line.notices.want(who(buyer(user), email_verified=True), EVENT)


async def told(harness: Harness) -> list[TurnNear]:
    await harness.line.notices.look(await harness.stored())
    rows = [row async for row in harness.store.outbox.rows() if row.type == TurnNear.type()]
    return [msgspec.json.decode(row.payload, type=TurnNear) for row in rows]


async def opened(harness: Harness) -> None:
    await harness.until(ON_SALE - 60_000)
    await harness.until(ON_SALE)


async def slow(harness: Harness, *, front: int, rate: float) -> None:
    """The line is called as far, and goes on at this pace."""

    async with harness.store.begin() as tx:
        admission = await tx.get(Admission, EVENT)
        assert admission is not None
        tx.put(msgspec.structs.replace(admission, front=front, rate=rate))


async def test_who_wants_it_is_told_once_when_the_turn_is_near(harness: Harness) -> None:
    await harness.opened_lobby()
    users = [f"{number:02}" for number in range(20)]
    await harness.join(*users)
    await wanted(harness, *users)
    assert await harness.line.notices.is_wanted(EVENT, buyer("00"))
    await opened(harness)
    await slow(harness, front=4, rate=0.02)
    near = notices.near_until(Admission(id=EVENT, front=4, rate=0.02))
    assert near == 10
    messages = await told(harness)
    numbers = [(await harness.line.place(message.user_id, EVENT)).number for message in messages]
    assert sorted(number or 0 for number in numbers) == list(range(1, 11))
    assert {message.title for message in messages} == {"A show"}
    assert await told(harness) == messages
    assert not await harness.line.notices.is_wanted(EVENT, messages[0].user_id)
    await slow(harness, front=14, rate=0.02)
    assert len(await told(harness)) == 20


async def test_a_crowd_is_told_in_one_look(harness: Harness) -> None:
    await harness.opened_lobby()
    users = [f"{number:03}" for number in range(450)]
    await harness.join(*users)
    await wanted(harness, *users)
    await opened(harness)
    await slow(harness, front=450, rate=0.0)
    assert len(await told(harness)) == 450


async def test_who_does_not_want_it_is_left_alone(harness: Harness) -> None:
    await harness.opened_lobby()
    await harness.join("anna", "berta", "carla")
    await wanted(harness, "anna", "anna", "berta")
    for _ in range(2):
        await harness.line.notices.decline(EVENT, buyer("anna"))
    await opened(harness)
    await slow(harness, front=3, rate=1.0)
    assert [message.user_id for message in await told(harness)] == [buyer("berta")]


async def test_who_comes_after_the_draw_is_told_too(harness: Harness) -> None:
    await harness.opened_lobby()
    await harness.join("anna")
    await opened(harness)
    await harness.join("berta")
    await wanted(harness, "berta")
    assert await told(harness) == [], "the sequencer has given no number yet"
    await harness.line.progress.number(EVENT)
    await slow(harness, front=1, rate=1.0)
    assert [message.user_id for message in await told(harness)] == [buyer("berta")]


async def test_nobody_is_written_to_whose_address_is_not_confirmed(harness: Harness) -> None:
    await harness.opened_lobby()
    await harness.join("anna")
    with pytest.raises(DomainError) as refused:
        await harness.line.notices.want(who(buyer("anna")), EVENT)
    assert refused.value.code == "email_not_verified"


async def test_it_is_for_who_stands_in_the_line(harness: Harness) -> None:
    await harness.opened_lobby()
    with pytest.raises(DomainError) as refused:
        await wanted(harness, "anna")
    assert refused.value.code == "not_in_line"


async def test_an_erased_account_is_not_written_to(harness: Harness) -> None:
    await harness.opened_lobby()
    await harness.join("anna", "berta")
    await wanted(harness, "anna", "berta")
    await harness.receive(AccountErased(user_id=buyer("anna"), erased_at=harness.clock.now()))
    kept = await harness.store.find(TurnNotice, {"event_id": EVENT}, by="number", limit=10)
    assert [notice.user_id for notice in kept] == [buyer("berta")]


async def test_a_line_that_is_over_forgets_who_wanted_an_email(harness: Harness) -> None:
    await harness.opened_lobby()
    await harness.join("anna")
    await wanted(harness, "anna")
    line = await harness.stored()
    await harness.clock.advance((line.is_over_at - harness.clock.now()) / 1000)
    async with harness.store.begin() as tx:
        await tx.get(type(line), EVENT)
        tx.put(msgspec.structs.replace(line, starts_at=line.starts_at + 86_400_000))
    await harness.clock.advance(1)
    assert await harness.line.notices.purge() == 1
    assert await harness.line.notices.is_wanted(EVENT, buyer("anna")), "the event was moved to the next day"
    assert await harness.line.notices.purge() == 0
    await harness.clock.advance(86_400)
    assert await harness.line.notices.purge() == 1
    assert not await harness.line.notices.is_wanted(EVENT, buyer("anna"))


async def test_an_export_says_who_wants_an_email(harness: Harness) -> None:
    await harness.opened_lobby()
    await harness.join("anna")
    await wanted(harness, "anna")
    [place], _ = await harness.line.account_data.places(buyer("anna"), None)
    assert _place_view(place).email_wanted


async def test_two_processes_tell_once(harness: Harness) -> None:
    await harness.opened_lobby()
    await harness.join("anna")
    await wanted(harness, "anna")
    await opened(harness)
    await slow(harness, front=1, rate=1.0)
    other = harness.beside()
    assert len(await told(harness)) == 1
    assert len(await told(other)) == 1
    await other.store.close()
