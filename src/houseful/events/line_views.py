"""An event's line on the HTTP surface."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from houseful.events import line_terms
from houseful.events.domain import Event
from houseful.kernel.times import millis, rfc3339
from houseful.messages import LineTerms
from houseful.webapi.requests import Input
from houseful.webapi.responses import View


class LineInput(Input, frozen=True, kw_only=True):
    """With `auto` nobody sees a line until the shop is at its limit. `on` needs `on_sale_at`; without
    `lobby_opens_at` the lobby opens an hour before. With the beacon `pair` a secret of yours takes part in
    the draw: `commitment` is its SHA-256."""

    mode: Literal["off", "on", "auto"] = "off"
    lobby_opens_at: Annotated[datetime, Meta(tz=True)] | None = None
    beacon: Literal["none", "pair"] = "none"
    commitment: Annotated[str, Meta(max_length=100)] | None = None


class LineTermsView(View, frozen=True, kw_only=True):
    """With `on`, seats are held with a pass of the event's line: `GET /api/events/{event_id}/line`; with
    `auto` where a hold is refused with `line_required`."""

    mode: Literal["off", "on", "auto"]
    lobby_opens_at: str | None
    beacon: Literal["none", "pair"]
    commitment: str | None


def terms(line: LineInput) -> LineTerms:
    return LineTerms(
        mode=line.mode,
        lobby_opens_at=None if line.lobby_opens_at is None else millis(line.lobby_opens_at),
        beacon=line.beacon,
        commitment=line.commitment,
    )


def view(event: Event) -> LineTermsView:
    line = line_terms.complete(event.line, event.on_sale_at)
    return LineTermsView(
        mode=line.mode,
        lobby_opens_at=None if line.lobby_opens_at is None else rfc3339(line.lobby_opens_at),
        beacon=line.beacon,
        commitment=line.commitment,
    )
