"""The writer: everything that this process writes into the documents of a database goes through it.

Transactions hand their write sets over whole. The writer takes all that wait and writes them in one
transaction of the server: a call of the driver costs a hundred times what a document costs, and every commit
waits for the disk. Only then are they settled. Those that turn out to be refused are taken out, and the rest
is tried again without them.

Until a write set is settled its documents are in the overlay of their collections, so that the next
transaction on a hot document can build on them instead of losing to them. Such a transaction depends on the
write set: it fails with it, and nothing that it found out is told to anybody before the write set is on the
disks of a majority. The overlay is only a hint: whatever is missing from it costs a `Conflict`, never a wrong
result.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from houseful.adapters.mongodb.batch import Batch, Change
from houseful.adapters.mongodb.collections import Collection
from houseful.adapters.mongodb.commit import Attempt, Committer, Contended, Lost, Mixed, Refused
from houseful.adapters.mongodb.connection import Row
from houseful.kernel.errors import Conflict, Unavailable

BATCH_LIMIT = 128
"""Write sets in one transaction of the server."""
_BATCH_CHARACTERS = 4_000_000

_CONTENDED_TRIES = 4
_PATIENCE_SECONDS = 10.0
"""How long to try again while the primary is away. Then everything that waits is told, or it would wait for
each other."""

_log = logging.getLogger(__name__)


class WriteSet:
    """What one transaction writes, and what became of it."""

    __slots__ = (
        "changes",
        "characters",
        "committed",
        "depends_on",
        "error",
        "failed",
        "messages",
        "overlaid",
        "settled",
        "waiters",
    )

    def __init__(
        self, changes: Sequence[Change], messages: Sequence[Row] = (), depends_on: Sequence["WriteSet"] = ()
    ) -> None:
        self.changes = changes
        self.messages = messages
        self.depends_on = depends_on
        self.characters = sum(len(change.body or "") for change in changes)
        self.overlaid: list[tuple[Collection, str]] = []
        self.waiters: list[asyncio.Future[None]] = []
        self.error: Exception | None = None
        self.settled = False
        self.committed = False
        self.failed = False
        """It is certain that nobody may build on it, although it may not be settled yet."""

    def overlay(self, collection: Collection, id: str, version: int, body: str | None) -> None:
        """Let the following transactions see this document, or that it is gone."""
        collection.overlay[id] = (version, body, self)
        self.overlaid.append((collection, id))

    async def wait(self) -> None:
        """Until it is settled. Each waiter has a future of its own, so that one is cancelled without the
        others."""
        if not self.settled:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiters.append(future)
            await future

    def fail(self, error: Exception) -> None:
        self.error = error
        self.failed = True


class Writer:
    """Belongs to one event loop. What it does goes on when whoever asked for it is cancelled."""

    def __init__(self, committer: Committer, jitter: Callable[[], float]) -> None:
        self.trouble: str | None = None
        """Why the last batch failed as a whole, if it did."""
        self.committed = 0
        """How many write sets."""
        self.wakes: list[Callable[[], None]] = []
        """Called after a commit with messages."""
        self._committer = committer
        self._jitter = jitter
        self._waiting: deque[WriteSet] = deque()
        self._running: asyncio.Task[None] | None = None
        self._closed = False

    def put(self, writes: WriteSet) -> None:
        """Hand over. Raises `Unavailable` after `close`. What comes in one turn of the loop is committed
        together."""
        if self._closed:
            raise Unavailable("the store is closed")
        self._waiting.append(writes)
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="write")

    async def close(self) -> None:
        """Commit what was handed over."""
        self._closed = True
        while self._running is not None:
            await asyncio.wait([self._running])
        await self._committer.close()

    # Batches

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = self._next_batch()
                try:
                    await self._together(batch)
                except Exception as error:
                    self._fail(batch, error)
                finally:
                    self._settle(batch)
                # Whoever was waiting for this batch goes first, and may have something for the next.
                await asyncio.sleep(0)
        finally:
            self._running = None

    def _next_batch(self) -> list[WriteSet]:
        taken: list[WriteSet] = []
        batch, characters = Batch(), 0
        while self._waiting and len(taken) < BATCH_LIMIT:
            writes = self._waiting[0]
            characters += writes.characters
            full = batch.writes and characters > _BATCH_CHARACTERS
            if not writes.failed and (full or not batch.add(writes)):
                break
            taken.append(self._waiting.popleft())
        return taken

    async def _together(self, batch: list[WriteSet]) -> None:
        """In one transaction, without those that turn out to be refused."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        tries = 0
        while left := self._live(batch):
            attempt = await self._attempt(left)
            match attempt:
                case None:
                    self.trouble = None
                    self.committed += len(left)
                    for writes in left:
                        writes.committed = True
                    return
                case Refused(refusals):
                    for writes, error in refusals.items():
                        writes.fail(error)
                case Contended(error):
                    await self._committer.make_way()
                    tries += 1
                    if tries == _CONTENDED_TRIES:
                        await self._one_by_one(left, error)
                        return
                    await self._pause(tries)
                case Mixed(error):
                    await self._one_by_one(left, error)
                    return
                case Lost(error):
                    if asyncio.get_running_loop().time() > deadline:
                        raise Unavailable(f"the store could not write: {error}") from error
                    tries += 1
                    await self._pause(tries)

    def _live(self, batch: list[WriteSet]) -> list[WriteSet]:
        """Those that have not failed, also not with what they build on."""
        for writes in batch:
            if not writes.failed and any(earlier.failed for earlier in writes.depends_on):
                writes.fail(Conflict("this built on a transaction that failed"))
        return [writes for writes in batch if not writes.failed and not writes.committed]

    async def _attempt(self, left: list[WriteSet]) -> Attempt:
        batch = Batch()
        if not all(batch.add(writes) for writes in left):
            return Mixed(Conflict("what is left of the batch does not go together"))
        return await self._committer.attempt(batch)

    async def _one_by_one(self, left: list[WriteSet], error: Exception) -> None:
        """To find out whose trouble it is."""
        if len(left) == 1:
            left[0].fail(error)
            if isinstance(error, Unavailable):
                self._report(left, error)
            return
        for writes in left:
            await self._together([writes])

    async def _pause(self, tries: int) -> None:
        # Real time, whatever the clock says: this waits for another process, or for an election.
        await asyncio.sleep(self._jitter() * min(2**tries, 250) / 1000)

    def _fail(self, batch: list[WriteSet], error: Exception) -> None:
        """The batch, where nothing is known of it yet. An outage fails all that waits too: each batch would
        wait as long."""
        if isinstance(error, Unavailable):
            self._report(batch, error)
            for writes in self._waiting:
                writes.fail(Unavailable(str(error)))
            batch += self._waiting
            self._waiting.clear()
        for writes in batch:
            if not writes.failed and not writes.committed:
                writes.fail(Unavailable(str(error)) if isinstance(error, Unavailable) else error)

    def _report(self, batch: list[WriteSet], error: Unavailable) -> None:
        if self.trouble is None:
            _log.error("%d transactions failed; those that follow are not logged: %s", len(batch), error)
        self.trouble = str(error)

    def _settle(self, batch: list[WriteSet]) -> None:
        sent = False
        for writes in batch:
            if not writes.committed and not writes.failed:
                writes.fail(Unavailable("the writer was interrupted"))
            writes.settled = True
            sent = sent or (writes.committed and bool(writes.messages))
            _clear(writes)
            for future in writes.waiters:
                if not future.done():
                    future.set_result(None)
            # Each depends on the one before; kept, a hot document's past would never be freed.
            writes.depends_on = writes.changes = ()
        if any(writes.failed for writes in batch):
            self._doom()
        if sent:
            loop = asyncio.get_running_loop()
            for wake in self.wakes:
                loop.call_soon(wake)

    def _doom(self) -> None:
        """Take what builds on a failure out of the overlay at once, or else the failures would have no
        end."""
        for writes in self._waiting:
            if not writes.failed and any(earlier.failed for earlier in writes.depends_on):
                writes.fail(Conflict("this built on a transaction that failed"))
                _clear(writes)


def _clear(writes: WriteSet) -> None:
    """Take out of the overlay what is still this write set's there."""
    for collection, id in writes.overlaid:
        entry = collection.overlay.get(id)
        if entry is not None and entry[2] is writes:
            del collection.overlay[id]
    writes.overlaid.clear()
