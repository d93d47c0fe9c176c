"""The local bus: the contract, and what is its own."""

import asyncio
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from houseful.adapters.sqlite.bus import LocalBus
from houseful.adapters.sqlite.bus_file import PARTITIONS, partition_of
from houseful.kernel.clock import ManualClock, SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import BusInspection
from tests.contract.bus_contract import (
    BusContract,
    OpenBus,
    by_key,
    envelope,
    envelopes_of,
    everything,
    receive,
)

DAY_MILLIS = 24 * 3600 * 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "bus.db"


class TestLocalBus(BusContract):
    @pytest.fixture
    async def open_bus(self, path: Path) -> AsyncIterator[OpenBus]:
        opened: list[LocalBus] = []

        async def open_again() -> BusInspection:
            for bus in opened:
                await bus.close()
            opened.append(LocalBus.open(path, clock=SystemClock()))
            return opened[-1]

        yield open_again
        for bus in opened:
            await bus.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def bus(path: Path, clock: ManualClock) -> AsyncIterator[LocalBus]:
    bus = LocalBus.open(path, clock=clock)
    yield bus
    await bus.close()


async def test_messages_are_the_owners_to_read(bus: LocalBus, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600  # noqa: ASYNC240


async def test_members_of_a_group_divide_the_keys(bus: LocalBus) -> None:
    keys = [f"evt_{number}" for number in range(100)]
    members = [await bus.subscribe("tickets", ["events"]) for _ in range(3)]
    await bus.publish("events", [envelope(key, seq) for key in keys for seq in (1, 2)])
    shares = [by_key(envelopes_of(await member.receive(1000, 0))) for member in members]
    assert sum(len(share) for share in shares) == 100
    assert all(shares), "each has something to do"
    assert {key for share in shares for key in share} == set(keys)


async def test_more_members_than_partitions(bus: LocalBus) -> None:
    members = [await bus.subscribe("tickets", ["events"]) for _ in range(PARTITIONS + 3)]
    await bus.publish("events", [envelope(f"evt_{number}") for number in range(100)])
    counts = [len(await member.receive(1000, 0)) for member in members]
    assert sum(counts) == 100
    assert counts.count(0) >= 3


async def test_a_member_that_leaves_hands_over(bus: LocalBus) -> None:
    first = await bus.subscribe("tickets", ["events"])
    second = await bus.subscribe("tickets", ["events"])
    sent = [envelope(f"evt_{number}") for number in range(100)]
    await bus.publish("events", sent)
    mine = await first.receive(1000, 0)
    await first.commit(mine)
    not_mine = await second.receive(1000, 0)
    assert len(mine) + len(not_mine) == 100
    waiting = asyncio.create_task(first.receive(1000, 60))
    await asyncio.sleep(0)
    await second.close()
    again = await waiting
    assert {one.id for one in envelopes_of(again)} == {one.id for one in envelopes_of(not_mine)}


async def test_a_long_partition_starves_no_other(bus: LocalBus) -> None:
    long = next(key for key in map(str, range(1000)) if partition_of(key) == 0)
    short = next(key for key in map(str, range(1000)) if partition_of(key) == 5)
    await bus.publish("events", [envelope(long, seq) for seq in range(1, 1001)])
    await bus.publish("events", [envelope(short)])
    subscription = await bus.subscribe("tickets", ["events"])
    first_two = [await subscription.receive(1, 0), await subscription.receive(1, 0)]
    assert short in by_key(envelopes_of(first_two[0] + first_two[1]))


async def test_waiting_is_by_the_clock(bus: LocalBus, clock: ManualClock) -> None:
    subscription = await bus.subscribe("tickets", ["events"])
    waiting = asyncio.create_task(subscription.receive(1, 30))
    await clock.advance(29)
    assert not waiting.done()
    await clock.advance(1)
    assert await waiting == []
    assert clock.sleepers == 0


async def test_a_publisher_that_is_cancelled_still_wakes_the_receiver(bus: LocalBus) -> None:
    subscription = await bus.subscribe("tickets", ["events"])
    waiting = asyncio.create_task(subscription.receive(1, 60))
    publishing = asyncio.create_task(bus.publish("events", [envelope()]))
    await asyncio.sleep(0)
    publishing.cancel()
    assert len(await waiting) == 1


async def test_only_one_process_writes(bus: LocalBus, path: Path, clock: ManualClock) -> None:
    with pytest.raises(Unavailable, match="in use"):
        LocalBus.open(path, clock=clock)


async def test_another_process_may_look(bus: LocalBus, path: Path, clock: ManualClock) -> None:
    sent = [envelope(f"evt_{number % 10}", number // 10 + 1) for number in range(100)]
    await bus.publish("events", sent)
    subscription = await bus.subscribe("tickets", ["events"])
    await subscription.commit(await receive(subscription, 100))
    await bus.publish("events", [envelope("evt_0", 11)])
    onlooker = LocalBus.open(path, clock=clock, read_only=True)
    assert await onlooker.topics() == ["events"]
    assert await onlooker.lags() == {("tickets", "events"): 1}
    found = by_key(await everything(onlooker, "events"))
    assert found == {f"evt_{key}": list(range(1, 12 if key == 0 else 11)) for key in range(10)}
    with pytest.raises(Unavailable, match="reading only"):
        await onlooker.publish("events", sent)
    await onlooker.close()


async def test_looking_at_a_bus_that_is_not_there(path: Path, clock: ManualClock) -> None:
    with pytest.raises(Unavailable, match="can't be opened"):
        LocalBus.open(path, clock=clock, read_only=True)


async def test_a_file_of_another_version_is_refused(path: Path, clock: ManualClock) -> None:
    path.parent.mkdir()
    apsw.Connection(str(path)).execute("PRAGMA user_version = 99")
    with pytest.raises(Unavailable, match="format 99"):
        LocalBus.open(path, clock=clock)


async def test_pruning_keeps_what_a_group_needs(bus: LocalBus, clock: ManualClock) -> None:
    old = [envelope(seq=seq) for seq in range(1, 11)]
    await bus.publish("events", old)
    first = await bus.subscribe("tickets", ["events"])
    second = await bus.subscribe("users", ["events"])
    await first.commit(await first.receive(100, 0))
    await second.commit((await second.receive(100, 0))[:4])
    await clock.advance(8 * 24 * 3600)
    young = [envelope(seq=11)]
    await bus.publish("events", young)
    assert await bus.prune(clock.now() - 7 * DAY_MILLIS) == 4
    assert await everything(bus, "events") == old[4:] + young
    await second.rewind()
    await second.commit(await second.receive(100, 0))
    await first.commit(await first.receive(100, 0))
    assert await bus.prune(clock.now() - 7 * DAY_MILLIS) == 6, "what is young stays"
    assert await everything(bus, "events") == young
    assert await bus.prune(clock.now() - 7 * DAY_MILLIS) == 0


async def test_a_topic_without_a_group_is_not_pruned(bus: LocalBus, clock: ManualClock) -> None:
    await bus.publish("events", [envelope()])
    await clock.advance(100 * 24 * 3600)
    assert await bus.prune(clock.now()) == 0


async def test_offsets_go_on_when_everything_was_pruned(path: Path, clock: ManualClock) -> None:
    bus = LocalBus.open(path, clock=clock)
    await bus.publish("events", [envelope(seq=1)])
    subscription = await bus.subscribe("tickets", ["events"])
    await subscription.commit(await subscription.receive(1, 0))
    await clock.advance(1)
    assert await bus.prune(clock.now()) == 1
    await bus.close()
    bus = LocalBus.open(path, clock=clock)
    subscription = await bus.subscribe("tickets", ["events"])
    later = envelope(seq=2)
    await bus.publish("events", [later])
    assert envelopes_of(await subscription.receive(10, 0)) == [later]
    await bus.close()


async def test_a_full_disk_is_unavailable_and_passes(bus: LocalBus) -> None:
    await bus.publish("events", [envelope(seq=1)])
    writer = bus._file._writer
    assert writer is not None
    await writer.do(lambda connection: connection.execute("PRAGMA max_page_count = 10").get)
    with pytest.raises(Unavailable, match="full"):
        await bus.publish("events", [envelope(seq=2, data=b"x" * 1_000_000)])
    with pytest.raises(Unavailable, match="full"):
        await bus.publish("events", [envelope(seq=seq, data=b"x" * 100_000) for seq in range(2, 20)])
    await writer.do(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").get)
    await bus.ready()
    await bus.publish("events", [envelope(seq=2)])
    assert by_key(await everything(bus, "events")) == {"evt_1": [1, 2]}


async def test_what_sqlite_cannot_do_leaves_no_transaction_open(bus: LocalBus) -> None:
    writer = bus._file._writer
    assert writer is not None

    def broken(_: apsw.Connection) -> None:
        raise apsw.IOError("the disk is gone")

    with pytest.raises(Unavailable, match="the disk is gone"):
        await writer.do(broken)
    await bus.publish("events", [envelope()])
    assert len(await everything(bus, "events")) == 1


async def test_a_commit_reaches_the_disk(bus: LocalBus) -> None:
    writer = bus._file._writer
    assert writer is not None
    assert await writer.do(lambda connection: connection.execute("PRAGMA synchronous").get) == 2
    assert await writer.do(lambda connection: connection.execute("PRAGMA journal_mode").get) == "wal"


async def test_a_late_commit_of_earlier_messages_undoes_nothing(path: Path, clock: ManualClock) -> None:
    bus = LocalBus.open(path, clock=clock)
    await bus.publish("events", [envelope(seq=seq) for seq in range(1, 6)])
    subscription = await bus.subscribe("tickets", ["events"])
    received = await subscription.receive(10, 0)
    await subscription.commit(received[:4])
    await subscription.commit(received[:1])
    await subscription.rewind()
    assert [one.seq for one in envelopes_of(await subscription.receive(10, 0))] == [5]
    await bus.close()
    bus = LocalBus.open(path, clock=clock)
    subscription = await bus.subscribe("tickets", ["events"])
    assert [one.seq for one in envelopes_of(await subscription.receive(10, 0))] == [5]
    await bus.close()


async def test_what_cannot_be_written_concerns_nobody_else(bus: LocalBus) -> None:
    good = [envelope(f"evt_{number}") for number in range(20)]
    bad = envelope("evt_bad", 2**70)
    results = await asyncio.gather(
        *(bus.publish("events", [one]) for one in good[:10]),
        bus.publish("events", [good[0], bad]),
        *(bus.publish("events", [one]) for one in good[10:]),
        return_exceptions=True,
    )
    assert [result is None for result in results] == [True] * 10 + [False] + [True] * 10
    assert sorted(one.id for one in await everything(bus, "events")) == sorted(one.id for one in good)


PUBLISHER = """
import asyncio, sys
from pathlib import Path
from houseful.adapters.sqlite.bus import LocalBus
from houseful.kernel.clock import SystemClock
from tests.contract.bus_contract import envelope

async def main():
    bus = LocalBus.open(Path(sys.argv[1]), clock=SystemClock())
    seqs = iter(range(1, 1_000_000))
    async def publisher(key):
        for seq in range(1, 1_000_000):
            await bus.publish("events", [envelope(key, seq)])
            print(key, seq, flush=True)
    await asyncio.gather(*(publisher(f"evt_{number}") for number in range(10)))

asyncio.run(main())
"""


async def test_what_was_acknowledged_survives_a_kill(path: Path, clock: ManualClock) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PUBLISHER,
        str(path),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    acknowledged: dict[str, int] = {}
    for _ in range(500):
        key, seq = (await process.stdout.readline()).split()
        acknowledged[key.decode()] = int(seq)
    process.kill()
    await process.wait()
    bus = LocalBus.open(path, clock=clock)
    found = by_key(await everything(bus, "events"))
    await bus.close()
    for seqs in found.values():
        assert seqs == list(range(1, len(seqs) + 1))
    assert all(len(found[key]) >= seq for key, seq in acknowledged.items())
