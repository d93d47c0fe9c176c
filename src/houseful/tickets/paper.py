"""What a buyer takes along: the ticket as PDF and QR code, the date for a calendar, the letter."""

import io
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import segno

from houseful.common.documents import Millis
from houseful.common.money import written
from houseful.tickets.domain.shows import Show
from houseful.tickets.views import OrderView, TicketView

if TYPE_CHECKING:  # both take a while to import, and a start does not need them
    from fpdf import FPDF
    from fpdf.fonts import TTFFont

_A4_WIDTH_MM = 210
_MARGIN_MM = 20
_QR_MM = 74
_SHOW_HOURS = 2
_REGULAR, _BOLD = "SourceSansPro-Regular.ttf", "SourceSansPro-Bold.ttf"
_LINE_MM = 0.46  # the height of a line by the size of its letters in points


def qr_svg(code: str) -> bytes:
    """Error correction M: a creased phone screen still scans."""
    image = io.BytesIO()
    _qr(code).save(image, kind="svg", scale=8, border=4, xmldecl=False, dark="#000", light="#fff")
    return image.getvalue()


def _qr(code: str) -> segno.QRCode:
    return segno.make_qr(code, error="m")


def local_time(show: Show) -> str:
    """The venue's time with its zone named: `Saturday 12 December 2026, 20:00 (Europe/Berlin)`."""
    moment = datetime.fromtimestamp(show.starts_at / 1000, ZoneInfo(show.timezone))
    return f"{moment:%A} {moment.day} {moment:%B %Y, %H:%M} ({show.timezone})"


def place(ticket: TicketView) -> str:
    seat = ticket.seat
    return (
        f"{seat.section_name}, row {seat.row}, seat {seat.number}"
        if seat.row
        else f"{seat.section_name}, place {seat.number}"
    )


@cache
def _font(name: str) -> Path:
    """From a package with the font's files; it covers Latin, Greek and Cyrillic."""
    with resources.as_file(resources.files("font_source_sans_pro") / "files" / name) as path:
        return path


def _printable(text: str, font: "TTFFont") -> str:
    """What the font can show: a related character where it lacks one (a full-width A is an A), a question
    mark for a letter of another script, nothing for an emoji and for what is invisible anyway.
    """
    shown = []
    for character in unicodedata.normalize("NFC", text):
        related = unicodedata.normalize("NFKC", character)
        if ord(character) in font.cmap:
            shown.append(character)
        elif all(ord(one) in font.cmap for one in related):
            shown.append(related)
        elif unicodedata.category(character)[0] in "LN":
            shown.append("?")
        elif unicodedata.category(character)[0] == "Z":
            shown.append(" ")
    return "".join(shown)


def tickets_pdf(show: Show, order: OrderView, tickets: list[TicketView]) -> bytes:
    """A page a ticket, whatever the lengths and scripts of the names on it."""
    from fpdf import FPDF

    pdf = FPDF(format="A4")
    pdf.set_auto_page_break(False)
    pdf.set_title(f"{show.title} – {order.id}")
    pdf.set_creator("Houseful")
    pdf.add_font("Sans", "", _font(_REGULAR))
    pdf.add_font("Sans", "B", _font(_BOLD))
    pdf.set_margin(_MARGIN_MM)
    for ticket in tickets:
        _page(pdf, show, order, ticket)
    return bytes(pdf.output())


