"""The seating plan: pretix's seating-plan JSON, checked until nothing in it can surprise the rest of the
program.

A plan has *categories* (price levels) and *zones*; a zone has rows of seats and *areas* (shapes to draw).
Positions nest: zone + row + seat add up to a seat's place, in the plan's own units. A `StandingArea` is our
addition beside the plan, because pretix's format allows no extra keys: numbered places that are sold by
count.

`parse_plan` takes a correct plan in one typed decoding pass. Only when something is wrong does a second,
slower pass walk the plain JSON and collect *every* error, each with its place in words that an organizer
understands.
"""

import hashlib
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence

import msgspec

from houseful.seating.colours import is_colour, opaque_hex
from houseful.seating.errors import BROKEN_TEXT, Faults, Path, shown, walk
from houseful.seating.format import (
    NAME_PATTERN,
    Category,
    Circle,
    Ellipse,
    Plan,
    PlanIn,
    Polygon,
    Position,
    Row,
    Seat,
    Shape,
    ShapeText,
    Size,
    StandingArea,
    Zone,
)

__all__ = [
    "MAX_AREA_CAPACITY",
    "MAX_CATEGORIES",
    "MAX_STANDING_AREAS",
    "NAME_LENGTH",
    "Category",
    "Circle",
    "Ellipse",
    "Plan",
    "PlanError",
    "Polygon",
    "Position",
    "Row",
    "Seat",
    "Shape",
    "ShapeText",
    "Size",
    "StandingArea",
    "Zone",
    "check_prices",
    "pack",
    "parse_plan",
    "plan_from_obj",
    "plan_hash",
    "unpack",
]

MAX_SEATS = 200_000  # standing places included
MAX_ZONES = 2_000
MAX_CATEGORIES = 1_000
MAX_STANDING_AREAS = 2_000
MAX_AREA_CAPACITY = 100_000
MAX_PRICE_MINOR = 10**9
NAME_LENGTH = 100
MAX_ERRORS = 100
MIN_COORDINATE, MAX_COORDINATE = -(2**15), 2**15 - 1  # the seat map sends 16-bit integers


