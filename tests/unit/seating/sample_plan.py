"""A plan of every kind of object, and ways into it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from houseful.seating.parsing import PlanError, plan_from_obj
from houseful.tools.sample_venues import theatre

Json = dict[str, Any]


SPORTS_HALL = Path(__file__).parents[4] / "shared" / "data" / "plans" / "sportshall.json"


def _hall() -> Json:
    """A real hall where its file is at hand, else one of our own."""
    if SPORTS_HALL.exists():
        return dict(json.loads(SPORTS_HALL.read_bytes()))
    return theatre(900)[0]


HALL = _hall()


def fresh() -> Json:
    return copy.deepcopy(HALL)


def errors_of(obj: object) -> dict[str, str]:
    with pytest.raises(PlanError) as caught:
        plan_from_obj(obj)
    return caught.value.errors


def zone(plan: Json, index: int = 0) -> Json:
    return dict.__getitem__(plan, "zones")[index]  # type: ignore[no-any-return]


def row(plan: Json, index: int = 1) -> Json:
    return zone(plan)["rows"][index]  # type: ignore[no-any-return]


def seat(plan: Json, index: int = 2) -> Json:
    return row(plan)["seats"][index]  # type: ignore[no-any-return]
