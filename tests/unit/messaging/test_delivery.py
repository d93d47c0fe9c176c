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
from tests.unit.messaging.delivery_harness import (
    Failing,
    Harness,
    NoCoordination,
    changed,
    figure,
    note,
    write_down,
)


class TestTheStraightWay:
    async def test_messages_are_applied_once_and_in_order(self, harness: Harness) -> None:
        for title in range(1, 6):
            await harness.send_titles("evt_1", title)
            await harness.send_titles("evt_2", title * 10, title * 10 + 1)
        await harness.deliver(harness.relay(), harness.consumer())
        assert await harness.applied("evt_1") == [1, 2, 3, 4, 5]
        assert await harness.applied("evt_2") == [10, 11, 20, 21, 30, 31, 40, 41, 50, 51]
        assert await harness.known("evt_2") == 10
        assert await harness.reported("evt_1") == [1, 2, 3, 4, 5]
        assert (await harness.events.outbox.stats()).unpublished == 0
        assert harness.bus.committed == 15

    async def test_small_batches_change_nothing(self, harness: Harness) -> None:
        for number in range(7):
            await harness.send_titles(f"evt_{number}", *range(10))
        await harness.deliver(harness.relay(batch=3), harness.consumer(batch=4))
        for number in range(7):
            assert await harness.applied(f"evt_{number}") == list(range(10))

    async def test_what_nobody_handles_is_counted_too(self, harness: Harness) -> None:
        await harness.send(changed("evt_1", "1"), EventCancelled(event_id="evt_1"), changed("evt_1", "2"))
        await harness.deliver(harness.relay(), harness.consumer())
        assert await harness.applied("evt_1") == [1, 2]
        assert await harness.known("evt_1") == 3
        assert await list_parked(harness.tickets) == []

    async def test_each_service_applies_for_itself(self, harness: Harness, tmp_path: Path) -> None:
        await harness.send_titles("evt_1", 1)
        await harness.deliver(harness.relay(), harness.consumer())
        other = Harness.store(harness, tmp_path / "users.db")
        harness.tickets, before = other, harness.tickets
        consumer = harness.consumer()
        consumer._service = "users"
        assert await consumer.step() == 1
        assert await harness.applied("evt_1") == [1]
        await before.close()

    async def test_the_trace_goes_along(self, harness: Harness) -> None:
        seen: list[str | None] = []

        async def handler(tx: Transaction, message: EventChanged) -> None:
            seen.append(current_traceparent())
            await note(tx, message)

        traceparent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        with trace(traceparent):
            await harness.send_titles("evt_1", 1)
        await harness.send_titles("evt_1", 2)
        await harness.deliver(harness.relay(), harness.consumer({EventChanged: handler}))
        assert seen == [traceparent, None]
        assert current_traceparent() is None

    async def test_what_a_handler_sends_belongs_to_the_trace(self, harness: Harness) -> None:
        traceparent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        with trace(traceparent):
            await harness.send_titles("evt_1", 1)
        await harness.send_titles("evt_1", 2)
        await harness.deliver(harness.relay(), harness.consumer())
        assert [row.traceparent async for row in harness.tickets.outbox.rows()] == [traceparent, None]

    async def test_no_handlers_no_topics(self, harness: Harness) -> None:
        consumer = harness.consumer()
        consumer._topics = []
        await consumer.run()
        assert await consumer.step() == 0


