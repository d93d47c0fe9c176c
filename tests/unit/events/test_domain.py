"""The rules of an event, without a store."""

import itertools
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houseful.events import domain, plans, searching
from houseful.events.domain import Changes, Event, NewEvent, State, Status, Step
from houseful.kernel.errors import DomainError
from houseful.kernel.times import USUAL_LENGTH_MILLIS
from houseful.messages import Gates
from houseful.seating.parsing import StandingArea, unpack
from houseful.webapi.problems import status_of
from tests.unit.events.support import DAY, START, plan, sent

ZONES = frozenset({"Europe/Zurich", "UTC"})
PRICES = {"Stalls": 12_000, "Balcony": 4_500}
SHOW = START + 30 * DAY
USUAL = USUAL_LENGTH_MILLIS


def made(**other: Any) -> Event:
    checked = plans.check_plan(sent(plan()), PRICES, ())
    assert not checked.errors
    new = NewEvent(
        title="La Traviata",
        venue="Zürich Opera House",
        starts_at=SHOW,
        timezone="Europe/Zurich",
        currency="CHF",
        prices=PRICES,
        plan=sent({}),
    )
    return msgspec.structs.replace(domain.draft("evt_1", "usr_1", new, checked.hall, START), **other)


STATES: list[tuple[dict[str, Any], int, State]] = [
    ({"status": "draft"}, START, "draft"),
    ({"status": "draft"}, SHOW, "draft"),
    ({"status": "publishing"}, START, "publishing"),
    ({"status": "publishing", "sold_out": True}, SHOW, "publishing"),
    ({"status": "cancelled"}, SHOW, "cancelled"),
    ({"status": "cancelled", "sold_out": True}, START, "cancelled"),
    ({"status": "published"}, START, "on_sale"),
    ({"status": "published", "on_sale_at": START + 1}, START, "scheduled"),
    ({"status": "published", "on_sale_at": START + 1, "sold_out": True}, START, "scheduled"),
    ({"status": "published", "on_sale_at": START}, START, "on_sale"),
    ({"status": "published", "sold_out": True}, START, "sold_out"),
    ({"status": "published"}, SHOW - 1, "on_sale"),
    ({"status": "published"}, SHOW, "on_sale"),
    ({"status": "published"}, SHOW + USUAL - 1, "on_sale"),
    ({"status": "published"}, SHOW + USUAL, "ended"),
    ({"status": "published", "sold_out": True}, SHOW + USUAL - 1, "sold_out"),
    ({"status": "published", "sold_out": True}, SHOW + USUAL, "ended"),
    ({"status": "published", "ends_at": SHOW + 60_000}, SHOW + 59_999, "on_sale"),
    ({"status": "published", "ends_at": SHOW + 60_000}, SHOW + 60_000, "ended"),
]


@pytest.mark.parametrize(("values", "now", "state"), STATES)
def test_the_state_follows_from_status_and_time(values: dict[str, Any], now: int, state: State) -> None:
    assert domain.state(made(**values), now) == state


def test_every_state_is_in_the_table_above() -> None:
    assert {state for _, _, state in STATES} == set(get_args(State))


@pytest.mark.parametrize(("status", "step"), [*itertools.product(get_args(Status), get_args(Step))])
def test_steps_lead_where_the_table_says(status: Status, step: Step) -> None:
    event = made(status=status)
    wanted = domain.STEPS.get((status, step))
    steps = {
        "publish": lambda: domain.published(event, START),
        "cancel": lambda: domain.cancelled(event, START),
        "inventory_ready": lambda: domain.with_inventory(event, event.hall.seats_total, START),
        "inventory_failed": lambda: domain.without_inventory(event, "no", START),
    }
    if wanted is None:
        with pytest.raises((DomainError, domain.IllegalStep)):
            steps[step]()
    else:
        assert steps[step]().status == wanted


def test_a_cancelled_event_stays_as_it_is_when_its_inventory_arrives() -> None:
    event = made(status="cancelled")
    assert domain.with_inventory(event, 6, START + 5) is event
    assert domain.without_inventory(event, "no", START + 5) is event


def test_an_inventory_with_another_number_of_seats_is_not_sold() -> None:
    event = domain.with_inventory(made(status="publishing"), 5, START)
    assert event.status == "publishing"
    assert event.problem is not None
    assert "5 seats" in event.problem
    assert domain.with_inventory(event, 6, START).problem is None


ERRORS: list[tuple[str, Any, str]] = [
    ("title", "", "empty"),
    ("title", "x" * 201, "201 characters"),
    ("title", "a\u202eb", "control"),
    ("title", "a\nb", "control"),
    ("title", "a\x00b", "control"),
    ("venue", "", "empty"),
    ("venue", "x" * 201, "201 characters"),
    ("venue", "a\u2028b", "control"),
    ("description", "x" * 20_001, "20,001 characters"),
    ("description", "a\x07b", "control"),
    ("timezone", "Europe/Atlantis", "IANA"),
    ("timezone", "../../etc/passwd", "IANA"),
    ("timezone", "", "IANA"),
    ("currency", "XXX", "no currency"),
    ("currency", "chf", "no currency"),
    ("currency", "XAU", "no currency"),
    ("currency", "XTS", "no currency"),
    ("currency", "CLF", "no currency"),
    ("hold_seconds", 0, "between 1 and 7200"),
    ("hold_seconds", 7201, "between 1 and 7200"),
    ("hold_seconds", 10**30, "between 1 and 7200"),
    ("max_seats_per_order", 0, "between 1 and 50"),
    ("max_seats_per_order", 51, "between 1 and 50"),
    ("max_seats_per_buyer", 0, "between 1 and 1000"),
    ("max_seats_per_buyer", 1001, "between 1 and 1000"),
    ("on_sale_at", SHOW, "before starts_at"),
    ("on_sale_at", domain.EARLIEST - 1, "2000"),
    ("refundable_until", SHOW + 1, "after starts_at"),
    ("refundable_until", -(10**15), "2000"),
    ("starts_at", domain.LATEST, "2199"),
    ("ends_at", SHOW, "after starts_at"),
    ("ends_at", SHOW - 1, "after starts_at"),
    ("ends_at", SHOW + domain.LONGEST_MILLIS + 1, "31 days"),
    ("ends_at", 10**15, "2199"),
]


