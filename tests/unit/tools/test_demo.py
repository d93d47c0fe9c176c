import asyncio
from functools import partial
from pathlib import Path

import pytest

from houseful.tools import demo, sample_venues
from houseful.tools.invariants import check_all
from tests.support.deployment import Deployment, started


@pytest.fixture(autouse=True)
def small_halls(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {True: partial(sample_venues.theatre, 96), False: partial(sample_venues.theatre, 120)}
    shows = tuple(show._replace(house=small[show.sold_out]) for show in demo.SHOWS)
    monkeypatch.setattr(demo, "SHOWS", shows)


async def made(deployment: Deployment, *, fresh: bool) -> list[str]:
    said: list[str] = []
    await demo.fill(deployment.app, fresh=fresh, say=said.append)
    return said


async def events_of(deployment: Deployment) -> dict[str, str]:
    items = (await deployment.call("GET", "/api/events")).ok()["items"]
    return {event["title"]: event["state"] for event in items}


async def test_everything_is_there_and_sound(deployment: Deployment) -> None:
    said = await made(deployment, fresh=True)
    assert demo.PASSWORD in said[-1]
    await deployment.until(lambda: _is(deployment, "Quartet for a Small Room", "sold_out"))
    states = await events_of(deployment)
    assert set(states) == {show.title for show in demo.SHOWS}
    assert states["A Winter's Tailor"] == "scheduled"
    assert states["The Lamplighter's Daughter"] == "on_sale"
    for email, _, roles in demo.ACCOUNTS:
        token = await deployment.sign_in(email, demo.PASSWORD)
        me = (await deployment.call("GET", "/api/me", token=token)).ok()
        assert set(roles) <= set(me["roles"])
    assert (await check_all(deployment.app.settings)).ok


async def _is(deployment: Deployment, title: str, state: str) -> bool:
    return (await events_of(deployment)).get(title) == state


async def test_a_second_start_adds_nothing(deployment: Deployment) -> None:
    await made(deployment, fresh=True)
    await deployment.until(lambda: _is(deployment, "Quartet for a Small Room", "sold_out"))
    before = await events_of(deployment)
    [said] = await made(deployment, fresh=False)
    assert demo.PASSWORD in said
    assert await events_of(deployment) == before


async def test_an_installation_in_use_is_left_alone(deployment: Deployment) -> None:
    await deployment.user("somebody")
    [said] = await made(deployment, fresh=False)
    assert "not empty" in said
    assert await events_of(deployment) == {}


@pytest.mark.parametrize("after", range(2, 60, 14))
async def test_interrupted_anywhere_it_goes_on_at_the_next_start(tmp_path: Path, after: int) -> None:
    calls = 0

    async with started(tmp_path / "data") as deployment:
        request = deployment.app.client.request

        async def counted(*arguments: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls > after:
                raise asyncio.CancelledError
            return await request(*arguments, **named)  # type: ignore[arg-type]

        deployment.app.client.request = counted  # type: ignore[method-assign, assignment]
        with pytest.raises(asyncio.CancelledError):
            await made(deployment, fresh=True)
    async with started(tmp_path / "data") as deployment:
        await made(deployment, fresh=False)
        await deployment.until(lambda: _is(deployment, "Quartet for a Small Room", "sold_out"))
        assert len(await events_of(deployment)) == len(demo.SHOWS)
        assert (await check_all(deployment.app.settings)).ok