class PlanError(Exception):
    """The plan is not usable. `errors` maps places such as `plan.zones[Block A].rows[3].seats[12].category`
    to what is wrong there and how to put it right; after 100 of them one more line says how many were left
    out."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(f"{len(errors)} problems in the plan, the first: {next(iter(errors.values()), '')}")
        self.errors = dict(errors)


_DECODER = msgspec.json.Decoder(PlanIn)
_PLAN_TYPE = msgspec.inspect.type_info(PlanIn)


def parse_plan(raw: bytes) -> Plan:
    """Reads a plan from a JSON file's bytes; a 60,000-seat plan takes well under a second.

    Raises `PlanError` with every fault found, whatever the bytes are.
    """
    try:
        plan = _faultless(_DECODER.decode(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        plan = None
    return plan or _with_every_fault(_json(raw))


def plan_from_obj(obj: object) -> Plan:
    """The same for JSON that is already decoded into dicts and lists."""
    try:
        plan = _faultless(msgspec.convert(obj, PlanIn))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        plan = None
    return plan or _with_every_fault(obj)


def _json(raw: bytes) -> object:
    try:
        return msgspec.json.decode(raw)
    except UnicodeDecodeError:
        what = "the file is not in UTF-8; save it in that encoding."
    except RecursionError:
        what = "the file is nested too deeply."
    except msgspec.MsgspecError as error:
        at = re.search(r"\(byte (\d+)\)", str(error))
        line = raw[: int(at[1])].count(b"\n") + 1 if at else 0
        column = int(at[1]) - raw.rfind(b"\n", 0, int(at[1])) if at else 0
        where = f"line {line}, column {column}" if at else shown(error).removesuffix(".")
        what = f"the file is not valid JSON ({where}); export it again or correct it there."
    raise PlanError({"plan": f"The plan: {what}"}) from None


class _Faulty(Exception):
    """Ends the quick check at the first fault."""


def _faultless(wire: PlanIn) -> Plan | None:
    def stop(_path: Path, _message: str) -> None:
        raise _Faulty

    plan = msgspec.convert(wire, Plan, from_attributes=True)
    try:
        _Rules(plan, stop, str).check()
    except _Faulty:
        return None
    return _with_hex_colours(plan)


def _with_every_fault(obj: object) -> Plan:
    faults = Faults(obj, MAX_ERRORS)
    clean = walk(obj, _PLAN_TYPE, (), faults)
    plan = msgspec.convert(clean, Plan)
    _Rules(plan, faults.add, faults.words).check()
    if errors := faults.report():
        raise PlanError(errors)
    return _with_hex_colours(plan)


def _with_hex_colours(plan: Plan) -> Plan:
    """What the map, the lists and other clients read of a category is plain hex."""
    plain = tuple(
        category
        if category.color is None or category.color == (hexed := opaque_hex(category.color))
        else msgspec.structs.replace(category, color=hexed)
        for category in plan.categories
    )
    return plan if plain == plan.categories else msgspec.structs.replace(plan, categories=plain)


# ------------------------------------------------------------------------------------------------------------
# The rules that types cannot say. Broken texts and numbers have been reported by `walk` and are passed over.

_MEASURES = {
    "rectangle": "rectangle",
    "circle": "circle",
    "ellipse": "ellipse",
    "polygon": "polygon",
    "text": "",
}


class _Rules:
    """One check of one plan. `add` takes a fault, `words` puts a place into plain words."""

    def __init__(self, plan: Plan, add: Callable[[Path, str], None], words: Callable[[Path], str]) -> None:
        self.plan = plan
        self.add = add
        self.words = words
        self.categories: set[str] = set()
        self.guids: dict[str, Path] = {}

    def check(self) -> None:
        plan = self.plan
        seats = sum(len(row.seats) for zone in plan.zones for row in zone.rows)
        for key, what, count, most in (
            ("zones", "seats", seats, MAX_SEATS),
            ("zones", "zones", len(plan.zones), MAX_ZONES),
            ("categories", "categories", len(plan.categories), MAX_CATEGORIES),
        ):
            if count > most:
                self.add(
                    (key,), f"there are {count:,} {what}, and at most {most:,} are possible; split the plan."
                )
                return
        for i, category in enumerate(plan.categories):
            if category.name in self.categories and category.name != BROKEN_TEXT:
                what = f'category "{shown(category.name)}" is defined twice; remove one.'
                self.add(("categories", i, "name"), what)
            self.categories.add(category.name)
            self.check_colour(category.color, ("categories", i, "color"))
        for i, zone in enumerate(plan.zones):
            for j, shape in enumerate(zone.areas):
                self.check_shape(shape, ("zones", i, "areas", j))
            self.check_rows(zone, i)

    def check_shape(self, shape: Shape, path: Path) -> None:
        if shape.shape not in _MEASURES and shape.shape != BROKEN_TEXT:
            what = f'unknown shape "{shown(shape.shape)}"; use one of {", ".join(_MEASURES)}.'
            self.add((*path, "shape"), what)
            return
        key = _MEASURES.get(shape.shape)
        flat = key == "rectangle" and shape.width is not None and shape.height is not None
        if key and getattr(shape, key) is None and not flat:
            self.add((*path, key), f'a {key} needs the key "{key}" with its measures; add it.')
        self.check_colour(shape.color, (*path, "color"))
        self.check_colour(shape.border_color, (*path, "border_color"))
        if isinstance(shape.text, ShapeText):
            self.check_colour(shape.text.color, (*path, "text", "color"))

    def check_colour(self, color: str | None, path: Path) -> None:
        if color and color != BROKEN_TEXT and not is_colour(color):
            what = f'"{shown(color)}" is not a colour; write it like "#4C35C7" or by a name of CSS ("red").'
            self.add(path, what)

    def check_rows(self, zone: Zone, zone_index: int) -> None:
        taken: dict[tuple[int, int], Path] = {}
        for j, row in enumerate(zone.rows):
            path: Path = ("zones", zone_index, "rows", j)
            x, y = zone.position.x + row.position.x, zone.position.y + row.position.y
            for k, seat in enumerate(row.seats):
                here: Path = (*path, "seats", k)
                self.check_seat(seat, here)
                self.check_point(x + seat.position.x, y + seat.position.y, here, taken)

    def check_seat(self, seat: Seat, here: Path) -> None:
        if seat.category not in self.categories and seat.category != BROKEN_TEXT:
            known = ", ".join(f'"{shown(name)}"' for name in sorted(self.categories - {BROKEN_TEXT})[:20])
            what = f'unknown category "{shown(seat.category)}"; the plan defines {known or "none"}.'
            self.add((*here, "category"), what)
        first = self.guids.setdefault(seat.seat_guid, here)
        if first is not here and seat.seat_guid != BROKEN_TEXT:
            guid, other = shown(seat.seat_guid), self.words(first)
            self.add(
                (*here, "seat_guid"),
                f'"{guid}" is already the seat_guid of {other}; each seat needs its own.',
            )

    def check_point(self, x: float, y: float, here: Path, taken: dict[tuple[int, int], Path]) -> None:
        """Two zones may lie on top of each other (exports of real halls do; the layout moves them apart), two
        seats of one zone may not. Seats are drawn at whole units, so that is what is compared."""
        x, y = x + 0.5, y + 0.5
        if MIN_COORDINATE <= x < MAX_COORDINATE + 1 and MIN_COORDINATE <= y < MAX_COORDINATE + 1:
            first = taken.setdefault((math.floor(x), math.floor(y)), here)
            if first is not here:
                what = f"lies on top of {self.words(first)}; move one of them at least one unit away."
                self.add((*here, "position"), what)
        elif math.isfinite(x) and math.isfinite(y):
            what = f"zone, row and seat add up to ({x - 0.5:,.0f}, {y - 0.5:,.0f}), outside of"
            what += f" {MIN_COORDINATE:,} to {MAX_COORDINATE:,}; move it or scale the plan down."
            self.add((*here, "position"), what)


def check_prices(plan: Plan, prices: Mapping[str, int], areas: Sequence[StandingArea]) -> dict[str, str]:
    """What is wrong with an event's prices (minor units by category) and standing areas; empty if nothing is.

    Keys are `prices[<category>]` and `areas[<name>].<field>` (`areas[#2]` where the name is not unique).
    """
    errors = _area_errors(plan, areas)
    defined = {category.name for category in plan.categories}
    used = {seat.category for zone in plan.zones for row in zone.rows for seat in row.seats}
    if not used and not areas:
        errors["plan.zones"] = "The plan has no seats, and there are no standing areas; add some of either."
    for name in sorted((used | {area.category for area in areas}) & defined - prices.keys()):
        errors[f"prices[{shown(name)}]"] = (
            f'Category "{shown(name)}" has no price; give it one (0 if it is free).'
        )
    for name, price in prices.items():
        key = f"prices[{shown(name)}]"
        if name not in defined:
            errors[key] = (
                f'The plan defines no category "{shown(name)}"; remove the price or correct the name.'
            )
        elif isinstance(price, bool) or not isinstance(price, int):
            errors[key] = f'The price of "{shown(name)}" must be a whole number of minor units (cents).'
        elif not 0 <= price <= MAX_PRICE_MINOR:
            errors[key] = (
                f'The price of "{shown(name)}" must be between 0 and {MAX_PRICE_MINOR:,} minor units (cents).'
            )
    return errors


def _area_errors(plan: Plan, areas: Sequence[StandingArea]) -> dict[str, str]:
    if len(areas) > MAX_STANDING_AREAS:
        return {
            "areas": f"There are {len(areas):,} standing areas; at most {MAX_STANDING_AREAS:,} are possible."
        }
    errors: dict[str, str] = {}
    zones = {zone.name for zone in plan.zones}
    categories = {category.name for category in plan.categories}
    names = [area.name for area in areas]
    seen: set[tuple[str, str]] = set()
    for i, area in enumerate(areas):
        label = shown(area.name) if names.count(area.name) == 1 and area.name.strip() else f"#{i + 1}"
        key, words = f"areas[{label}]", f'Standing area "{shown(area.name)}"'
        if not re.search(NAME_PATTERN, area.name) or len(area.name) > NAME_LENGTH:
            errors[f"{key}.name"] = (
                f"{words}: needs a name of at most {NAME_LENGTH} characters, without control characters."
            )
        elif (area.zone, area.name) in seen:
            errors[f"{key}.name"] = f"{words}: the zone has another one of that name; give each its own."
        seen.add((area.zone, area.name))
        if area.zone not in zones:
            errors[f"{key}.zone"] = f'{words}: the plan has no zone "{shown(area.zone)}".'
        if area.category not in categories:
            errors[f"{key}.category"] = f'{words}: the plan defines no category "{shown(area.category)}".'
        if isinstance(area.capacity, bool) or not isinstance(area.capacity, int):
            errors[f"{key}.capacity"] = f"{words}: the capacity must be a whole number."
        elif not 1 <= area.capacity <= MAX_AREA_CAPACITY:
            errors[f"{key}.capacity"] = f"{words}: the capacity must be between 1 and {MAX_AREA_CAPACITY:,}."
    seats = sum(len(row.seats) for zone in plan.zones for row in zone.rows)
    if not errors and seats + sum(area.capacity for area in areas) > MAX_SEATS:
        errors["areas"] = f"Seats and standing places together are more than {MAX_SEATS:,}."
    return errors


# ------------------------------------------------------------------------------------------------------------
# Storage.


def plan_hash(plan: Plan, areas: Sequence[StandingArea]) -> str:
    """SHA-256, in hex, of all that a hall built from these two depends on. Equal plans have equal hashes,
    whatever the file's whitespace, order of keys, or keys that are not used; 5 and 5.0 are the same
    number. A plan without labels has the hash that it had before there were any."""
    content = (
        plan.name,
        _plain(plan.size),
        [(category.name, category.color) for category in plan.categories],
        [(zone.name, zone.zone_id, *_point(zone.position), *_inside(zone)) for zone in plan.zones],
        [(area.zone, area.name, area.category, area.capacity) for area in areas],
    )
    return hashlib.sha256(msgspec.msgpack.encode(content)).hexdigest()


def _inside(zone: Zone) -> tuple[object, object]:
    rows = [
        (
            row.row_number,
            *_point(row.position),
            [
                (
                    seat.seat_guid,
                    seat.seat_number,
                    seat.category,
                    *_point(seat.position),
                    *((seat.seat_label,) if seat.seat_label else ()),
                )
                for seat in row.seats
            ],
            *((row.row_label or "", row.seat_label or "") if row.row_label or row.seat_label else ()),
        )
        for row in zone.rows
    ]
    return rows, _plain(zone.areas)


def _plain(value: object) -> object:
    """Lists of plain values. Structs are not hashed themselves, since which of their fields are encoded
    depends on whether a value is the default or merely equals it."""
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.astuple(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value + 0.0 if isinstance(value, float) else value  # -0.0 becomes 0.0


def _point(position: Position) -> tuple[float, float]:
    return position.x + 0.0, position.y + 0.0


def pack(plan: Plan, areas: Sequence[StandingArea]) -> bytes:
    """Compact for storage: some 6 bytes a seat, and its seat_guid where that is random."""
    return zlib.compress(msgspec.msgpack.encode((plan, tuple(areas))), 6)


def unpack(packed: bytes) -> tuple[Plan, tuple[StandingArea, ...]]:
    """What `pack` packed, equal in every part. It is our own data, so it is not checked again."""
    return msgspec.msgpack.decode(zlib.decompress(packed), type=tuple[Plan, tuple[StandingArea, ...]])
