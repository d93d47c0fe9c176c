"""The lines' part of an account's export, over HTTP."""

from houseful.kernel.documents import Millis
from houseful.kernel.times import rfc3339
from houseful.line.account_data import HeldPlace
from houseful.line.schemas import ControlActView, control_act_view
from houseful.line.service import LineService
from houseful.webapi.account_parts import EXPORT, PART_RATE, PartQuery
from houseful.webapi.cursors import cursor_of, moment_of, text_of
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.requests import Request
from houseful.webapi.responses import Page, View


class LinePlaceExportView(View, frozen=True, kw_only=True):
    """A place in a line. `number` is null for a place of the draw: the line's audit has it, by `entrant`.
    `called_at` is when the account came after it was called, `left_at` when it had bought or left."""

    event_id: str
    entrant: str
    joined_at: str
    number: int | None
    called_at: str | None
    left_at: str | None
    seats: int
    email_wanted: bool


class LineActExportView(View, frozen=True, kw_only=True):
    """What the account did in an event's control room."""

    event_id: str
    act: ControlActView


async def exported_places(
    service: LineService, request: Request, query: PartQuery
) -> Page[LinePlaceExportView]:
    """My places in lines, as an export has them. A page with `next_cursor` may be empty"""
    held, last = await service.account_data.places(request.user.user_id, text_of(query.cursor))
    return Page([_place_view(one) for one in held], None if last is None else cursor_of(last, last))


async def exported_acts(service: LineService, request: Request, query: PartQuery) -> Page[LineActExportView]:
    """What I did in control rooms, as an export has it; newest first"""
    acts, more = await service.account_data.acts(request.user.user_id, moment_of(query.cursor))
    shown = [LineActExportView(event_id=act.event_id, act=control_act_view(act)) for act in acts]
    return Page(shown, None if more is None else cursor_of(*more))


def _place_view(held: HeldPlace) -> LinePlaceExportView:
    visit = held.visit
    return LinePlaceExportView(
        event_id=held.line.id,
        entrant=held.entry.entrant.hex(),
        joined_at=rfc3339(held.entry.joined_at),
        number=held.entry.number,
        called_at=None if visit is None else rfc3339(visit.since),
        left_at=None if visit is None else _written(visit.ended_at),
        seats=0 if visit is None else visit.seats,
        email_wanted=held.notice is not None,
    )


def _written(moment: Millis | None) -> str | None:
    return None if moment is None else rfc3339(moment)


ENDPOINTS = (
    Endpoint("GET", f"{EXPORT}/line-places", exported_places, who=USER, rate=PART_RATE),
    Endpoint("GET", f"{EXPORT}/line-acts", exported_acts, who=USER, rate=PART_RATE),
)
