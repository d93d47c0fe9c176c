"""The sales report for the organizer, and orders as a file that a spreadsheet can open without harm."""

import asyncio
import csv
import io

import pytest

from houseful.messages import AvailabilityChanged, EventCancelled, InventoryReady
from houseful.tickets.domain.sales import MINUTE_MILLIS
from houseful.tickets.domain.scans import ScanRequest
from houseful.tickets.schemas import SalesView
from houseful.tickets.use_cases import sales_report
from tests.support.deployment import plan
from tests.unit.tickets.world import World


async def sales(world: World, event_id: str = "evt_1") -> SalesView:
    await world.deliver()
    return await world.tickets.sales_report.sales(await world.show_of(event_id))


async def exported(world: World) -> tuple[str, list[dict[str, str]]]:
    raw = b"".join([part async for part in world.tickets.sales_report.orders_csv(await world.show_of())])
    text = raw.decode("utf-8-sig")
    return text, list(csv.DictReader(io.StringIO(text, newline="")))


async def test_figures_follow_the_sale(world: World) -> None:
    await world.show(areas=True)
    first = await world.bought("A-1", "B-1")
    await world.hold("C-1")
    view = await sales(world)
    assert (view.sold, view.held, view.available, view.total) == (2, 1, 47, 50)
    assert (view.orders, view.gross_minor, view.refunded_minor) == (1, 8000, 0)
    assert [(one.category, one.sold, one.total) for one in view.by_category] == [
        ("Premium", 1, 10),
        ("Standard", 1, 40),
    ]
    await world.cancel(first)
    view = await sales(world)
    assert (view.sold, view.available, view.orders) == (0, 49, 1)
    assert (view.gross_minor, view.refunded_minor) == (8000, 8000)


async def test_who_is_inside_is_counted(world: World) -> None:
    await world.show()
    order_id = await world.bought("A-1", "A-2")
    _, _, tickets = await world.tickets.ordering.tickets_of("usr_1", order_id)
    await world.scans(ScanRequest(tickets[0].code, "North", "1", 5, None))
    assert (await sales(world)).admitted == 1


async def test_the_last_hour_minute_by_minute(world: World) -> None:
    await world.show()
    await world.bought("A-1")
    await world.clock.advance(120)
    await world.bought("A-2", "A-3")
    minutes = (await sales(world)).per_minute
    assert len(minutes) == 60
    assert [minute.seats for minute in minutes[-3:]] == [1, 0, 2]
    assert world.clock.now() % MINUTE_MILLIS == 0  # the newest minute has just begun


async def test_sold_out_is_told_once_and_again_when_a_seat_comes_back(world: World) -> None:
    await world.show(rows=1, seats=3)
    await world.bought("A-1", "A-2")
    await world.deliver()
    assert await world.sent(AvailabilityChanged) == []
    last = await world.bought("A-3")
    await world.deliver()
    await world.cancel(last)
    await world.deliver()
    await world.bought("A-3", user="usr_2")
    await world.deliver()
    assert [message.sold_out for message in await world.sent(AvailabilityChanged)] == [True, False, True]


async def test_an_event_whose_inventory_never_came_has_figures_too(world: World) -> None:
    message = world.published()
    await world.receive(message)
    assert (await sales(world)).total == 30
    world.events.add("evt_1", plan(rows=1), [])  # not what was published
    await world.tickets.inventory.generate_due()
    view = await sales(world)
    assert (view.sold, view.held, view.available, view.by_category) == (0, 0, 0, [])
    await world.receive(world.published("evt_2", rows=4))
    await world.receive(EventCancelled(event_id="evt_2"))
    assert (await sales(world, "evt_2")).available == 0
    assert await world.sent(InventoryReady) == []


async def test_figures_are_sent_when_they_change(world: World) -> None:
    await world.show()
    watching = world.tickets.sales_report.watch_sales(await world.show_of())
    assert (await anext(watching)).sold == 0
    await world.bought("A-1")
    await world.deliver()
    waiting = asyncio.ensure_future(anext(watching))
    await world.clock.advance(1)
    assert (await waiting).sold == 1
    await watching.aclose()


async def test_orders_are_exported_with_all_that_matters(world: World) -> None:
    await world.show()
    first = await world.bought("A-1", "B-1")
    await world.clock.advance(1)
    second = await world.placed("A-2")
    raw, rows = await exported(world)
    assert raw.startswith(
        "order,created,status,name,email,seats,places,total_minor,total,currency,confirmed\r\n"
    )
    assert [row["order"] for row in rows] == [first, second]
    assert [row["status"] for row in rows] == ["confirmed", "awaiting_payment"]
    assert rows[0]["seats"] == "A-1 B-1"
    assert (rows[0]["total_minor"], rows[0]["currency"]) == ("8000", "EUR")
    assert rows[0]["confirmed"].endswith("Z")
    assert rows[1]["confirmed"] == ""


async def test_a_large_sale_is_exported_page_by_page_and_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sales_report, "_PAGE", 2)
    await world.show()
    placed = [await world.placed(f"A-{number}") for number in range(1, 7)]  # all in one millisecond
    _, rows = await exported(world)
    assert [row["order"] for row in rows] == placed


async def test_an_export_of_nothing_is_a_header(world: World) -> None:
    await world.show()
    _, rows = await exported(world)
    assert rows == []
