"""A Kafka subscription whose member hangs in a call of librdkafka."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from houseful.adapters.kafka.member import Poll
from houseful.adapters.kafka.settings import PartitionId
from houseful.adapters.kafka.subscription import KafkaSubscription
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Delivery

DELIVERY = Delivery(topic="events", partition=0, offset=0, envelope=None, raw=b"")


class Member:
    """Every call hangs until `released`."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.left = threading.Event()

    def receive(self, _: Poll) -> list[Delivery]:
        self.released.wait()
        return [DELIVERY]

    def commit(self, _: Mapping[PartitionId, int]) -> None:
        self.released.wait()

    def rewind(self) -> None:
        pass

    def close(self) -> None:
        self.left.set()


@pytest.fixture
def member() -> Iterator[Member]:
    member = Member()
    yield member
    member.released.set()


def subscribe(member: Any) -> KafkaSubscription:
    admin: Any = None
    return KafkaSubscription(lambda: member, SystemClock(), {"events": "houseful.events"}, admin, 0.01)


async def no_answer(subscription: KafkaSubscription) -> None:
    with pytest.raises(Unavailable, match="has not answered"):
        await subscription.receive(10, 0)


async def test_a_member_that_hangs_is_given_up_and_leaves_when_it_can(member: Member) -> None:
    subscription = subscribe(member)
    await no_answer(subscription)
    await no_answer(subscription)
    with pytest.raises(Unavailable, match="has not answered"):
        await subscription.commit([DELIVERY])
    assert subscription.closed
    with pytest.raises(
        Unavailable, match="is closed"
    ):  # by this a consumer learns that it has to subscribe anew
        await subscription.rewind()
    assert not member.left.is_set()
    member.released.set()
    assert member.left.wait(60)


async def test_a_member_that_answers_late_is_kept(member: Member) -> None:
    subscription = subscribe(member)
    await no_answer(subscription)
    await no_answer(subscription)
    member.released.set()
    subscription._thread.patience_seconds = 60
    assert await subscription.receive(10, 0) == [DELIVERY]
    member.released.clear()
    subscription._thread.patience_seconds = 0.01
    await no_answer(subscription)
    assert not subscription.closed
    member.released.set()
    await subscription.close()
