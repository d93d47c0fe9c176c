"""Messages that can not be applied: poison, gaps, dead letters."""

import asyncio
import logging
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from houseful.kernel.errors import DomainError, StateConflict, Unavailable
from houseful.kernel.ports import Delivery, Envelope, Transaction
from houseful.messages import MESSAGES, EventCancelled, EventChanged
from houseful.messaging import (
    ParkedMessage,
    list_dead,
    list_parked,
    replay,
    retry_dead,
    unpark,
)
from tests.unit.messaging.delivery_harness import (
    Failing,
    Handlers,
    Harness,
    Ledger,
    changed,
    figure,
    note,
)


class TestPoison:
    async def test_its_key_is_parked_in_order_and_the_others_flow(self, harness: Harness) -> None:
        handler = Failing("12")
        relay, consumer = harness.relay(), harness.consumer({EventChanged: handler})
        for title in (11, 12, 13):
            await harness.send_titles("evt_1", title)
            await harness.send_titles("evt_2", title + 10)
        await harness.deliver(relay, consumer)
        await harness.send_titles("evt_1", 14)
        await harness.send_titles("evt_2", 24)
        await harness.deliver(relay, consumer)
        assert await harness.applied("evt_1") == [11]
        assert await harness.reported("evt_1") == [11], "what a failed attempt sent is not sent"
        assert await harness.applied("evt_2") == [21, 22, 23, 24]
        [parked] = await list_parked(harness.tickets)
        assert (parked.id, parked.messages, parked.state) == ("event:evt_1", 3, "retrying")
        assert parked.reason == "RuntimeError: this handler has a bug"
        assert await consumer.step() == 0, "its offset is committed"

        handler.bad.clear()
        await harness.clock.advance(60)
        await harness.deliver(relay, consumer)
        assert await harness.applied("evt_1") == [11, 12, 13, 14]
        assert await harness.known("evt_1") == 4
        assert await list_parked(harness.tickets) == []
        assert await harness.tickets.count(ParkedMessage, {}) == 0

    async def test_it_is_tried_with_growing_pauses_and_then_waits_for_a_person(
        self, harness: Harness
    ) -> None:
        handler = Failing("11")
        relay, consumer = harness.relay(), harness.consumer({EventChanged: handler})
        await harness.send_titles("evt_1", 11, 12)
        await harness.deliver(relay, consumer)
        first = len(handler.attempts)
        pauses = []
        for _ in range(4):
            [parked] = await list_parked(harness.tickets)
            assert parked.retry_at is not None
            pauses.append(parked.retry_at - harness.clock.now())
            await harness.clock.advance((pauses[-1] - 1) / 1000)
            assert await consumer.retry() == 0, "not too early"
            await harness.clock.advance(0.001)
            assert await consumer.retry() == 1
        assert pauses == [500, 1000, 2000, 4000]
        assert len(handler.attempts) == first + 4
        [parked] = await list_parked(harness.tickets)
        assert (parked.state, parked.retry_at, parked.messages) == ("parked", None, 2)
        await harness.clock.advance(1_000_000)
        assert await consumer.retry() == 0

        handler.bad.clear()
        await unpark(harness.tickets, "event:evt_1")
        await harness.deliver(relay, consumer)
        assert await harness.applied("evt_1") == [11, 12]
        assert await list_parked(harness.tickets) == []
        with pytest.raises(DomainError, match="no such parked"):
            await unpark(harness.tickets, "event:evt_1")

    async def test_another_bad_message_in_the_line(self, harness: Harness) -> None:
        handler = Failing("11", "13")
        relay, consumer = harness.relay(), harness.consumer({EventChanged: handler})
        await harness.send_titles("evt_1", 11, 12, 13, 14)
        await harness.deliver(relay, consumer)
        handler.bad = {"13"}
        await harness.clock.advance(60)
        await harness.deliver(relay, consumer)
        assert await harness.applied("evt_1") == [11, 12]
        [parked] = await list_parked(harness.tickets)
        assert (parked.messages, parked.attempts) == (2, 1), "the attempts of the one before do not count"
        handler.bad.clear()
        await harness.clock.advance(60)
        await harness.deliver(relay, consumer)
        assert await harness.applied("evt_1") == [11, 12, 13, 14]

    async def test_a_duplicate_at_the_commit_is_the_message_s_own(self, harness: Harness) -> None:
        async def insert(tx: Transaction, message: EventChanged) -> None:
            tx.insert(Ledger(id=message.event_id, applied=(message.title,)))

        relay, consumer = harness.relay(), harness.consumer({EventChanged: insert})
        await harness.send_titles("evt_1", 1, 2)
        await harness.send_titles("evt_2", 1)
        await harness.deliver(relay, consumer)
        assert (await harness.applied("evt_1"), await harness.applied("evt_2")) == ([1], [1])
        [parked] = await list_parked(harness.tickets)
        assert parked.id == "event:evt_1"
        assert parked.reason.startswith("Duplicate: ledgers")

    async def test_a_refusal_counts_as_a_failure(self, harness: Harness) -> None:
        handler = Failing("11", error=StateConflict("no", "No."))
        await harness.send_titles("evt_1", 11)
        await harness.deliver(harness.relay(), harness.consumer({EventChanged: handler}))
        [parked] = await list_parked(harness.tickets)
        assert "no: No." in parked.reason

    async def test_a_failure_is_logged_with_its_trace(
        self, harness: Harness, caplog: pytest.LogCaptureFixture
    ) -> None:
        await harness.send_titles("evt_1", 11)
        with caplog.at_level(logging.ERROR):
            await harness.deliver(harness.relay(), harness.consumer({EventChanged: Failing("11")}))
        assert [record.exc_info is not None for record in caplog.records] == [True]
        assert "evt_1" in caplog.text
        assert "this handler has a bug" in caplog.text

    async def test_copies_of_what_waits_are_not_put_in_line_twice(self, harness: Harness) -> None:
        handler = Failing("11")
        relay, consumer = harness.relay(), harness.consumer({EventChanged: handler})
        await harness.send_titles("evt_1", 11, 12)
        await harness.deliver(relay, consumer)
        await replay(harness.events, harness.bus, "events")
        await replay(harness.events, harness.bus, "events")
        await harness.deliver(relay, consumer)
        [parked] = await list_parked(harness.tickets)
        assert parked.messages == await harness.tickets.count(ParkedMessage, {}) == 2
        handler.bad.clear()
        await harness.clock.advance(60)
        await harness.deliver(relay, consumer)
        assert await harness.applied("evt_1") == [11, 12]

    async def test_an_outage_while_a_line_is_tried_costs_no_attempt(self, harness: Harness) -> None:
        handler = Failing("11")
        relay, consumer = harness.relay(), harness.consumer({EventChanged: handler})
        await harness.send_titles("evt_1", 11)
        await harness.deliver(relay, consumer)
        handler.error = Unavailable("down")
        await harness.clock.advance(60)
        for _ in range(10):
            with pytest.raises(Unavailable):
                await consumer.retry()
        [parked] = await list_parked(harness.tickets)
        assert (parked.attempts, parked.state) == (1, "retrying")

    async def test_two_consumers_try_the_same_line(self, harness: Harness) -> None:
        handler = Failing("0")
        relay, consumer = harness.relay(), harness.consumer({EventChanged: handler})
        await harness.send_titles("evt_1", *range(10))
        await harness.deliver(relay, consumer)
        handler.bad.clear()
        await harness.clock.advance(60)
        other = harness.consumer({EventChanged: handler})
        await harness.send_titles("evt_1", *range(10, 20))
        await relay.step()
        await asyncio.gather(consumer.retry(), other.retry(), consumer.step(), other.step())
        await harness.deliver(relay, consumer)
        assert await harness.applied("evt_1") == list(range(20))
        assert await harness.tickets.count(ParkedMessage, {}) == 0
        assert await list_parked(harness.tickets) == []


