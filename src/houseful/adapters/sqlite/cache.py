"""The cache of decoded documents."""

from houseful.adapters.optimistic.changes import Versioned
from houseful.adapters.sqlite.tuning import LEAST_BYTES, SqliteTuning


class DocumentCache(dict[str, Versioned | None]):
    """Committed documents of one collection by id; None where there is none.

    The writer decides whether the cache is current.
    """

    def __init__(self, tuning: SqliteTuning) -> None:
        super().__init__()
        self._limit = tuning.cache_bytes
        self._longest = tuning.cached_document_bytes
        self._bytes = 0

    def put(self, id: str, read: Versioned | None, size: int) -> None:
        """`size` is the body's in bytes. A full cache is emptied, and fills again."""
        if size > self._longest:
            return
        if self._bytes + max(size, LEAST_BYTES) > self._limit:
            self.invalidate()
        self._bytes += max(size, LEAST_BYTES)
        self[id] = read

    def invalidate(self) -> None:
        self.clear()
        self._bytes = 0
