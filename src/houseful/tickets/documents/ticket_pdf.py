"""The ticket as a PDF to print, and its QR code."""

import io
import threading
import unicodedata
from functools import cache
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, cast

import segno

from houseful.kernel.money import written
from houseful.tickets.documents.event_time import doors_and_end, local_time, moved_words
from houseful.tickets.documents.poster import PosterStyle, draw_art, poster_style
from houseful.tickets.domain.shows import Show
from houseful.tickets.schemas import OrderView, TicketView

if TYPE_CHECKING:  # it takes a while to import, and a start does not need it
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

_MM = 72 / 25.4
_A4_WIDTH_MM = 210
_A4_HEIGHT_MM = 297
_MARGIN_MM = 15
_INSET_MM = 8
_POSTER_MM = 68  # its height
_ART_MM = 62  # the width of its art
_STUB_MM = 96  # the width of what is left of the perforation
_QR_MM = 72
_CARD_MM = _A4_WIDTH_MM - 2 * _MARGIN_MM
_REGULAR, _BOLD, _DISPLAY = "Sans", "Sans-Bold", "Display"
_FONTS = {
    _REGULAR: ("font_source_sans_pro", "SourceSansPro-Regular.ttf"),
    _BOLD: ("font_source_sans_pro", "SourceSansPro-Bold.ttf"),
    _DISPLAY: ("fontpkg_barlow_condensed", "BarlowCondensed-Bold.ttf"),
}
_LINE_MM = {_REGULAR: 0.46, _BOLD: 0.46, _DISPLAY: 0.36}  # a line's height by its size in points
_INK, _SOFT, _EDGE = "#14161a", "#5a616c", "#8a919c"
_BASELINE = 0.75  # of a line's height
_FONTS_IN_USE = threading.Lock()
"""ReportLab's fonts belong to the process: what one document takes of them would mix with another's."""
_MASK = 3
"""Of the eight patterns of a QR code any can be read; looking for the prettiest takes five times as long."""


def qr_svg(code: str) -> bytes:
    """Error correction M: a creased phone screen still scans."""
    image = io.BytesIO()
    _qr(code).save(image, kind="svg", scale=8, border=4, xmldecl=False, dark="#000", light="#fff")
    return image.getvalue()


def _qr(code: str) -> segno.QRCode:
    return segno.make_qr(code, error="m", mask=_MASK)


@cache
def _font(package: str, name: str) -> Path:
    with resources.as_file(resources.files(package) / "files" / name) as path:
        return path


def _face(text: str) -> str:
    """The display face has Latin letters only; a text in another script is bold throughout."""
    from reportlab.pdfbase.pdfmetrics import getFont

    known = cast("TTFont", getFont(_DISPLAY)).face.charToGlyph
    letters = (one for one in unicodedata.normalize("NFC", text) if unicodedata.category(one)[0] == "L")
    return _DISPLAY if all(ord(one) in known for one in letters) else _BOLD


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
    canvas = Canvas(document, pagesize=size, invariant=1, lang="en")
    canvas.setTitle(f"{show.title} – {order.id}")
    canvas.setAuthor(show.venue)
    canvas.setSubject(f"{show.title}, {local_time(show)}")
    canvas.setCreator("Houseful")
    canvas.setViewerPreference("DisplayDocTitle", "true")
    ordered_at = "".join(one for one in order.created_at if one.isdigit())[:14]
    canvas.setDateFormatter(lambda *_: f"D:{ordered_at}Z")  # that of the drawing would differ each time
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

    for name, (package, file) in _FONTS.items():
        registerFont(TTFont(name, str(_font(package, file))))


def _draw_page(page: "_Page", show: Show, order: OrderView, ticket: TicketView) -> None:
    """As on the screen: the event's poster, the place in large letters, the code behind a perforation."""
    label = "TICKET" if ticket.status != "refunded" else "REFUNDED – NOT VALID"
    _draw_poster(page, show, label, moved_words(show, order))
    page.column(_MARGIN_MM + _INSET_MM, _MARGIN_MM + _POSTER_MM + _INSET_MM, _CARD_MM - 2 * _INSET_MM)
    page.write(ticket.seat.label, _face(ticket.seat.label), (40, 28, 20, 14, 11, 8), 30, whole=20)
    body_mm = page.top_mm + 5
    page.column(_MARGIN_MM + _INSET_MM, body_mm, _STUB_MM - 2 * _INSET_MM)
    price = next(seat.price_minor for seat in order.seats if seat.id == ticket.seat.id)
    amount = page.shown(written(price, order.currency))
    page.write(f"{ticket.seat.category} · {amount}", _BOLD, (14, 11, 8), 18)
    page.write(show.venue, _REGULAR, (12, 8), 18, color=_SOFT)
    page.top_mm += 3
    for line in (f"Buyer: {order.buyer.name}", f"Order: {order.id}", f"Ticket: {ticket.id}"):
        page.write(line, _REGULAR, (9, 8, 6), 11, color=_SOFT)
    code_mm = _CARD_MM - _STUB_MM
    page.column(_MARGIN_MM + _STUB_MM + (code_mm - _QR_MM) / 2, body_mm, _QR_MM)
    page.qr_code(ticket.code)
    page.write(ticket.code, _REGULAR, (8,), 20, centred=True, color=_SOFT)
    bottom_mm = page.top_mm + _INSET_MM
    page.frame(_MARGIN_MM, _MARGIN_MM, _CARD_MM, bottom_mm - _MARGIN_MM)
    page.perforation(_MARGIN_MM + _STUB_MM, body_mm, bottom_mm - body_mm)
    page.column(_MARGIN_MM, bottom_mm + 6, _CARD_MM)
    page.write("This code admits one person, once. Keep it to yourself.", _REGULAR, (11,), 6)


