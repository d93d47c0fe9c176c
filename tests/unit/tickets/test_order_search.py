"""The order desk's search: what finds an order, and pages of what was found."""

import pytest

from houseful.kernel.errors import Invalid
from houseful.tickets.domain.order_acts import BY_SYSTEM, Buyer
from houseful.tickets.domain.orders import Order
from houseful.tickets.domain.seat_search import seats_named
from houseful.tickets.domain.ticket_codes import ticket_id_of
from houseful.tickets.domain.tickets import Ticket
from houseful.webapi.cursors import cursor_of
from tests.support.plans import Json, aisle_theatre, tables, twin_zones
from tests.unit.tickets.harness import Harness
from tests.unit.tickets.test_labels import layout_of

PEOPLE = (
    ("A-1", "Bea Brandt", "bea@example.org"),
    ("A-2", "Łucja O'Hara", "lucja@bücher.example"),
    ("B-1", "Anna Maria Brandt", "anna@example.org"),
    ("B-2", "Beatrix", "Beatrix@Example.org"),
)


async def sold(harness: Harness, event: str = "evt_1") -> dict[str, str]:
    """Orders of all people, by their seats; the last one is not paid."""
    await harness.show(event)
    found = {}
    for seat, name, email in PEOPLE:
        hold = await harness.hold(seat, user=f"usr_{seat}", event=event)
        placed = await harness.tickets.ordering.order(
            f"usr_{seat}", hold.hold_id, name, email, harness.use(f"usr_{seat}")
        )
        found[seat] = placed.id
        if seat != "B-2":
            harness.processor.pay(placed.id)
            await harness.webhooks()
    return found


async def find(harness: Harness, text: str, event: str = "evt_1") -> list[str]:
    """The seats of the orders that were found, in the order of the list."""
    found, cursor = await harness.tickets.order_search.page(await harness.show_of(event), text, None, 100)
    assert cursor is None
    return [seat.seat_id for order in found for seat in order.all_seats]


@pytest.mark.parametrize(
    ("text", "seats"),
    [
        ("bea", ["A-1", "B-2"]),
        ("BEA BR", ["A-1"]),
        ("brandt", ["B-1", "A-1"]),
        ("Brandt, Bea", ["A-1"]),
        ("anna maria", ["B-1"]),
        ("maria", []),
        ("lucja ohara", ["A-2"]),
        ("O’HARA", ["A-2"]),
        ("Bea@Example.ORG", ["A-1"]),
        ("lucja@BÜCHER", ["A-2"]),
        ("example", []),
        ("a 1", ["A-1"]),
        ("A1", ["A-1"]),
        ("stalls, row b, seat 2", ["B-2"]),
        ("B-1", ["B-1"]),
        ("c 1", []),
        ("row a", []),
        ("   ", ["B-2", "B-1", "A-2", "A-1"]),
        ("!!!", []),
    ],
)
async def test_what_finds_an_order(harness: Harness, text: str, seats: list[str]) -> None:
    await sold(harness)
    assert await find(harness, text) == seats


@pytest.mark.parametrize("plan", [tables(), aisle_theatre(), twin_zones()])
def test_a_seat_is_found_by_what_it_is_called(plan: Json) -> None:
    layout = layout_of(plan)
    for ordinal in range(layout.seats_total):
        for text in (layout.place(ordinal), layout.seat_id(ordinal)):
            found = seats_named(layout, text)
            assert ordinal in found
            assert {layout.place(one) for one in found} == {layout.place(ordinal)}


def test_a_row_alone_names_no_seat_even_where_rows_have_numbers() -> None:
    layout = layout_of(tables())
    assert seats_named(layout, "Tisch 5") == []
    assert len(seats_named(layout, "Tisch 5 Platz 5")) == 1


