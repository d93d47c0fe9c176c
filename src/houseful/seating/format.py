"""The shapes of a seating plan: what the program works with, and what a file may contain.

`Plan` and its parts are plain. `PlanIn` and its parts are the same with the limits of every value and with
the keys of pretix's exports that nothing here uses; whatever else is in a file is refused.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct


class Position(Struct, frozen=True, gc=False):
    """A point in plan units; y grows downwards."""

    x: float
    y: float


class Size(Struct, frozen=True, gc=False):
    width: float
    height: float


class Category(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A price level. `color` is `#rgb` or `#rrggbb`; None where the plan leaves it to us."""

    name: str
    color: str | None = None


class Seat(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Only `seat_guid` is unique in the plan. `position` is relative to the row. `seat_label` is a row's,
    for this seat alone."""

    seat_guid: str
    seat_number: str
    position: Position
    category: str
    seat_label: str | None = None


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`position` is relative to the zone. A row that an aisle splits may be two of one `row_number`.

    The labels say what to call the row and its seats where that is not "row 3, seat 12"; `%s` in them stands
    for the number.
    """

    row_number: str
    seats: tuple[Seat, ...]
    position: Position = Position(0.0, 0.0)
    number_of_seats: int | None = None
    row_label: str | None = None
    seat_label: str | None = None


def filled(label: str | None, number: str) -> str:
    """A row's or a seat's label with its number in place; empty if it has none."""
    return label.replace("%s", number).strip() if label else ""


class Circle(Struct, frozen=True, gc=False):
    radius: float


class Ellipse(Struct, frozen=True, gc=False):
    radius: Position


class Polygon(Struct, frozen=True):
    points: tuple[Position, ...]


class ShapeText(Struct, frozen=True, kw_only=True, omit_defaults=True):
    text: str = ""
    color: str = ""
    size: float | None = None
    position: Position | None = None


class Shape(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to draw that is not a seat: a stage, a bar (pretix calls it an area).

    `position` (relative to the zone) is the top left corner of a rectangle, the centre of a circle or an
    ellipse and the origin of a polygon's points. `rotation` is in degrees, clockwise, about that position. A
    rectangle's size is in `rectangle` (newer exports) or in `width` and `height`.
    """

    position: Position = Position(0.0, 0.0)
    shape: str = "rectangle"
    width: float | None = None
    height: float | None = None
    rectangle: Size | None = None
    circle: Circle | None = None
    ellipse: Ellipse | None = None
    polygon: Polygon | None = None
    rotation: float = 0.0
    color: str = ""
    border_color: str = ""
    text: str | ShapeText | None = None

    @property
    def label(self) -> str:
        """The shape's text in one line; empty if it has none."""
        text = self.text.text if isinstance(self.text, ShapeText) else self.text
        return " ".join((text or "").split())


class Zone(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of the hall. Two zones may share a name, and a zone may have none."""

    position: Position
    rows: tuple[Row, ...]
    name: str = ""
    zone_id: str = ""
    areas: tuple[Shape, ...] = ()


class Plan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A checked seating plan. `msgspec.json.encode(plan)` gives pretix's JSON back (without keys that are not
    used)."""

    name: str
    categories: tuple[Category, ...]
    zones: tuple[Zone, ...]
    size: Size | None = None


class StandingArea(Struct, frozen=True, kw_only=True):
    """General admission: `capacity` numbered places of one category in a zone. `name` is unique in the
    zone."""

    zone: str
    name: str
    category: str
    capacity: int


# -----------------------------------------------------------------------------------------------------------
# What a file may contain.

# Refused in any text: control characters, line separators, halves of surrogate pairs, characters that turn
# text around.
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
NAME_PATTERN = rf"^[^\S{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*\Z"
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=NAME_PATTERN)]
Text = Annotated[str, Meta(max_length=100, pattern=rf"^[^{_CONTROL}]*\Z")]
Lines = Annotated[str, Meta(max_length=1000, pattern=rf"^([\t\n\r]|[^{_CONTROL}])*\Z")]
Color = Annotated[str, Meta(max_length=100)]  # houseful.seating.colours says which there are
Number = Annotated[float, Meta(ge=-1e6, le=1e6)]
Length = Annotated[float, Meta(ge=0, le=1e6)]


class In(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`uuid` and `dragging` are what an editor wants to know of an object."""

    uuid: Any = None
    dragging: Any = None


class PositionIn(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    x: Number
    y: Number


class SizeIn(Struct, frozen=True, forbid_unknown_fields=True):
    width: Length
    height: Length


class CategoryIn(In, frozen=True, kw_only=True):
    name: Name
    color: Color | None = None


class SeatIn(In, frozen=True, kw_only=True):
    seat_guid: Name
    seat_number: Text
    position: PositionIn
    category: str
    seat_label: Text | None = None
    radius: Any = None
    start_at: Any = None
    start_direction: Any = None


class RowIn(In, frozen=True, kw_only=True):
    row_number: Text
    seats: tuple[SeatIn, ...]
    position: PositionIn = PositionIn(0.0, 0.0)
    number_of_seats: int | None = None
    row_label: Text | None = None
    seat_label: Text | None = None
    seats_spacing: Any = None
    row_number_position: Any = None
    start_at: Any = None
    start_direction: Any = None


class CircleIn(Struct, frozen=True, forbid_unknown_fields=True):
    radius: Length


class EllipseIn(Struct, frozen=True, forbid_unknown_fields=True):
    radius: PositionIn


class PolygonIn(Struct, frozen=True, forbid_unknown_fields=True):
    points: tuple[PositionIn, ...]


class ShapeTextIn(In, frozen=True, kw_only=True):
    text: Lines = ""
    color: Color = ""
    size: Length | None = None
    position: PositionIn | None = None


class ShapeIn(In, frozen=True, kw_only=True):
    position: PositionIn = PositionIn(0.0, 0.0)
    shape: Text = "rectangle"
    width: Length | None = None
    height: Length | None = None
    rectangle: SizeIn | None = None
    circle: CircleIn | None = None
    ellipse: EllipseIn | None = None
    polygon: PolygonIn | None = None
    rotation: Number = 0.0
    color: Color = ""
    border_color: Color = ""
    text: Lines | ShapeTextIn | None = None


class ZoneIn(In, frozen=True, kw_only=True):
    position: PositionIn
    rows: tuple[RowIn, ...]
    name: Text = ""
    zone_id: Text = ""
    areas: tuple[ShapeIn, ...] = ()
    displayed: Any = None


class PlanIn(In, frozen=True, kw_only=True):
    name: Text
    categories: tuple[CategoryIn, ...]
    zones: tuple[ZoneIn, ...]
    size: SizeIn | None = None
    background_image: Any = None
    backgroundImage: Any = None  # noqa: N815  editors write it this way too