def _page(pdf: "FPDF", show: Show, order: OrderView, ticket: TicketView) -> None:
    pdf.add_page()
    width = _A4_WIDTH_MM - 2 * _MARGIN_MM
    pdf.set_fill_color(26, 26, 26)
    pdf.rect(0, 0, _A4_WIDTH_MM, 14, style="F")
    pdf.set_xy(_MARGIN_MM, 3)
    pdf.set_text_color(255)
    pdf.set_font("Sans", "B", 12)
    pdf.cell(width, 8, "TICKET" if ticket.status != "refunded" else "REFUNDED – NOT VALID")
    pdf.set_text_color(20)
    pdf.set_xy(_MARGIN_MM, 26)
    _write(pdf, show.title, "B", (26, 19, 14), 44)
    _write(pdf, local_time(show), "", (13, 10), 6)
    _write(pdf, show.venue, "", (13, 10), 20)
    pdf.ln(6)
    _write(pdf, place(ticket), "B", (20, 15, 11, 8), 28)
    price = next(seat.price_minor for seat in order.seats if seat.id == ticket.seat.id)
    _write(pdf, f"{ticket.seat.category} · {written(price, order.currency)}", "", (13, 11, 8), 14)
    pdf.ln(6)
    _draw_qr(pdf, ticket.code, (_A4_WIDTH_MM - _QR_MM) / 2, pdf.get_y())
    pdf.set_y(pdf.get_y() + _QR_MM + 2)
    pdf.set_font("Sans", "", 8)
    pdf.multi_cell(width, 4, ticket.code, align="C", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(8)
    _write(pdf, f"Buyer: {order.buyer.name}", "", (11, 8), 11)
    _write(pdf, f"Order: {order.id}", "", (11,), 6)
    _write(pdf, f"Ticket: {ticket.id}", "", (11,), 6)
    pdf.ln(4)
    _write(pdf, "This code admits one person, once. Keep it to yourself.", "", (11,), 6)


def _write(pdf: "FPDF", text: str, style: str, sizes: tuple[int, ...], most_mm: float) -> None:
    """In the first of these sizes (points) in which it takes at most that height; in the last one the rest is
    left out. Without bounds a long title would push the code off the page.
    """
    width = _A4_WIDTH_MM - 2 * _MARGIN_MM
    lines: list[str] = []
    for size in sizes:
        pdf.set_font("Sans", style, size)
        font = cast("TTFFont", pdf.current_font)  # both were added from files
        shown = _printable(text, font)
        lines = cast("list[str]", pdf.multi_cell(width, text=shown, align="L", dry_run=True, output="LINES"))
        most_lines = int(most_mm / (size * _LINE_MM))
        if len(lines) <= most_lines:
            break
    else:
        lines = [*lines[: most_lines - 1], lines[most_lines - 1][:-1] + "…"]
    for line in lines:
        pdf.cell(width, size * _LINE_MM, line, new_x="LMARGIN", new_y="NEXT")


def _draw_qr(pdf: "FPDF", code: str, left: float, top: float) -> None:
    """As vector rectangles: sharp at any size, and no image library in between."""
    rows = list(_qr(code).matrix_iter(border=2))
    size = _QR_MM / len(rows)
    pdf.set_fill_color(0)
    for y, row in enumerate(rows):
        start = None
        for x, dark in enumerate([*row, 0]):
            if dark and start is None:
                start = x
            elif not dark and start is not None:
                pdf.rect(left + start * size, top + y * size, (x - start) * size, size, style="F")
                start = None


def calendar_file(show: Show, order_id: str, seats: list[str], now: Millis) -> bytes:
    """iCalendar (RFC 5545), in UTC so that every calendar shows the right moment."""
    import icalendar

    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Houseful//Tickets//EN")
    calendar.add("version", "2.0")
    entry = icalendar.Event()
    starts_at = datetime.fromtimestamp(show.starts_at / 1000, UTC)
    entry.add("uid", f"{order_id}@houseful")
    entry.add("dtstamp", datetime.fromtimestamp(now / 1000, UTC))
    entry.add("dtstart", starts_at)
    entry.add("dtend", starts_at + timedelta(hours=_SHOW_HOURS))
    entry.add("summary", show.title)
    entry.add("location", show.venue)
    entry.add("description", "\n".join(seats))
    calendar.add_component(entry)
    return bytes(calendar.to_ical())


def letter_text(kind: str, show: Show, order: OrderView, places: list[str], link: str) -> tuple[str, str]:
    """Subject and text of the letter about an order: confirmed, refunded or returned."""
    total = written(order.total_minor, order.currency)
    seats = "\n".join(f"  {one}" for one in places)
    about = f"{show.title}\n{local_time(show)}\n{show.venue}\n\n{seats}\n\n"
    about += f"Total: {total}\nOrder: {order.id}\n{link}\n"
    opening, subject = {
        "confirmed": (
            "your seats are booked. The tickets are attached; each code admits one person, once.",
            f"Your tickets: {show.title}",
        ),
        "refunded": (
            f"your order was taken back; its tickets are no longer valid. {total} is on its way to you.",
            f"Refunded: {show.title}",
        ),
        "returned": (
            f"your payment came after the seats had gone. {total} is on its way back to you.",
            f"Payment returned: {show.title}",
        ),
    }[kind]
    return subject, f"Hello {order.buyer.name},\n\n{opening}\n\n{about}"
