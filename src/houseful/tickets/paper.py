"""What a buyer takes along: the ticket as PDF and QR code, the date for a calendar, the letter."""

import io
import threading
import unicodedata
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import segno

from houseful.common.documents import Millis
from houseful.common.money import written
from houseful.common.ports import CalendarDate
from houseful.tickets.domain.letters import shown_name
from houseful.tickets.domain.returns import clause
from houseful.tickets.domain.shows import Show, ShowState
from houseful.tickets.domain.tickets import TicketState
from houseful.tickets.views import OrderView, TicketView

if TYPE_CHECKING:  # it takes a while to import, and a start does not need it
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

_MM = 72 / 25.4
_A4_WIDTH_MM = 210
_A4_HEIGHT_MM = 297
_MARGIN_MM = 20
_QR_MM = 74
_REGULAR, _BOLD = "Sans", "Sans-Bold"
_FONTS = {_REGULAR: "SourceSansPro-Regular.ttf", _BOLD: "SourceSansPro-Bold.ttf"}
_LINE_MM = 0.46  # the height of a line by the size of its letters in points
_BASELINE = 0.75  # of a line's height
_FONTS_IN_USE = threading.Lock()
"""ReportLab's fonts belong to the process: what one document takes of them would mix with another's."""
_PROOF = (
    "Is this address yours, and did you order this? Say so once, and what you order later comes here too. "
    "Else do nothing: nobody can have more letters sent to you."
)
_MASK = 3
"""Of the eight patterns of a QR code any can be read; looking for the prettiest takes five times as long."""


def qr_svg(code: str) -> bytes:
    """Error correction M: a creased phone screen still scans."""
    image = io.BytesIO()
    _qr(code).save(image, kind="svg", scale=8, border=4, xmldecl=False, dark="#000", light="#fff")
    return image.getvalue()


def _qr(code: str) -> segno.QRCode:
    return segno.make_qr(code, error="m", mask=_MASK)


def local_time(show: Show) -> str:
    """The venue's time with its zone named: `Saturday 12 December 2026, 20:00 (Europe/Berlin)`."""
    moment = datetime.fromtimestamp(show.starts_at / 1000, ZoneInfo(show.timezone))
    return f"{moment:%A} {moment.day} {moment:%B %Y, %H:%M} ({show.timezone})"


def place(ticket: TicketView) -> str:
    return ticket.seat.label


@cache
def _font(name: str) -> Path:
    """From a package with the font's files; it covers Latin, Greek and Cyrillic."""
    with resources.as_file(resources.files("font_source_sans_pro") / "files" / name) as path:
        return path


def _printable(text: str, font: str) -> str:
    """What the font can show: a related character where it lacks one (a full-width A is an A), a question
    mark for a letter of another script, nothing for an emoji and for what is invisible anyway.
    """
    from reportlab.pdfbase.pdfmetrics import getFont

    known = cast("TTFont", getFont(font)).face.charToGlyph
    shown = []
    for character in unicodedata.normalize("NFC", text):
        related = unicodedata.normalize("NFKC", character)
        if ord(character) in known:
            shown.append(character)
        elif all(ord(one) in known for one in related):
            shown.append(related)
        elif unicodedata.category(character)[0] in "LN":
            shown.append("?")
        elif unicodedata.category(character)[0] == "Z":
            shown.append(" ")
    return "".join(shown)


def tickets_pdf(show: Show, order: OrderView, tickets: list[TicketView]) -> bytes:
    """A page a ticket, whatever the lengths and scripts of the names on it. The same tickets are the same
    bytes. It takes the processor for a while: a server has it done by `Workers`.
    """
    with _FONTS_IN_USE:
        return _drawn(show, order, tickets)


def _drawn(show: Show, order: OrderView, tickets: list[TicketView]) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    _register_fonts()
    document = io.BytesIO()
    size = (_A4_WIDTH_MM * _MM, _A4_HEIGHT_MM * _MM)
    canvas = Canvas(document, pagesize=size, invariant=1)
    canvas.setTitle(f"{show.title} – {order.id}")
    canvas.setCreator("Houseful")
    for ticket in tickets:
        _draw_page(_Page(canvas), show, order, ticket)
        canvas.showPage()
    canvas.save()
    return document.getvalue()