class TestCopies:
    async def test_killed_between_publish_and_mark(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await harness.send_titles("evt_1", 1, 2, 3)
        copies = figure("messages_copies_total")

        async def killed(ids: Sequence[str], at: Millis) -> None:
            raise Unavailable("killed")

        with monkeypatch.context() as patch:
            patch.setattr(harness.events.outbox, "mark_published", killed)
            with pytest.raises(Unavailable, match="killed"):
                await harness.relay().step()
        assert (await harness.events.outbox.stats()).unpublished == 3
        harness.coordination = NoCoordination()
        await harness.deliver(harness.relay(), harness.consumer())
        assert len(harness.bus.published) == 6
        assert await harness.applied("evt_1") == [1, 2, 3]
        assert figure("messages_copies_total") == copies + 3

    async def test_published_without_an_acknowledgement(self, harness: Harness) -> None:
        await harness.send_titles("evt_1", 1, 2, 3)
        harness.bus.silently = 1
        await harness.deliver(harness.relay(), harness.consumer())
        assert len(harness.bus.published) == 6
        assert await harness.applied("evt_1") == [1, 2, 3]

    async def test_killed_before_the_offset_is_committed(self, harness: Harness) -> None:
        await harness.send_titles("evt_1", 1, 2, 3)
        await harness.relay().step()
        harness.bus.commits_fail = True
        first = harness.consumer()
        with pytest.raises(Unavailable):
            await first.step()
        await first.close()
        harness.bus.commits_fail = False
        second = harness.consumer()
        assert await second.step() == 3
        assert await harness.applied("evt_1") == [1, 2, 3]
        assert await second.step() == 0

    async def test_a_commit_that_fails_is_made_up_for(self, harness: Harness) -> None:
        await harness.send_titles("evt_1", 1, 2, 3)
        await harness.relay().step()
        consumer = harness.consumer()
        harness.bus.commits_fail = True
        with pytest.raises(Unavailable):
            await consumer.step()
        harness.bus.commits_fail = False
        assert await consumer.step() == 3
        assert await consumer.step() == 0
        assert await harness.applied("evt_1") == [1, 2, 3]
        assert harness.bus.committed == 3

    async def test_three_relays_without_leases(self, harness: Harness) -> None:
        harness.coordination = NoCoordination()
        for number in range(20):
            await harness.send_titles(f"evt_{number}", *range(10))
        relays = [harness.relay(batch=7) for _ in range(3)]
        while sum(await asyncio.gather(*(relay.step() for relay in relays))):
            pass
        assert len(harness.bus.published) > 200
        await harness.deliver(relays[0], harness.consumer())
        for number in range(20):
            assert await harness.applied(f"evt_{number}") == list(range(10))

    async def test_three_consumers_of_one_service(self, harness: Harness) -> None:
        for number in range(20):
            await harness.send_titles(f"evt_{number}", *range(10))
        await harness.relay().step()
        consumers = [harness.consumer(batch=9)]
        for _ in range(2):
            await asyncio.gather(*(consumer.step() for consumer in consumers))
            consumers.append(harness.consumer(batch=9))
        while any(await asyncio.gather(*(consumer.step() for consumer in consumers))):
            pass
        for number in range(20):
            assert await harness.applied(f"evt_{number}") == list(range(10))

    async def test_two_consumers_with_the_same_messages_at_the_same_time(self, harness: Harness) -> None:
        """As after a rebalance: both have received them, and both apply."""
        for number in range(5):
            await harness.send_titles(f"evt_{number}", *range(10))
        await harness.relay().step()
        consumers = [harness.consumer(), harness.consumer()]
        subscription = await harness.bus.subscribe("tickets", ["events"])
        deliveries = await subscription.receive(200, 0)
        assert len(deliveries) == 50
        await asyncio.gather(*(consumer._take_all(subscription, deliveries) for consumer in consumers))
        for number in range(5):
            assert await harness.applied(f"evt_{number}") == list(range(10))

    async def test_one_that_waits_in_line_and_was_applied_by_another_consumer(self, harness: Harness) -> None:
        handler = Failing("1")
        relay, consumer = harness.relay(), harness.consumer({EventChanged: handler})
        await harness.send_titles("evt_1", 1, 2)
        await harness.deliver(relay, consumer)
        async with harness.tickets.begin() as tx:
            await write_down(tx, "evt_1", "1")
            tx.insert(Inbox(id=aggregate_id("event", "evt_1"), seq=1, message_id="msg_1"))
        handler.bad.clear()
        await harness.clock.advance(60)
        await consumer.retry()
        assert await harness.applied("evt_1") == [1, 2]
        assert await harness.tickets.count(ParkedMessage, {}) == 0

    async def test_a_rival_who_was_first_is_no_failure(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await harness.send_titles("evt_1", 1)
        await harness.relay().step()
        transact = harness.tickets.transact
        rivals = iter(["inbox", "parked", "parked_messages"])

        async def lose(work: Callable[[Transaction], Awaitable[object]]) -> object:
            for rival in rivals:
                raise Duplicate(rival, "id")
            return await transact(work)

        monkeypatch.setattr(harness.tickets, "transact", lose)
        await harness.consumer().step()
        assert await harness.applied("evt_1") == [1]
        assert await list_parked(harness.tickets) == []

    async def test_replay_is_harmless(self, harness: Harness) -> None:
        await harness.send_titles("evt_1", 1, 2)
        relay, consumer = harness.relay(), harness.consumer()
        await harness.deliver(relay, consumer)
        since = harness.clock.now() + 1
        await harness.clock.advance(1)
        await harness.send_titles("evt_1", 3)
        await harness.send_titles("evt_2", 7)
        await harness.deliver(relay, consumer)
        await harness.send_titles("evt_2", 8)
        assert await replay(harness.events, harness.bus, "events") == 4, (
            "what is not published is the relay's"
        )
        assert await replay(harness.events, harness.bus, "events", aggregate=("event", "evt_1")) == 3
        assert await replay(harness.events, harness.bus, "events", since=since) == 2
        await harness.deliver(relay, consumer)
        assert await harness.applied("evt_1") == [1, 2, 3]
        assert await harness.applied("evt_2") == [7, 8]
        assert await list_parked(harness.tickets) == []

    async def test_replay_of_many(self, harness: Harness) -> None:
        for number in range(11):
            await harness.send_titles(f"evt_{number}", *range(100))
        relay = harness.relay()
        while await relay.step():
            pass
        assert await replay(harness.events, harness.bus, "events") == 1100
        await harness.deliver(relay, harness.consumer())
        assert await harness.applied("evt_10") == list(range(100))
