"""Domain errors as problem documents."""

import msgspec
import pytest

from houseful.kernel import errors
from houseful.kernel.errors import DomainError, LimitReached, NotFound, StateConflict
from houseful.webapi.problems import STATUS, ProblemError, error_of, problem, status_of


def test_every_domain_error_has_a_status_and_every_status_one_error() -> None:
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, DomainError) and kind is not DomainError
    }
    assert kinds == set(STATUS)
    assert len(set(STATUS.values())) == len(STATUS)
    for kind, status in STATUS.items():
        assert type(error_of(status, "code", "Words.", {})) is kind
    assert status_of(error_of(402, "card_declined", "No.", {})) == 402


def test_a_problem_document_has_what_the_error_says() -> None:
    shown = problem(StateConflict("seats_taken", "Taken.", errors={"seats": "are taken"}, taken=["A-1"]))
    document = msgspec.json.decode(shown.body)
    assert (shown.status, shown.media_type) == (409, "application/problem+json")
    assert document | {"request_id": None} == {
        "type": "/problems/seats_taken",
        "title": "Seats taken",
        "status": 409,
        "code": "seats_taken",
        "detail": "Taken.",
        "errors": {"seats": "are taken"},
        "taken": ["A-1"],
        "request_id": None,
    }


def test_when_to_come_again_is_a_header() -> None:
    headers = dict(problem(LimitReached("too_busy", "Wait.", retry_after_seconds=2.5)).headers)
    assert 3 <= int(headers["retry-after"]) <= 6
    assert "retry-after" not in dict(problem(NotFound("x_not_found", "None.")).headers)
    own = problem(ProblemError(405, "method_not_allowed", "No.", headers={"allow": "GET"}))
    assert (own.status, dict(own.headers)["allow"]) == (405, "GET")


@pytest.mark.parametrize("kind", list(STATUS))
def test_an_error_says_nothing_of_http(kind: type[DomainError]) -> None:
    assert not {"status", "headers"} & vars(kind("code", "Words.")).keys()
