"""Views with a rule in them: what somebody is told where the document alone does not say it."""

from itertools import product
from typing import Any

import msgspec
import pytest

from houseful.seating.parsing import StandingArea, plan_from_obj
from houseful.tickets import availability_views, check_in_views, schemas
from houseful.tickets.domain import tickets
from houseful.tickets.domain.availability import Occupancy
from houseful.tickets.domain.blocks import BLOCKED, Block, Claim, SeatState, block_id
from houseful.tickets.domain.holds import Hold, HoldState
from houseful.tickets.domain.layout import compile_layout
from houseful.tickets.domain.ordered_seats import OrderedSeat
from houseful.tickets.domain.orders import Order, OrderState, PaymentState
from houseful.tickets.domain.sales import Sales, Tally
from houseful.tickets.domain.scans import Scan, Verdict
from houseful.tickets.domain.shows import Show, ShowState
from houseful.tickets.domain.ticket_codes import CodeSigner, event_mark, read_code
from houseful.tickets.use_cases.availability import AvailabilityView
from houseful.tickets.use_cases.check_in import Place, Scanned
from tests.support.deployment import PRICES, plan
from tests.unit.tickets.harness import AREA

NOW, UNTIL = 1_000_000, 2_000_000
LAYOUT = compile_layout(plan_from_obj(plan()), [StandingArea(**AREA)])
FIRST_PLACE = 3 * 10  # ordinals of seats come first, then the places of the standing area


def show(state: ShowState = ShowState.READY, generated: int = 50) -> Show:
    return Show(
        id="evt_1",
        organizer_id="usr_1",
        title="An Evening",
        venue="The Hall",
        starts_at=NOW,
        timezone="Europe/Berlin",
        currency="EUR",
        on_sale_at=None,
        hold_seconds=600,
        max_seats_per_order=10,
        refundable_until=None,
        plan_hash="hash",
        seats_total=50,
        prices=PRICES,
        state=state,
        generated=generated,
        detail="why",
    )


def hold(state: HoldState = HoldState.ACTIVE) -> Hold:
    return Hold(
        id="hold_1",
        event_id="evt_1",
        user_id="usr_1",
        seats=(0, FIRST_PLACE),
        prices_minor=(5000, 3000),
        currency="EUR",
        until=UNTIL,
        state=state,
    )


def order(state: OrderState = OrderState.CONFIRMED) -> Order:
    return Order(
        id="ord_1",
        event_id="evt_1",
        user_id="usr_1",
        hold_id="hold_1",
        request="key",
        seats=(OrderedSeat(0, "A-1", "Premium", 4200),),
        total_minor=4200,
        currency="EUR",
        buyer_name="Bea",
        buyer_email="bea@example.org",
        created_at=NOW,
        expires_at=UNTIL,
        look_at=None,
        state=state,
        payment=PaymentState.OPEN,
    )


def hall(**claims: Claim) -> AvailabilityView:
    """Claims by ordinal: `s3=…` is seat 3 of the first row."""
    view = AvailabilityView("evt_1", LAYOUT, 5, NOW)
    its = {int(name[1:]): claim for name, claim in claims.items()}
    view.apply(Block(id=block_id("evt_1", 0), event_id="evt_1", first=0, count=10, claims=its), NOW)
    return view


@pytest.mark.parametrize(
    ("state", "now", "status", "seats"),
    [
        (HoldState.ACTIVE, UNTIL - 1, "active", "held"),
        (HoldState.ACTIVE, UNTIL, "expired", "available"),
        (HoldState.RELEASED, UNTIL - 1, "released", "available"),
        (HoldState.RELEASED, UNTIL, "released", "available"),
        (HoldState.ORDERED, UNTIL - 1, "ordered", "held"),
        (HoldState.ORDERED, UNTIL, "ordered", "held"),  # from then on the order says how it stands
    ],
)
def test_that_a_hold_has_expired_is_seen_by_the_clock(
    state: HoldState, now: int, status: str, seats: str
) -> None:
    view = schemas.hold_view(hold(state), LAYOUT, now)
    assert (view.status, {seat.status for seat in view.seats}) == (status, {seats})


def test_a_hold_shows_its_frozen_prices_and_the_servers_time() -> None:
    view = schemas.hold_view(hold(), LAYOUT, NOW)
    assert [seat.price_minor for seat in view.seats] == [5000, 3000]
    assert view.total_minor == 8000
    assert (view.server_time, view.expires_at) == ("1970-01-01T00:16:40.000Z", "1970-01-01T00:33:20.000Z")
    seat, place = view.seats
    assert (seat.id, seat.section_name, seat.row, seat.number) == ("A-1", "Stalls", "A", "1")
    assert (place.section_name, place.row, place.number) == ("Floor", "", "1")


@pytest.mark.parametrize(
    ("state", "seats"),
    [
        (OrderState.AWAITING_PAYMENT, "held"),
        (OrderState.PROCESSING, "held"),
        (OrderState.CONFIRMED, "sold"),
        (OrderState.EXPIRED, "available"),
        (OrderState.CANCELLED, "available"),
        (OrderState.REFUNDING, "available"),
        (OrderState.REFUNDED, "available"),
    ],
)
def test_an_orders_seats_are_as_the_order_is(state: OrderState, seats: str) -> None:
    view = schemas.order_view(order(state), show(), LAYOUT, NOW)
    assert view.status == state
    assert [seat.status for seat in view.seats] == [seats]
    assert view.seats[0].price_minor == 4200  # not today's price
    assert view.payment.status == "open"


