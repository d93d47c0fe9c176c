"""Three kinds of error and no fourth.

    ProblemError       the caller's doing: a 4xx, never logged as an error
    Transient     the surroundings' doing: tried again, else a 503
      Conflict      somebody else changed what this transaction read; run it again
      Unavailable   an engine or a service does not answer
    (any other)   a bug: a 500 or a dead letter, logged with its trace

`Duplicate` is what a store says of a unique index; whoever inserts knows what it means and turns it into a
refusal.
"""

from collections.abc import Mapping
from typing import Any


class ProblemError(Exception):
    """The request cannot be granted as it stands.

    `code` is stable and for programs, `detail` is for people, `errors` maps field paths to what is wrong
    there, and `extra` members are added to the problem document (RFC 9457).
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = dict(errors or {})
        self.headers = dict(headers or {})
        self.extra = extra


def not_found(what: str) -> ProblemError:
    return ProblemError(404, f"{what}_not_found", f"There is no such {what}.")


def invalid(errors: Mapping[str, str], detail: str = "Some fields need a correction.") -> ProblemError:
    return ProblemError(422, "validation_failed", detail, errors=errors)


class Transient(Exception):
    """Not now; trying again later may succeed."""


class Conflict(Transient):
    """What a transaction put or locked had been changed since it was read. Nothing was written."""


class Unavailable(Transient):
    """An engine or a service does not answer, or answered that it can't. The outcome of what was asked is
    unknown.
    """


class Duplicate(Exception):
    """A unique index already has an entry. Nothing was written."""

    def __init__(self, collection: str, index: str) -> None:
        super().__init__(f"{collection}: {index} exists already")
        self.collection = collection
        self.index = index
