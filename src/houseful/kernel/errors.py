"""Three kinds of error and no fourth.

    DomainError   the client's fault: a request that can't be granted as it stands, never logged as an error
      Malformed, Unauthenticated, Forbidden, NotFound, StateConflict, Invalid, LimitReached, Overloaded
    Transient     the environment's fault: retried, else the service is unavailable
      Conflict      another transaction changed a document that this one read; run it again
      Unavailable   an engine or a service does not answer
    (any other)   a bug: a server error or a dead letter, logged with its trace

`webapi.problems` alone maps domain errors to HTTP status.

A store raises `Duplicate` for a unique index. The inserting code knows its meaning and turns it into a domain
error.
"""

from collections.abc import Mapping
from typing import Any


class DomainError(Exception):
    """The request cannot be granted as it stands.

    `code` is stable and for programs, `detail` is for people, `errors` maps field paths to messages. `extra`
    members are added to the problem document. The client may retry after `retry_after_seconds`.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Mapping[str, str] | None = None,
        retry_after_seconds: float | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.errors = dict(errors or {})
        self.retry_after_seconds = retry_after_seconds
        self.extra = extra


class Malformed(DomainError):
    """The request is unreadable, or its signature is not that of the named sender."""


class Unauthenticated(DomainError):
    """The client is not identified."""


class Forbidden(DomainError):
    """The client is identified and not permitted."""


class NotFound(DomainError):
    """The object does not exist, or belongs to another account."""


class StateConflict(DomainError):
    """The state of the object does not permit the request."""


class Invalid(DomainError):
    """A field is invalid; `errors` names it."""


class LimitReached(DomainError):
    """The client has exceeded a limit of its own."""


class Overloaded(DomainError):
    """All clients together have exceeded a limit."""


def not_found(what: str) -> NotFound:
    return NotFound(f"{what}_not_found", f"There is no such {what}.")


def invalid(errors: Mapping[str, str], detail: str = "Some fields need a correction.") -> Invalid:
    return Invalid("validation_failed", detail, errors=errors)


class Transient(Exception):
    """A failure that may pass. A later retry may succeed."""


class Conflict(Transient):
    """A document that a transaction put or locked was changed after its read. Nothing was written."""


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
