"""Orders as a spreadsheet reads them: RFC 4180, in UTF-8 that says so, and nothing in it that is taken for a
formula.
"""

import csv
import io
import re
from collections.abc import Sequence

from houseful.kernel.money import decimal
from houseful.kernel.times import rfc3339
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.orders import Order

BOM = "\ufeff".encode()
"""Without it spreadsheets take the file for one of their machine's old encoding."""

COLUMNS = (
    "order",
    "created",
    "status",
    "name",
    "email",
    "seats",
    "places",
    "total_minor",
    "total",
    "currency",
    "confirmed",
)

# What begins a formula, full-width and small forms too: at the beginning of a cell, or of what a spreadsheet
# may take for one. Where the comma is a decimal sign cells end at semicolons, and quotes hold nothing
# together.
_UNSEEN = r"[\s\x00-\x1f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
_BEGINS = r"[=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u207a-\u207c\u208a-\u208c\u2212]"
_FORMULA = re.compile(
    rf"^(?=[\t\r\n]|{_UNSEEN}*{_BEGINS})(?P<blank>{_UNSEEN}*)|(?:[;\t]|\r\n|[\r\n])(?={_UNSEEN}*{_BEGINS})"
)


def header() -> bytes:
    return BOM + line(COLUMNS)


def row(order: Order, layout: Layout) -> bytes:
    """`seats` has ids, for scripts; `places` has them in words. Amounts are in minor units and as written."""
    return line(
        (
            order.id,
            rfc3339(order.created_at),
            order.state,
            order.buyer_name,
            order.buyer_email,
            " ".join(seat.seat_id for seat in order.seats),
            "; ".join(layout.place(seat.ordinal) for seat in order.seats),
            str(order.total_minor),
            decimal(order.total_minor, order.currency),
            order.currency,
            rfc3339(order.confirmed_at) if order.confirmed_at is not None else "",
        )
    )


def line(cells: Sequence[str]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerow(_text(cell) for cell in cells)
    return written.getvalue().encode()


def _text(cell: str) -> str:
    """With an apostrophe in front of what would be a formula."""
    return _FORMULA.sub(lambda at: f"{at[0]}'" if at["blank"] is None else f"'{at[0]}", cell)
