"""Health of Kafka, for `houseful doctor`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from confluent_kafka import TopicPartitionInfo

from houseful.adapters.kafka.admin import KafkaAdmin
from houseful.adapters.kafka.settings import Cluster
from houseful.kernel.errors import Unavailable

_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Topic:
    name: str
    """The name in the cluster."""
    partitions: int
    copies: int
    """The replicas of the partition with the fewest."""
    in_sync: int
    """The in-sync replicas of the partition with the fewest."""
    settings: Mapping[str, str] | None
    """None where this user may not read them."""


@dataclass(frozen=True, kw_only=True)
class Health:
    where: str
    brokers: int
    wanted_partitions: int
    topics: Mapping[str, Topic | None]
    """By the bus' own names; None for a missing topic."""


async def probe(url: str, installation: str, topics: Collection[str]) -> Health:
    """Raises `Unavailable`, and `ValueError` for an invalid URL."""
    cluster = Cluster.at(url)
    admin = KafkaAdmin(cluster, _PATIENCE_SECONDS)
    names = {topic: f"{installation}.{topic}" for topic in topics}
    try:
        described = await admin.describe(names.values())
        settings = await admin.settings([name for name, found in described.items() if found is not None])
        brokers = await admin.brokers()
    except Unavailable as error:
        raise Unavailable(f"{cluster.servers}: {error}") from error
    return Health(
        where=cluster.servers,
        brokers=brokers,
        wanted_partitions=cluster.partitions,
        topics={topic: _topic(name, described[name], settings) for topic, name in names.items()},
    )


def _topic(
    name: str,
    partitions: list[TopicPartitionInfo] | None,
    settings: Mapping[str, dict[str, str] | None],
) -> Topic | None:
    if partitions is None:
        return None
    return Topic(
        name=name,
        partitions=len(partitions),
        copies=min(len(one.replicas) for one in partitions),
        in_sync=min(len(one.isr) for one in partitions),
        settings=settings[name],
    )
