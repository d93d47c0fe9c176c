"""Requests to Kafka's brokers while leaders change."""

import asyncio
import gc
import weakref
from collections.abc import Collection
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from houseful.adapters.kafka.admin import KafkaAdmin
from houseful.adapters.kafka.settings import Cluster
from houseful.kernel.errors import Unavailable


class Brokers:
    """An admin client whose requests fail with `errors`, one each, before they succeed."""

    def __init__(self, *errors: int) -> None:
        self._errors = list(errors)
        self.asked: list[list[Any]] = []
        self.refreshed = 0

    def list_offsets(self, asked: Collection[TopicPartition], **_: object) -> dict[Any, "Future[Any]"]:
        return self._answers(asked, SimpleNamespace(offset=7))

    def describe_topics(self, asked: Any, **_: object) -> dict[Any, "Future[Any]"]:
        return self._answers(["topic"], SimpleNamespace(partitions=[SimpleNamespace(id=0)]))

    def list_topics(self, **_: object) -> None:
        self.refreshed += 1

    def poll(self, _: float) -> None:
        pass

    def _answers(self, asked: Collection[Any], result: object) -> dict[Any, "Future[Any]"]:
        """The first of `asked` fails, the others succeed."""
        self.asked.append(list(asked))
        answers = {one: Future[Any]() for one in asked}
        for number, future in enumerate(answers.values()):
            if number == 0 and self._errors:
                future.set_exception(KafkaException(KafkaError(self._errors.pop(0))))
            else:
                future.set_result(result)
        return answers


def admin_of(brokers: Brokers, patience_seconds: float = 30) -> KafkaAdmin:
    admin = KafkaAdmin(Cluster.at("kafka://127.0.0.1:1"), patience_seconds)
    admin._client = brokers  # type: ignore[assignment]
    return admin


def uses(admin: KafkaAdmin, client: object) -> bool:
    return admin._client is client


FIRST, SECOND = TopicPartition("topic", 0), TopicPartition("topic", 1)


@pytest.mark.parametrize("error", [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE])
async def test_a_broker_that_does_not_lead_sends_the_question_to_the_leader(error: int) -> None:
    brokers = Brokers(error, error)
    assert await admin_of(brokers).ends([FIRST, SECOND]) == {("topic", 0): 7, ("topic", 1): 7}
    assert brokers.asked == [[FIRST, SECOND], [FIRST], [FIRST]], "an answered question was asked again"
    assert brokers.refreshed == 2


async def test_a_topic_whose_leader_is_being_chosen_is_described_again() -> None:
    described = await admin_of(Brokers(KafkaError.LEADER_NOT_AVAILABLE)).describe(["topic"])
    assert described["topic"] is not None


async def test_a_leader_that_is_never_found_is_an_outage() -> None:
    brokers = Brokers(*[KafkaError.NOT_LEADER_FOR_PARTITION] * 8)
    with pytest.raises(Unavailable, match="Not leader for partition"):
        await admin_of(brokers, patience_seconds=0).ends([FIRST])


async def test_another_error_is_told_at_once() -> None:
    brokers = Brokers(KafkaError.CLUSTER_AUTHORIZATION_FAILED)
    admin = admin_of(brokers)
    with pytest.raises(Unavailable, match="authorization failed"):
        await admin.ends([FIRST])
    assert len(brokers.asked) == 1
    assert uses(admin, brokers)


@pytest.mark.parametrize("error", [KafkaError._TIMED_OUT, KafkaError._TRANSPORT])
async def test_a_client_without_an_answer_is_replaced_and_freed(error: int) -> None:
    """Its connection may be broken for ever."""
    brokers = Brokers(error)
    admin = admin_of(brokers, patience_seconds=0.01)
    gone = weakref.ref(brokers)
    with pytest.raises(Unavailable):
        await admin.ends([FIRST])
    assert not uses(admin, brokers)
    del brokers
    while gone() is not None:
        gc.collect()  # the error's traceback holds the client
        await asyncio.sleep(0.01)


async def test_an_answer_of_a_replaced_client_replaces_nothing() -> None:
    brokers = Brokers()
    admin = admin_of(brokers)
    answer: Future[Any] = Future()
    brokers.list_consumer_groups = lambda **_: answer  # type: ignore[attr-defined]
    asked = [asyncio.create_task(admin.groups("houseful.")) for _ in range(2)]
    await asyncio.sleep(0)
    answer.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 2
    assert len(admin._retired) == 1


async def test_a_client_is_replaced_though_nobody_waits_for_its_answer_any_more() -> None:
    """Whoever asks for readiness waits for half a second."""
    brokers = Brokers()
    admin = admin_of(brokers)
    answer: Future[Any] = Future()
    brokers.describe_topics = lambda *_, **__: {"ready": answer}  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await admin.check("ready")
    assert uses(admin, brokers)
    answer.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not uses(admin, brokers)
