"""What an event is and may become. Times are milliseconds since 1970, money is in minor units."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from houseful.events import line_terms
from houseful.events.plans import Amendment, Hall, SentPlan
from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.errors import Invalid, StateConflict
from houseful.kernel.money import CURRENCIES, UNKNOWN
from houseful.kernel.times import end_of
from houseful.messages import Gates, LineTerms, Reschedule
from houseful.seating.parsing import StandingArea

TITLE_LENGTH = 200
VENUE_LENGTH = 200
DESCRIPTION_LENGTH = 20_000
HOLD_SECONDS = (1, 7200)
SEATS_PER_ORDER = (1, 50)
SEATS_PER_BUYER = (1, 1000)
EARLIEST: Millis = 946_684_800_000  # 2000-01-01
LATEST: Millis = 7_258_118_400_000  # 2200-01-01
LONGEST_MILLIS = 31 * 86_400_000
"""Whoever looks for what is still running looks back so far."""
EARLIEST_DOORS_MILLIS = 86_400_000
MOVED_ONCE_PUBLISHED = frozenset({"starts_at", "venue"})
CHANGEABLE_ONCE_PUBLISHED = frozenset(
    {
        "title",
        "description",
        "ends_at",
        "doors_at",
        "on_sale_at",
        "max_seats_per_order",
        "max_seats_per_buyer",
        "refundable_until",
        "gates",
        "prices",
    }
)

Status = Literal["draft", "publishing", "published", "cancelled"]
State = Literal["draft", "publishing", "scheduled", "on_sale", "sold_out", "ended", "cancelled"]
Step = Literal["publish", "cancel", "inventory_ready", "inventory_failed"]

# A step that leads to where the event is already changes nothing. What is not here is no step at all.
STEPS: Mapping[tuple[Status, Step], Status] = {
    ("draft", "publish"): "publishing",
    ("draft", "cancel"): "cancelled",
    ("publishing", "publish"): "publishing",
    ("publishing", "inventory_ready"): "published",
    ("publishing", "inventory_failed"): "publishing",
    ("publishing", "cancel"): "cancelled",
    ("published", "publish"): "published",
    ("published", "inventory_ready"): "published",
    ("published", "cancel"): "cancelled",
    ("cancelled", "cancel"): "cancelled",
    ("cancelled", "inventory_ready"): "cancelled",  # the cancel and the inventory crossed on the way
    ("cancelled", "inventory_failed"): "cancelled",
}


class IllegalStep(Exception):
    """A message says something that can't have happened to this event: a bug on one of the two sides."""


class Event(Document, frozen=True, kw_only=True):
    """A show. `published_at` is None as long as nobody but its organizer may see it. `amendment` is the
    latest, `layout_version` that of the latest that was applied."""

    collection = "events"
    indexes = (Index(("status", "starts_at")), Index(("organizer_id", "created_at")))

    organizer_id: str
    status: Status
    title: str
    description: str = ""
    venue: str
    starts_at: Millis
    timezone: str
    currency: str
    on_sale_at: Millis | None = None
    hold_seconds: int
    max_seats_per_order: int
    refundable_until: Millis | None = None
    prices: Mapping[str, int]
    areas: tuple[StandingArea, ...] = ()
    hall: Hall
    sold_out: bool = False
    problem: str | None = None
    published_at: Millis | None = None
    created_at: Millis
    updated_at: Millis
    ends_at: Millis | None = None
    max_seats_per_buyer: int | None = None
    line: LineTerms = LineTerms()
    gates: Gates = Gates()
    reschedules: tuple[Reschedule, ...] = ()
    amendment: Amendment | None = None
    layout_version: str | None = None
    doors_at: Millis | None = None

    @property
    def is_over_at(self) -> Millis:
        return end_of(self.starts_at, self.ends_at)

    @property
    def price_range_minor(self) -> tuple[int, int]:
        """The lowest and the highest price that a seat of this event has."""
        used = [self.prices[category.name] for category in self.hall.categories if category.seats_total]
        return min(used), max(used)


class NewEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What an organizer says of a new event."""

    title: str
    description: str = ""
    venue: str
    starts_at: Millis
    ends_at: Millis | None = None
    doors_at: Millis | None = None
    timezone: str
    currency: str
    on_sale_at: Millis | None = None
    hold_seconds: int = 600
    max_seats_per_order: int = 10
    max_seats_per_buyer: int | None = None
    refundable_until: Millis | None = None
    prices: Mapping[str, int]
    areas: Sequence[StandingArea] = ()
    plan: SentPlan
    line: LineTerms = LineTerms()
    gates: Gates = Gates()


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What an organizer wants otherwise; what is UNSET stays as it is."""

    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    venue: str | UnsetType = UNSET
    starts_at: Millis | UnsetType = UNSET
    ends_at: Millis | UnsetType | None = UNSET
    doors_at: Millis | UnsetType | None = UNSET
    timezone: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    on_sale_at: Millis | UnsetType | None = UNSET
    hold_seconds: int | UnsetType = UNSET
    max_seats_per_order: int | UnsetType = UNSET
    max_seats_per_buyer: int | UnsetType | None = UNSET
    refundable_until: Millis | UnsetType | None = UNSET
    prices: Mapping[str, int] | UnsetType = UNSET
    areas: Sequence[StandingArea] | UnsetType = UNSET
    plan: SentPlan | UnsetType = UNSET
    line: LineTerms | UnsetType = UNSET
    gates: Gates | UnsetType = UNSET

    def given(self) -> dict[str, Any]:
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not UNSET}


# What an organizer may say.


def draft(id: str, organizer_id: str, new: NewEvent, hall: Hall, now: Millis) -> Event:
    said = _tidied({name: value for name, value in msgspec.structs.asdict(new).items() if name != "plan"})
    return Event(
        id=id, organizer_id=organizer_id, status="draft", hall=hall, created_at=now, updated_at=now, **said
    )


def changed(event: Event, changes: Changes, hall: Hall, now: Millis) -> Event:
    """The event with these changes, unchecked; the very same one where they change nothing.

    Raises `StateConflict` for what may not change any more.
    """
    said = changes.given()
    if event.status == "cancelled":
        raise StateConflict("event_cancelled", "The event is cancelled; it can't be changed any more.")
    if event.status != "draft":
        fixed = sorted(said.keys() - CHANGEABLE_ONCE_PUBLISHED)
        if fixed:
            raise StateConflict(
                "event_published",
                f"The event is published; {', '.join(fixed)} can't be changed any more.",
                errors={name: _fixed_error(name) for name in fixed},
            )
        if "prices" in said and event.amendment is not None and event.amendment.state == "pending":
            raise amendment_pending()
    said.pop("plan", None)
    result = msgspec.structs.replace(event, hall=hall, **_tidied(said))
    return event if result == event else msgspec.structs.replace(result, updated_at=now)


def _fixed_error(name: str) -> str:
    error = "can't be changed once the event is published"
    if name == "plan":
        return f"{error}; amend it instead"
    return f"{error}; reschedule the event instead" if name in MOVED_ONCE_PUBLISHED else error


def amendment_pending() -> StateConflict:
    return StateConflict(
        "amendment_pending", "Another change of this event's plan is under way. Try again in a moment."
    )


def check_deletable(event: Event) -> None:
    """Raises `StateConflict`: what was published may have buyers, and links that lead to it."""
    if event.published_at is not None or event.status == "publishing":
        raise StateConflict(
            "event_published",
            "Only a draft can be deleted. This event was published; it can be cancelled instead.",
        )


def _tidied(said: dict[str, Any]) -> dict[str, Any]:
    """Texts without blanks around them, line ends as \\n, lists as tuples: what is equal compares equal."""
    for name in ("title", "venue", "description"):
        if name in said:
            said[name] = said[name].replace("\r\n", "\n").strip()
    kinds: dict[str, type] = {"areas": tuple, "prices": dict}
    return said | {name: kind(said[name]) for name, kind in kinds.items() if name in said}


# Controls, line separators, characters that turn text around. A description may have lines and tabs.
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_NO_LINE = re.compile(f"[{_CONTROL}]")
NO_TEXT = re.compile(f"(?![\n\t])[{_CONTROL}]")


