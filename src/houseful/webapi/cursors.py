"""Cursors of lists.

A list is ordered by a value and the id. A cursor holds both of the last item that was shown. The text is
opaque: a client gives the cursor back as it came.
"""

import base64
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from houseful.kernel.errors import DomainError, invalid

Moment = Annotated[int, Meta(ge=0, lt=2**53)]
"""Milliseconds since 1970, as every client can write them."""

ByMoment = tuple[Moment, str]
ByText = tuple[str, str]


def cursor_of(value: int | str, id: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((value, id))).rstrip(b"=").decode()


def text_of(cursor: str | None) -> ByText | None:
    """The position in a list that is ordered by a text; None where the list begins. Raises `Invalid`."""
    if cursor is None:
        return None
    position: ByText = _decoded(cursor, ByText)
    return position


def moment_of(cursor: str | None) -> ByMoment | None:
    """The position in a list that is ordered by a moment; None where the list begins. Raises `Invalid`.

    Cursors of the ticket service were `moment:id`. These are still understood.
    """
    if cursor is None:
        return None
    moment, colon, id = cursor.partition(":")
    if not colon:
        position: ByMoment = _decoded(cursor, ByMoment)
        return position
    if not (moment.isascii() and moment.isdigit() and len(moment) < 16 and id):
        raise refused()
    return int(moment), id


def _decoded(cursor: str, kind: Any) -> Any:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, msgspec.MsgspecError) as error:
        raise refused() from error


def refused() -> DomainError:
    """For what is no cursor of the list that was asked for."""
    return invalid({"cursor": "is not the next_cursor of a list"}, "The query needs a correction.")