@pytest.mark.parametrize(
    ("state", "generated", "told"),
    [
        (ShowState.GENERATING, 7, "generating"),
        (ShowState.READY, 50, "ready"),
        (ShowState.FAILED, 0, "failed"),
        (ShowState.CANCELLED, 50, "ready"),
        (ShowState.CANCELLED, 7, "failed"),
    ],
)
def test_an_inventory_is_generating_ready_or_failed_even_of_a_cancelled_event(
    state: ShowState, generated: int, told: str
) -> None:
    view = schemas.inventory_view(show(state, generated))
    assert (view.state, view.generated, view.total, view.detail) == (told, generated, 50, "why")


def test_an_event_that_only_the_events_service_knows_is_generating() -> None:
    view = schemas.announced_view("evt_1", 50)
    assert (view.state, view.generated, view.total) == ("generating", 0, 50)


SOLD = Claim(SeatState.SOLD, "ord_1")
HELD = Claim(SeatState.HELD, "hold_1", UNTIL)
EXPIRED = Claim(SeatState.HELD, "hold_1", NOW)


def test_seats_show_what_has_them() -> None:
    stalls, floor = LAYOUT.sections
    shown = availability_views.seat_views(hall(s0=SOLD, s1=HELD, s2=BLOCKED, s3=EXPIRED), stalls)
    assert [seat.status for seat in shown[:5]] == ["sold", "held", "blocked", "available", "available"]
    assert [seat.ordinal for seat in shown] == list(range(30))
    places = availability_views.seat_views(hall(), floor)
    assert [place.number for place in places] == [str(n) for n in range(1, 21)]


def test_availability_counts_free_seats_only() -> None:
    view = hall(s0=SOLD, s1=HELD, s2=BLOCKED, s3=EXPIRED)
    premium, standard = availability_views.category_views(show(), view)
    assert (premium.name, premium.total, premium.available, premium.price_minor) == ("Premium", 10, 7, 5000)
    assert (standard.total, standard.available) == (40, 40)
    stalls, floor = availability_views.section_views(show(), view, None)
    assert (stalls.kind, stalls.total, stalls.available) == ("seats", 30, 27)
    assert (stalls.price_from_minor, stalls.price_to_minor) == (3000, 5000)
    assert (floor.kind, floor.total, floor.available) == ("standing", 20, 20)


def test_sections_of_a_category_count_that_category() -> None:
    premium, standard = (LAYOUT.category_named(name) for name in ("Premium", "Standard"))
    [stalls] = availability_views.section_views(show(), hall(s0=SOLD), premium)
    assert (stalls.total, stalls.available) == (10, 9)
    assert [(one.id, one.total) for one in availability_views.section_views(show(), hall(), standard)] == [
        ("stalls", 20),
        ("floor", 20),
    ]


def test_a_category_that_has_no_seats_is_not_offered() -> None:
    obj: dict[str, Any] = plan()
    obj["categories"].append({"name": "Unused", "color": "#000000"})
    layout = compile_layout(plan_from_obj(obj))
    found = availability_views.category_views(show(), AvailabilityView("evt_1", layout, 5, NOW))
    assert [one.name for one in found] == ["Premium", "Standard"]


TICKET = tickets.issued(f"tkt_{1:032x}", "evt_1", "ord_1", "usr_1", 0)


def test_a_ticket_shows_the_code_that_the_gate_takes() -> None:
    signer = CodeSigner(b"s" * 32)
    view = schemas.ticket_view(TICKET, LAYOUT, signer)
    assert read_code(view.code, [signer.public_key]) == (TICKET.id, event_mark("evt_1"))
    assert (view.status, view.used_at, view.gate) == ("valid", None, None)
    used = msgspec.structs.replace(TICKET, used_at=NOW, gate="North")
    assert schemas.ticket_view(used, LAYOUT, signer).used_at == "1970-01-01T00:16:40.000Z"


@pytest.mark.parametrize(("verdict", "known"), list(product(Verdict, (True, False))))
def test_the_gate_learns_of_a_first_admission_only_where_there_was_one(verdict: Verdict, known: bool) -> None:
    scan = Scan(
        id="s",
        verdict=verdict,
        ticket_id=TICKET.id,
        gate="North",
        scanned_at=1,
        received_at=2,
        first_at=NOW,
        first_gate="South",
    )
    place = Place(show(), LAYOUT, None) if known else None
    view = check_in_views.checkin_view("1", "HF2", Scanned(scan, TICKET if known else None, place, True))
    assert (view.scan_id, view.result) == ("1", verdict)
    assert (view.first_admission is not None) is (verdict is Verdict.ALREADY_USED)
    assert (view.ticket is not None) is known
    assert b"code" not in msgspec.json.encode(
        view.ticket
    )  # who only saw the gate's screen can't print a ticket


def test_figures_show_every_category_and_what_is_free_now() -> None:
    figures = Sales(
        id="evt_1",
        sold=2,
        orders=3,
        gross_minor=900,
        refunded_minor=100,
        by_category={"Premium": Tally(2, 800)},
    )
    view = schemas.sales_view(show(), figures, hall(s0=SOLD, s1=HELD).occupancy(), 1, [(NOW, Tally(2, 800))])
    assert (view.sold, view.held, view.available, view.total, view.admitted) == (2, 1, 48, 50, 1)
    assert [(one.category, one.sold, one.total, one.gross_minor) for one in view.by_category] == [
        ("Premium", 2, 10, 800),
        ("Standard", 0, 40, 0),
    ]
    assert [(one.at, one.seats) for one in view.per_minute] == [("1970-01-01T00:16:40.000Z", 2)]


def test_figures_without_a_hall_say_nothing_of_seats() -> None:
    view = schemas.sales_view(show(), Sales(id="evt_1"), Occupancy(), 0, [])
    assert (view.held, view.available, view.by_category, view.total) == (0, 0, [], 50)
