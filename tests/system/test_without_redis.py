"""Coordination is a help and never the truth: with every one of its methods failing, a sale still works."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from houseful.adapters.local_coordination import LocalCoordination
from houseful.adapters.system import SystemClock
from houseful.app import running
from houseful.common.auth import Role
from houseful.common.errors import Unavailable
from houseful.common.ports import Coordination
from houseful.settings import load_settings
from houseful.tickets.service.signals import OrderSignals
from tests.support import House, open_stream
from tests.system.support import must_be_sound, organizer_of, token_of


class Down:
    """As Redis is when it is gone. Counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def _fail(self) -> Unavailable:
        self.asked += 1
        return Unavailable("there is no Redis")

    async def acquire(
        self, names: Sequence[str], owner: str, *, ttl_seconds: float, wait_seconds: float = 0
    ) -> bool:
        raise self._fail()

    async def release(self, names: Sequence[str], owner: str) -> None:
        raise self._fail()

    async def take(self, bucket: str, *, per_second: float, burst: float) -> float:
        raise self._fail()

    async def increment(self, counter: str, *, ttl_seconds: float) -> int:
        raise self._fail()

    async def publish(self, channel: str, payload: bytes) -> None:
        raise self._fail()

    @asynccontextmanager
    async def subscribe(self, channel: str) -> AsyncIterator[AsyncIterator[bytes]]:
        raise self._fail()
        yield  # a context manager yields, if it comes to that

    async def ready(self) -> None:
        raise self._fail()

    async def close(self) -> None:
        raise self._fail()


class Forgetful(LocalCoordination):
    """As Redis is when somebody empties it after every command."""

    async def acquire(
        self, names: Sequence[str], owner: str, *, ttl_seconds: float, wait_seconds: float = 0
    ) -> bool:
        self._locks.clear()
        return await super().acquire(names, owner, ttl_seconds=ttl_seconds, wait_seconds=wait_seconds)

    async def take(self, bucket: str, *, per_second: float, burst: float) -> float:
        self._buckets.clear()
        return await super().take(bucket, per_second=per_second, burst=burst)

    async def increment(self, counter: str, *, ttl_seconds: float) -> int:
        self._counters.clear()
        return await super().increment(counter, ttl_seconds=ttl_seconds)

    async def publish(self, channel: str, payload: bytes) -> None:
        """Nobody hears it."""


@pytest.fixture(params=["down", "forgetful"])
def coordination(request: pytest.FixtureRequest) -> Coordination:
    return Down() if request.param == "down" else Forgetful(SystemClock())


@pytest.fixture
async def house(tmp_path: Path, coordination: Coordination) -> AsyncIterator[House]:
    """With rates limited, as far as they can be."""
    settings = load_settings({}, data=str(tmp_path / "data"), rate_limits="on")
    async with running(settings, coordination=coordination, access_log=False) as app:
        yield House(app)
    if isinstance(coordination, Down):
        assert coordination.asked, "somebody would have liked its help"


async def test_a_purchase_goes_through(house: House) -> None:
    organizer = await house.user("olga", Role.ORGANIZER)
    event_id = await house.event(organizer)
    buyer = await house.user("bea")
    order = await house.buy(buyer, event_id, 2)
    path = f"/api/orders/{order['id']}/tickets"
    tickets = (await house.call("GET", path, token=buyer)).ok()["items"]
    assert len(tickets) == 2
    (await house.call("POST", f"/api/orders/{order['id']}/cancel", token=buyer)).ok(200)
    await house.order_that_is(buyer, order["id"], "refunded")
    await must_be_sound(house)


async def test_a_hundred_parallel_holds_give_one(house: House) -> None:
    event_id = await house.event(organizer_of(house))
    seat = (await house.seats(event_id))[0]["id"]
    path = f"/api/events/{event_id}/holds"
    buyers = [token_of(house, f"b{number}") for number in range(100)]
    replies = await asyncio.gather(
        *(house.call("POST", path, {"seats": [seat]}, token=buyer) for buyer in buyers)
    )
    assert Counter(reply.status for reply in replies) == {201: 1, 409: 99}
    assert all(reply.json["code"] == "seats_taken" for reply in replies if reply.status == 409)


async def test_one_key_a_hundred_times_is_one_hold(house: House) -> None:
    event_id, buyer = await house.event(organizer_of(house)), token_of(house, "bea")
    seat = (await house.seats(event_id))[0]["id"]
    path = f"/api/events/{event_id}/holds"
    replies = await asyncio.gather(
        *(house.call("POST", path, {"seats": [seat]}, token=buyer, key="the key") for _ in range(100))
    )
    assert {reply.status for reply in replies} == {201}
    assert len({reply.content for reply in replies}) == 1
    assert len((await house.call("GET", "/api/holds", token=buyer)).ok()["items"]) == 1


async def test_the_best_seats_are_given_to_one_each(house: House) -> None:
    event_id = await house.event(organizer_of(house))
    path, body = f"/api/events/{event_id}/holds", {"best_available": {"quantity": 3}}
    replies = await asyncio.gather(
        *(house.call("POST", path, body, token=token_of(house, f"b{number}")) for number in range(15))
    )
    assert {reply.status for reply in replies} <= {201, 409}
    given = [seat["id"] for reply in replies if reply.status == 201 for seat in reply.json["seats"]]
    assert len(given) == len(set(given)) >= 24


@pytest.mark.parametrize("coordination", ["forgetful"], indirect=True)
async def test_who_watches_an_order_sees_it_change_without_a_signal(house: House) -> None:
    event_id, buyer = await house.event(organizer_of(house)), token_of(house, "bea")
    order = await house.order(buyer, (await house.hold(buyer, event_id))["hold_id"])
    async with open_stream(house, f"/api/orders/{order['id']}/stream", token=buyer) as stream:
        assert "awaiting_payment" in (await stream.event())[1]
        (await house.pay(order)).ok(200)
        while "confirmed" not in (await stream.event())[1]:
            pass


async def test_who_watches_an_order_goes_on_without_signals() -> None:
    """A beat at once, as for everybody else; the next ones by the clock."""
    watching = OrderSignals(Down()).watch("ord_1")
    await anext(watching)
    await watching.aclose()  # type: ignore[attr-defined]
