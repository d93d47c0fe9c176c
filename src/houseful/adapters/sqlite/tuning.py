"""Limits and waits of the store on SQLite."""

import msgspec

LEAST_BYTES = 1024
"""A cached document counts at least this much: it may grow while it is cached."""


class SqliteTuning(msgspec.Struct, frozen=True, kw_only=True):
    batch_limit: int = 128
    """Write sets in one commit: what the event loop applies in one go, some three milliseconds."""
    gather_turns: int = 5
    """Turns of the loop that a batch waits at most for more to come."""
    busy_timeout_ms: int = 5_000
    """The wait for another process that writes."""
    checkpoint_pages: int = 4_000
    """Pages in the log (16 MB) before they are copied into the database file."""
    connection_kib: int = 16_384
    """Pages that a connection keeps, as far as it uses them."""
    cache_bytes: int = 8 << 20
    """Documents that are cached of each collection, counted as JSON at the time of the read."""
    cached_document_bytes: int = 8_192
    """A longer document is not cached."""
    short_search_limit: int = 200
    """A search for more documents would stop the event loop for too long."""


DEFAULT = SqliteTuning()
