"""The bus: its reachability, its topics, and the lag of its groups."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from houseful.adapters import factory
from houseful.adapters.sqlite import health as sqlite_health
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import BusInspection
from houseful.messages import MESSAGES
from houseful.settings import Settings
from houseful.tools.doctor.finding import Finding, ok, problem, warning
from houseful.tools.invariants import lost_on_bus, opened_installation

if TYPE_CHECKING:
    from houseful.adapters.kafka.health import Health, Topic

_LAG_MOST = 1000
_KEPT_MILLIS = 7 * 24 * 3600 * 1000
"""The retention of published outbox rows, and the longest outage of a service."""


async def local(settings: Settings) -> AsyncIterator[Finding]:
    file = factory.bus_file(settings.data_folder)
    faults = await asyncio.to_thread(sqlite_health.faults, file) if file.exists() else []
    if faults:
        yield problem("bus", f"{file} is damaged: {'; '.join(faults)}", factory.BUS_FIX.strip())
        return
    lost = await _lost(settings)
    if lost is not None:
        yield lost
    if not file.exists():
        if lost is None:
            yield ok("bus", "will be made at the first start")
        return
    try:
        async with factory.opened_bus(settings, clock=SystemClock(), read_only=True) as bus:
            yield await _lags(bus)
    except Unavailable as error:
        yield problem("bus", str(error), "Start the server once, or restore a backup.")


async def _lost(settings: Settings) -> Finding | None:
    """Messages that the outboxes have sent and the bus lacks.

    Returns None for unreadable stores, which have findings of their own.
    """
    try:
        async with opened_installation(settings) as installation:
            lost = await lost_on_bus(installation)
    except Unavailable:
        return None
    if not lost:
        return None
    return problem(
        "bus",
        f"{len(lost)} messages that were sent are not on it, first {lost[0].subject}",
        "Restart the server: it sends again what its outboxes keep where the bus has become shorter. Where "
        "it does not, houseful messages replay SERVICE sends it; whoever had a message already skips it.",
    )


async def kafka(settings: Settings) -> AsyncIterator[Finding]:
    with factory.driver("bus_url"):
        from houseful.adapters.kafka import health as kafka_health
    async with factory.opened_bus(settings, clock=SystemClock(), read_only=True) as bus:
        try:
            topics = sorted({message.sender for message in MESSAGES.values()})
            health = await kafka_health.probe(settings.bus_url, settings.installation, topics)
            lags = await _lags(bus)
        except Unavailable as error:
            fix = "Kafka has to run, and its brokers' advertised addresses have to be reachable from here."
            yield problem("Kafka", str(error), fix)
            return
    for finding in kafka_findings(health):
        yield finding
    yield lags
    lost = await _lost(settings)
    if lost is not None:
        yield lost


def kafka_findings(health: "Health") -> Iterator[Finding]:
    yield ok("Kafka", f"at {health.where}, brokers: {health.brokers}")
    for name, topic in health.topics.items():
        if topic is None:
            yield ok(f"{name} topic", "will be made when it is first needed")
        else:
            yield from _topic(f"{name} topic", topic, health)


def _topic(name: str, topic: "Topic", health: "Health") -> Iterator[Finding]:
    wrong = [*_copies(name, topic, health.brokers), *_partitions(name, topic, health), *_kept(name, topic)]
    yield from wrong or [ok(name, f"partitions: {topic.partitions}, copies of each: {topic.copies}")]


def _copies(name: str, topic: "Topic", brokers: int) -> Iterator[Finding]:
    needed = int((topic.settings or {}).get("min.insync.replicas", 1))
    if topic.in_sync < needed:
        yield problem(
            name,
            f"{topic.in_sync} of {topic.copies} copies are in sync, and without {needed} it takes no message",
            "Bring the brokers back that are away.",
        )
    elif topic.in_sync < topic.copies:
        yield warning(
            name,
            f"{topic.in_sync} of {topic.copies} copies are in sync",
            "Bring the brokers back that are away.",
        )
    if topic.copies == 1 and brokers > 1:
        yield warning(
            name,
            f"there is one copy of it, though there are {brokers} brokers",
            "Copy it to three with kafka-reassign-partitions, and say ?replication=3 in HOUSEFUL_BUS_URL.",
        )
    elif topic.copies > 1 and needed == topic.copies:
        yield warning(
            name,
            f"min.insync.replicas is {needed}, as many as there are copies: no broker may fail",
            f"kafka-configs --alter --topic {topic.name} --add-config min.insync.replicas={needed - 1}",
        )
    elif topic.copies > 2 and topic.settings is not None and needed < 2:
        yield warning(
            name,
            "min.insync.replicas is 1: what one broker has acknowledged may be lost with it",
            f"kafka-configs --alter --topic {topic.name} --add-config min.insync.replicas=2",
        )


def _partitions(name: str, topic: "Topic", health: "Health") -> Iterator[Finding]:
    if topic.partitions < health.wanted_partitions:
        yield warning(
            name,
            f"it has {topic.partitions} partitions, where the settings want {health.wanted_partitions}: "
            "that is for how many copies of a service there is work",
            f"Say ?partitions={topic.partitions} in HOUSEFUL_BUS_URL if that will do; adding some to a topic "
            "that is in use breaks the order of messages.",
        )


def _kept(name: str, topic: "Topic") -> Iterator[Finding]:
    if topic.settings is None:
        return
    if "compact" in topic.settings["cleanup.policy"]:
        yield problem(
            name,
            "it is compacted: messages vanish before everybody has had them",
            f"kafka-configs --alter --topic {topic.name} --add-config cleanup.policy=delete",
        )
    kept_millis = int(topic.settings["retention.ms"])
    if 0 <= kept_millis < _KEPT_MILLIS:
        yield warning(
            name,
            f"it keeps messages for {kept_millis / 3_600_000:.0f} hours: no service may be away for longer",
            f"kafka-configs --alter --topic {topic.name} --add-config retention.ms={_KEPT_MILLIS}",
        )


async def _lags(bus: BusInspection) -> Finding:
    lags = await bus.lags()
    behind = {f"{group} on {topic}": lag for (group, topic), lag in lags.items() if lag > _LAG_MOST}
    if behind:
        return warning(
            "bus",
            ", ".join(f"{who} is {lag} messages behind" for who, lag in behind.items()),
            "Let the services run until they have caught up; their logs say what holds them up.",
        )
    return ok("bus", f"{sum(lags.values())} messages under way")
