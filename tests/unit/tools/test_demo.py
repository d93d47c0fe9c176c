import asyncio
from functools import partial
from pathlib import Path

import pytest

from houseful.tools import demo, sample_venues
from houseful.tools.invariants import check_all
from tests.support.deployment import House, started


@pytest.fixture(autouse=True)
def small_houses(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {True: partial(sample_venues.theatre, 96), False: partial(sample_venues.theatre, 120)}
    shows = tuple(show._replace(house=small[show.sold_out]) for show in demo.SHOWS)
    monkeypatch.setattr(demo, "SHOWS", shows)


async def made(house: House, *, fresh: bool) -> list[str]:
    said: list[str] = []
    await demo.fill(house.app, fresh=fresh, say=said.append)
    return said


async def events_of(house: House) -> dict[str, str]:
    items = (await house.call("GET", "/api/events")).ok()["items"]
    return {event["title"]: event["state"] for event in items}


async def test_everything_is_there_and_sound(house: House) -> None:
    said = await made(house, fresh=True)
    assert demo.PASSWORD in said[-1]
    await house.until(lambda: _is(house, "Quartet for a Small Room", "sold_out"))
    states = await events_of(house)
    assert set(states) == {show.title for show in demo.SHOWS}
    assert states["A Winter's Tailor"] == "scheduled"
    assert states["The Lamplighter's Daughter"] == "on_sale"
    for email, _, roles in demo.ACCOUNTS:
        token = await house.sign_in(email, demo.PASSWORD)
        me = (await house.call("GET", "/api/me", token=token)).ok()
        assert set(roles) <= set(me["roles"])
    assert (await check_all(house.app.settings)).ok


async def _is(house: House, title: str, state: str) -> bool:
    return (await events_of(house)).get(title) == state


async def test_a_second_start_adds_nothing(house: House) -> None:
    await made(house, fresh=True)
    before = await events_of(house)
    [said] = await made(house, fresh=False)
    assert demo.PASSWORD in said
    assert await events_of(house) == before


async def test_an_installation_in_use_is_left_alone(house: House) -> None:
    await house.user("somebody")
    [said] = await made(house, fresh=False)
    assert "not empty" in said
    assert await events_of(house) == {}


@pytest.mark.parametrize("after", range(2, 60, 14))
async def test_interrupted_anywhere_it_goes_on_at_the_next_start(tmp_path: Path, after: int) -> None:
    calls = 0

    async with started(tmp_path / "data") as house:
        request = house.app.client.request

        async def counted(*arguments: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls > after:
                raise asyncio.CancelledError
            return await request(*arguments, **named)  # type: ignore[arg-type]

        house.app.client.request = counted  # type: ignore[method-assign, assignment]
        with pytest.raises(asyncio.CancelledError):
            await made(house, fresh=True)
    async with started(tmp_path / "data") as house:
        await made(house, fresh=False)
        await house.until(lambda: _is(house, "Quartet for a Small Room", "sold_out"))
        assert len(await events_of(house)) == len(demo.SHOWS)
        assert (await check_all(house.app.settings)).ok
