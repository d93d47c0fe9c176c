"""Seating plans as files: the plan in pretix's format, and a sidecar for prices and standing areas."""

from pathlib import Path
from typing import Any

import msgspec

from houseful.seating.parsing import PlanError, StandingArea, check_prices, parse_plan
from houseful.seating.warnings import plan_warnings
from houseful.tools import sample_venues


class Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """`FILE.houseful.json`: prices in minor units by category, and standing areas."""

    prices: dict[str, int] = {}
    areas: tuple[StandingArea, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`errors` keep the plan from being used; `warnings` do not."""

    errors: dict[str, str]
    warnings: dict[str, str] = {}
    name: str = ""
    zones: int = 0
    seats: int = 0
    standing: int = 0


def generated(kind: str, seats: int) -> tuple[bytes, bytes]:
    """The bytes of the plan and its sidecar.

    Raises `ValueError` for a number of seats that this kind cannot have.
    """
    make: Any = {
        "theatre": sample_venues.theatre,
        "arena": sample_venues.arena,
        "stadium": sample_venues.stadium,
    }[kind]
    plan, areas, prices = make(seats)
    sidecar = msgspec.json.encode({"prices": prices, "areas": areas})
    return msgspec.json.encode(plan), msgspec.json.format(sidecar) + b"\n"


def examined(file: Path) -> Report:
    """All errors and warnings of a plan and its sidecar. Raises `OSError`."""
    raw = file.read_bytes()
    sidecar_file = file.with_name(file.name + ".houseful.json")
    try:
        plan = parse_plan(raw)
    except PlanError as error:
        return Report(errors=dict(error.errors))
    errors: dict[str, str] = {}
    sidecar = Sidecar()
    if sidecar_file.exists():
        try:
            sidecar = msgspec.json.decode(sidecar_file.read_bytes(), type=Sidecar)
            errors = check_prices(plan, sidecar.prices, sidecar.areas)
        except msgspec.MsgspecError as error:
            errors[sidecar_file.name] = str(error)
    return Report(
        errors=errors,
        warnings=plan_warnings(plan),
        name=plan.name,
        zones=len(plan.zones),
        seats=sum(len(row.seats) for zone in plan.zones for row in zone.rows),
        standing=sum(area.capacity for area in sidecar.areas),
    )
