"""What every `Bus` does. An adapter's test inherits `BusContract` and says how it is opened."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence

import pytest

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Bus, BusInspection, Delivery, Envelope, Subscription
from tests.support.patience import PATIENCE_SECONDS

OpenBus = Callable[[], Awaitable[BusInspection]]
"""Opens the same bus once more, as another start of the program would, and closes what it opened before."""


RUN = uuid.uuid4().hex[:12]
"""In the name of all that this run of the tests makes on a broker, so that it can be found and removed."""


def fresh(what: str) -> str:
    """A name that nobody has used."""
    return f"{what}-{RUN}-{uuid.uuid4().hex}"


def envelope(
    key: str = "evt_1", seq: int = 1, data: bytes = b"{}", traceparent: str | None = None
) -> Envelope:
    return Envelope(
        id=f"msg_{uuid.uuid4().hex}",
        source="events",
        type="houseful.EventCancelled.v1",
        aggregatetype="event",
        key=key,
        seq=seq,
        time=1_800_000_000_000 + seq,
        traceparent=traceparent,
        data=data,
    )


def envelopes_of(deliveries: Iterable[Delivery]) -> list[Envelope]:
    return [delivery.envelope for delivery in deliveries if delivery.envelope is not None]


def by_key(envelopes: Iterable[Envelope]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for one in envelopes:
        found[one.key].append(one.seq)
    return dict(found)


async def receive(subscription: Subscription, count: int, limit: int = 1000) -> list[Delivery]:
    """Exactly that many deliveries."""
    found: list[Delivery] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found) < count:
            found += await subscription.receive(min(limit, count - len(found)), 1)
    return found


async def receive_all(subscription: Subscription, wanted: Sequence[Envelope]) -> list[Delivery]:
    """Until all of these have come."""
    missing = {one.id for one in wanted}
    found: list[Delivery] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while missing:
            new = await subscription.receive(1000, 1)
            missing -= {one.id for one in envelopes_of(new)}
            found += new
    return found


async def everything(bus: BusInspection, topic: str) -> list[Envelope]:
    return [one async for one in bus.entries(topic)]


class BusContract:
    @pytest.fixture
    async def open_bus(self) -> OpenBus:
        raise NotImplementedError

    @pytest.fixture
    async def bus(self, open_bus: OpenBus) -> BusInspection:
        return await open_bus()

    @pytest.fixture
    def topic(self) -> str:
        return fresh("topic")

    @pytest.fixture
    def group(self) -> str:
        return fresh("group")

    async def test_what_is_published_arrives_unchanged(self, bus: Bus, topic: str, group: str) -> None:
        sent = [
            envelope("evt_1", 1, '{"title":"Übung № 1 🎭"}'.encode()),
            envelope("evt_2", 1, bytes(range(256)), traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"),
            envelope("evt_Ω", 1, b""),
        ]
        await bus.publish(topic, sent)
        subscription = await bus.subscribe(group, [topic])
        received = await receive_all(subscription, sent)
        assert sorted(envelopes_of(received), key=lambda one: one.key) == sent
        assert {delivery.topic for delivery in received} == {topic}
        places = [(delivery.partition, delivery.offset) for delivery in received]
        assert len(set(places)) == len(places)

    async def test_a_key_keeps_its_order(self, bus: Bus, topic: str, group: str) -> None:
        keys = [f"evt_{number}" for number in range(20)]
        sent = [envelope(key, seq) for seq in range(1, 31) for key in keys]
        for start in range(0, len(sent), 70):
            await bus.publish(topic, sent[start : start + 70])
        subscription = await bus.subscribe(group, [topic])
        received = envelopes_of(await receive(subscription, len(sent), limit=37))
        assert by_key(received) == {key: list(range(1, 31)) for key in keys}

    async def test_publishers_at_the_same_time_lose_nothing(self, bus: Bus, topic: str, group: str) -> None:
        sent = [[envelope(f"evt_{number}", seq) for seq in range(1, 6)] for number in range(50)]
        await asyncio.gather(*(bus.publish(topic, batch) for batch in sent))
        subscription = await bus.subscribe(group, [topic])
        received = envelopes_of(await receive(subscription, 250))
        assert by_key(received) == {f"evt_{number}": [1, 2, 3, 4, 5] for number in range(50)}

    async def test_publishing_nothing_is_allowed(self, bus: Bus, topic: str) -> None:
        await bus.publish(topic, [])

    async def test_a_new_group_starts_at_the_beginning(self, bus: Bus, topic: str, group: str) -> None:
        sent = [envelope(seq=seq) for seq in range(1, 6)]
        await bus.publish(topic, sent)
        first = await bus.subscribe(group, [topic])
        await first.commit(await receive(first, 5))
        second = await bus.subscribe(f"{group}-2", [topic])
        assert envelopes_of(await receive(second, 5)) == sent

    async def test_what_is_not_committed_comes_again_to_a_later_member(
        self, bus: Bus, topic: str, group: str
    ) -> None:
        sent = [envelope(seq=seq) for seq in range(1, 11)]
        await bus.publish(topic, sent)
        first = await bus.subscribe(group, [topic])
        received = await receive(first, 10)
        await first.commit(received[:4])
        await first.close()
        second = await bus.subscribe(group, [topic])
        assert envelopes_of(await receive_all(second, sent[4:])) == sent[4:]

    async def test_a_commit_covers_all_before_it(self, bus: Bus, topic: str, group: str) -> None:
        sent = [envelope(seq=seq) for seq in range(1, 11)]
        await bus.publish(topic, sent)
        subscription = await bus.subscribe(group, [topic])
        received = await receive(subscription, 10)
        await subscription.commit(received[6:7])
        await subscription.rewind()
        assert envelopes_of(await receive(subscription, 3)) == sent[7:]

    async def test_a_commit_never_goes_back(self, bus: Bus, topic: str, group: str) -> None:
        sent = [envelope(seq=seq) for seq in range(1, 6)]
        await bus.publish(topic, sent)
        subscription = await bus.subscribe(group, [topic])
        received = await receive(subscription, 5)
        await subscription.commit(received)
        await subscription.commit([])
        await subscription.rewind()
        later = envelope(seq=6)
        await bus.publish(topic, [later])
        assert envelopes_of(await receive(subscription, 1)) == [later]

    async def test_rewind_starts_again_behind_the_commit(self, bus: Bus, topic: str, group: str) -> None:
        sent = [envelope(seq=seq) for seq in range(1, 7)]
        await bus.publish(topic, sent)
        subscription = await bus.subscribe(group, [topic])
        await subscription.commit((await receive(subscription, 4))[:2])
        await subscription.rewind()
        assert envelopes_of(await receive(subscription, 4)) == sent[2:]
        await subscription.rewind()
        assert envelopes_of(await receive(subscription, 4)) == sent[2:]

    async def test_everything_survives_a_restart(self, open_bus: OpenBus, topic: str, group: str) -> None:
        bus = await open_bus()
        sent = [envelope(seq=seq) for seq in range(1, 11)]
        await bus.publish(topic, sent[:8])
        subscription = await bus.subscribe(group, [topic])
        await subscription.commit((await receive(subscription, 8))[:5])
        bus = await open_bus()
        await bus.publish(topic, sent[8:])
        subscription = await bus.subscribe(group, [topic])
        assert envelopes_of(await receive_all(subscription, sent[5:])) == sent[5:]

    async def test_receiving_waits_for_what_comes(self, bus: Bus, topic: str, group: str) -> None:
        subscription = await bus.subscribe(group, [topic])
        assert await subscription.receive(10, 0.01) == []
        waiting = asyncio.create_task(receive(subscription, 1))
        await asyncio.sleep(0)
        sent = envelope()
        await bus.publish(topic, [sent])
        assert envelopes_of(await waiting) == [sent]

    async def test_no_more_than_the_limit(self, bus: Bus, topic: str, group: str) -> None:
        await bus.publish(topic, [envelope(f"evt_{number}") for number in range(100)])
        subscription = await bus.subscribe(group, [topic])
        keys: set[str] = set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(keys) < 100:
                received = await subscription.receive(7, 1)
                assert len(received) <= 7
                keys |= {one.key for one in envelopes_of(received)}

    async def test_several_topics_in_one_subscription(self, bus: Bus, topic: str, group: str) -> None:
        sent = [envelope("evt_1"), envelope("evt_2")]
        await bus.publish(f"{topic}-1", sent[:1])
        await bus.publish(f"{topic}-2", sent[1:])
        subscription = await bus.subscribe(group, [f"{topic}-1", f"{topic}-2"])
        received = await receive_all(subscription, sent)
        assert {(one.topic, one.envelope.key) for one in received if one.envelope} == {
            (f"{topic}-1", "evt_1"),
            (f"{topic}-2", "evt_2"),
        }

    async def test_lag_counts_what_is_not_committed(self, bus: Bus, topic: str, group: str) -> None:
        await bus.publish(topic, [envelope(seq=seq) for seq in range(1, 11)])
        subscription = await bus.subscribe(group, [topic])
        received = await receive(subscription, 10)
        assert await subscription.lag() == 10
        await subscription.commit(received[:7])
        assert await subscription.lag() == 3
        await subscription.commit(received)
        assert await subscription.lag() == 0

    async def test_members_come_and_go_and_nothing_is_lost_or_out_of_order(
        self, bus: Bus, topic: str, group: str
    ) -> None:
        """Copies are allowed: what a member had received and not committed may come to its successor too."""
        keys = [f"evt_{number}" for number in range(40)]
        known: dict[str, int] = dict.fromkeys(keys, 0)
        leave = asyncio.Event()

        async def member(forever: bool) -> None:
            subscription = await bus.subscribe(group, [topic])
            while min(known.values()) < 10 and (forever or not leave.is_set()):
                received = await subscription.receive(5, 0.05)
                for one in envelopes_of(received):
                    assert one.seq <= known[one.key] + 1, "a message before its predecessor"
                    known[one.key] = max(known[one.key], one.seq)
                await subscription.commit(received)
            await subscription.close()

        async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
            for forever in (True, False, False):
                tasks.create_task(member(forever))
            for seq in range(1, 11):
                await bus.publish(topic, [envelope(key, seq) for key in keys])
                if seq == 3:
                    tasks.create_task(member(False))
                if seq == 6:
                    leave.set()
        assert known == dict.fromkeys(keys, 10)

    async def test_a_closed_bus_says_so(self, bus: Bus, topic: str, group: str) -> None:
        subscription = await bus.subscribe(group, [topic])
        await bus.ready()
        await bus.close()
        with pytest.raises(Unavailable):
            await bus.publish(topic, [envelope()])
        with pytest.raises(Unavailable):
            await subscription.receive(1, 0)
        with pytest.raises(Unavailable):
            await bus.ready()

    async def test_a_look_shows_what_is_kept_and_changes_nothing(
        self, bus: BusInspection, topic: str, group: str
    ) -> None:
        traced = envelope(
            "evt_Ω", 1, bytes(range(256)), traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        )
        sent = [traced, *(envelope(f"evt_{number % 20}", number // 20 + 1) for number in range(2_500))]
        await bus.publish(topic, sent)
        subscription = await bus.subscribe(group, [topic])
        await subscription.commit(await receive(subscription, 100))
        for _ in range(2):
            found = await everything(bus, topic)
            assert sorted(found, key=id_of) == sorted(sent, key=id_of)
            assert by_key(found) == by_key(sent)
        assert len(await receive(subscription, 2_401)) == 2_401

    async def test_a_look_ends_while_others_go_on(self, bus: BusInspection, topic: str) -> None:
        first = [envelope(f"evt_{number}") for number in range(100)]
        await bus.publish(topic, first)
        over = asyncio.Event()

        async def publish() -> None:
            while not over.is_set():
                await bus.publish(topic, [envelope(f"evt_{number}", 2) for number in range(10)])

        publishing = asyncio.create_task(publish())
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await everything(bus, topic)
        over.set()
        await publishing
        assert {one.id for one in first} <= {one.id for one in found}

    async def test_a_look_may_be_broken_off(self, bus: BusInspection, topic: str) -> None:
        await bus.publish(topic, [envelope(seq=seq) for seq in range(1, 11)])
        looking = bus.entries(topic)
        assert (await anext(looking)).seq == 1
        del looking
        assert [one.seq for one in await everything(bus, topic)] == list(range(1, 11))

    async def test_a_look_at_a_topic_that_is_not_there(self, bus: BusInspection, topic: str) -> None:
        assert await everything(bus, topic) == []

    async def test_lags_of_all_groups(self, bus: BusInspection, topic: str, group: str) -> None:
        assert await bus.lags() == {}
        other = f"{topic}-2"
        await bus.publish(topic, [envelope(f"evt_{number}") for number in range(10)])
        await bus.publish(other, [envelope(seq=1), envelope(seq=2)])
        both = await bus.subscribe(f"{group}-1", [topic, other])
        received = await receive(both, 12)
        first = next(one for one in received if one.topic == other)
        await both.commit([first, *(one for one in received if one.topic == topic)])
        one = await bus.subscribe(f"{group}-2", [topic])
        await one.commit(await receive(one, 10))
        lags = {(f"{group}-1", topic): 0, (f"{group}-1", other): 1, (f"{group}-2", topic): 0}
        assert await bus.lags() == lags
        await both.close()
        await one.close()
        await bus.publish(topic, [envelope("evt_0", 2), envelope("evt_0", 3)])
        lags[f"{group}-1", topic] = lags[f"{group}-2", topic] = 2
        assert await bus.lags() == lags

    async def test_a_closed_bus_shows_nothing(self, bus: BusInspection, topic: str) -> None:
        await bus.publish(topic, [envelope()])
        await bus.close()
        with pytest.raises(Unavailable):
            await everything(bus, topic)
        with pytest.raises(Unavailable):
            await bus.lags()


def id_of(envelope: Envelope) -> str:
    return envelope.id
