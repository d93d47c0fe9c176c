"""Errors as problem documents (RFC 9457): the one table of which status a domain error has."""

from collections.abc import Mapping
from typing import Any

import msgspec

from houseful.kernel.errors import (
    DomainError,
    Forbidden,
    Invalid,
    LimitReached,
    Malformed,
    NotFound,
    Overloaded,
    StateConflict,
    Unauthenticated,
)
from houseful.kernel.telemetry import request_id
from houseful.kernel.waiting import later
from houseful.webapi.responses import Response

STATUS: Mapping[type[DomainError], int] = {
    Malformed: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    StateConflict: 409,
    Invalid: 422,
    LimitReached: 429,
    Overloaded: 503,
}
_KIND = {status: kind for kind, status in STATUS.items()}


class ProblemError(DomainError):
    """What HTTP alone knows: a status without a domain error, or headers of its own."""

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
        super().__init__(code, detail, errors=errors, **extra)
        self.status = status
        self.headers = dict(headers or {})


def status_of(error: DomainError) -> int:
    return error.status if isinstance(error, ProblemError) else STATUS[type(error)]


def error_of(status: int, code: str, detail: str, errors: Mapping[str, str]) -> DomainError:
    """The error that another server's problem document tells of."""
    kind = _KIND.get(status)
    if kind is None:
        return ProblemError(status, code, detail, errors=errors)
    return kind(code, detail, errors=errors)


def problem(error: DomainError) -> Response:
    status = status_of(error)
    document: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": error.code.replace("_", " ").capitalize(),
        "status": status,
        "code": error.code,
        "detail": error.detail,
        "request_id": request_id.get(),
    }
    if error.errors:
        document["errors"] = error.errors
    document |= error.extra
    headers = dict(error.headers) if isinstance(error, ProblemError) else {}
    if error.retry_after_seconds is not None:
        headers |= later(error.retry_after_seconds)
    return Response(
        msgspec.json.encode(document),
        status,
        "application/problem+json",
        [*headers.items(), ("cache-control", "no-store")],
    )


def not_authenticated() -> ProblemError:
    return ProblemError(
        401,
        "not_authenticated",
        "Sign in first: this needs an access token.",
        headers={"www-authenticate": "Bearer"},
    )


def service_unavailable(
    detail: str = "Something this needs does not answer just now. Nothing was lost; try again.",
) -> ProblemError:
    return ProblemError(503, "unavailable", detail, headers=later(1))
