"""`houseful doctor` at a real Kafka."""

import asyncio
import re
import uuid
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from houseful.adapters.kafka.bus import KafkaBus
from houseful.kernel.clock import SystemClock
from houseful.settings import load_settings
from houseful.tools.doctor import Finding
from houseful.tools.doctor.buses import kafka
from tests.contract.bus_contract import envelope, receive
from tests.contract.kafka_engine import kafka_servers
from tests.contract.test_kafka_outages import start_broker
from tests.support.patience import PATIENCE_SECONDS

__all__ = ["kafka_servers"]


@pytest.fixture
def installation() -> str:
    return f"doctor-{uuid.uuid4().hex[:16]}"


async def examined(servers: str, installation: str) -> dict[str, Finding]:
    settings = load_settings({}, bus_url=f"kafka://{servers}", installation=installation)
    return {finding.name: finding async for finding in kafka(settings)}


async def test_before_and_after_the_first_message(kafka_servers: str, installation: str) -> None:
    found = await examined(kafka_servers, installation)
    assert {finding.state for finding in found.values()} == {"ok"}
    assert "will be made" in found["events topic"].detail

    bus = KafkaBus.open(
        f"kafka://{kafka_servers}",
        clock=SystemClock(),
        installation=installation,
        patience_seconds=PATIENCE_SECONDS,
    )
    await bus.publish("events", [envelope()])
    subscription = await bus.subscribe("tickets", ["events"])
    await subscription.commit(await receive(subscription, 1))
    found = await examined(kafka_servers, installation)
    assert {finding.state for finding in found.values()} == {"ok"}, "what Houseful makes is as it should be"
    assert "partitions: 12" in found["events topic"].detail
    assert "0 messages under way" in found["bus"].detail

    await bus.publish("events", [envelope(seq=seq) for seq in range(2, 1_100)])
    behind = (await examined(kafka_servers, installation))["bus"]
    assert (behind.state, behind.detail) == ("warning", "tickets on events is 1098 messages behind")
    await bus.close()


async def test_topics_that_somebody_else_made(kafka_servers: str, installation: str) -> None:
    operator = AdminClient({"bootstrap.servers": kafka_servers})
    short = NewTopic(f"{installation}.events", 2, 1, config={"retention.ms": "3600000"})
    compacted = NewTopic(f"{installation}.tickets", 12, 1, config={"cleanup.policy": "compact"})
    for future in operator.create_topics([short, compacted]).values():
        await asyncio.wrap_future(future)
    settings = load_settings({}, bus_url=f"kafka://{kafka_servers}", installation=installation)
    findings = [finding async for finding in kafka(settings)]
    events = {finding.detail: finding.state for finding in findings if finding.name == "events topic"}
    assert list(events.values()) == ["warning", "warning"]
    assert any("2 partitions" in detail for detail in events)
    assert any("for 1 hours" in detail for detail in events)
    [tickets] = [finding for finding in findings if finding.name == "tickets topic"]
    assert (tickets.state, "compacted" in tickets.detail) == ("problem", True)


async def test_one_that_is_stopped(tmp_path: Path) -> None:
    broker = await start_broker(tmp_path / "kafka")
    try:
        assert (await examined(broker.servers, "houseful"))["Kafka"].state == "ok"
    finally:
        await asyncio.to_thread(broker.stop)
    found = await examined(broker.servers, "houseful")
    assert set(found) == {"Kafka"}
    assert found["Kafka"].state == "problem"
    assert broker.servers in found["Kafka"].detail
    assert re.search("refused|brokers are down", found["Kafka"].detail), (
        "as the driver puts it, in one of two ways"
    )


async def test_one_that_speaks_another_language(kafka_servers: str) -> None:
    settings = load_settings({}, bus_url=f"kafka+ssl://houseful:s3cret@{kafka_servers}")
    [finding] = [finding async for finding in kafka(settings)]
    assert finding.state == "problem"
    assert re.search("SSL.handshake", finding.detail, re.IGNORECASE), (
        "as the driver puts it, in one of two ways"
    )
    assert "s3cret" not in finding.detail