def errors_of(event: Event, zones: Collection[str]) -> dict[str, str]:
    """What is wrong with what its organizer says, by field. `zones` are the time zones that there are."""
    errors = {
        "title": text_error(event.title, 1, TITLE_LENGTH, _NO_LINE),
        "description": text_error(event.description, 0, DESCRIPTION_LENGTH, NO_TEXT),
        "venue": text_error(event.venue, 1, VENUE_LENGTH, _NO_LINE),
        "timezone": None if event.timezone in zones else "is no IANA time zone, such as Europe/Berlin",
        "currency": None if event.currency in CURRENCIES else UNKNOWN,
        "hold_seconds": _number_error(event.hold_seconds, HOLD_SECONDS),
        "max_seats_per_order": _number_error(event.max_seats_per_order, SEATS_PER_ORDER),
        "max_seats_per_buyer": None
        if event.max_seats_per_buyer is None
        else _number_error(event.max_seats_per_buyer, SEATS_PER_BUYER),
        "starts_at": _moment_error(event.starts_at),
        "ends_at": _moment_error(event.ends_at) or _length_error(event),
        "doors_at": _moment_error(event.doors_at) or _doors_error(event),
        "on_sale_at": _moment_error(event.on_sale_at),
        "refundable_until": _moment_error(event.refundable_until),
        "gates.accounts_before": _moment_error(event.gates.accounts_before),
    }
    if event.on_sale_at is not None and event.on_sale_at >= event.starts_at:
        errors["on_sale_at"] = errors["on_sale_at"] or "has to be before starts_at"
    if event.refundable_until is not None and event.refundable_until > event.starts_at:
        errors["refundable_until"] = errors["refundable_until"] or "can't be after starts_at"
    return line_terms.errors_of(event.line, event.on_sale_at, _moment_error) | {
        field: error for field, error in errors.items() if error is not None
    }


def start_errors(event: Event, now: Millis) -> dict[str, str]:
    """An event is made, moved or published before it starts."""
    return {} if event.starts_at > now else {"starts_at": "has to be in the future"}


def text_error(text: str, least: int, most: int, refused: re.Pattern[str]) -> str | None:
    if len(text) < least:
        return "is empty"
    if len(text) > most:
        return f"is {len(text):,} characters long; at most {most:,} are possible"
    if refused.search(text):
        return "has control characters in it; remove them"
    return None


def _number_error(value: int, limits: tuple[int, int]) -> str | None:
    least, most = limits
    return None if least <= value <= most else f"has to be between {least} and {most}"


def _length_error(event: Event) -> str | None:
    if event.ends_at is None or 0 < event.ends_at - event.starts_at <= LONGEST_MILLIS:
        return None
    if event.ends_at <= event.starts_at:
        return "has to be after starts_at"
    return f"is more than {LONGEST_MILLIS // 86_400_000} days after starts_at; make an event of each part"


def _doors_error(event: Event) -> str | None:
    if event.doors_at is None or 0 <= event.starts_at - event.doors_at <= EARLIEST_DOORS_MILLIS:
        return None
    return "has to be at starts_at or before it, by at most a day"


def _moment_error(moment: Millis | None) -> str | None:
    """Not every time that a body can name can be written again."""
    if moment is None or EARLIEST <= moment < LATEST:
        return None
    return "has to be between the years 2000 and 2199"


def refuse(errors: Mapping[str, str]) -> None:
    """Raises `Invalid` if there are errors."""
    if not errors:
        return
    if any(place == "plan" or place.startswith("plan.") for place in errors):
        raise Invalid("invalid_plan", "The seating plan needs a correction.", errors=errors)
    raise Invalid("validation_failed", "Some fields need a correction.", errors=errors)


# What becomes of an event.


def state(event: Event, now: Millis) -> State:
    """What the API says: the beginning of sales and the end of the event are decided by the clock."""
    if event.status != "published":
        return event.status
    if now >= event.is_over_at:
        return "ended"
    if event.on_sale_at is not None and now < event.on_sale_at:
        return "scheduled"
    return "sold_out" if event.sold_out else "on_sale"


def published(event: Event, now: Millis) -> Event:
    """Its plan fixed, its inventory in the making. Raises `DomainError` for what is cancelled or has
    begun."""
    if event.status == "cancelled":
        raise StateConflict("event_cancelled", "The event is cancelled; it can't be published any more.")
    if event.status == "draft":
        refuse(start_errors(event, now))
    return _stepped(event, "publish", now, published_at=now)


def cancelled(event: Event, now: Millis) -> Event:
    return _stepped(event, "cancel", now)


def with_inventory(event: Event, seats_total: int, now: Millis) -> Event:
    """The ticket service has made the seats. Another number of them than the plan has is not put on sale."""
    if seats_total != event.hall.seats_total:
        detail = f"The inventory has {seats_total:,} seats, but the plan {event.hall.seats_total:,}."
        return without_inventory(event, detail, now)
    return _stepped(event, "inventory_ready", now, problem=None)


def without_inventory(event: Event, detail: str, now: Millis) -> Event:
    return _stepped(event, "inventory_failed", now, problem=detail)


def _stepped(event: Event, step: Step, now: Millis, **values: Any) -> Event:
    status = STEPS.get((event.status, step))
    if status is None:
        raise IllegalStep(f"{event.id} is {event.status}; {step} can't happen to it")
    if event.status == "cancelled" or (status == event.status and step != "inventory_failed"):
        return event
    return msgspec.structs.replace(event, status=status, updated_at=now, **values)
