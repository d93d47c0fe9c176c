"""Limits and waits of the store on MongoDB."""

import msgspec


class MongoTuning(msgspec.Struct, frozen=True, kw_only=True):
    batch_limit: int = 128
    """Write sets in one transaction of the server."""
    batch_characters: int = 4_000_000
    contended_tries: int = 4
    patience_seconds: float = 10.0
    """How long a batch is retried while the primary is away.

    Then all waiting write sets fail: otherwise each batch would wait as long as the one before it.
    """
    commit_patience_seconds: float = 15.0
    """How long a commit is repeated while its outcome is unknown."""
    abandoned_idle_millis: int = 1_500
    """The idle time after which a transaction of the server counts as abandoned."""
    abandoned_look_seconds: float = 0.5
    """The least time between two searches for abandoned transactions."""


DEFAULT = MongoTuning()
