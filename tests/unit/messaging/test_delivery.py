"""From the outbox through the bus into a service: the straight way, and what comes twice."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from houseful.kernel.documents import Millis
from houseful.kernel.errors import Duplicate, Unavailable
from houseful.kernel.ports import Transaction
from houseful.kernel.tracing import current_traceparent, trace
from houseful.messages import EventCancelled, EventChanged
from houseful.messaging import (
    Inbox,
    ParkedMessage,
    aggregate_id,
    list_parked,
    replay,
)
from tests.unit.messaging.delivery_world import (
    Failing,
    NoCoordination,
    World,
    changed,
    figure,
    note,
    write_down,
)


class TestTheStraightWay:
    async def test_messages_are_applied_once_and_in_order(self, world: World) -> None:
        for title in range(1, 6):
            await world.send_titles("evt_1", title)
            await world.send_titles("evt_2", title * 10, title * 10 + 1)
        await world.deliver(world.relay(), world.consumer())
        assert await world.applied("evt_1") == [1, 2, 3, 4, 5]
        assert await world.applied("evt_2") == [10, 11, 20, 21, 30, 31, 40, 41, 50, 51]
        assert await world.known("evt_2") == 10
        assert await world.reported("evt_1") == [1, 2, 3, 4, 5]
        assert (await world.events.outbox.stats()).unpublished == 0
        assert world.bus.committed == 15

    async def test_small_batches_change_nothing(self, world: World) -> None:
        for number in range(7):
            await world.send_titles(f"evt_{number}", *range(10))
        await world.deliver(world.relay(batch=3), world.consumer(batch=4))
        for number in range(7):
            assert await world.applied(f"evt_{number}") == list(range(10))

    async def test_what_nobody_handles_is_counted_too(self, world: World) -> None:
        await world.send(changed("evt_1", "1"), EventCancelled(event_id="evt_1"), changed("evt_1", "2"))
        await world.deliver(world.relay(), world.consumer())
        assert await world.applied("evt_1") == [1, 2]
        assert await world.known("evt_1") == 3
        assert await list_parked(world.tickets) == []

    async def test_each_service_applies_for_itself(self, world: World, tmp_path: Path) -> None:
        await world.send_titles("evt_1", 1)
        await world.deliver(world.relay(), world.consumer())
        other = World.store(world, tmp_path / "users.db")
        world.tickets, before = other, world.tickets
        consumer = world.consumer()
        consumer._service = "users"
        assert await consumer.step() == 1
        assert await world.applied("evt_1") == [1]
        await before.close()

    async def test_the_trace_goes_along(self, world: World) -> None:
        seen: list[str | None] = []

        async def handler(tx: Transaction, message: EventChanged) -> None:
            seen.append(current_traceparent())
            await note(tx, message)

        traceparent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        with trace(traceparent):
            await world.send_titles("evt_1", 1)
        await world.send_titles("evt_1", 2)
        await world.deliver(world.relay(), world.consumer({EventChanged: handler}))
        assert seen == [traceparent, None]
        assert current_traceparent() is None

    async def test_what_a_handler_sends_belongs_to_the_trace(self, world: World) -> None:
        traceparent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        with trace(traceparent):
            await world.send_titles("evt_1", 1)
        await world.send_titles("evt_1", 2)
        await world.deliver(world.relay(), world.consumer())
        assert [row.traceparent async for row in world.tickets.outbox.rows()] == [traceparent, None]

    async def test_no_handlers_no_topics(self, world: World) -> None:
        consumer = world.consumer()
        consumer._topics = []
        await consumer.run()
        assert await consumer.step() == 0


class TestCopies:
    async def test_killed_between_publish_and_mark(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await world.send_titles("evt_1", 1, 2, 3)
        copies = figure("messages_copies_total")

        async def killed(ids: Sequence[str], at: Millis) -> None:
            raise Unavailable("killed")

        with monkeypatch.context() as patch:
            patch.setattr(world.events.outbox, "mark_published", killed)
            with pytest.raises(Unavailable, match="killed"):
                await world.relay().step()
        assert (await world.events.outbox.stats()).unpublished == 3
        world.coordination = NoCoordination()
        await world.deliver(world.relay(), world.consumer())
        assert len(world.bus.published) == 6
        assert await world.applied("evt_1") == [1, 2, 3]
        assert figure("messages_copies_total") == copies + 3

    async def test_published_without_an_acknowledgement(self, world: World) -> None:
        await world.send_titles("evt_1", 1, 2, 3)
        world.bus.silently = 1
        await world.deliver(world.relay(), world.consumer())
        assert len(world.bus.published) == 6
        assert await world.applied("evt_1") == [1, 2, 3]

    async def test_killed_before_the_offset_is_committed(self, world: World) -> None:
        await world.send_titles("evt_1", 1, 2, 3)
        await world.relay().step()
        world.bus.commits_fail = True
        first = world.consumer()
        with pytest.raises(Unavailable):
            await first.step()
        await first.close()
        world.bus.commits_fail = False
        second = world.consumer()
        assert await second.step() == 3
        assert await world.applied("evt_1") == [1, 2, 3]
        assert await second.step() == 0

    async def test_a_commit_that_fails_is_made_up_for(self, world: World) -> None:
        await world.send_titles("evt_1", 1, 2, 3)
        await world.relay().step()
        consumer = world.consumer()
        world.bus.commits_fail = True
        with pytest.raises(Unavailable):
            await consumer.step()
        world.bus.commits_fail = False
        assert await consumer.step() == 3
        assert await consumer.step() == 0
        assert await world.applied("evt_1") == [1, 2, 3]
        assert world.bus.committed == 3

    async def test_three_relays_without_leases(self, world: World) -> None:
        world.coordination = NoCoordination()
        for number in range(20):
            await world.send_titles(f"evt_{number}", *range(10))
        relays = [world.relay(batch=7) for _ in range(3)]
        while sum(await asyncio.gather(*(relay.step() for relay in relays))):
            pass
        assert len(world.bus.published) > 200
        await world.deliver(relays[0], world.consumer())
        for number in range(20):
            assert await world.applied(f"evt_{number}") == list(range(10))

    async def test_three_consumers_of_one_service(self, world: World) -> None:
        for number in range(20):
            await world.send_titles(f"evt_{number}", *range(10))
        await world.relay().step()
        consumers = [world.consumer(batch=9)]
        for _ in range(2):
            await asyncio.gather(*(consumer.step() for consumer in consumers))
            consumers.append(world.consumer(batch=9))
        while any(await asyncio.gather(*(consumer.step() for consumer in consumers))):
            pass
        for number in range(20):
            assert await world.applied(f"evt_{number}") == list(range(10))

    async def test_two_consumers_with_the_same_messages_at_the_same_time(self, world: World) -> None:
        """As after a rebalance: both have received them, and both apply."""
        for number in range(5):
            await world.send_titles(f"evt_{number}", *range(10))
        await world.relay().step()
        consumers = [world.consumer(), world.consumer()]
        subscription = await world.bus.subscribe("tickets", ["events"])
        deliveries = await subscription.receive(200, 0)
        assert len(deliveries) == 50
        await asyncio.gather(*(consumer._take_all(subscription, deliveries) for consumer in consumers))
        for number in range(5):
            assert await world.applied(f"evt_{number}") == list(range(10))

    async def test_one_that_waits_in_line_and_was_applied_by_another_consumer(self, world: World) -> None:
        handler = Failing("1")
        relay, consumer = world.relay(), world.consumer({EventChanged: handler})
        await world.send_titles("evt_1", 1, 2)
        await world.deliver(relay, consumer)
        async with world.tickets.begin() as tx:
            await write_down(tx, "evt_1", "1")
            tx.insert(Inbox(id=aggregate_id("event", "evt_1"), seq=1, message_id="msg_1"))
        handler.bad.clear()
        await world.clock.advance(60)
        await consumer.retry()
        assert await world.applied("evt_1") == [1, 2]
        assert await world.tickets.count(ParkedMessage, {}) == 0

    async def test_a_rival_who_was_first_is_no_failure(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await world.send_titles("evt_1", 1)
        await world.relay().step()
        transact = world.tickets.transact
        rivals = iter(["inbox", "parked", "parked_messages"])

        async def lose(work: Callable[[Transaction], Awaitable[object]]) -> object:
            for rival in rivals:
                raise Duplicate(rival, "id")
            return await transact(work)

        monkeypatch.setattr(world.tickets, "transact", lose)
        await world.consumer().step()
        assert await world.applied("evt_1") == [1]
        assert await list_parked(world.tickets) == []

    async def test_replay_is_harmless(self, world: World) -> None:
        await world.send_titles("evt_1", 1, 2)
        relay, consumer = world.relay(), world.consumer()
        await world.deliver(relay, consumer)
        since = world.clock.now() + 1
        await world.clock.advance(1)
        await world.send_titles("evt_1", 3)
        await world.send_titles("evt_2", 7)
        await world.deliver(relay, consumer)
        await world.send_titles("evt_2", 8)
        assert await replay(world.events, world.bus, "events") == 4, "what is not published is the relay's"
        assert await replay(world.events, world.bus, "events", aggregate=("event", "evt_1")) == 3
        assert await replay(world.events, world.bus, "events", since=since) == 2
        await world.deliver(relay, consumer)
        assert await world.applied("evt_1") == [1, 2, 3]
        assert await world.applied("evt_2") == [7, 8]
        assert await list_parked(world.tickets) == []

    async def test_replay_of_many(self, world: World) -> None:
        for number in range(11):
            await world.send_titles(f"evt_{number}", *range(100))
        relay = world.relay()
        while await relay.step():
            pass
        assert await replay(world.events, world.bus, "events") == 1100
        await world.deliver(relay, world.consumer())
        assert await world.applied("evt_10") == list(range(100))