def _draw_poster(page: "_Page", show: Show, label: str, moved: str | None) -> None:
    style = poster_style(show.id)
    page.poster(style)
    page.column(_MARGIN_MM + _INSET_MM, _MARGIN_MM + _INSET_MM, _CARD_MM - _ART_MM - 2 * _INSET_MM)
    page.write(label, _BOLD, (10,), 5, color=style.text)
    page.top_mm += 2
    page.write(show.title, _face(show.title), (40, 30, 22, 16, 12), 32, color=style.text, whole=28)
    page.top_mm += 2
    page.write(local_time(show), _BOLD, (11, 9), 11, color=style.text)
    if (times := doors_and_end(show)) is not None:
        page.write(times, _REGULAR, (9, 8), 8, color=style.text)
    if moved is not None:
        page.write(moved, _REGULAR, (9, 8), 8, color=style.text)


class _Page:
    """A page with columns that are written from the top; `top_mm` is how far."""

    def __init__(self, canvas: "Canvas") -> None:
        self.top_mm = 0.0
        self._left_mm = 0.0
        self._width_mm = 0.0
        self._canvas = canvas

    def column(self, left_mm: float, top_mm: float, width_mm: float) -> None:
        self._left_mm, self.top_mm, self._width_mm = left_mm, top_mm, width_mm

    def poster(self, style: PosterStyle) -> None:
        self._canvas.setFillColor(style.background)
        self._rectangle(_MARGIN_MM, _MARGIN_MM, _CARD_MM, _POSTER_MM)
        left_mm, bottom_mm = _A4_WIDTH_MM - _MARGIN_MM - _ART_MM, _A4_HEIGHT_MM - _MARGIN_MM - _POSTER_MM
        draw_art(self._canvas, style, (left_mm * _MM, bottom_mm * _MM, _ART_MM * _MM, _POSTER_MM * _MM))

    def frame(self, left_mm: float, top_mm: float, width_mm: float, height_mm: float) -> None:
        self._canvas.setStrokeColor(_EDGE)
        self._canvas.setLineWidth(0.75)
        bottom = (_A4_HEIGHT_MM - top_mm - height_mm) * _MM
        self._canvas.rect(left_mm * _MM, bottom, width_mm * _MM, height_mm * _MM, stroke=1, fill=0)

    def perforation(self, left_mm: float, top_mm: float, height_mm: float) -> None:
        self._canvas.setDash(4, 3)
        top, bottom = ((_A4_HEIGHT_MM - mm) * _MM for mm in (top_mm, top_mm + height_mm))
        self._canvas.line(left_mm * _MM, top, left_mm * _MM, bottom)
        self._canvas.setDash()

    def shown(self, amount: str) -> str:
        """A sum with a sign that the font lacks would be one without a currency."""
        return amount if _printable(amount, _BOLD) == amount else unicodedata.normalize("NFKC", amount)

    def write(
        self,
        text: str,
        font: str,
        sizes: tuple[int, ...],
        most_mm: float,
        *,
        centred: bool = False,
        color: str = _INK,
        whole: int | None = None,
    ) -> None:
        """In the first of these sizes (points) in which it takes at most that height; in the last one the
        rest is left out. Without bounds a long title would push the code off the page. Better in one line, of
        the size `whole` or larger, than in several.
        """
        shown, width = _printable(text, font), self._width_mm * _MM
        if whole is not None:
            sizes = (
                *(size for size in range(sizes[0], whole - 1, -2) if _fits(shown, font, size, width)),
                *sizes,
            )
        for size in sizes:
            lines = _lines(shown, font, size, width)
            line_mm = size * _LINE_MM[font]
            most_lines = max(1, int(most_mm / line_mm))
            if len(lines) <= most_lines:
                break
        else:
            lines = [*lines[: most_lines - 1], lines[most_lines - 1][:-1] + "…"]
        self._canvas.setFillColor(color)
        self._canvas.setFont(font, size)
        for line in lines:
            left_mm = self._left_mm
            if centred:
                left_mm += (self._width_mm - self._canvas.stringWidth(line, font, size) / _MM) / 2
            self._line(line, left_mm, self.top_mm + line_mm * _BASELINE)
            self.top_mm += line_mm

    def qr_code(self, code: str) -> None:
        """As vector rectangles: sharp at any size, and no image library in between."""
        rows = list(_qr(code).matrix_iter(border=2))
        size = _QR_MM / len(rows)
        left = self._left_mm
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


def _fits(text: str, font: str, size: int, width: float) -> bool:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    return float(stringWidth(text, font, size)) <= width


def _lines(text: str, font: str, size: int, width: float) -> list[str]:
    """Broken between words, and within one that is longer than a line."""
    from reportlab.lib.utils import simpleSplit
    from reportlab.pdfbase.pdfmetrics import stringWidth

    lines: list[str] = []
    for line in simpleSplit(text, font, size, width):
        while stringWidth(line, font, size) > width:
            fits = next(n for n in range(len(line), 0, -1) if stringWidth(line[:n], font, size) <= width)
            lines.append(line[:fits])
            line = line[fits:]
        lines.append(line)
    return lines
