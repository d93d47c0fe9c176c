"""The reasons for which a write set is refused."""

from houseful.kernel.errors import Conflict


def changed(cause: Exception | None = None) -> Conflict:
    conflict = Conflict("a document was changed by somebody else")
    conflict.__cause__ = cause
    return conflict


def built_on_failure() -> Conflict:
    """The cascading abort: a transaction fails with the one that it depends on."""
    return Conflict("this built on a transaction that failed")
