"""Relay and consumer over real stores and a real log: all arrives, once and in order, whatever fails."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from houseful.kernel.clock import SystemClock
from houseful.kernel.documents import Millis
from houseful.kernel.errors import DomainError, Duplicate, StateConflict, Unavailable
from houseful.kernel.ports import Delivery, Envelope, Transaction
from houseful.kernel.telemetry import current_traceparent, trace
from houseful.messages import MESSAGES, EventCancelled, EventChanged, Message
from houseful.messaging import (
    Handler,
    Inbox,
    ParkedMessage,
    aggregate_id,
    list_dead,
    list_parked,
    replay,
    retry_dead,
    unpark,
)
from houseful.messaging.relay import KEPT_SECONDS, LEASE_SECONDS
from tests.unit.messaging.delivery_world import Failing, Ledger, World, changed, note, until, write_down

Handlers = dict[type[Message], Handler]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    yield world
    await world.close()


def figure(name: str, service: str = "tickets", **labels: str) -> float:
    return REGISTRY.get_sample_value(f"houseful_{name}", {"service": service, **labels}) or 0


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


class NoCoordination:
    """Coordination that is down."""

    def release(self, names: Sequence[str], owner: str) -> None:
        """Lost."""

    def __getattr__(self, name: str) -> object:
        raise Unavailable("no coordination")


class TestLeases:
    async def test_one_relay_works_at_a_time(self, world: World) -> None:
        first, second = world.relay(batch=1), world.relay(batch=1)
        await world.send_titles("evt_1", 1, 2, 3)
        assert await first.step() == 1
        assert await second.step() == 0
        assert await first.step() == 1

    async def test_another_takes_over_from_one_that_died(self, world: World) -> None:
        first, second = world.relay(batch=1), world.relay(batch=1)
        await world.send_titles("evt_1", 1, 2, 3)
        assert await first.step() == 1
        await world.clock.advance(LEASE_SECONDS)
        assert await second.step() == 1
        assert await first.step() == 0

    async def test_one_that_ends_hands_over_at_once(self, tmp_path: Path) -> None:
        world = World(tmp_path, SystemClock())  # type: ignore[arg-type]
        first, second = world.relay(), world.relay()
        running = asyncio.create_task(first.run())
        await world.send_titles("evt_1", 1)
        await until(lambda: nothing_unpublished(world))
        await world.send_titles("evt_1", 2)
        await until(lambda: nothing_unpublished(world))
        running.cancel()
        await asyncio.wait([running])
        await world.send_titles("evt_1", 3)
        assert await second.step() == 1
        await world.close()

    async def test_a_lease_that_cannot_be_asked_for_stops_nothing(self, world: World) -> None:
        world.coordination = NoCoordination()
        relay = world.relay(batch=1)
        await world.send_titles("evt_1", 1, 2, 3)
        assert [await relay.step() for _ in range(4)] == [1, 1, 1, 0]


async def nothing_unpublished(world: World) -> bool:
    return (await world.events.outbox.stats()).unpublished == 0


class TestOutages:
    async def test_messages_wait_for_the_bus(self, world: World) -> None:
        relay, consumer = world.relay(), world.consumer()
        await world.send_titles("evt_1", 1)
        await world.deliver(relay, consumer)
        world.bus.down = True
        await world.send_titles("evt_1", 2, 3)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await relay.step()
            with pytest.raises(Unavailable):
                await consumer.step()
        assert not relay._paused, "nobody is blamed for what concerns all"
        world.bus.down = False
        await world.deliver(relay, consumer)
        assert await world.applied("evt_1") == [1, 2, 3]

    async def test_an_aggregate_that_the_bus_does_not_take_holds_up_no_other(self, world: World) -> None:
        relay, consumer = world.relay(batch=5), world.consumer()
        await world.send_titles("evt_0", *range(40))
        for number in range(1, 6):
            await world.send_titles(f"evt_{number}", 1, 2)
        world.bus.rejected = {"evt_0"}
        await world.deliver(relay, consumer)
        for _ in range(3):  # it gets its chance again, in vain, and again holds up nobody
            await world.clock.advance(10)
            await world.deliver(relay, consumer)
        for number in range(1, 6):
            assert await world.applied(f"evt_{number}") == [1, 2]
        assert await world.applied("evt_0") == []
        world.bus.rejected = set()
        await world.clock.advance(10)
        await world.deliver(relay, consumer)
        assert await world.applied("evt_0") == list(range(40))
        assert not relay._paused

    async def test_many_stopped_aggregates_hide_no_other(self, world: World) -> None:
        relay, consumer = world.relay(batch=4), world.consumer()
        for number in range(9):
            await world.send_titles(f"evt_{number}", 1, 2)
        world.bus.rejected = {f"evt_{number}" for number in range(8)}
        for _ in range(12):
            await relay.step()
            await consumer.step()
        assert await world.applied("evt_8") == [1, 2]

    async def test_a_stopped_aggregate_does_not_wait_for_a_clock_that_was_set_back(
        self, world: World
    ) -> None:
        relay = world.relay()
        await world.send_titles("evt_1", 1)
        world.bus.rejected = {"evt_1"}
        await relay.step()
        world.bus.rejected = set()
        assert await relay.step() == 0, "not at once"
        world.clock.jump(-600)
        assert await relay.step() == 1

    async def test_a_handler_that_reaches_an_outage_pauses_and_parks_nothing(self, world: World) -> None:
        handler = Failing("13", error=Unavailable("the gateway does not answer"))
        consumer = world.consumer({EventChanged: handler})
        await world.send_titles("evt_1", 11, 12, 13, 14)
        await world.relay().step()
        for _ in range(20):
            with pytest.raises(Unavailable):
                await consumer.step()
        assert await world.applied("evt_1") == [11, 12], "what came before is applied, and committed"
        assert world.bus.committed == 2
        assert await list_parked(world.tickets) == []
        assert await list_dead(world.tickets) == []
        handler.bad.clear()
        assert await consumer.step() == 2
        assert await world.applied("evt_1") == [11, 12, 13, 14]

    async def test_a_store_that_is_down_loses_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        consumer = world.consumer()
        await world.send_titles("evt_1", 1, 2)
        await world.relay().step()

        async def down(work: object) -> None:
            raise Unavailable("the store is down")

        with monkeypatch.context() as patch:
            patch.setattr(world.tickets, "transact", down)
            for _ in range(10):
                with pytest.raises(Unavailable):
                    await consumer.step()
        assert await consumer.step() == 2
        assert await world.applied("evt_1") == [1, 2]
        assert await list_parked(world.tickets) == []

    async def test_a_broken_subscription_is_made_anew(self, world: World) -> None:
        consumer = world.consumer()
        await world.send_titles("evt_1", 1)
        await world.relay().step()
        assert await consumer.step() == 1
        subscription = consumer._subscription
        assert subscription is not None
        await subscription.close()
        await world.send_titles("evt_1", 2)
        await world.relay().step()
        with pytest.raises(Unavailable):
            await consumer.step()
        await world.clock.advance(LEASE_SECONDS)
        await world.deliver(world.relay(), consumer)
        assert await world.applied("evt_1") == [1, 2]


class TestPoison:
    async def test_its_key_is_parked_in_order_and_the_others_flow(self, world: World) -> None:
        handler = Failing("12")
        relay, consumer = world.relay(), world.consumer({EventChanged: handler})
        for title in (11, 12, 13):
            await world.send_titles("evt_1", title)
            await world.send_titles("evt_2", title + 10)
        await world.deliver(relay, consumer)
        await world.send_titles("evt_1", 14)
        await world.send_titles("evt_2", 24)
        await world.deliver(relay, consumer)
        assert await world.applied("evt_1") == [11]
        assert await world.reported("evt_1") == [11], "what a failed attempt sent is not sent"
        assert await world.applied("evt_2") == [21, 22, 23, 24]
        [parked] = await list_parked(world.tickets)
        assert (parked.id, parked.messages, parked.state) == ("event:evt_1", 3, "retrying")
        assert parked.reason == "RuntimeError: this handler has a bug"
        assert await consumer.step() == 0, "its offset is committed"

        handler.bad.clear()
        await world.clock.advance(60)
        await world.deliver(relay, consumer)
        assert await world.applied("evt_1") == [11, 12, 13, 14]
        assert await world.known("evt_1") == 4
        assert await list_parked(world.tickets) == []
        assert await world.tickets.count(ParkedMessage, {}) == 0

    async def test_it_is_tried_with_growing_pauses_and_then_waits_for_a_person(self, world: World) -> None:
        handler = Failing("11")
        relay, consumer = world.relay(), world.consumer({EventChanged: handler})
        await world.send_titles("evt_1", 11, 12)
        await world.deliver(relay, consumer)
        first = len(handler.attempts)
        pauses = []
        for _ in range(4):
            [parked] = await list_parked(world.tickets)
            assert parked.retry_at is not None
            pauses.append(parked.retry_at - world.clock.now())
            await world.clock.advance((pauses[-1] - 1) / 1000)
            assert await consumer.retry() == 0, "not too early"
            await world.clock.advance(0.001)
            assert await consumer.retry() == 1
        assert pauses == [500, 1000, 2000, 4000]
        assert len(handler.attempts) == first + 4
        [parked] = await list_parked(world.tickets)
        assert (parked.state, parked.retry_at, parked.messages) == ("parked", None, 2)
        await world.clock.advance(1_000_000)
        assert await consumer.retry() == 0

        handler.bad.clear()
        await unpark(world.tickets, "event:evt_1")
        await world.deliver(relay, consumer)
        assert await world.applied("evt_1") == [11, 12]
        assert await list_parked(world.tickets) == []
        with pytest.raises(DomainError, match="no such parked"):
            await unpark(world.tickets, "event:evt_1")

    async def test_another_bad_message_in_the_line(self, world: World) -> None:
        handler = Failing("11", "13")
        relay, consumer = world.relay(), world.consumer({EventChanged: handler})
        await world.send_titles("evt_1", 11, 12, 13, 14)
        await world.deliver(relay, consumer)
        handler.bad = {"13"}
        await world.clock.advance(60)
        await world.deliver(relay, consumer)
        assert await world.applied("evt_1") == [11, 12]
        [parked] = await list_parked(world.tickets)
        assert (parked.messages, parked.attempts) == (2, 1), "the attempts of the one before do not count"
        handler.bad.clear()
        await world.clock.advance(60)
        await world.deliver(relay, consumer)
        assert await world.applied("evt_1") == [11, 12, 13, 14]

    async def test_a_duplicate_at_the_commit_is_the_message_s_own(self, world: World) -> None:
        async def insert(tx: Transaction, message: EventChanged) -> None:
            tx.insert(Ledger(id=message.event_id, applied=(message.title,)))

        relay, consumer = world.relay(), world.consumer({EventChanged: insert})
        await world.send_titles("evt_1", 1, 2)
        await world.send_titles("evt_2", 1)
        await world.deliver(relay, consumer)
        assert (await world.applied("evt_1"), await world.applied("evt_2")) == ([1], [1])
        [parked] = await list_parked(world.tickets)
        assert parked.id == "event:evt_1"
        assert parked.reason.startswith("Duplicate: ledgers")

    async def test_a_refusal_counts_as_a_failure(self, world: World) -> None:
        handler = Failing("11", error=StateConflict("no", "No."))
        await world.send_titles("evt_1", 11)
        await world.deliver(world.relay(), world.consumer({EventChanged: handler}))
        [parked] = await list_parked(world.tickets)
        assert "no: No." in parked.reason

    async def test_a_failure_is_logged_with_its_trace(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        await world.send_titles("evt_1", 11)
        with caplog.at_level(logging.ERROR):
            await world.deliver(world.relay(), world.consumer({EventChanged: Failing("11")}))
        assert [record.exc_info is not None for record in caplog.records] == [True]
        assert "evt_1" in caplog.text
        assert "this handler has a bug" in caplog.text

    async def test_copies_of_what_waits_are_not_put_in_line_twice(self, world: World) -> None:
        handler = Failing("11")
        relay, consumer = world.relay(), world.consumer({EventChanged: handler})
        await world.send_titles("evt_1", 11, 12)
        await world.deliver(relay, consumer)
        await replay(world.events, world.bus, "events")
        await replay(world.events, world.bus, "events")
        await world.deliver(relay, consumer)
        [parked] = await list_parked(world.tickets)
        assert parked.messages == await world.tickets.count(ParkedMessage, {}) == 2
        handler.bad.clear()
        await world.clock.advance(60)
        await world.deliver(relay, consumer)
        assert await world.applied("evt_1") == [11, 12]

    async def test_an_outage_while_a_line_is_tried_costs_no_attempt(self, world: World) -> None:
        handler = Failing("11")
        relay, consumer = world.relay(), world.consumer({EventChanged: handler})
        await world.send_titles("evt_1", 11)
        await world.deliver(relay, consumer)
        handler.error = Unavailable("down")
        await world.clock.advance(60)
        for _ in range(10):
            with pytest.raises(Unavailable):
                await consumer.retry()
        [parked] = await list_parked(world.tickets)
        assert (parked.attempts, parked.state) == (1, "retrying")

    async def test_two_consumers_try_the_same_line(self, world: World) -> None:
        handler = Failing("0")
        relay, consumer = world.relay(), world.consumer({EventChanged: handler})
        await world.send_titles("evt_1", *range(10))
        await world.deliver(relay, consumer)
        handler.bad.clear()
        await world.clock.advance(60)
        other = world.consumer({EventChanged: handler})
        await world.send_titles("evt_1", *range(10, 20))
        await relay.step()
        await asyncio.gather(consumer.retry(), other.retry(), consumer.step(), other.step())
        await world.deliver(relay, consumer)
        assert await world.applied("evt_1") == list(range(20))
        assert await world.tickets.count(ParkedMessage, {}) == 0
        assert await list_parked(world.tickets) == []


class TestGaps:
    async def test_what_comes_too_early_waits(self, world: World) -> None:
        gaps = figure("messages_gaps_total")
        consumer = world.consumer()
        one, two, three, four = (world.envelope(changed("evt_1", str(seq)), seq) for seq in (1, 2, 3, 4))
        other = world.envelope(changed("evt_2", "1"), 1)
        await world.bus.publish("events", [one, three, four, other])
        await consumer.step()
        assert await world.applied("evt_1") == [1]
        assert await world.applied("evt_2") == [1]
        [parked] = await list_parked(world.tickets)
        assert (parked.reason, parked.messages) == ("message 2 has not come", 2)
        assert figure("messages_gaps_total") == gaps + 1
        await world.bus.publish("events", [two])
        await consumer.step()
        assert await consumer.retry() == 1, "without waiting for the next attempt"
        assert await world.applied("evt_1") == [1, 2, 3, 4]
        assert await list_parked(world.tickets) == []

    async def test_out_of_order_within_a_batch(self, world: World) -> None:
        consumer = world.consumer()
        one, two, three = (world.envelope(changed("evt_1", str(seq)), seq) for seq in (1, 2, 3))
        await world.bus.publish("events", [three, two, one, two, three])
        await consumer.step()
        await consumer.retry()
        assert await world.applied("evt_1") == [1, 2, 3]
        assert await list_parked(world.tickets) == []

    async def test_a_gap_that_stays_waits_for_a_person_and_replay_fills_it(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await world.send_titles("evt_1", 1, 2, 3)
        relay, consumer = world.relay(), world.consumer()
        real_publish = world.bus.inner.publish

        async def lose_the_second(topic: str, envelopes: Sequence[Envelope]) -> None:
            await real_publish(topic, [one for one in envelopes if one.seq != 2])

        with monkeypatch.context() as patch:
            patch.setattr(world.bus.inner, "publish", lose_the_second)
            await relay.step()
        for _ in range(10):
            await world.deliver(relay, consumer)
            await world.clock.advance(60)
        [parked] = await list_parked(world.tickets)
        assert (parked.state, parked.reason) == ("parked", "message 2 has not come")
        await replay(world.events, world.bus, "events", aggregate=("event", "evt_1"))
        await world.deliver(relay, consumer)
        assert await world.applied("evt_1") == [1, 2, 3]
        assert await list_parked(world.tickets) == []

    async def test_a_gap_can_be_accepted(self, world: World) -> None:
        consumer = world.consumer()
        envelopes = [world.envelope(changed("evt_1", str(seq)), seq) for seq in (5, 6, 9)]
        await world.bus.publish("events", envelopes)
        await consumer.step()
        await unpark(world.tickets, "event:evt_1")
        await consumer.retry()
        assert await world.applied("evt_1") == []
        await unpark(world.tickets, "event:evt_1", accept_gap=True)
        await consumer.retry()
        assert await world.applied("evt_1") == [5, 6, 9]
        await world.bus.publish("events", [world.envelope(changed("evt_1", "10"), 10)])
        await consumer.step()
        assert await world.applied("evt_1") == [5, 6, 9, 10]


class TestDeadLetters:
    async def test_an_unknown_type_holds_up_nobody(self, world: World) -> None:
        consumer = world.consumer()
        one, two, three = (world.envelope(changed("evt_1", str(seq)), seq) for seq in (1, 2, 3))
        newer = replace(two, type="houseful.EventChanged.v2")
        await world.bus.publish("events", [one, newer, three])
        await consumer.step()
        assert await world.applied("evt_1") == [1, 3]
        assert await world.known("evt_1") == 3
        [letter] = await list_dead(world.tickets)
        assert letter.envelope == newer
        assert (letter.topic, letter.offset, letter.raw) == ("events", 1, newer.data)
        assert letter.error == "houseful.EventChanged.v2 is unknown to this version"
        assert letter.at == world.clock.now()

    async def test_data_that_does_not_fit(self, world: World) -> None:
        consumer = world.consumer()
        envelope = world.envelope(changed("evt_1", "1"), 1)
        bad = [b"", b"{", b"\xff", b"[]", b'{"event_id": 1}', b"[" * 100_000]
        envelopes = [replace(envelope, seq=seq, data=data) for seq, data in enumerate(bad, start=1)]
        last = world.envelope(changed("evt_1", "7"), 7)
        await world.bus.publish("events", [*envelopes, last])
        await consumer.step()
        assert len(await list_dead(world.tickets)) == len(bad)
        assert await world.applied("evt_1") == [7]

    async def test_what_nobody_handles_is_not_even_read(self, world: World) -> None:
        envelope = replace(world.envelope(EventCancelled(event_id="evt_1"), 1), data=b"{")
        await world.bus.publish("events", [envelope])
        await world.consumer().step()
        assert await list_dead(world.tickets) == []
        assert await world.known("evt_1") == 1

    async def test_headers_that_cannot_be_read(self, world: World) -> None:
        consumer = world.consumer()
        await world.send_titles("evt_1", 1)
        await world.relay().step()
        unreadable = Delivery(topic="events", partition=3, offset=-1, envelope=None, raw=b"\x00garbage")
        world.bus.injected = [unreadable, unreadable]
        await consumer.step()
        assert await world.applied("evt_1") == [1]
        [letter] = await list_dead(world.tickets)
        assert (letter.id, letter.raw, letter.envelope) == ("events:3:-1", b"\x00garbage", None)
        handlers: Handlers = {EventChanged: note}
        with pytest.raises(DomainError, match="headers"):
            await retry_dead(world.tickets, handlers, letter.id)

    async def test_a_sequence_number_that_is_none(self, world: World) -> None:
        envelope = world.envelope(changed("evt_1", "1"), 0)
        await world.bus.publish("events", [envelope])
        await world.consumer().step()
        [letter] = await list_dead(world.tickets)
        assert "sequence number is 0" in letter.error

    async def test_a_newer_version_of_the_program_applies_it(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        consumer = world.consumer()
        envelope = replace(world.envelope(changed("evt_1", "5"), 1), type="houseful.EventChanged.v2")
        await world.bus.publish("events", [envelope])
        await consumer.step()
        [letter] = await list_dead(world.tickets)
        handlers: Handlers = {EventChanged: note}
        with pytest.raises(DomainError, match="still can't be understood"):
            await retry_dead(world.tickets, handlers, letter.id)
        monkeypatch.setitem(MESSAGES, "houseful.EventChanged.v2", EventChanged)
        with pytest.raises(RuntimeError):
            await retry_dead(world.tickets, {EventChanged: Failing("5")}, letter.id)
        assert await list_dead(world.tickets) == [letter]
        await retry_dead(world.tickets, handlers, letter.id)
        assert await world.applied("evt_1") == [5]
        assert await list_dead(world.tickets) == []
        with pytest.raises(DomainError, match="no such dead"):
            await retry_dead(world.tickets, handlers, letter.id)

    async def test_one_that_waited_in_line(self, world: World) -> None:
        handler = Failing("1")
        consumer = world.consumer({EventChanged: handler})
        one, two, three = (world.envelope(changed("evt_1", str(seq)), seq) for seq in (1, 2, 3))
        await world.bus.publish("events", [one, replace(two, data=b"{"), three])
        await consumer.step()
        assert await list_dead(world.tickets) == []
        handler.bad.clear()
        await world.clock.advance(60)
        await consumer.retry()
        assert await world.applied("evt_1") == [1, 3]
        [letter] = await list_dead(world.tickets)
        assert letter.id.startswith("events:")
        assert await list_parked(world.tickets) == []


class TestInTheBackground:
    """With the machine's clock: nothing here depends on how long anything takes."""

    @pytest.fixture
    async def world(self, tmp_path: Path) -> AsyncIterator[World]:
        world = World(tmp_path, SystemClock())  # type: ignore[arg-type]
        yield world
        await world.close()

    async def test_everything_flows_by_itself_and_ends_when_told(self, world: World) -> None:
        handler = Failing("3")
        running = [
            asyncio.create_task(world.relay().run()),
            asyncio.create_task(world.relay().run()),
            asyncio.create_task(world.consumer({EventChanged: handler}).run()),
            asyncio.create_task(world.consumer({EventChanged: handler}).run()),
        ]
        for number in range(10):
            await world.send_titles(f"evt_{number}", 0, 1)
        world.bus.down = True
        for number in range(10):
            await world.send_titles(f"evt_{number}", 2, 3, 4)
        await asyncio.sleep(0.01)
        world.bus.down = False

        async def all_tried() -> bool:
            return len(await list_parked(world.tickets)) == 10

        await until(all_tried)
        handler.bad.clear()
        for number in range(10):
            await world.send_titles(f"evt_{number}", 5)

        async def all_applied() -> bool:
            return all([await world.applied(f"evt_{number}") == list(range(6)) for number in range(10)])

        await until(all_applied)
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        assert all(task.cancelled() for task in running)

    async def test_a_bug_of_ours_stops_neither(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        running = [asyncio.create_task(world.relay().run()), asyncio.create_task(world.consumer().run())]
        broken = asyncio.Event()

        async def bug(*_: object, **__: object) -> None:
            broken.set()
            raise TypeError("a bug")

        with monkeypatch.context() as patch:
            patch.setattr(world.events.outbox, "unpublished", bug)
            await world.send_titles("evt_1", 1)
            await broken.wait()
        broken.clear()
        with monkeypatch.context() as patch:
            patch.setattr(world.tickets, "find", bug)
            await broken.wait()

        await world.send_titles("evt_1", 2)

        async def applied() -> bool:
            return await world.applied("evt_1") == [1, 2]

        await until(applied)
        for task in running:
            task.cancel()
        await asyncio.wait(running)


class TestHousekeeping:
    async def test_old_rows_are_pruned_but_not_the_newest(self, world: World) -> None:
        relay = world.relay()
        await world.send_titles("evt_1", 1, 2)
        await relay._publish_next()
        await world.clock.advance(KEPT_SECONDS - 10)
        await relay._publish_next()
        assert len([row async for row in world.events.outbox.rows()]) == 2
        await world.clock.advance(3600)
        await relay._publish_next()
        assert [row.seq async for row in world.events.outbox.rows()] == [2]
        await world.send_titles("evt_1", 3)
        assert [row.seq async for row in world.events.outbox.rows()] == [2, 3]

    async def test_figures(self, world: World) -> None:
        relay, consumer = world.relay(), world.consumer({EventChanged: Failing("3")})
        published = figure("messages_published_seconds_count", "events")
        applied = figure("messages_applied_seconds_count")
        world.bus.down = True
        await world.send_titles("evt_1", 1, 2, 3)
        await world.clock.advance(7)
        await relay._count(world.clock.now())
        assert figure("outbox_unpublished", "events") == 3
        assert figure("outbox_oldest_unpublished_seconds", "events") == 7
        world.bus.down = False
        await world.deliver(relay, consumer)
        dead = replace(world.envelope(changed("evt_2", "1"), 1), data=b"")
        await world.bus.publish("events", [dead])
        await consumer._poll_bus()
        await consumer._poll_parked()
        await relay._count(world.clock.now())
        assert figure("outbox_unpublished", "events") == 0
        assert figure("outbox_oldest_unpublished_seconds", "events") == 0
        assert figure("messages_published_seconds_count", "events") == published + 3
        assert figure("messages_applied_seconds_count") == applied + 2
        assert figure("messages_parked_keys", state="retrying") == 1
        assert figure("messages_parked_keys", state="parked") == 0
        assert figure("messages_dead_letters") == 1
        assert figure("messages_lag") == 0
