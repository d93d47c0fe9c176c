"""The group commit on MongoDB: all document writes of a process to a database.

All waiting write sets become one transaction of the server: a call of the driver costs a hundred times as
much as a document, and every commit waits for the disk. Refused write sets are removed, and the rest is
retried. A write set is settled when it is on the disks of a majority.
"""

import asyncio
from collections.abc import Callable

from houseful.adapters.mongodb.batch import Batch, MongoOverlay, MongoWrites
from houseful.adapters.mongodb.collections import Change, Collection
from houseful.adapters.mongodb.commit import Attempt, Committer, Contended, Lost, Mixed, Refused
from houseful.adapters.mongodb.connection import Row
from houseful.adapters.mongodb.tuning import MongoTuning
from houseful.adapters.optimistic import verdicts
from houseful.adapters.optimistic.group_commit import GroupCommit
from houseful.kernel.errors import Conflict, Unavailable


class Writer(GroupCommit[Collection, Change, Row]):
    """Belongs to one event loop. A task commits, and continues when a waiter is cancelled."""

    def __init__(
        self, committer: Committer, overlay: MongoOverlay, jitter: Callable[[], float], tuning: MongoTuning
    ) -> None:
        super().__init__(overlay)
        self._committer = committer
        self._jitter = jitter
        self._tuning = tuning
        self._running: asyncio.Task[None] | None = None

    def _start(self) -> None:
        """Start the task. Write sets of one turn of the loop share a commit."""
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="write")

    async def close(self) -> None:
        """Commit write sets that were handed over."""
        self._closed = True
        while self._running is not None:
            await asyncio.wait([self._running])
        await self._committer.close()

    # Batches

    async def _run(self) -> None:
        try:
            while self._waiting:
                self._batch = self._next_batch()
                try:
                    await self._together(self._batch)
                except Exception as error:
                    self._fail(error)
                finally:
                    self._settle()
                # The waiters of this batch go first, and may have something for the next.
                await asyncio.sleep(0)
        finally:
            self._running = None

    def _next_batch(self) -> list[MongoWrites]:
        taken: list[MongoWrites] = []
        batch, characters = Batch(), 0
        while self._waiting and len(taken) < self._tuning.batch_limit:
            writes = self._waiting[0]
            characters += sum(len(change.body or "") for change in writes.changes)
            full = batch.writes and characters > self._tuning.batch_characters
            if not writes.failed and (full or not batch.add(writes)):
                break
            taken.append(self._waiting.popleft())
        return taken

    async def _together(self, batch: list[MongoWrites]) -> None:
        """Commit in one transaction, without refused write sets."""
        deadline = asyncio.get_running_loop().time() + self._tuning.patience_seconds
        tries = 0
        while left := self._live(batch):
            attempt = await self._attempt(left)
            match attempt:
                case None:
                    self.trouble = None
                    for writes in left:
                        writes.committed = True
                    return
                case Refused(refusals):
                    for writes, error in refusals.items():
                        writes.error = error
                case Contended(error):
                    await self._committer.preempt()
                    tries += 1
                    if tries == self._tuning.contended_tries:
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

    def _live(self, batch: list[MongoWrites]) -> list[MongoWrites]:
        """The write sets without a verdict, whose dependencies have none either."""
        for writes in batch:
            if writes.error is None and any(earlier.error is not None for earlier in writes.depends_on):
                writes.error = verdicts.built_on_failure()
        return [writes for writes in batch if writes.error is None and not writes.committed]

    async def _attempt(self, left: list[MongoWrites]) -> Attempt:
        batch = Batch()
        if not all(batch.add(writes) for writes in left):
            return Mixed(Conflict("what is left of the batch does not go together"))
        return await self._committer.attempt(batch)

    async def _one_by_one(self, left: list[MongoWrites], error: Exception) -> None:
        """Commit one by one, to find the write set at fault."""
        if len(left) == 1:
            left[0].error = error
            if isinstance(error, Unavailable):
                self._report(1, str(error))
            return
        for writes in left:
            await self._together([writes])

    async def _pause(self, tries: int) -> None:
        # Real time, whatever the clock says: this waits for another process, or for an election.
        await asyncio.sleep(self._jitter() * min(2**tries, 250) / 1000)

    def _fail(self, error: Exception) -> None:
        """Fail the batch, as far as it has no verdict.

        An outage fails all waiting write sets too: each batch would wait as long.
        """
        if isinstance(error, Unavailable):
            self._report(len(self._batch), str(error))
            self._batch += self._waiting
            self._waiting.clear()
        for writes in self._batch:
            if writes.error is None and not writes.committed:
                writes.error = Unavailable(str(error)) if isinstance(error, Unavailable) else error
