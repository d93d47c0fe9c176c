"""What is done to a split installation while it sells: `FAULTS`, by name."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from engines.mongo import Member
from houseful.app import PARTS
from tests.chaos.own_engines import Engines
from tests.system.split import Copy, Split, until

FLUSH_SECONDS = 1.0
RESTART_SECONDS = 1.0


@dataclass(frozen=True)
class Fault:
    """`harm` is done, then for `down_seconds` nothing, then `mend`. It lasts longer where it
    `sells_on` and nothing was sold yet."""

    name: str
    harm: Callable[[], None]
    mend: Callable[[], None]
    down_seconds: float = 0
    sells_on: bool = False
    """Holds and purchases go on while it lasts."""
    unnoticed: bool = False
    """No request may be refused for it, or go without an answer."""
    publishes: bool = False
    """An event is published while it lasts, and has its seats soon afterwards."""


def mongo_primary(engines: Engines, split: Split, seconds: float) -> Iterator[Fault]:
    primary = engines.mongo.primary()

    def mend() -> None:
        primary.start()
        until("all members of the replica set are well", partial(_all_well, engines))

    yield Fault("MongoDB: primary killed", primary.kill, mend, down_seconds=seconds)


def _all_well(engines: Engines) -> bool:
    return sorted(state(member) for member in engines.mongo.members) == sorted(
        ["PRIMARY", *["SECONDARY"] * (len(engines.mongo.members) - 1)]
    )


def state(member: Member) -> str:
    """PRIMARY, SECONDARY, RECOVERING, …"""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    with MongoClient(member.url, serverSelectionTimeoutMS=1000) as client:  # type: ignore[var-annotated]
        try:
            found = client.admin.command("replSetGetStatus")
        except PyMongoError:
            return "away"
    return str(next(one["stateStr"] for one in found["members"] if one.get("self")))


def kafka(engines: Engines, split: Split, seconds: float) -> Iterator[Fault]:
    yield Fault(
        "Kafka: stopped",
        engines.kafka.stop,
        engines.kafka.start,
        down_seconds=seconds,
        sells_on=True,
        publishes=True,
    )


def redis_kill(engines: Engines, split: Split, seconds: float) -> Iterator[Fault]:
    yield Fault(
        "Redis: killed, comes back empty",
        engines.redis.kill,
        engines.redis.start,
        down_seconds=seconds,
        sells_on=True,
    )


def redis_flush(engines: Engines, split: Split, seconds: float) -> Iterator[Fault]:
    over = threading.Event()

    def flush() -> None:
        while True:
            assert engines.redis.say("FLUSHALL") == b"+OK"
            if over.wait(FLUSH_SECONDS):
                return

    flushing: list[Future[None]] = []

    def mend() -> None:
        over.set()
        flushing.pop().result()

    with ThreadPoolExecutor(max_workers=1) as thread:
        try:
            yield Fault(
                "Redis: emptied every second",
                lambda: flushing.append(thread.submit(flush)),
                mend,
                down_seconds=seconds,
                sells_on=True,
                unnoticed=True,
            )
        finally:
            over.set()


def services(engines: Engines, split: Split, seconds: float) -> Iterator[Fault]:
    """Each process killed and started again; then each replaced."""
    yield from _killed(copy for copy in split.copies if copy.running)
    yield from _rolled(split, [copy for copy in split.copies if copy.running])


def parts(engines: Engines, split: Split, seconds: float) -> Iterator[Fault]:
    """One process of each part killed and started again."""
    yield from _killed(split.running(part)[0] for part in PARTS)


def _killed(copies: Iterable[Copy]) -> Iterator[Fault]:
    for copy in copies:
        yield Fault(f"{copy.name}: killed", copy.kill, copy.start, down_seconds=RESTART_SECONDS)


def _rolled(split: Split, copies: Iterable[Copy]) -> Iterator[Fault]:
    for copy in copies:
        yield Fault(f"{copy.name}: rolled", partial(split.roll, copy), _nothing, unnoticed=True)


def _nothing() -> None:
    pass


FAULTS: Mapping[str, Callable[[Engines, Split, float], Iterator[Fault]]] = {
    "mongo": mongo_primary,
    "kafka": kafka,
    "redis-kill": redis_kill,
    "redis-flush": redis_flush,
    "services": services,
    "parts": parts,
}
USUAL = ("mongo", "kafka", "redis-kill", "redis-flush", "services")
