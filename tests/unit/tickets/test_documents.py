"""What a buyer takes along can be read: by a scanner, by a person, by a calendar."""

import asyncio
import io
import re
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import icalendar
import msgspec
import pypdf
import pytest
import zxingcpp
from PIL import Image, ImageDraw

from houseful.adapters.processes.pool import WorkerProcesses
from houseful.tickets import schemas
from houseful.tickets.documents import calendar_entry, event_time, ticket_pdf
from houseful.tickets.domain.blocks import SeatState
from houseful.tickets.domain.orders import OrderState, PaymentState
from houseful.tickets.domain.shows import Show, ShowState
from houseful.tickets.domain.ticket_codes import CodeSigner
from houseful.tickets.domain.tickets import TicketState

_QR_CODE = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
HOUR = 3_600_000
STARTS = 1_797_102_000_000  # 2026-12-12T19:00:00Z
CODE = CodeSigner(b"s" * 32).code(
    "tkt_0198c2d1e0007abc8def0123456789ab", "evt_0198c2d1e0007abc8def0123456789ab"
)


def show(**changes: Any) -> Show:
    fields: dict[str, Any] = {
        "id": "evt_1",
        "organizer_id": "usr_1",
        "title": "La Traviata",
        "venue": "Opera House",
        "starts_at": STARTS,
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "on_sale_at": None,
        "hold_seconds": 600,
        "max_seats_per_order": 10,
        "refundable_until": None,
        "plan_hash": "hash",
        "seats_total": 1,
        "prices": {},
    }
    return Show(**(fields | changes))


def ticket(number: int = 12, **changes: Any) -> schemas.TicketView:
    seat: dict[str, Any] = {
        "id": f"A-{number}",
        "section_id": "stalls",
        "section_name": "Stalls",
        "row": "C",
        "row_label": None,
        "number": str(number),
        "seat_label": None,
        "category": "Premium",
    }
    names = {name: changes.pop(name) for name in list(changes) if name in seat}
    seat |= names
    seat["label"] = ", ".join((seat["section_name"], f"row {seat['row']}", f"seat {seat['number']}"))
    made = schemas.TicketView(
        id=f"tkt_{number}",
        order_id="ord_77",
        event_id="evt_1",
        seat=schemas.TicketSeatView(**seat),
        code=CODE,
        status=TicketState.VALID,
        used_at=None,
        gate=None,
    )
    return msgspec.structs.replace(made, **changes)


def order(*tickets: schemas.TicketView, name: str = "Bea Brandt", price: int = 123_450) -> schemas.OrderView:
    seats = [
        schemas.PricedSeatView(
            **msgspec.structs.asdict(one.seat), ordinal=n, x=0, y=0, status=SeatState.SOLD, price_minor=price
        )
        for n, one in enumerate(tickets)
    ]
    return schemas.OrderView(
        id="ord_77",
        event_id="evt_1",
        event_title="La Traviata",
        hold_id="hold_1",
        status=OrderState.CONFIRMED,
        seats=seats,
        total_minor=price * len(seats),
        currency="EUR",
        buyer=schemas.BuyerView(name=name, email="bea@example.org"),
        created_at="",
        expires_at="",
        server_time="",
        payment=schemas.PaymentView(intent_id=None, client_secret=None, status=PaymentState.CAPTURED),
        detail=None,
    )


def pages(the_show: Show, *tickets: schemas.TicketView, **more: Any) -> list[pypdf.PageObject]:
    pdf = ticket_pdf.tickets_pdf(the_show, order(*tickets, **more), list(tickets))
    return list(pypdf.PdfReader(io.BytesIO(pdf)).pages)


def text(page: pypdf.PageObject) -> str:
    return page.extract_text().replace("\n", " ")


def scanned(image: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(image, formats=_QR_CODE)]