@pytest.mark.parametrize(("field", "value", "words"), ERRORS)
def test_each_field_is_checked_and_the_error_says_what_is_wrong(field: str, value: Any, words: str) -> None:
    errors = domain.errors_of(made(**{field: value}), ZONES)
    assert list(errors) == [field]
    assert words in errors[field]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "x" * 200),
        ("venue", "x" * 200),
        ("description", "x" * 20_000),
        ("description", "first\n\tsecond – „third“"),
        ("hold_seconds", 1),
        ("hold_seconds", 7200),
        ("max_seats_per_order", 1),
        ("max_seats_per_order", 50),
        ("max_seats_per_buyer", 1),
        ("max_seats_per_buyer", 1000),
        ("max_seats_per_buyer", None),
        ("gates", Gates(verified_email=True, accounts_before=START)),
        ("on_sale_at", SHOW - 1),
        ("on_sale_at", START - DAY),
        ("refundable_until", SHOW),
        ("currency", "JPY"),
    ],
)
def test_the_limits_themselves_are_fine(field: str, value: Any) -> None:
    assert domain.errors_of(made(**{field: value}), ZONES) == {}


def test_an_event_has_to_begin_in_the_future() -> None:
    assert domain.start_errors(made(), SHOW - 1) == {}
    assert list(domain.start_errors(made(), SHOW)) == ["starts_at"]


def test_texts_lose_the_blanks_around_them() -> None:
    changes = Changes(title="  Aida \u3000", venue="\tHall\n", description="one\r\ntwo\r\n")
    event = domain.changed(made(), changes, made().hall, START + 1)
    assert (event.title, event.venue, event.description) == ("Aida", "Hall", "one\ntwo")


def test_a_change_of_nothing_is_the_same_event() -> None:
    event = made()
    assert domain.changed(event, Changes(), event.hall, START + 1) is event
    assert domain.changed(event, Changes(title=" La Traviata "), event.hall, START + 1) is event
    assert domain.changed(event, Changes(title="Aida"), event.hall, START + 1).updated_at == START + 1


@pytest.mark.parametrize("status", ["publishing", "published"])
@pytest.mark.parametrize("field", [field.name for field in msgspec.structs.fields(Changes)])
def test_once_published_only_what_does_not_concern_the_seats_changes(status: Status, field: str) -> None:
    event = made(status=status)
    value: Any = b"{}" if field == "plan" else getattr(event, field)
    changes = Changes(**{field: value})
    if field in domain.CHANGEABLE_ONCE_PUBLISHED:
        domain.changed(event, changes, event.hall, START)
        return
    with pytest.raises(DomainError) as refused:
        domain.changed(event, changes, event.hall, START)
    assert (status_of(refused.value), refused.value.code) == (409, "event_published")
    assert list(refused.value.errors) == [field]
    assert field in refused.value.detail


def test_a_cancelled_event_does_not_change() -> None:
    with pytest.raises(DomainError) as refused:
        domain.changed(made(status="cancelled"), Changes(title="x"), made().hall, START)
    assert refused.value.code == "event_cancelled"


def test_the_hall_counts_seats_and_standing_places_by_category() -> None:
    areas = [StandingArea(zone="Hall", name="Pit", category="Spare", capacity=100)]
    checked = plans.check_plan(sent(plan()), PRICES | {"Spare": 900}, areas)
    assert checked.errors == {}
    assert checked.hall.seats_total == 106
    assert [(c.name, c.color, c.seats_total) for c in checked.hall.categories] == [
        ("Stalls", "#391b65", 3),
        ("Balcony", "#aa0000", 3),
        ("Spare", "#00aa00", 100),
    ]
    stored, stored_areas = unpack(b"".join(checked.parts))
    assert stored.name == "Small hall"
    assert stored_areas == tuple(areas)


def test_a_price_of_a_category_without_seats_does_not_count() -> None:
    event = made(prices=PRICES | {"Spare": 1})
    assert event.price_range_minor == (4_500, 12_000)


def test_a_large_plan_is_kept_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "PART_BYTES", 100)
    checked = plans.check_plan(sent(plan(rows=4, seats=20)), PRICES, ())
    assert checked.hall.parts == len(checked.parts) > 2
    assert max(map(len, checked.parts)) == 100
    ids = plans.part_ids(checked.hall)
    assert len(set(ids)) == checked.hall.parts
    assert all(id.startswith(checked.hall.plan_hash) for id in ids)
    assert len(unpack(b"".join(checked.parts))[0].zones[0].rows) == 4


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", True),
        ("trav", True),
        ("TRAV", True),
        ("zurich", True),
        ("Zürich", True),
        ("opera la", True),
        ("viata", False),
        ("trav berlin", False),
        ("%", False),
        ("  ", True),
        ("_raviata", False),
    ],
)
def test_a_search_finds_beginnings_of_words(query: str, found: bool) -> None:
    assert searching.matching(query)(made()) is found


@given(st.text(max_size=50))
def test_an_event_is_found_by_its_own_title(title: str) -> None:
    has_word = any(character.isalnum() for character in title)
    assert searching.matching(title)(made(title=title)) or not has_word
