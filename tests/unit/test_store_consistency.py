"""Several copies of a service begin at one moment, and write the same down of the other stores."""

import asyncio
from pathlib import Path

from houseful.adapters.sqlite.store import SqliteStore
from houseful.kernel.clock import SystemClock
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Transaction
from houseful.kernel.store_watermarks import WATERMARK_DOCUMENTS, KnownStore, KnownTopic
from houseful.store_consistency import _put, _put_topic

COPIES = 5


async def test_what_several_write_down_first_is_written_once(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "one.db", WATERMARK_DOCUMENTS, clock=SystemClock(), ids=SystemIds())
    all_have_read = asyncio.Barrier(COPIES)
    first_try = set(range(COPIES))
    known = KnownStore(id="users", store_id="sto_1", installation="sto_1", created_at=1, age=1, aged_at=1)
    topic = KnownTopic(id="users", length=3)

    async def begin(copy: int) -> None:
        async def work(tx: Transaction) -> None:
            await _put(tx, [known])
            await _put_topic(tx, topic)
            if copy in first_try:
                first_try.discard(copy)
                await all_have_read.wait()

        await store.transact(work)

    await asyncio.gather(*(begin(copy) for copy in range(COPIES)))
    assert await store.get(KnownStore, "users") == known
    assert await store.get(KnownTopic, "users") == topic
    await store.close()
