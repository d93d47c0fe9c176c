"""Delivery while something is away: leases, outages, the work in the background."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import Unavailable
from houseful.messages import EventChanged
from houseful.messaging import (
    list_dead,
    list_parked,
)
from houseful.messaging.relay import KEPT_SECONDS, LEASE_SECONDS
from tests.unit.messaging.delivery_harness import (
    Failing,
    Harness,
    NoCoordination,
    changed,
    figure,
    until,
)


class TestLeases:
    async def test_one_relay_works_at_a_time(self, harness: Harness) -> None:
        first, second = harness.relay(batch=1), harness.relay(batch=1)
        await harness.send_titles("evt_1", 1, 2, 3)
        assert await first.step() == 1
        assert await second.step() == 0
        assert await first.step() == 1

    async def test_another_takes_over_from_one_that_died(self, harness: Harness) -> None:
        first, second = harness.relay(batch=1), harness.relay(batch=1)
        await harness.send_titles("evt_1", 1, 2, 3)
        assert await first.step() == 1
        await harness.clock.advance(LEASE_SECONDS)
        assert await second.step() == 1
        assert await first.step() == 0

    async def test_one_that_ends_hands_over_at_once(self, tmp_path: Path) -> None:
        harness = Harness(tmp_path, SystemClock())  # type: ignore[arg-type]
        first, second = harness.relay(), harness.relay()
        running = asyncio.create_task(first.run())
        await harness.send_titles("evt_1", 1)
        await until(lambda: nothing_unpublished(harness))
        await harness.send_titles("evt_1", 2)
        await until(lambda: nothing_unpublished(harness))
        running.cancel()
        await asyncio.wait([running])
        await harness.send_titles("evt_1", 3)
        assert await second.step() == 1
        await harness.close()

    async def test_a_lease_that_cannot_be_asked_for_stops_nothing(self, harness: Harness) -> None:
        harness.coordination = NoCoordination()
        relay = harness.relay(batch=1)
        await harness.send_titles("evt_1", 1, 2, 3)
        assert [await relay.step() for _ in range(4)] == [1, 1, 1, 0]


async def nothing_unpublished(harness: Harness) -> bool:
    return (await harness.events.outbox.stats()).unpublished == 0


class TestOutages:
    async def test_messages_wait_for_the_bus(self, harness: Harness) -> None:
        relay, consumer = harness.relay(), harness.consumer()
        await harness.send_titles("evt_1", 1)
        await harness.deliver(relay, consumer)
        harness.bus.down = True
        await harness.send_titles("evt_1", 2, 3)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await relay.step()
            with pytest.raises(Unavailable):
                await consumer.step()
        assert not relay._paused, "nobody is blamed for what concerns all"
        harness.bus.down = False
        await harness.deliver(relay, consumer)
        assert await harness.applied("evt_1") == [1, 2, 3]

    async def test_an_aggregate_that_the_bus_does_not_take_holds_up_no_other(self, harness: Harness) -> None:
        relay, consumer = harness.relay(batch=5), harness.consumer()
        await harness.send_titles("evt_0", *range(40))
        for number in range(1, 6):
            await harness.send_titles(f"evt_{number}", 1, 2)
        harness.bus.rejected = {"evt_0"}
        await harness.deliver(relay, consumer)
        for _ in range(3):  # it gets its chance again, in vain, and again holds up nobody
            await harness.clock.advance(10)
            await harness.deliver(relay, consumer)
        for number in range(1, 6):
            assert await harness.applied(f"evt_{number}") == [1, 2]
        assert await harness.applied("evt_0") == []
        harness.bus.rejected = set()
        await harness.clock.advance(10)
        await harness.deliver(relay, consumer)
        assert await harness.applied("evt_0") == list(range(40))
        assert not relay._paused

    async def test_many_stopped_aggregates_hide_no_other(self, harness: Harness) -> None:
        relay, consumer = harness.relay(batch=4), harness.consumer()
        for number in range(9):
            await harness.send_titles(f"evt_{number}", 1, 2)
        harness.bus.rejected = {f"evt_{number}" for number in range(8)}
        for _ in range(12):
            await relay.step()
            await consumer.step()
        assert await harness.applied("evt_8") == [1, 2]

    async def test_a_stopped_aggregate_does_not_wait_for_a_clock_that_was_set_back(
        self, harness: Harness
    ) -> None:
        relay = harness.relay()
        await harness.send_titles("evt_1", 1)
        harness.bus.rejected = {"evt_1"}
        await relay.step()
        harness.bus.rejected = set()
        assert await relay.step() == 0, "not at once"
        harness.clock.jump(-600)
        assert await relay.step() == 1

    async def test_a_handler_that_reaches_an_outage_pauses_and_parks_nothing(self, harness: Harness) -> None:
        handler = Failing("13", error=Unavailable("the gateway does not answer"))
        consumer = harness.consumer({EventChanged: handler})
        await harness.send_titles("evt_1", 11, 12, 13, 14)
        await harness.relay().step()
        for _ in range(20):
            with pytest.raises(Unavailable):
                await consumer.step()
        assert await harness.applied("evt_1") == [11, 12], "what came before is applied, and committed"
        assert harness.bus.committed == 2
        assert await list_parked(harness.tickets) == []
        assert await list_dead(harness.tickets) == []
        handler.bad.clear()
        assert await consumer.step() == 2
        assert await harness.applied("evt_1") == [11, 12, 13, 14]

    async def test_a_store_that_is_down_loses_nothing(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        consumer = harness.consumer()
        await harness.send_titles("evt_1", 1, 2)
        await harness.relay().step()

        async def down(work: object) -> None:
            raise Unavailable("the store is down")

        with monkeypatch.context() as patch:
            patch.setattr(harness.tickets, "transact", down)
            for _ in range(10):
                with pytest.raises(Unavailable):
                    await consumer.step()
        assert await consumer.step() == 2
        assert await harness.applied("evt_1") == [1, 2]
        assert await list_parked(harness.tickets) == []

    async def test_a_broken_subscription_is_made_anew(self, harness: Harness) -> None:
        consumer = harness.consumer()
        await harness.send_titles("evt_1", 1)
        await harness.relay().step()
        assert await consumer.step() == 1
        subscription = consumer._subscription
        assert subscription is not None
        await subscription.close()
        await harness.send_titles("evt_1", 2)
        await harness.relay().step()
        with pytest.raises(Unavailable):
            await consumer.step()
        await harness.clock.advance(LEASE_SECONDS)
        await harness.deliver(harness.relay(), consumer)
        assert await harness.applied("evt_1") == [1, 2]


class TestInTheBackground:
    """With the machine's clock: nothing here depends on how long anything takes."""

    @pytest.fixture
    async def harness(self, tmp_path: Path) -> AsyncIterator[Harness]:
        harness = Harness(tmp_path, SystemClock())  # type: ignore[arg-type]
        yield harness
        await harness.close()

    async def test_everything_flows_by_itself_and_ends_when_told(self, harness: Harness) -> None:
        handler = Failing("3")
        running = [
            asyncio.create_task(harness.relay().run()),
            asyncio.create_task(harness.relay().run()),
            asyncio.create_task(harness.consumer({EventChanged: handler}).run()),
            asyncio.create_task(harness.consumer({EventChanged: handler}).run()),
        ]
        for number in range(10):
            await harness.send_titles(f"evt_{number}", 0, 1)
        harness.bus.down = True
        for number in range(10):
            await harness.send_titles(f"evt_{number}", 2, 3, 4)
        await asyncio.sleep(0.01)
        harness.bus.down = False

        async def all_tried() -> bool:
            return len(await list_parked(harness.tickets)) == 10

        await until(all_tried)
        handler.bad.clear()
        for number in range(10):
            await harness.send_titles(f"evt_{number}", 5)

        async def all_applied() -> bool:
            return all([await harness.applied(f"evt_{number}") == list(range(6)) for number in range(10)])

        await until(all_applied)
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        assert all(task.cancelled() for task in running)

    async def test_a_bug_of_ours_stops_neither(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        running = [asyncio.create_task(harness.relay().run()), asyncio.create_task(harness.consumer().run())]
        broken = asyncio.Event()

        async def bug(*_: object, **__: object) -> None:
            broken.set()
            raise TypeError("a bug")

        with monkeypatch.context() as patch:
            patch.setattr(harness.events.outbox, "unpublished", bug)
            await harness.send_titles("evt_1", 1)
            await broken.wait()
        broken.clear()
        with monkeypatch.context() as patch:
            patch.setattr(harness.tickets, "find", bug)
            await broken.wait()

        await harness.send_titles("evt_1", 2)

        async def applied() -> bool:
            return await harness.applied("evt_1") == [1, 2]

        await until(applied)
        for task in running:
            task.cancel()
        await asyncio.wait(running)


class TestHousekeeping:
    async def test_old_rows_are_pruned_but_not_the_newest(self, harness: Harness) -> None:
        relay = harness.relay()
        await harness.send_titles("evt_1", 1, 2)
        await relay._publish_next()
        await harness.clock.advance(KEPT_SECONDS - 10)
        await relay._publish_next()
        assert len([row async for row in harness.events.outbox.rows()]) == 2
        await harness.clock.advance(3600)
        await relay._publish_next()
        assert [row.seq async for row in harness.events.outbox.rows()] == [2]
        await harness.send_titles("evt_1", 3)
        assert [row.seq async for row in harness.events.outbox.rows()] == [2, 3]

    async def test_figures(self, harness: Harness) -> None:
        relay, consumer = harness.relay(), harness.consumer({EventChanged: Failing("3")})
        published = figure("messages_published_seconds_count", "events")
        applied = figure("messages_applied_seconds_count")
        harness.bus.down = True
        await harness.send_titles("evt_1", 1, 2, 3)
        await harness.clock.advance(7)
        await relay._count(harness.clock.now())
        assert figure("outbox_unpublished", "events") == 3
        assert figure("outbox_oldest_unpublished_seconds", "events") == 7
        harness.bus.down = False
        await harness.deliver(relay, consumer)
        dead = replace(harness.envelope(changed("evt_2", "1"), 1), data=b"")
        await harness.bus.publish("events", [dead])
        await consumer._poll_bus()
        await consumer._poll_parked()
        await relay._count(harness.clock.now())
        assert figure("outbox_unpublished", "events") == 0
        assert figure("outbox_oldest_unpublished_seconds", "events") == 0
        assert figure("messages_published_seconds_count", "events") == published + 3
        assert figure("messages_applied_seconds_count") == applied + 2
        assert figure("messages_parked_keys", state="retrying") == 1
        assert figure("messages_parked_keys", state="parked") == 0
        assert figure("messages_dead_letters") == 1
        assert figure("messages_lag") == 0