def drawn_svg(svg: bytes) -> Image.Image:
    """The picture that a browser would draw. Only what is in the SVG counts: a white ground, and a path of
    horizontal strokes one unit wide."""
    root = ElementTree.fromstring(svg)
    size = int(root.attrib["width"]), int(root.attrib["height"])
    image = Image.new("L", size, 128)  # neither black nor white: what is not drawn can't be read
    pen = ImageDraw.Draw(image)
    for path in root.iter("{http://www.w3.org/2000/svg}path"):
        found = re.fullmatch(r"scale\((\d+)\)", path.attrib.get("transform", "scale(1)"))
        assert found is not None
        scale = int(found[1])
        if "fill" in path.attrib:
            area = re.fullmatch(r"M0 0h(\d+)v(\d+)h-\1z", path.attrib["d"])
            assert area is not None
            pen.rectangle((0, 0, int(area[1]) * scale, int(area[2]) * scale), fill=path.attrib["fill"])
            continue
        x = y = 0.0
        for step, numbers in re.findall(r"([Mmh])([-\d. ]+)", path.attrib["d"]):
            values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
            if step == "h":
                box = (x * scale, (y - 0.5) * scale, (x + values[0]) * scale - 1, (y + 0.5) * scale - 1)
                pen.rectangle(box, fill=path.attrib["stroke"])
                x += values[0]
            else:
                dx, dy = values
                x, y = (dx, dy) if step == "M" else (x + dx, y + dy)
    return image


def drawn_rectangles(page: pypdf.PageObject) -> tuple[Image.Image, list[tuple[float, float, float, float]]]:
    """The page's filled rectangles, black on white, and where they are in points from the lower left."""
    content = page.get_contents()
    assert content is not None
    found = re.findall(rb"([-\d.]+) ([-\d.]+) ([-\d.]+) ([-\d.]+) re f", content.get_data())
    boxes = []
    for numbers in found:
        x, y, width, height = (float(number) for number in numbers)
        boxes.append((x, min(y, y + height), x + width, max(y, y + height)))
    scale = 4
    page_height = float(page.mediabox.height)
    image = Image.new("L", (int(float(page.mediabox.width) * scale), int(page_height * scale)), 255)
    pen = ImageDraw.Draw(image)
    for x0, y0, x1, y1 in boxes:
        pen.rectangle(
            (x0 * scale, (page_height - y1) * scale, x1 * scale - 1, (page_height - y0) * scale - 1), fill=0
        )
    return image, boxes


def test_the_qr_picture_is_the_code() -> None:
    assert scanned(drawn_svg(ticket_pdf.qr_svg(CODE))) == [CODE]


def test_another_code_is_another_picture() -> None:
    other = CodeSigner(b"x" * 32).code(f"tkt_{2:032x}", "evt_2")
    assert scanned(drawn_svg(ticket_pdf.qr_svg(other))) == [other]


def test_a_page_a_ticket_says_all_that_matters() -> None:
    first, second = pages(show(), ticket(12), ticket(13))
    for page, number in ((first, 12), (second, 13)):
        written = text(page)
        for word in (
            "TICKET",
            "La Traviata",
            "Saturday 12 December 2026, 20:00 (Europe/Berlin)",
            "Opera House",
            f"Stalls, row C, seat {number}",
            "Premium · €1,234.50",
            "Buyer: Bea Brandt",
            "Order: ord_77",
            f"Ticket: tkt_{number}",
        ):
            assert word in written
        assert CODE in written.replace(" ", "")


def test_the_printed_code_can_be_scanned() -> None:
    [page] = pages(show(), ticket())
    image, _ = drawn_rectangles(page)
    assert scanned(image) == [CODE]


def test_the_same_ticket_is_the_same_bytes_alone_and_among_many() -> None:
    """The scripts differ, so that each document takes other letters of the fonts."""
    names = ("Straße am Ufer", "Ζωή Παπαδοπούλου", "Юлія Ґалаґан", "Łódź Šćepan")

    def drawn(n: int) -> bytes:
        its = ticket(n)
        return ticket_pdf.tickets_pdf(show(title=names[n % 4]), order(its, name=names[(n + 1) % 4]), [its])

    alone = [drawn(n) for n in range(8)]
    with ThreadPoolExecutor(12) as threads:
        among = list(threads.map(drawn, list(range(8)) * 25))
    assert [n for n, pdf in enumerate(among) if pdf != alone[n % 8]] == []


async def test_worker_processes_draw_the_same_bytes() -> None:
    its = [ticket(n) for n in range(4)]
    alone = [ticket_pdf.tickets_pdf(show(), order(one), [one]) for one in its]
    workers = WorkerProcesses(processes=2)
    try:
        asked = [
            workers.run(ticket_pdf.tickets_pdf, show(), order(one), [one], whose=f"usr_{n}")
            for n in range(10)
            for one in its
        ]
        assert await asyncio.gather(*asked) == alone * 10
    finally:
        await workers.close()