class TestGaps:
    async def test_what_comes_too_early_waits(self, harness: Harness) -> None:
        gaps = figure("messages_gaps_total")
        consumer = harness.consumer()
        one, two, three, four = (harness.envelope(changed("evt_1", str(seq)), seq) for seq in (1, 2, 3, 4))
        other = harness.envelope(changed("evt_2", "1"), 1)
        await harness.bus.publish("events", [one, three, four, other])
        await consumer.step()
        assert await harness.applied("evt_1") == [1]
        assert await harness.applied("evt_2") == [1]
        [parked] = await list_parked(harness.tickets)
        assert (parked.reason, parked.messages) == ("message 2 has not come", 2)
        assert figure("messages_gaps_total") == gaps + 1
        await harness.bus.publish("events", [two])
        await consumer.step()
        assert await consumer.retry() == 1, "without waiting for the next attempt"
        assert await harness.applied("evt_1") == [1, 2, 3, 4]
        assert await list_parked(harness.tickets) == []

    async def test_out_of_order_within_a_batch(self, harness: Harness) -> None:
        consumer = harness.consumer()
        one, two, three = (harness.envelope(changed("evt_1", str(seq)), seq) for seq in (1, 2, 3))
        await harness.bus.publish("events", [three, two, one, two, three])
        await consumer.step()
        await consumer.retry()
        assert await harness.applied("evt_1") == [1, 2, 3]
        assert await list_parked(harness.tickets) == []

    async def test_a_gap_that_stays_waits_for_a_person_and_replay_fills_it(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await harness.send_titles("evt_1", 1, 2, 3)
        relay, consumer = harness.relay(), harness.consumer()
        real_publish = harness.bus.inner.publish

        async def lose_the_second(topic: str, envelopes: Sequence[Envelope]) -> None:
            await real_publish(topic, [one for one in envelopes if one.seq != 2])

        with monkeypatch.context() as patch:
            patch.setattr(harness.bus.inner, "publish", lose_the_second)
            await relay.step()
        for _ in range(10):
            await harness.deliver(relay, consumer)
            await harness.clock.advance(60)
        [parked] = await list_parked(harness.tickets)
        assert (parked.state, parked.reason) == ("parked", "message 2 has not come")
        await replay(harness.events, harness.bus, "events", aggregate=("event", "evt_1"))
        await harness.deliver(relay, consumer)
        assert await harness.applied("evt_1") == [1, 2, 3]
        assert await list_parked(harness.tickets) == []

    async def test_a_gap_can_be_accepted(self, harness: Harness) -> None:
        consumer = harness.consumer()
        envelopes = [harness.envelope(changed("evt_1", str(seq)), seq) for seq in (5, 6, 9)]
        await harness.bus.publish("events", envelopes)
        await consumer.step()
        await unpark(harness.tickets, "event:evt_1")
        await consumer.retry()
        assert await harness.applied("evt_1") == []
        await unpark(harness.tickets, "event:evt_1", accept_gap=True)
        await consumer.retry()
        assert await harness.applied("evt_1") == [5, 6, 9]
        await harness.bus.publish("events", [harness.envelope(changed("evt_1", "10"), 10)])
        await consumer.step()
        assert await harness.applied("evt_1") == [5, 6, 9, 10]


class TestDeadLetters:
    async def test_an_unknown_type_holds_up_nobody(self, harness: Harness) -> None:
        consumer = harness.consumer()
        one, two, three = (harness.envelope(changed("evt_1", str(seq)), seq) for seq in (1, 2, 3))
        newer = replace(two, type="houseful.EventChanged.v2")
        await harness.bus.publish("events", [one, newer, three])
        await consumer.step()
        assert await harness.applied("evt_1") == [1, 3]
        assert await harness.known("evt_1") == 3
        [letter] = await list_dead(harness.tickets)
        assert letter.envelope == newer
        assert (letter.topic, letter.offset, letter.raw) == ("events", 1, newer.data)
        assert letter.error == "houseful.EventChanged.v2 is unknown to this version"
        assert letter.at == harness.clock.now()

    async def test_data_that_does_not_fit(self, harness: Harness) -> None:
        consumer = harness.consumer()
        envelope = harness.envelope(changed("evt_1", "1"), 1)
        bad = [b"", b"{", b"\xff", b"[]", b'{"event_id": 1}', b"[" * 100_000]
        envelopes = [replace(envelope, seq=seq, data=data) for seq, data in enumerate(bad, start=1)]
        last = harness.envelope(changed("evt_1", "7"), 7)
        await harness.bus.publish("events", [*envelopes, last])
        await consumer.step()
        assert len(await list_dead(harness.tickets)) == len(bad)
        assert await harness.applied("evt_1") == [7]

    async def test_what_nobody_handles_is_not_even_read(self, harness: Harness) -> None:
        envelope = replace(harness.envelope(EventCancelled(event_id="evt_1"), 1), data=b"{")
        await harness.bus.publish("events", [envelope])
        await harness.consumer().step()
        assert await list_dead(harness.tickets) == []
        assert await harness.known("evt_1") == 1

    async def test_headers_that_cannot_be_read(self, harness: Harness) -> None:
        consumer = harness.consumer()
        await harness.send_titles("evt_1", 1)
        await harness.relay().step()
        unreadable = Delivery(topic="events", partition=3, offset=-1, envelope=None, raw=b"\x00garbage")
        harness.bus.injected = [unreadable, unreadable]
        await consumer.step()
        assert await harness.applied("evt_1") == [1]
        [letter] = await list_dead(harness.tickets)
        assert (letter.id, letter.raw, letter.envelope) == ("events:3:-1", b"\x00garbage", None)
        handlers: Handlers = {EventChanged: note}
        with pytest.raises(DomainError, match="headers"):
            await retry_dead(harness.tickets, handlers, letter.id)

    async def test_a_sequence_number_that_is_none(self, harness: Harness) -> None:
        envelope = harness.envelope(changed("evt_1", "1"), 0)
        await harness.bus.publish("events", [envelope])
        await harness.consumer().step()
        [letter] = await list_dead(harness.tickets)
        assert "sequence number is 0" in letter.error

    async def test_a_newer_version_of_the_program_applies_it(
        self, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        consumer = harness.consumer()
        envelope = replace(harness.envelope(changed("evt_1", "5"), 1), type="houseful.EventChanged.v2")
        await harness.bus.publish("events", [envelope])
        await consumer.step()
        [letter] = await list_dead(harness.tickets)
        handlers: Handlers = {EventChanged: note}
        with pytest.raises(DomainError, match="still can't be understood"):
            await retry_dead(harness.tickets, handlers, letter.id)
        monkeypatch.setitem(MESSAGES, "houseful.EventChanged.v2", EventChanged)
        with pytest.raises(RuntimeError):
            await retry_dead(harness.tickets, {EventChanged: Failing("5")}, letter.id)
        assert await list_dead(harness.tickets) == [letter]
        await retry_dead(harness.tickets, handlers, letter.id)
        assert await harness.applied("evt_1") == [5]
        assert await list_dead(harness.tickets) == []
        with pytest.raises(DomainError, match="no such dead"):
            await retry_dead(harness.tickets, handlers, letter.id)

    async def test_one_that_waited_in_line(self, harness: Harness) -> None:
        handler = Failing("1")
        consumer = harness.consumer({EventChanged: handler})
        one, two, three = (harness.envelope(changed("evt_1", str(seq)), seq) for seq in (1, 2, 3))
        await harness.bus.publish("events", [one, replace(two, data=b"{"), three])
        await consumer.step()
        assert await list_dead(harness.tickets) == []
        handler.bad.clear()
        await harness.clock.advance(60)
        await consumer.retry()
        assert await harness.applied("evt_1") == [1, 3]
        [letter] = await list_dead(harness.tickets)
        assert letter.id.startswith("events:")
        assert await list_parked(harness.tickets) == []
