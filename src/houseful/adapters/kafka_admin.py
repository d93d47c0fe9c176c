"""Kafka's topics and groups as an operator sees them: what exists, who is how far. On one event loop."""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from houseful.adapters import kafka_settings
from houseful.adapters.kafka_settings import unavailable

_NO_GROUP = frozenset({KafkaError.GROUP_ID_NOT_FOUND})


class KafkaAdmin:
    """Every method raises `Unavailable` where the brokers can't be asked or refuse."""

    def __init__(self, servers: str, patience_seconds: float, *, partitions: int, replication: int) -> None:
        self._client = AdminClient(kafka_settings.client(servers))
        self._patience_seconds = patience_seconds
        self._partitions = partitions
        self._replication = replication

    async def check(self) -> None:
        await self._answer(self._client.describe_cluster(request_timeout=self._patience_seconds))

    async def make_topics(self, topics: Sequence[str]) -> None:
        """Those that are missing. One that exists stays as it is: another number of partitions would move
        keys, and so break their order."""
        missing = [topic for topic, places in (await self.describe(topics)).items() if places is None]
        if not missing:
            return
        wanted = [NewTopic(topic, self._partitions, self._replication) for topic in missing]
        made = self._client.create_topics(
            wanted, operation_timeout=self._patience_seconds, request_timeout=self._patience_seconds
        )
        for future in made.values():
            await self._answer(future, fine=frozenset({KafkaError.TOPIC_ALREADY_EXISTS}))

    async def describe(self, topics: Sequence[str]) -> dict[str, list[TopicPartition] | None]:
        """The partitions of each topic; None where there is no such topic."""
        asked = self._client.describe_topics(
            TopicCollection(list(topics)), request_timeout=self._patience_seconds
        )
        missing = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART})
        found = {topic: await self._answer(future, fine=missing) for topic, future in asked.items()}
        return {
            topic: description and [TopicPartition(topic, one.id) for one in description.partitions]
            for topic, description in found.items()
        }

    async def lag(self, group: str, topics: Sequence[str]) -> int:
        """How many messages of these topics the group has not committed."""
        places = [place for found in (await self.describe(topics)).values() for place in found or ()]
        committed = await self._committed(group, places)
        fresh = [place for place in places if (place.topic, place.partition) not in committed]
        starts = await self._offsets(fresh, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = await self._offsets(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        done = starts | committed
        return sum(max(0, end - done[place]) for place, end in ends.items())

    async def _committed(self, group: str, places: list[TopicPartition]) -> dict[tuple[str, int], int]:
        asked = self._client.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, places)], request_timeout=self._patience_seconds
        )
        answer = await self._answer(asked[group], fine=_NO_GROUP)
        found = answer.topic_partitions if answer is not None else []
        return {(one.topic, one.partition): one.offset for one in found if one.offset >= 0}

    async def _offsets(
        self, places: Iterable[TopicPartition], which: OffsetSpec
    ) -> dict[tuple[str, int], int]:
        asked = dict.fromkeys(places, which)
        if not asked:
            return {}
        futures = self._client.list_offsets(asked, request_timeout=self._patience_seconds)
        return {
            (place.topic, place.partition): (await self._answer(future)).offset
            for place, future in futures.items()
        }

    async def _answer(self, future: "Future[Any]", *, fine: frozenset[int] = frozenset()) -> Any:
        """None for an error in `fine`."""
        try:
            # shielded: a cancelled caller must not cancel what librdkafka's thread is about to resolve
            return await asyncio.shield(asyncio.wrap_future(future))
        except KafkaException as error:
            if error.args[0].code() in fine:
                return None
            raise unavailable("Kafka did not answer", error) from error