def test_a_ticket_says_what_document_it_is() -> None:
    its = ticket()
    ordered = msgspec.structs.replace(order(its), created_at="2026-11-28T10:00:00.000Z")
    reader = pypdf.PdfReader(io.BytesIO(ticket_pdf.tickets_pdf(show(), ordered, [its])))
    about = reader.metadata
    assert about is not None
    assert about.title == "La Traviata – ord_77"
    assert about.author == "Opera House"
    assert about.creation_date == datetime(2026, 11, 28, 10, tzinfo=UTC)
    assert str(reader.root_object["/Lang"]) == "en"


def test_a_title_and_a_place_of_usual_length_are_one_line() -> None:
    [page] = pages(show(title="The Lamplighter's Daughter"), ticket(section_name="Lower Circle"))
    lines = page.extract_text().splitlines()
    assert "The Lamplighter's Daughter" in lines
    assert "Lower Circle, row C, seat 12" in lines


@pytest.mark.parametrize("event_id", [f"evt_{n}" for n in range(12)])
def test_every_poster_leaves_the_code_legible(event_id: str) -> None:
    [page] = pages(show(id=event_id), ticket())
    assert scanned(drawn_rectangles(page)[0]) == [CODE]


def test_a_refunded_ticket_says_so() -> None:
    [page] = pages(show(), ticket(status="refunded"))
    assert "REFUNDED – NOT VALID" in text(page)


@pytest.mark.parametrize("name", ["Ζωή Παπαδοπούλου", "Юлія Ґалаґан", "Šćepan Đurić", "Zoë Ångström", "Łódź"])
def test_greek_cyrillic_and_every_latin_letter_are_printed(name: str) -> None:
    [page] = pages(show(title=name, venue=name), ticket(section_name=name, row=name), name=name)
    assert text(page).count(name) == 5


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("田中太郎", "????"),
        ("مساء الخير", "???? ?????"),
        ("🎉 Party 🎊", "Party"),
        ("👩‍👩‍👧 Family", "Family"),
        ("Ｆｕｌｌ　ｗｉｄｔｈ", "Full width"),
        ("e\u0301te\u0301", "été"),
        ("tab\there", "tabhere"),
    ],
)
def test_what_the_font_lacks_is_replaced_and_never_an_error(
    name: str, printed: str, caplog: pytest.LogCaptureFixture
) -> None:
    [page] = pages(show(title=name, venue=name), ticket(section_name=name), name=name)
    assert text(page).count(printed) >= 4
    assert scanned(drawn_rectangles(page)[0]) == [CODE]
    assert not caplog.records  # a line in the log for every such ticket would help nobody


def test_a_title_of_nothing_printable_still_is_a_ticket() -> None:
    [page] = pages(show(title="🎉🎉", venue="🎉"), ticket())
    assert "Stalls, row C, seat 12" in text(page)


@pytest.mark.parametrize("filling", ["W", "Wide words ", "i"])
def test_the_longest_names_push_nothing_off_the_page(filling: str) -> None:
    """As long as the events service and the plan allow: a gate must be able to scan, whatever the title."""
    long, name = (filling * 200)[:200], (filling * 100)[:100]
    the_show = show(title=long, venue=long)
    its = ticket(section_name=name, row=name, number=12, category=name)
    [page] = pages(the_show, its, name=name)
    image, boxes = drawn_rectangles(page)
    assert scanned(image) == [CODE]
    width, height = float(page.mediabox.width), float(page.mediabox.height)
    assert all(0 <= x0 < x1 <= width + 1 and 0 <= y0 < y1 <= height + 1 for x0, y0, x1, y1 in boxes)
    written = text(page)
    assert "seat 12" in written
    assert "€1,234.50" in written
    assert "Keep it to yourself" in written
    lines: list[float] = []
    page.extract_text(
        visitor_text=lambda words, _cm, tm, _font, _size: lines.append(tm[5]) if words else None
    )
    assert min(line for line in lines if line) > 0


