"""`houseful doctor`: what it makes of what it is told, and of processes that answer or don't.

What real engines tell it is in `contract/test_*_doctor.py`.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import houseful.adapters.mongodb
from houseful.adapters.clock_skew import ahead_seconds
from houseful.adapters.kafka import health as kafka_health
from houseful.adapters.kafka.health import Topic
from houseful.adapters.mongodb import health as mongo_health
from houseful.adapters.mongodb.health import Members
from houseful.adapters.redis import health as redis_health
from houseful.kernel.roles import Role
from houseful.settings import Settings, load_settings, new_secrets
from houseful.tickets.domain.orders import Order
from houseful.tools.doctor import Finding, examine, neighbours, works
from houseful.tools.doctor.buses import kafka_findings
from houseful.tools.doctor.finding import clock_of
from houseful.tools.doctor.neighbours import redis_findings
from houseful.tools.doctor.stores import mongo_findings
from tests.support.deployment import started
from tests.support.live_server import LiveServer

NOWHERE = "127.0.0.1:1"


def states(findings: Iterable[Finding]) -> dict[str, str]:
    """Of each thing the worst that is said of it."""
    order = ["ok", "warning", "problem"]
    found: dict[str, str] = {}
    for one in findings:
        found[one.name] = max(one.state, found.get(one.name, "ok"), key=order.index)
        assert one.fix or one.state == "ok", f"{one.name}: what to do about it is not said"
    return found


def said(findings: Iterable[Finding], name: str) -> str:
    return " | ".join(f"{one.detail} | {one.fix}" for one in findings if one.name == name)


class TestClocks:
    @pytest.mark.parametrize(
        ("shown", "within", "ahead"),
        [
            (100.5, 0, 0),  # asked at 100, answered at 101
            (100, 0, 0),
            (101, 0, 0),
            (99, 0, -1),
            (99, 1, 0),  # cut to whole seconds
            (97, 1, -2),
            (131, 1, 30),
        ],
    )
    def test_the_least_that_explains_what_was_shown(self, shown: float, within: float, ahead: float) -> None:
        assert ahead_seconds(shown, 100, 101, within=within) == ahead

    @pytest.mark.parametrize(
        ("ahead", "state", "detail"),
        [
            (0.0, "ok", "the same"),
            (-1.0, "ok", "the same"),
            (1.5, "warning", "1.5 s ahead of"),
            (-30.0, "warning", "30.0 s behind"),
            (-31.0, "problem", "31.0 s behind"),
        ],
    )
    def test_how_bad_it_is(self, ahead: float, state: str, detail: str) -> None:
        finding = clock_of("Redis", ahead)
        assert (finding.name, finding.state) == ("clock of Redis", state)
        assert detail in finding.detail


class TestMongo:
    def health(self, **changes: Any) -> mongo_health.Health:
        states = {"one:27017": "PRIMARY", "three:27017": "SECONDARY", "two:27017": "SECONDARY"}
        usual: dict[str, Any] = {
            "where": "one:27017, two:27017, three:27017",
            "version": "7.0.14",
            "replica_set": "rs0",
            "members": Members(states=states, away=frozenset(), spare=1),
            "ahead_seconds": 0.0,
        }
        return mongo_health.Health(**usual | changes)

    def test_three_members(self) -> None:
        findings = list(mongo_findings(self.health()))
        assert set(states(findings).values()) == {"ok"}
        assert "three:27017 SECONDARY" in said(findings, "MongoDB members")

    def test_no_member_to_spare(self) -> None:
        alone = Members(states={"one:27017": "PRIMARY"}, away=frozenset(), spare=0)
        findings = list(mongo_findings(self.health(members=alone)))
        assert states(findings)["MongoDB members"] == "warning"
        assert "rs.add" in said(findings, "MongoDB members")

    def test_a_member_that_is_away(self) -> None:
        members = Members(
            states={"one:27017": "PRIMARY", "two:27017": "(not reachable/healthy)"},
            away=frozenset({"two:27017"}),
            spare=0,
        )
        findings = list(mongo_findings(self.health(members=members)))
        assert states(findings)["MongoDB members"] == "warning"
        assert "two:27017 is away" in said(findings, "MongoDB members")

    def test_what_may_not_be_seen_is_no_fault(self) -> None:
        secret = list(mongo_findings(self.health(members=None)))
        router = list(mongo_findings(self.health(members=None, replica_set=None)))
        assert works(secret)
        assert "clusterMonitor" in said(secret, "MongoDB members")
        assert "router" in said(router, "MongoDB members")

    def test_an_old_one_and_a_clock_that_is_wrong(self) -> None:
        found = states(mongo_findings(self.health(version="5.0.31", ahead_seconds=40.0)))
        assert (found["MongoDB"], found["clock of MongoDB"]) == ("warning", "problem")


class TestKafka:
    SETTINGS = {"min.insync.replicas": "2", "cleanup.policy": "delete", "retention.ms": "604800000"}

    def findings(self, brokers: int = 3, **changes: Any) -> list[Finding]:
        usual: dict[str, Any] = {
            "name": "houseful.events",
            "partitions": 12,
            "copies": 3,
            "in_sync": 3,
            "settings": self.SETTINGS,
        }
        topic = Topic(**usual | changes)
        topics = {"events": topic, "tickets": None}
        health = kafka_health.Health(where="one:9092", brokers=brokers, wanted_partitions=12, topics=topics)
        findings = list(kafka_findings(health))
        assert states(findings)["tickets topic"] == "ok", "it is made when it is needed"
        return findings

    def test_a_sound_cluster(self) -> None:
        assert set(states(self.findings()).values()) == {"ok"}

    def test_a_broker_by_itself_is_as_good_as_it_can_be(self) -> None:
        settings = self.SETTINGS | {"min.insync.replicas": "1"}
        found = states(self.findings(brokers=1, copies=1, in_sync=1, settings=settings))
        assert set(found.values()) == {"ok"}

    def test_what_this_user_may_not_read_is_no_fault(self) -> None:
        assert set(states(self.findings(settings=None)).values()) == {"ok"}

    @pytest.mark.parametrize(
        ("changes", "state", "detail"),
        [
            ({"copies": 1, "in_sync": 1, "settings": None}, "warning", "one copy of it"),
            ({"in_sync": 2}, "warning", "2 of 3 copies are in sync"),
            ({"in_sync": 1}, "problem", "without 2 it takes no message"),
            ({"settings": SETTINGS | {"min.insync.replicas": "3"}}, "warning", "no broker may fail"),
            ({"settings": SETTINGS | {"min.insync.replicas": "1"}}, "warning", "may be lost with it"),
            ({"partitions": 6}, "warning", "partitions=6"),
            ({"settings": SETTINGS | {"retention.ms": "3600000"}}, "warning", "for 1 hours"),
            ({"settings": SETTINGS | {"cleanup.policy": "compact,delete"}}, "problem", "compacted"),
        ],
    )
    def test_what_is_wrong_with_a_topic(self, changes: dict[str, Any], state: str, detail: str) -> None:
        findings = self.findings(**changes)
        assert states(findings)["events topic"] == state
        assert detail in said(findings, "events topic")

    def test_messages_that_are_kept_for_ever_are_fine(self) -> None:
        findings = self.findings(settings=self.SETTINGS | {"retention.ms": "-1"}, partitions=24)
        assert set(states(findings).values()) == {"ok"}


class TestRedis:
    def findings(self, **changes: Any) -> list[Finding]:
        usual: dict[str, Any] = {
            "where": "one:6379",
            "version": "7.4.1",
            "memory_limit": 64 * 2**20,
            "memory_used": 2**20,
            "eviction": "noeviction",
            "saves": "",
            "ahead_seconds": 0.0,
        }
        return list(redis_findings(redis_health.Health(**usual | changes)))

    def test_a_sound_one(self) -> None:
        findings = self.findings()
        assert set(states(findings).values()) == {"ok"}
        assert all(one.fix is None for one in findings)

    def test_saving_is_a_note(self) -> None:
        findings = self.findings(saves="snapshots (RDB)")
        assert states(findings)["Redis on disk"] == "ok"
        assert 'CONFIG SET save ""' in said(findings, "Redis on disk")

    @pytest.mark.parametrize(
        ("changes", "detail"),
        [
            ({"eviction": "allkeys-lru"}, "vanish before their time"),
            ({"memory_used": 63 * 2**20}, "98% of 64 MB used"),
        ],
    )
    def test_memory(self, changes: dict[str, Any], detail: str) -> None:
        findings = self.findings(**changes)
        assert states(findings)["Redis memory"] == "warning"
        assert detail in said(findings, "Redis memory")

    def test_without_a_limit_nothing_is_evicted(self) -> None:
        assert set(states(self.findings(memory_limit=0, eviction="allkeys-lru")).values()) == {"ok"}

    def test_an_old_one_and_one_that_says_nothing(self) -> None:
        assert states(self.findings(version="6.2.14"))["Redis"] == "warning"
        silent = self.findings(version=None, memory_limit=None, memory_used=None, eviction=None, saves=None)
        assert set(states(silent).values()) == {"ok"}


@asynccontextmanager
async def answering(status: int, body: dict[str, Any], date: str | None = None) -> AsyncIterator[str]:
    """The URL of something that gives this answer to everything."""
    content = msgspec.json.encode(body)
    lines = [f"HTTP/1.1 {status} X", "connection: close", f"content-length: {len(content)}"]
    lines += [f"date: {date}"] if date is not None else []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def processes(**settings: Any) -> list[Finding]:
    chosen = load_settings({}, **settings)
    return [finding async for finding in neighbours.processes(chosen)]


READY = {"status": "ready", "checks": {"bus": "ready"}}


class TestProcesses:
    async def test_a_gateway_that_is_ready(self, live: Callable[..., LiveServer]) -> None:
        server = await asyncio.to_thread(live)
        [finding] = await processes(gateway_url=server.url)
        assert (finding.name, finding.state) == (f"gateway at {server.url}", "ok")

    async def test_one_that_can_not_be_reached(self) -> None:
        [finding] = await processes(gateway_url=f"http://{NOWHERE}")
        assert (finding.state, finding.detail) == ("problem", "no connection: Connection refused")
        assert finding.fix is not None
        assert "HOUSEFUL_GATEWAY_URL" in finding.fix

    async def test_one_that_is_not_ready_says_why(self) -> None:
        body = {"code": "not_ready", "detail": "bus: no answer within 3 s"}
        async with answering(503, body) as url:
            [finding, _] = await processes(users_url=url)
        assert finding.state == "problem"
        assert "bus: no answer within 3 s" in finding.detail

    async def test_one_that_is_ready_and_misses_something(self) -> None:
        body = READY | {"checks": {"bus": "ready", "coordination": "Redis at one:6379 is down"}}
        async with answering(200, body) as url:
            [finding, _] = await processes(tickets_url=url)
        assert finding.state == "warning"
        assert "coordination: Redis at one:6379 is down" in finding.detail

    async def test_a_gateway_that_is_told_of_no_line_service(self) -> None:
        async with answering(200, READY) as url:
            *_, finding = await processes(users_url=url)
            named = await processes(users_url=url, line_url=url)
        assert (finding.name, finding.state) == ("line", "warning")
        assert "HOUSEFUL_LINE_URL" in (finding.fix or "")
        assert [one.state for one in named] == ["ok", "ok"]

    async def test_some_copies_will_do(self) -> None:
        async with answering(200, READY) as url:
            good, bad, _ = await processes(events_url=f"{url}, http://{NOWHERE}")
        assert (good.state, bad.state) == ("ok", "warning")
        assert "another copy is ready" in bad.detail

    async def test_somebody_else_at_that_address(self) -> None:
        async with answering(404, {}) as url:
            [finding, _] = await processes(payments_url=url)
        assert finding.state == "problem"
        assert "not Houseful" in finding.detail

    async def test_its_clock(self) -> None:
        from datetime import UTC, datetime, timedelta

        late = format_datetime(datetime.now(UTC) - timedelta(minutes=5), usegmt=True)
        async with answering(200, READY, late) as url:
            first, clock = await processes(gateway_url=url)
        assert (first.state, clock.state) == ("ok", "problem")
        assert "behind" in clock.detail

    async def test_nobody_is_named(self) -> None:
        assert await processes() == []


async def all_of(settings: Settings) -> list[Finding]:
    return [finding async for finding in examine(settings)]


async def test_orders_whose_payment_is_not_known(tmp_path: Path) -> None:
    async with started(tmp_path / "data") as deployment:
        organizer, buyer = await deployment.user("organizer", Role.ORGANIZER), await deployment.user()
        event_id = await deployment.event(organizer)
        placed = await deployment.order(buyer, (await deployment.hold(buyer, event_id))["hold_id"])
        async with deployment.app.stores["tickets"].begin() as tx:
            order = await tx.get(Order, placed["id"])
            assert order is not None
            tx.put(msgspec.structs.replace(order, looks=1, expires_at=order.created_at - 100_000))
    settings = load_settings({}, data=str(tmp_path / "data"))
    [told] = [one for one in await all_of(settings) if one.name == "payments"]
    assert told.state == "warning"
    assert told.detail.startswith("1 orders are past their deadline")


class TestWhatIsLookedAt:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kafka_health, "_PATIENCE_SECONDS", 0.3)

    async def test_only_what_is_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        embedded = states(await all_of(load_settings({}, data=str(tmp_path / "data"))))
        assert {"SQLite", "data folder", "keys", "users store", "bus"} <= embedded.keys()
        assert not any(word in name for name in embedded for word in ("MongoDB", "Kafka", "Redis", "gateway"))
        for name, key in new_secrets().items():
            monkeypatch.setenv(f"HOUSEFUL_{name.upper()}", key)
        split = states(await all_of(split_settings(tmp_path)))
        assert {name for name, state in split.items() if state == "problem"} == {"MongoDB", "Kafka", "Redis"}
        assert split["keys"] == "ok"
        assert not {"SQLite", "data folder", "disk space", "server", "users store"} & split.keys()
        assert not (tmp_path / "data").exists()

    async def test_keys_that_the_processes_do_not_share(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in new_secrets():
            monkeypatch.delenv(f"HOUSEFUL_{name.upper()}", raising=False)
        findings = await all_of(split_settings(tmp_path))
        assert states(findings)["keys"] == "problem"
        assert "HOUSEFUL_TOKEN_KEY is missing" in said(findings, "keys")
        assert not (tmp_path / "data").exists(), "the doctor makes none"

    async def test_keys_of_some_parts_are_enough_for_those(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in new_secrets():
            monkeypatch.delenv(f"HOUSEFUL_{name.upper()}", raising=False)
        monkeypatch.setenv("HOUSEFUL_GATEWAY_KEY", new_secrets()["gateway_key"])
        findings = await all_of(split_settings(tmp_path))
        assert states(findings)["keys"] == "ok"
        assert "those of gateway, events are there" in said(findings, "keys")

    async def test_a_url_that_makes_no_sense(self, tmp_path: Path) -> None:
        settings = load_settings(
            {}, data=str(tmp_path), bus_url="kafka://one:port", coordination_url="redis://one:port"
        )
        findings = await all_of(settings)
        found = states(findings)
        assert (found["HOUSEFUL_BUS_URL"], found["HOUSEFUL_COORDINATION_URL"]) == ("problem", "problem")
        assert "it should look like kafka://" in said(findings, "HOUSEFUL_BUS_URL")

    async def test_a_driver_that_is_not_installed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "houseful.adapters.mongodb.health", None)
        monkeypatch.delattr(houseful.adapters.mongodb, "health")
        findings = await all_of(load_settings({}, data=str(tmp_path), store_url=f"mongodb://{NOWHERE}"))
        assert states(findings)["HOUSEFUL_STORE_URL"] == "problem"
        assert "install houseful[split]" in said(findings, "HOUSEFUL_STORE_URL")


def split_settings(folder: Path) -> Settings:
    return load_settings(
        {},
        data=str(folder / "data"),
        store_url=f"mongodb://{NOWHERE}/?serverSelectionTimeoutMS=200",
        bus_url=f"kafka://{NOWHERE}",
        coordination_url=f"redis://{NOWHERE}",
    )