@cache
def _register_fonts() -> None:
    """Once a process: reading them takes longer than a document."""
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.pdfbase.ttfonts import TTFont

    for name, file in _FONTS.items():
        registerFont(TTFont(name, str(_font(file))))


def _draw_page(page: "_Page", show: Show, order: OrderView, ticket: TicketView) -> None:
    page.band(14, "TICKET" if ticket.status != "refunded" else "REFUNDED – NOT VALID")
    page.top_mm = 26
    page.write(show.title, _BOLD, (26, 19, 14), 44)
    page.write(local_time(show), _REGULAR, (13, 10), 6)
    page.write(show.venue, _REGULAR, (13, 10), 20)
    page.top_mm += 6
    page.write(place(ticket), _BOLD, (20, 15, 11, 8), 28)
    price = next(seat.price_minor for seat in order.seats if seat.id == ticket.seat.id)
    page.write(f"{ticket.seat.category} · {written(price, order.currency)}", _REGULAR, (13, 11, 8), 14)
    page.top_mm += 6
    page.qr_code(ticket.code)
    page.write(ticket.code, _REGULAR, (8,), 12, centred=True)
    page.top_mm += 8
    page.write(f"Buyer: {order.buyer.name}", _REGULAR, (11, 8), 11)
    page.write(f"Order: {order.id}", _REGULAR, (11,), 6)
    page.write(f"Ticket: {ticket.id}", _REGULAR, (11,), 6)
    page.top_mm += 4
    page.write("This code admits one person, once. Keep it to yourself.", _REGULAR, (11,), 6)


class _Page:
    """A page that is written from the top; `top_mm` is how far."""

    def __init__(self, canvas: "Canvas") -> None:
        self.top_mm = 0.0
        self._canvas = canvas

    def band(self, height_mm: float, text: str) -> None:
        """Across the top, white on black."""
        self._canvas.setFillGray(0.1)
        self._rectangle(0, 0, _A4_WIDTH_MM, height_mm)
        self._canvas.setFillGray(1)
        self._canvas.setFont(_BOLD, 12)
        self._line(text, _MARGIN_MM, 8.4)
        self._canvas.setFillGray(0.08)

    def write(
        self, text: str, font: str, sizes: tuple[int, ...], most_mm: float, *, centred: bool = False
    ) -> None:
        """In the first of these sizes (points) in which it takes at most that height; in the last one the
        rest is left out. Without bounds a long title would push the code off the page.
        """
        shown = _printable(text, font)
        for size in sizes:
            lines = _lines(shown, font, size)
            most_lines = int(most_mm / (size * _LINE_MM))
            if len(lines) <= most_lines:
                break
        else:
            lines = [*lines[: most_lines - 1], lines[most_lines - 1][:-1] + "…"]
        self._canvas.setFont(font, size)
        for line in lines:
            left_mm: float = _MARGIN_MM
            if centred:
                left_mm = (_A4_WIDTH_MM - self._canvas.stringWidth(line, font, size) / _MM) / 2
            self._line(line, left_mm, self.top_mm + size * _LINE_MM * _BASELINE)
            self.top_mm += size * _LINE_MM

    def qr_code(self, code: str) -> None:
        """As vector rectangles: sharp at any size, and no image library in between."""
        rows = list(_qr(code).matrix_iter(border=2))
        size = _QR_MM / len(rows)
        left = (_A4_WIDTH_MM - _QR_MM) / 2
        self._canvas.setFillGray(0)
        for y, row in enumerate(rows):
            x = 0
            for dark, modules in groupby(row):
                width = len(list(modules))
                if dark:
                    self._rectangle(left + x * size, self.top_mm + y * size, width * size, size)
                x += width
        self.top_mm += _QR_MM + 2

    def _rectangle(self, left_mm: float, top_mm: float, width_mm: float, height_mm: float) -> None:
        bottom = (_A4_HEIGHT_MM - top_mm - height_mm) * _MM
        self._canvas.rect(left_mm * _MM, bottom, width_mm * _MM, height_mm * _MM, stroke=0, fill=1)

    def _line(self, text: str, left_mm: float, baseline_mm: float) -> None:
        self._canvas.drawString(left_mm * _MM, (_A4_HEIGHT_MM - baseline_mm) * _MM, text)


