"""Whatever a plan holds, it is read or refused."""

import copy
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houseful.seating.parsing import Plan, PlanError, parse_plan, plan_from_obj
from houseful.tools.sample_venues import arena, theatre
from tests.support.examples import examples
from tests.unit.seating.sample_plan import Json


def _values() -> st.SearchStrategy[Any]:
    keys = st.sampled_from(
        [
            "name",
            "zones",
            "rows",
            "seats",
            "categories",
            "position",
            "x",
            "y",
            "row_number",
            "areas",
            "text",
            "color",
        ]
    )
    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-(10**400), 10**400)
        | st.floats(width=64)
        | st.text(st.characters(exclude_categories=()), max_size=5)
        | st.just(10**400)
    )
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(keys | st.text(max_size=3), inner, max_size=5)
        ),
    )


def _small() -> Json:
    return theatre(50)[0] | {"zones": [*theatre(200)[0]["zones"][1:], *arena(500)[0]["zones"][-1:]]}


SMALL = _small() | {"categories": theatre(200)[0]["categories"]}


@examples(300)
@given(data=st.data(), value=_values())
def test_a_plan_with_anything_anywhere_is_read_or_refused(data: st.DataObject, value: Any) -> None:
    """Replaces, adds or removes one value at a random place; both ways in must give the same answer."""
    broken = copy.deepcopy(SMALL)
    at: Any = broken
    while True:
        key: Any = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.integers(0, 3)) == 0:
            break
        at = at[key]
    action = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if action == "replace":
        at[key] = value
    elif action == "remove":
        del at[key]
    elif isinstance(at, dict):
        at[data.draw(st.text(max_size=4))] = value
    else:
        at.append(value)
    answer = _answer(lambda: plan_from_obj(broken))
    if isinstance(answer, dict):
        assert answer
        assert all(place.isprintable() and message.isprintable() for place, message in answer.items())
    try:
        raw = json.dumps(broken).encode()
        msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError):
        return  # JSON has no such value
    assert _answer(lambda: parse_plan(raw)) == answer


def _answer(read: Callable[[], Plan]) -> Plan | dict[str, str]:
    try:
        return read()
    except PlanError as error:
        return error.errors


@given(_values())
def test_any_json_is_refused_or_read(value: Any) -> None:
    with pytest.raises(PlanError):
        plan_from_obj(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(PlanError):
        parse_plan(raw)
