"""Presales over HTTP: the organizer's windows and codes, and what a buyer does with a code."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from houseful.kernel.documents import Millis
from houseful.kernel.errors import invalid
from houseful.kernel.times import millis, rfc3339
from houseful.tickets.domain import presales
from houseful.tickets.domain.presales import AccessCode, CodeKey, Presale
from houseful.tickets.organizer_api import own_show
from houseful.tickets.use_cases import Tickets
from houseful.tickets.use_cases.presale_codes import Chosen, Generated
from houseful.webapi.audit import actor_of
from houseful.webapi.cursors import cursor_of, moment_of
from houseful.webapi.endpoint import ORGANIZER, USER, Endpoint
from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import Page, Stream, View
from houseful.webapi.routes import Rate
from houseful.webapi.validation import ONE_LINE

GUESSES = Rate(per_second=1 / 30, burst=10)
"""Of an account: ten codes at once, then two a minute. The shortest code that is generated has 31^8 forms."""

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=ONE_LINE)]
Moment = Annotated[datetime, Meta(tz=True)]
Code = Annotated[str, Meta(min_length=1, max_length=100)]
Uses = Annotated[int, Meta(ge=1, le=presales.MOST_USES)]


class PresaleInput(Input, frozen=True, kw_only=True):
    """Without `closes_at` it is open until the general sale begins."""

    name: Name
    opens_at: Moment
    closes_at: Moment | None = None


class PresaleChangesInput(Input, frozen=True, kw_only=True):
    """Only what is given changes. A presale ends with a `closes_at` that is past."""

    name: Name | UnsetType = UNSET
    opens_at: Moment | UnsetType = UNSET
    closes_at: Moment | UnsetType | None = UNSET


class ChosenCodeInput(Input, frozen=True, kw_only=True):
    """`max_uses` is how many accounts can use it. Case, blanks and hyphens of `code` do not matter."""

    code: Code
    max_uses: Uses


class GeneratedCodesInput(Input, frozen=True, kw_only=True):
    """`max_uses` is how many accounts can use each of them."""

    count: Annotated[int, Meta(ge=1, le=presales.MOST_CODES_AT_ONCE)]
    length: Annotated[int, Meta(ge=presales.GENERATED_LENGTH[0], le=presales.GENERATED_LENGTH[1])] = 12
    max_uses: Uses = 1


class NewCodesInput(Input, frozen=True, kw_only=True):
    """Either `codes` of one's own, or codes to `generate`."""

    codes: (
        Annotated[list[ChosenCodeInput], Meta(min_length=1, max_length=presales.MOST_CODES_AT_ONCE)] | None
    ) = None
    generate: GeneratedCodesInput | None = None


class AccessCodeInput(Input, frozen=True, kw_only=True):
    code: Code


