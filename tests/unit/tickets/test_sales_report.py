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
from tests.unit.tickets.harness import Harness


async def sales(harness: Harness, event_id: str = "evt_1") -> SalesView:
    await harness.deliver()
    return await harness.tickets.sales_report.sales(await harness.show_of(event_id))


async def exported(harness: Harness) -> tuple[str, list[dict[str, str]]]:
    raw = b"".join([part async for part in harness.tickets.sales_report.orders_csv(await harness.show_of())])
    text = raw.decode("utf-8-sig")
    return text, list(csv.DictReader(io.StringIO(text, newline="")))


async def test_figures_follow_the_sale(harness: Harness) -> None:
    await harness.show(areas=True)
    first = await harness.bought("A-1", "B-1")
    await harness.hold("C-1")
    view = await sales(harness)
    assert (view.sold, view.held, view.available, view.total) == (2, 1, 47, 50)
    assert (view.orders, view.gross_minor, view.refunded_minor) == (1, 8000, 0)
    assert [(one.category, one.sold, one.total) for one in view.by_category] == [
        ("Premium", 1, 10),
        ("Standard", 1, 40),
    ]
    await harness.cancel(first)
    view = await sales(harness)
    assert (view.sold, view.available, view.orders) == (0, 49, 1)
    assert (view.gross_minor, view.refunded_minor) == (8000, 8000)


async def test_who_is_inside_is_counted(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1", "A-2")
    _, _, tickets = await harness.tickets.ordering.tickets_of("usr_1", order_id)
    await harness.scans(ScanRequest(tickets[0].code, "North", "1", 5, None))
    assert (await sales(harness)).admitted == 1


async def test_the_last_hour_minute_by_minute(harness: Harness) -> None:
    await harness.show()
    await harness.bought("A-1")
    await harness.clock.advance(120)
    await harness.bought("A-2", "A-3")
    minutes = (await sales(harness)).per_minute
    assert len(minutes) == 60
    assert [minute.seats for minute in minutes[-3:]] == [1, 0, 2]
    assert harness.clock.now() % MINUTE_MILLIS == 0  # the newest minute has just begun


async def test_sold_out_is_told_once_and_again_when_a_seat_comes_back(harness: Harness) -> None:
    await harness.show(rows=1, seats=3)
    await harness.bought("A-1", "A-2")
    await harness.deliver()
    assert await harness.sent(AvailabilityChanged) == []
    last = await harness.bought("A-3")
    await harness.deliver()
    await harness.cancel(last)
    await harness.deliver()
    await harness.bought("A-3", user="usr_2")
    await harness.deliver()
    assert [message.sold_out for message in await harness.sent(AvailabilityChanged)] == [True, False, True]


async def test_an_event_whose_inventory_never_came_has_figures_too(harness: Harness) -> None:
    message = harness.published()
    await harness.receive(message)
    assert (await sales(harness)).total == 30
    harness.events.add("evt_1", plan(rows=1), [])  # not what was published
    await harness.tickets.inventory.generate_due()
    view = await sales(harness)
    assert (view.sold, view.held, view.available, view.by_category) == (0, 0, 0, [])
    await harness.receive(harness.published("evt_2", rows=4))
    await harness.receive(EventCancelled(event_id="evt_2"))
    assert (await sales(harness, "evt_2")).available == 0
    assert await harness.sent(InventoryReady) == []


async def test_figures_are_sent_when_they_change(harness: Harness) -> None:
    await harness.show()
    watching = harness.tickets.sales_report.watch_sales(await harness.show_of())
    assert (await anext(watching)).sold == 0
    await harness.bought("A-1")
    await harness.deliver()
    waiting = asyncio.ensure_future(anext(watching))
    await harness.clock.advance(1)
    assert (await waiting).sold == 1
    await watching.aclose()


async def test_orders_are_exported_with_all_that_matters(harness: Harness) -> None:
    await harness.show()
    first = await harness.bought("A-1", "B-1")
    await harness.clock.advance(1)
    second = await harness.placed("A-2")
    raw, rows = await exported(harness)
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
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sales_report, "_PAGE", 2)
    await harness.show()
    placed = [await harness.placed(f"A-{number}") for number in range(1, 7)]  # all in one millisecond
    _, rows = await exported(harness)
    assert [row["order"] for row in rows] == placed


async def test_an_export_of_nothing_is_a_header(harness: Harness) -> None:
    await harness.show()
    _, rows = await exported(harness)
    assert rows == []
