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
    """A price level. `color` is `#rgb` or `#rrggbb`."""

    name: str
    color: str | None = None


class Seat(Struct, frozen=True, kw_only=True, gc=False):
    """`seat_guid` is unique in the plan, `seat_number` in its row; `position` is relative to the row."""

    seat_guid: str
    seat_number: str
    position: Position
    category: str


class Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`row_number` is unique in its zone; `position` is relative to the zone."""

    row_number: str
    seats: tuple[Seat, ...]
    position: Position = Position(0.0, 0.0)
    number_of_seats: int | None = None


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

    position: Position
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
        """The shape's text, stripped; empty if it has none."""
        text = self.text.text if isinstance(self.text, ShapeText) else self.text
        return (text or "").strip()


class Zone(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`name` is unique in the plan; only a zone without seats (a place for shapes) may have none."""

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
Color = Annotated[str, Meta(pattern=r"^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})\Z")]
_HEX = "#([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})"
AnyColor = Annotated[str, Meta(pattern=rf"^({_HEX}|[a-zA-Z]{{0,30}}|rgba?\([0-9., %]{{5,40}}\))\Z")]
Number = Annotated[float, Meta(ge=-1e6, le=1e6)]
Length = Annotated[float, Meta(ge=0, le=1e6)]


class In(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    uuid: Any = None


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
    seat_number: Name
    position: PositionIn
    category: str
    seat_label: Any = None
    radius: Any = None
    start_at: Any = None


class RowIn(In, frozen=True, kw_only=True):
    row_number: Name
    seats: tuple[SeatIn, ...]
    position: PositionIn = PositionIn(0.0, 0.0)
    number_of_seats: int | None = None
    seats_spacing: float | None = None
    row_number_position: Any = None
    row_label: Any = None
    seat_label: Any = None
    start_at: Any = None


class CircleIn(Struct, frozen=True, forbid_unknown_fields=True):
    radius: Length


class EllipseIn(Struct, frozen=True, forbid_unknown_fields=True):
    radius: PositionIn


class PolygonIn(Struct, frozen=True, forbid_unknown_fields=True):
    points: tuple[PositionIn, ...]


class ShapeTextIn(In, frozen=True, kw_only=True):
    text: Text = ""
    color: AnyColor = ""
    size: Length | None = None
    position: PositionIn | None = None


class ShapeIn(In, frozen=True, kw_only=True):
    position: PositionIn
    shape: Text = "rectangle"
    width: Length | None = None
    height: Length | None = None
    rectangle: SizeIn | None = None
    circle: CircleIn | None = None
    ellipse: EllipseIn | None = None
    polygon: PolygonIn | None = None
    rotation: Number = 0.0
    color: AnyColor = ""
    border_color: AnyColor = ""
    text: Text | ShapeTextIn | None = None


class ZoneIn(In, frozen=True, kw_only=True):
    position: PositionIn
    rows: tuple[RowIn, ...]
    name: Text = ""
    zone_id: Text = ""
    areas: tuple[ShapeIn, ...] = ()
    displayed: bool | None = None


class PlanIn(In, frozen=True, kw_only=True):
    name: Name
    categories: tuple[CategoryIn, ...]
    zones: tuple[ZoneIn, ...]
    size: SizeIn | None = None