class CodesQuery(Input, frozen=True, kw_only=True):
    cursor: Annotated[str, Meta(max_length=200)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class PresaleView(View, frozen=True, kw_only=True):
    """`closes_at` is null where it is open until the general sale begins."""

    id: str
    name: str
    opens_at: str
    closes_at: str | None


class PresalesView(View, frozen=True, kw_only=True):
    """In the order of their beginning; count from `server_time`, not from the device's clock."""

    items: list[PresaleView]
    server_time: str


class AccessCodeView(View, frozen=True, kw_only=True):
    """`code` is null where the organizer chose it: only its beginning is kept. `uses` are accounts."""

    id: str
    code: str | None
    begins_with: str
    uses: int
    max_uses: int
    uses_left: int
    revoked_at: str | None


class CodesMadeView(View, frozen=True, kw_only=True):
    """The codes themselves are in the list."""

    made: int


# The organizer


async def add_presale(
    tickets: Tickets, request: Request, event_id: str, body: PresaleInput, context: IdempotencyContext | None
) -> PresaleView:
    """Make a presale of one of my events: a window before its general sale, for who has an access code"""
    show = await own_show(tickets, request, event_id)
    return await tickets.presales.add(
        show,
        body.name.strip(),
        _moment("opens_at", body.opens_at),
        None if body.closes_at is None else _moment("closes_at", body.closes_at),
        presale_view,
        context,
        actor_of(request.user),
    )


async def change_presale(
    tickets: Tickets, request: Request, event_id: str, presale_id: str, body: PresaleChangesInput
) -> PresaleView:
    """Change a presale of one of my events"""
    show = await own_show(tickets, request, event_id)
    said: dict[str, Any] = {
        name: _moment(name, value) if isinstance(value, datetime) else value
        for name, value in msgspec.structs.asdict(body).items()
    }
    return presale_view(await tickets.presales.change(show, presale_id, **said, by=actor_of(request.user)))


async def add_access_codes(
    tickets: Tickets,
    request: Request,
    event_id: str,
    presale_id: str,
    body: NewCodesInput,
    context: IdempotencyContext | None,
) -> CodesMadeView:
    """Give out access codes of a presale, one's own or generated ones"""
    if (body.codes is None) == (body.generate is None):
        raise invalid({"codes": "give either this or generate"})
    show = await own_show(tickets, request, event_id)
    generate = body.generate
    if generate is None:
        wanted: list[Chosen] | Generated = [Chosen(one.code, one.max_uses) for one in body.codes or ()]
    else:
        wanted = Generated(generate.count, generate.length, generate.max_uses)
    return await tickets.presales.give_out(
        show, presale_id, wanted, lambda made: CodesMadeView(made=made), context, actor_of(request.user)
    )


async def access_codes(
    tickets: Tickets, request: Request, event_id: str, presale_id: str, query: CodesQuery
) -> Page[AccessCodeView]:
    """The access codes of a presale, with their uses, in the order in which they were given out"""
    show = await own_show(tickets, request, event_id)
    found = await tickets.presales.codes(show, presale_id, moment_of(query.cursor), query.limit)
    cursor = cursor_of(found[-1].position, found[-1].id) if len(found) == query.limit else None
    return Page([code_view(tickets.presales.key, code) for code in found], cursor)


async def access_codes_csv(tickets: Tickets, request: Request, event_id: str, presale_id: str) -> Stream:
    """The generated access codes of a presale as CSV"""
    show = await own_show(tickets, request, event_id)
    lines = await tickets.presales.csv(show, presale_id)
    name = f'attachment; filename="{presale_id}-codes.csv"'
    headers = [("content-disposition", name), ("cache-control", "no-store")]
    return Stream(lines, "text/csv; charset=utf-8", headers)


async def revoke_access_code(
    tickets: Tickets, request: Request, event_id: str, presale_id: str, code_id: str
) -> None:
    """Revoke an access code, also for those who have used it; seats that they hold they keep"""
    show = await own_show(tickets, request, event_id)
    await tickets.presales.revoke(show, presale_id, code_id, actor_of(request.user))


# Buyers


async def get_presales(tickets: Tickets, event_id: str) -> PresalesView:
    """The presales of an event"""
    return _presales_view(tickets, list((await tickets.presales.of(event_id)).windows))


async def use_access_code(
    tickets: Tickets, request: Request, event_id: str, body: AccessCodeInput
) -> PresaleView:
    """Use an access code: from then on my account can hold seats while the presale is open

    An account uses a code once, for all of its holds; using it again changes nothing. It can be used before
    the presale opens.
    """
    return presale_view(await tickets.presales.use(request.user, event_id, body.code))


async def presale_access(tickets: Tickets, request: Request, event_id: str) -> PresalesView:
    """The presales of an event that I have used an access code of"""
    return _presales_view(tickets, await tickets.presales.mine(request.user.user_id, event_id))


def presale_view(presale: Presale) -> PresaleView:
    closes_at = presale.closes_at
    return PresaleView(
        id=presale.id,
        name=presale.name,
        opens_at=rfc3339(presale.opens_at),
        closes_at=None if closes_at is None else rfc3339(closes_at),
    )


def _presales_view(tickets: Tickets, windows: list[Presale]) -> PresalesView:
    ordered = sorted(windows, key=lambda window: (window.opens_at, window.id))
    return PresalesView(
        items=[presale_view(window) for window in ordered], server_time=rfc3339(tickets.clock.now())
    )


def code_view(key: CodeKey, code: AccessCode) -> AccessCodeView:
    return AccessCodeView(
        id=code.id,
        code=key.shown(code),
        begins_with=code.begins_with,
        uses=code.uses,
        max_uses=code.max_uses,
        uses_left=code.uses_left,
        revoked_at=None if code.revoked_at is None else rfc3339(code.revoked_at),
    )


def _moment(field: str, moment: datetime) -> Millis:
    try:
        return millis(moment)
    except ValueError as error:
        raise invalid({field: str(error)}) from error


_EVENT = "/api/events/{event_id}"
_CODES = f"{_EVENT}/presales/{{presale_id}}/codes"

ENDPOINTS = (
    Endpoint("GET", f"{_EVENT}/presales", get_presales),
    Endpoint("POST", f"{_EVENT}/presales", add_presale, status=201, who=ORGANIZER, repeatable=True),
    Endpoint("PATCH", f"{_EVENT}/presales/{{presale_id}}", change_presale, who=ORGANIZER),
    Endpoint("GET", _CODES, access_codes, who=ORGANIZER),
    Endpoint("POST", _CODES, add_access_codes, status=201, who=ORGANIZER, repeatable=True),
    Endpoint("GET", f"{_CODES}.csv", access_codes_csv, who=ORGANIZER, media_type="text/csv"),
    Endpoint("DELETE", f"{_CODES}/{{code_id}}", revoke_access_code, who=ORGANIZER),
    Endpoint("GET", f"{_EVENT}/presale-access", presale_access, who=USER),
    Endpoint("POST", f"{_EVENT}/presale-access", use_access_code, who=USER, rate=GUESSES),
)
