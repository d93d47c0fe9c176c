"""Limits and waits of the store on SQLite."""

import msgspec

LEAST_BYTES = 1024
"""The least size that a cached document counts as: a document may grow in the cache."""


class SqliteTuning(msgspec.Struct, frozen=True, kw_only=True):
    batch_limit: int = 128
    """Write sets in one commit. The event loop applies so many in some three milliseconds."""
    gather_turns: int = 5
    """The most turns of the loop that a batch waits for more write sets."""
    busy_timeout_ms: int = 5_000
    """The longest wait for a writing process."""
    checkpoint_pages: int = 4_000
    """Pages in the log (16 MB) before a checkpoint."""
    connection_kib: int = 16_384
    """The page cache of a connection."""
    cache_bytes: int = 8 << 20
    """The document cache of each collection, counted as JSON at the time of the read."""
    cached_document_bytes: int = 8_192
    """The longest document that is cached."""
    short_search_limit: int = 200
    """The most documents that a search on the event loop returns."""


DEFAULT = SqliteTuning()
