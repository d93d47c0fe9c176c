"""What is wrong with a body or a query is said by field, in plain words, all of it at once."""

import enum
import itertools
import json
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from houseful.kernel.errors import DomainError
from houseful.manifests import MANIFESTS
from houseful.webapi import validation
from houseful.webapi.dispatch import _query
from houseful.webapi.problems import status_of
from houseful.webapi.requests import Input, NoQuery, decode
from houseful.webapi.validation import ONE_LINE, WRONG


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(Input, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, max_length=5)]
    capacity: Annotated[int, Meta(ge=1)]


class Form(Input, frozen=True, kw_only=True):
    title: Annotated[str, Meta(min_length=2, max_length=10, pattern=ONE_LINE)]
    code: Annotated[str, Meta(pattern=r"^[a-z]+$", extra={WRONG: "may have small letters only"})] = "a"
    strange: Annotated[str, Meta(pattern=r"^[a-z]+$")] = "a"
    at: Annotated[datetime, Meta(tz=True)] | UnsetType | None = UNSET
    quantity: Annotated[int, Meta(ge=1, le=100)] = 1
    share: float = 0.5
    sure: bool = False
    colour: Colour = Colour.RED
    kind: Literal["one", "two"] = "one"
    parts: Annotated[list[Part], Meta(max_length=2)] = []
    prices: dict[str, int] = {}
    plan: msgspec.Raw | UnsetType = UNSET


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"title": 5}, {"title": "has to be text"}),
        ({"title": None}, {"title": "has to be text"}),
        ({"title": ""}, {"title": "may not be empty"}),
        ({"title": "a"}, {"title": "is shorter than 2 characters"}),
        ({"title": "a" * 11}, {"title": "is longer than 10 characters"}),
        ({"title": "a\nb"}, {"title": "may not be blank, nor contain line breaks or control characters"}),
        ({"code": "A"}, {"code": "may have small letters only"}),
        ({"strange": "A"}, {"strange": "has characters that it may not have"}),
        ({"quantity": 0}, {"quantity": "has to be a whole number from 1 to 100"}),
        ({"quantity": 1.5}, {"quantity": "has to be a whole number from 1 to 100"}),
        ({"quantity": True}, {"quantity": "has to be a whole number from 1 to 100"}),
        ({"share": "much"}, {"share": "has to be a number"}),
        ({"sure": "yes"}, {"sure": "has to be true or false"}),
        ({"colour": "green"}, {"colour": "has to be one of red, blue"}),
        ({"kind": 3}, {"kind": "has to be one of one, two"}),
        ({"at": "tomorrow"}, {"at": "has to be a date and time with its zone, such as 2026-12-31T20:00:00Z"}),
        ({"at": "2026-12-31T20:00:00"}, {"at": validation._MOMENT}),
        ({"at": 5}, {"at": validation._MOMENT}),
        ({"parts": {}}, {"parts": "has to be a list"}),
        ({"parts": [{"name": "a", "capacity": 1}] * 3}, {"parts": "has more than 2 entries"}),
        (
            {"parts": [{"name": "a", "capacity": 1}, {"name": "much too long", "capacity": 0, "x": 1}]},
            {
                "parts[1].x": "is unknown here; known are name, capacity",
                "parts[1].name": "is longer than 5 characters",
                "parts[1].capacity": "has to be a whole number of at least 1",
            },
        ),
        ({"parts": [{}]}, {"parts[0].name": "is missing", "parts[0].capacity": "is missing"}),
        ({"parts": ["a"]}, {"parts[0]": "has to be an object"}),
        ({"prices": {"Stalls": "free"}}, {"prices[Stalls]": "has to be a whole number"}),
        ({"prices": []}, {"prices": "has to be an object"}),
        (
            {"tilte": "a", "sure": 1},
            {"tilte": f"is unknown here; known are {', '.join(Form.__struct_fields__)}"}
            | {"sure": "has to be true or false"},
        ),
    ],
)
def test_a_form(change: dict[str, Any], errors: dict[str, str]) -> None:
    with pytest.raises(DomainError) as refused:
        decode(Form, json.dumps({"title": "Title"} | change).encode())
    assert status_of(refused.value) == 422
    assert refused.value.errors == errors


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"text"'])
def test_no_object_at_all(body: bytes) -> None:
    with pytest.raises(DomainError) as refused:
        decode(Form, body)
    assert refused.value.errors == {"body": "has to be an object"}


class Question(Input, frozen=True, kw_only=True):
    to: Annotated[datetime, Meta(tz=True)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    mine: bool = False
    q: str | None = None
    v: str = ""


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        (b"to=0.5", {"to": validation._MOMENT}),
        (b"to=1800000000", {"to": validation._MOMENT}),
        (b"to=null", {"to": validation._MOMENT}),
        (b"to=", {"to": validation._MOMENT}),
        (b"limit=1.0", {"limit": "has to be a whole number from 1 to 100"}),
        (b"limit=1e1", {"limit": "has to be a whole number from 1 to 100"}),
        (b"limit=%D9%A1", {"limit": "has to be a whole number from 1 to 100"}),
        (b"limit=101", {"limit": "has to be a whole number from 1 to 100"}),
        (b"mine=1", {"mine": "has to be true or false"}),
        (b"mine=True", {"mine": "has to be true or false"}),
        (b"q=a&q=b", {"q": "is given twice"}),
        (b"p=1", {"p": "is unknown here; known are to, limit, mine, q, v"}),
    ],
)
def test_a_query(query: bytes, errors: dict[str, str]) -> None:
    with pytest.raises(DomainError) as refused:
        _query(Question, query)
    assert refused.value.errors == errors


def test_what_fits_is_taken_as_it_is() -> None:
    asked = _query(Question, b"to=2026-12-31T20:00:00Z&limit=7&mine=true&q=null&v=5")
    assert (asked.limit, asked.mine, asked.q, asked.v) == (7, True, "null", "5")
    assert asked.to == datetime.fromisoformat("2026-12-31T20:00:00Z")


def test_there_are_no_parameters() -> None:
    with pytest.raises(DomainError) as refused:
        _query(NoQuery, b"a=1")
    assert refused.value.errors == {"a": "is unknown here; there are none"}


INPUTS = {
    endpoint.signature.body.__name__: endpoint.signature.body
    for manifest in MANIFESTS
    for endpoint in manifest.endpoints
    if endpoint.signature.body is not None
}
SAMPLES: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    10**17,
    "",
    "\x00",
    "a" * 5_000,
    [],
    [None],
    [{}],
    {},
    {"a": None},
    {"": []},
)


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_every_body_that_we_take_is_explained(name: str) -> None:
    """None of it speaks of types, patterns or Python, and all is found that msgspec finds."""
    kind = INPUTS[name]
    fields = [field.encode_name for field in msgspec.structs.fields(kind)]
    bodies = [dict.fromkeys(fields, sample) for sample in SAMPLES]
    bodies += [{field: sample} for field, sample in itertools.product(fields, SAMPLES)]
    for raw in [json.dumps(body).encode() for body in bodies]:
        try:
            msgspec.json.decode(raw, type=kind)
        except msgspec.ValidationError:
            found = validation.of_body(kind, raw)
            assert found, raw
            for path, said in found.items():
                assert path != "body", raw
                assert not any(sign in said for sign in ("Expected", "`", "regex", "^", "\\x")), said