def test_places_are_named_as_people_do() -> None:
    assert ticket().seat.label == "Stalls, row C, seat 12"


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("Europe/Berlin", "Saturday 12 December 2026, 20:00 (Europe/Berlin)"),
        ("Pacific/Auckland", "Sunday 13 December 2026, 08:00 (Pacific/Auckland)"),
        ("UTC", "Saturday 12 December 2026, 19:00 (UTC)"),
    ],
)
def test_the_venues_own_time_is_told_with_its_zone(zone: str, told: str) -> None:
    assert event_time.local_time(show(timezone=zone)) == told


@pytest.mark.parametrize(
    ("doors", "ends", "told"),
    [
        (None, None, None),
        (STARTS - HOUR, None, "Doors 19:00"),
        (STARTS - HOUR, STARTS + 2 * HOUR, "Doors 19:00, ends 22:00"),
        (None, STARTS + 5 * HOUR, "Ends Sunday 13 December, 01:00"),
    ],
)
def test_doors_and_end_are_on_the_ticket_and_in_the_calendar(
    doors: int | None, ends: int | None, told: str | None
) -> None:
    the_show = show(doors_at=doors, ends_at=ends)
    assert event_time.doors_and_end(the_show) == told
    [page] = pages(the_show, ticket())
    date = calendar_entry.calendar_entry(the_show, "ord_1", [ticket()], "tickets@example.org", STARTS)
    [entry] = icalendar.Calendar.from_ical(date.content).walk("VEVENT")
    words = told or "Doors"
    assert (words in text(page)) == (words in str(entry["description"])) == (told is not None)


def test_a_calendar_takes_the_date() -> None:
    title = "Ελληνικά; with, commas\\ and 🎉"
    its = [ticket(12), ticket(3, section_name="Floor")]
    date = calendar_entry.calendar_entry(show(title=title), "ord_77", its, "tickets@example.org", STARTS - 1)
    raw = date.content
    assert b"\r\n" in raw
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    calendar: Any = icalendar.Calendar.from_ical(raw)
    assert (calendar["version"], calendar["method"], date.method) == ("2.0", "PUBLISH", "PUBLISH")
    [entry] = calendar.walk("VEVENT")
    assert str(entry["summary"]) == title
    assert str(entry["uid"]) == "ord_77@houseful"
    assert (entry["status"], entry["sequence"]) == ("CONFIRMED", 0)
    assert entry["organizer"] == "mailto:tickets@example.org"
    assert str(entry["location"]) == "Opera House"
    assert str(entry["description"]) == "Stalls, row C, seat 12\nFloor, row C, seat 3"
    assert entry["dtstart"].dt == datetime(2026, 12, 12, 19, tzinfo=UTC)
    assert entry["dtend"].dt > entry["dtstart"].dt


@pytest.mark.parametrize(
    ("the_show", "statuses", "cancelled"),
    [
        (show(), ["refunded", "refunded"], True),
        (show(), ["refunded", "valid"], False),
        (show(), ["used"], False),
        (show(state=ShowState.CANCELLED), ["valid"], True),
    ],
)
def test_what_was_taken_back_cancels_the_date(the_show: Show, statuses: list[str], cancelled: bool) -> None:
    its = [ticket(n, status=TicketState(status)) for n, status in enumerate(statuses)]
    date = calendar_entry.calendar_entry(the_show, "ord_77", its, "tickets@example.org", STARTS)
    calendar: Any = icalendar.Calendar.from_ical(date.content)
    [entry] = calendar.walk("VEVENT")
    wanted = ("CANCEL", "CANCELLED", 1) if cancelled else ("PUBLISH", "CONFIRMED", 0)
    assert (calendar["method"], entry["status"], entry["sequence"]) == wanted
    assert str(entry["uid"]) == "ord_77@houseful"


def test_a_title_can_add_nothing_to_a_calendar() -> None:
    the_show, its = show(title="A\r\nEND:VEVENT\r\nATTENDEE:x"), ticket(section_name="B\nURL:http://x")
    date = calendar_entry.calendar_entry(the_show, "ord_1", [its], "tickets@example.org", STARTS)
    calendar: Any = icalendar.Calendar.from_ical(date.content)
    [entry] = calendar.walk("VEVENT")
    assert "attendee" not in entry
    assert "url" not in entry