def _lines(text: str, font: str, size: int) -> list[str]:
    """Broken between words, and within one that is longer than a line."""
    from reportlab.lib.utils import simpleSplit
    from reportlab.pdfbase.pdfmetrics import stringWidth

    width = (_A4_WIDTH_MM - 2 * _MARGIN_MM) * _MM
    lines: list[str] = []
    for line in simpleSplit(text, font, size, width):
        while stringWidth(line, font, size) > width:
            fits = next(n for n in range(len(line), 0, -1) if stringWidth(line[:n], font, size) <= width)
            lines.append(line[:fits])
            line = line[fits:]
        lines.append(line)
    return lines


def calendar_date(
    show: Show, order_id: str, tickets: list[TicketView], organizer: str, now: Millis
) -> CalendarDate:
    """iCalendar (RFC 5545, 5546), in UTC so that every calendar shows the right moment. Tickets that are all
    taken back cancel the date that was told before; `tickets` has one at least.
    """
    import icalendar

    cancelled = show.state is ShowState.CANCELLED or all(
        ticket.status is TicketState.REFUNDED for ticket in tickets
    )
    method = "CANCEL" if cancelled else "PUBLISH"
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Houseful//Tickets//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    entry = icalendar.Event()
    starts_at = datetime.fromtimestamp(show.starts_at / 1000, UTC)
    entry.add("uid", f"{order_id}@houseful")
    entry.add("sequence", 1 if cancelled else 0)
    entry.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    entry.add("organizer", f"mailto:{organizer}")
    entry.add("dtstamp", datetime.fromtimestamp(now / 1000, UTC))
    entry.add("dtstart", starts_at)
    entry.add("dtend", datetime.fromtimestamp(show.is_over_at / 1000, UTC))
    entry.add("summary", show.title)
    entry.add("location", show.venue)
    entry.add("description", "\n".join(place(ticket) for ticket in tickets))
    calendar.add_component(entry)
    return CalendarDate(method=method, content=bytes(calendar.to_ical()))


def _why(order: OrderView, otherwise: str) -> str:
    """An order of an older version does not say why."""
    return otherwise if order.reason is None else clause(order.reason)


def letter_text(
    kind: str,
    show: Show,
    order: OrderView,
    places: list[str],
    link: str,
    named: bool = True,
    proof: str | None = None,
) -> tuple[str, str]:
    """Subject and text of the letter about an order: confirmed, refunded or returned. Strangers are not
    `named`. `proof` is the link that proves the address, where that is still to be done.
    """
    name = shown_name(order.buyer.name) if named else ""
    total = written(order.total_minor, order.currency)
    money = f" {total} is on its way back to you." if order.total_minor else ""
    seats = "\n".join(f"  {one}" for one in places)
    about = f"{show.title}\n{local_time(show)}\n{show.venue}\n\n{seats}\n\n"
    about += f"Total: {total}\nOrder: {order.id}\n{link}\n"
    if proof is not None:
        about += f"\n{_PROOF}\n{proof}\n"
    opening, subject = {
        "confirmed": (
            "your seats are booked. The tickets are attached; each code admits one person, once.",
            f"Your tickets: {show.title}",
        ),
        "refunded": (
            f"{_why(order, 'your order was taken back')}; its tickets are no longer valid.{money}",
            f"Refunded: {show.title}",
        ),
        "returned": (
            f"{_why(order, 'your payment could not be taken')}.{money}",
            f"Payment returned: {show.title}",
        ),
    }[kind]
    return subject, f"Hello{name and ' '}{name},\n\n{opening}\n\n{about}"