async def test_an_order_is_found_by_its_id_and_its_tickets(harness: Harness) -> None:
    orders = await sold(harness)
    [ticket] = [one for one in await harness.every(Ticket) if one.order_id == orders["A-2"]]
    code = harness.tickets.signer.code(ticket.id, ticket.event_id)
    first_code = harness.tickets.signer.first_code(ticket.id, ticket.event_id)
    order_id = orders["A-2"]
    for text in (
        order_id, f" {order_id.upper()} ", order_id.removeprefix("ord_"), order_id[:30], ticket.id, code,
        code.lower(), code[:29], first_code, f"https://tickets.example.org/t/{code}",
    ):  # fmt: skip
        assert await find(harness, text) == ["A-2"], text
    for text in (order_id[:10], code[:28], "ord_" + "f" * 32, "tkt_" + "f" * 32):
        assert await find(harness, text) == [], text
    assert ticket_id_of("HF2" + "I" * 40) is None


async def test_orders_of_other_events_are_not_found(harness: Harness) -> None:
    first = await sold(harness)
    second = await sold(harness, "evt_2")
    [ticket] = [one for one in await harness.every(Ticket) if one.order_id == second["A-1"]]
    for text in (second["A-1"], ticket.id):
        assert await find(harness, text) == []
        assert await find(harness, text, "evt_2") == ["A-1"]
    show = await harness.show_of()
    for text in ("brandt", "a 1", ""):
        page, _ = await harness.tickets.order_search.page(show, text, None, 100)
        assert {order.id for order in page} <= set(first.values())


async def test_a_seat_that_went_back_is_found_by_its_new_buyer(harness: Harness) -> None:
    orders = await sold(harness)
    await harness.cancel(orders["A-1"], "usr_A-1")
    assert await find(harness, "a 1") == []
    again = await harness.bought("A-1")
    found, _ = await harness.tickets.order_search.page(await harness.show_of(), "a 1", None, 10)
    assert [order.id for order in found] == [again]


async def test_pages_hold_each_order_once(harness: Harness) -> None:
    """Each is found by its address, by its name, and some by both beginnings of it."""
    await harness.show(rows=4, seats=10)
    for n in range(9):
        user, name = f"usr_{n}", ("Bert", "Bert Ax", "Ax Bert")[n % 3]
        hold = await harness.hold(f"C-{n + 1}", user=user)
        await harness.tickets.ordering.order(
            user, hold.hold_id, name, f"{'bert' if n % 2 else 'x'}{n}@example.org", harness.use(user)
        )
    show, search = await harness.show_of(), harness.tickets.order_search
    whole, _ = await search.page(show, "bert", None, 100)
    assert len({order.id for order in whole}) == len(whole) == 9
    for text in ("bert", ""):
        for limit in (1, 2, 3, 9):
            found: list[Order] = []
            cursor = None
            while True:
                page, cursor = await search.page(show, text, cursor, limit)
                assert len(page) <= limit
                found += page
                if cursor is None:
                    break
            assert len({order.id for order in found}) == len(found) == 9, (text, limit)


async def test_a_name_that_was_corrected_is_found_and_the_old_one_is_not(harness: Harness) -> None:
    orders = await sold(harness)
    stored = await harness.order_of(orders["A-1"])
    assert (stored.name_key, stored.last_name_key, stored.email_key) == (
        "bea brandt",
        "brandt bea",
        "bea@example.org",
    )
    await harness.tickets.order_desk.correct(
        await harness.show_of(), stored.id, Buyer("Zoe", "z@x.org"), BY_SYSTEM, harness.use(), resend=False
    )
    assert await find(harness, "bea") == ["B-2"]
    assert await find(harness, "zoe") == ["A-1"]


@pytest.mark.parametrize(
    "cursor", ["x", cursor_of(1, "ord_1"), cursor_of("9:a", "ord_1"), cursor_of("a", "b")]
)
async def test_a_cursor_of_another_list_is_refused(harness: Harness, cursor: str) -> None:
    await harness.show()
    with pytest.raises(Invalid) as told:
        await harness.tickets.order_search.page(await harness.show_of(), "bea", cursor, 10)
    assert list(told.value.errors) == ["cursor"]
