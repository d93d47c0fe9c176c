"""The line's HTTP surface: each handler is one call of the service."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from houseful.kernel.times import rfc3339
from houseful.line.domain import draw
from houseful.line.domain.admission import Admission, Reason, per_minute
from houseful.line.domain.audit import Audit
from houseful.line.domain.lines import Line, Phase
from houseful.line.service import LineService, Place
from houseful.webapi.cached_bodies import CachedBody
from houseful.webapi.endpoint import ORGANIZER, USER, Endpoint
from houseful.webapi.line_passes import EVENTS_PATH, KEYS_PATH, EventsWithLine
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import EVENT_STREAM, Response, Stream, View, server_sent

_CACHING = ("cache-control", "public, max-age=2")
_STREAM_SECONDS = 2.0
_POLLS = ((0, 2), (500, 5), (5_000, 15), (50_000, 30))
"""How often to ask, by how many are in front."""


class PlaceView(View, frozen=True, kw_only=True):
    """`number` is null until it is drawn. `receipt` is a signed proof of (event, entrant, joined_at)."""

    event_id: str
    entrant: str
    joined_at: str
    phase: Phase
    number: int | None
    receipt: str


class LineView(View, frozen=True, kw_only=True):
    """The same for everybody. `per_minute` are the tenth, the half and the ninth tenth of how many were
    called in a minute lately; null in the first minute. Ask again as often as `poll_seconds` says: each pair
    is how many are in front of you, and the seconds. `late` says why a sale has not opened though it is time.
    """

    event_id: str
    phase: Phase
    admitted_up_to: int
    line_length: int
    per_minute: tuple[int, int, int] | None
    seats_left: dict[str, int] | None
    from_minor: int | None
    message: str
    late: str
    poll_seconds: list[tuple[int, int]]
    commitment: str
    root: str | None
    beacon: Literal["none", "pair"]
    partner_commitment: str | None
    lobby_opens_at: str
    seals_at: str
    on_sale_at: str
    server_time: str


class PassView(View, frozen=True, kw_only=True):
    """Send `pass` as X-Line-Pass with each hold of the event."""

    line_pass: str = msgspec.field(name="pass")
    expires_at: str


class ProofView(View, frozen=True, kw_only=True):
    """RFC 9162, 2.1.3: `index` counts from 0, `path` goes from the leaf to the root."""

    entrant: str
    index: int
    size: int
    path: list[str]
    root: str


class LineKeyView(View, frozen=True, kw_only=True):
    kty: str
    crv: str
    x: str
    kid: str
    alg: str
    use: str


class LineKeysView(View, frozen=True, kw_only=True):
    keys: list[LineKeyView]


class ControlInput(Input, frozen=True, kw_only=True):
    """`rate_cap` is persons a second, null for none. `reveal` gives the `secret` of beacon pair, in hex."""

    action: Literal["pause", "resume", "rate_cap", "message", "close", "reveal"]
    rate_cap: Annotated[float, Meta(ge=0, le=100_000)] | None = None
    message: Annotated[str, Meta(max_length=500)] | None = None
    secret: Annotated[str, Meta(max_length=1000)] | None = None


class ControlActView(View, frozen=True, kw_only=True):
    at: str
    user_id: str
    action: str
    rate_cap: float | None
    message: str | None


class ControlView(View, frozen=True, kw_only=True):
    """`rate` is persons a second, limited by `reason`; `inside` have a pass, at most `bound` are let in at
    once, `expected` were called and have not come yet. `acts` are the latest, newest first."""

    event_id: str
    phase: Phase
    admitted_up_to: int
    line_length: int
    inside: int
    expected: int
    bound: int
    rate: float
    reason: Reason
    load_rate: float
    rate_cap: float | None
    message: str
    late: str
    per_minute: tuple[int, int, int] | None
    seats_left: dict[str, int] | None
    seats_held: int
    visit_seconds: float
    party: float
    conversion: float
    measured_at: str | None
    acts: list[ControlActView]
    server_time: str


def _place_view(place: Place) -> PlaceView:
    return PlaceView(
        event_id=place.line.id,
        entrant=place.entry.entrant.hex(),
        joined_at=rfc3339(place.entry.joined_at),
        phase=place.line.phase,
        number=place.number,
        receipt=place.receipt,
    )


async def join(service: LineService, request: Request, event_id: str) -> Annotated[Response, PlaceView]:
    """Join the line of an event; an account has one place, from every device

    201 for a new place, 200 for one that is there already.
    """
    place, is_new = await service.join(request.user.user_id, event_id)
    body = msgspec.json.encode(_place_view(place))
    return Response(body, 201 if is_new else 200, headers=[("cache-control", "no-store")])


async def get_place(service: LineService, request: Request, event_id: str) -> PlaceView:
    """My place in the line of an event"""
    return _place_view(await service.place(request.user.user_id, event_id))


async def get_line(service: LineService, request: Request, event_id: str) -> Annotated[Response, LineView]:
    """How far the line of an event is"""
    kept = service.kept(event_id)
    if kept is None:
        line, admission = await service.state(event_id)
        # The tag leaves out the time, which is another one each second.
        tag = CachedBody(msgspec.json.encode(_line_view(line, admission, 0)), "application/json").etag
        body = msgspec.json.encode(_line_view(line, admission, service.now()))
        kept = service.keep(event_id, CachedBody(body, "application/json", tag))
    return kept.answer(
        accept_encoding=request.headers.get("accept-encoding"),
        if_none_match=request.headers.get("if-none-match"),
        headers=[_CACHING],
    )


async def watch_line(service: LineService, event_id: str) -> Annotated[Stream, LineView]:
    """The line of an event whenever it changes"""
    await service.line(event_id)
    return Stream(_line_messages(service, event_id))


async def _line_messages(service: LineService, event_id: str) -> AsyncIterator[bytes]:
    sent = b""
    while True:
        line, admission = await service.state(event_id)
        shown = msgspec.json.encode(_line_view(line, admission, 0))
        if shown != sent:
            sent = shown
            yield server_sent("line", msgspec.json.encode(_line_view(line, admission, service.now())))
        await asyncio.sleep(_STREAM_SECONDS)


def _line_view(line: Line, admission: Admission, now: int) -> LineView:
    left = None if admission.seats_left is None else dict(admission.seats_left)
    prices = [price for name, price in line.prices.items() if left is None or left.get(name)]
    return LineView(
        event_id=line.id,
        phase=line.phase,
        admitted_up_to=admission.front,
        line_length=line.length,
        per_minute=per_minute(admission),
        seats_left=left,
        from_minor=min(prices, default=None),
        message=line.message,
        late=line.late,
        poll_seconds=list(_POLLS),
        commitment=draw.commitment(line.server_seed).hex(),
        root=None if line.root is None else line.root.hex(),
        beacon=line.beacon,
        partner_commitment=None if line.partner_commitment is None else line.partner_commitment.hex(),
        lobby_opens_at=rfc3339(line.lobby_opens_at),
        seals_at=rfc3339(line.seals_at),
        on_sale_at=rfc3339(line.on_sale_at),
        server_time=rfc3339(now),
    )


async def claim_pass(service: LineService, request: Request, event_id: str) -> PassView:
    """A pass for who was called; ask again before it expires"""
    signed, expires_at = await service.line_pass(request.user.user_id, event_id)
    return PassView(line_pass=signed, expires_at=rfc3339(expires_at))


async def give_back_pass(service: LineService, request: Request, event_id: str) -> None:
    """Leave, so that the next is called; the number stays"""
    await service.leave(request.user.user_id, event_id)


async def get_audit(service: LineService, event_id: str) -> Audit:
    """Everything needed to repeat the draw"""
    return await service.audit(event_id)


async def get_proof(service: LineService, request: Request, event_id: str) -> ProofView:
    """The proof that I am in the list that was sealed"""
    place, index, size, path = await service.proof(request.user.user_id, event_id)
    assert place.line.root is not None, "a list without a root has no proof"
    return ProofView(
        entrant=place.entry.entrant.hex(),
        index=index,
        size=size,
        path=[one.hex() for one in path],
        root=place.line.root.hex(),
    )


async def get_control(
    service: LineService, request: Request, event_id: str
) -> Annotated[Stream, ControlView]:
    """The live figures of a line, for its organizer"""
    await service.acts(request.user, event_id)
    return Stream(_control_messages(service, request, event_id))


async def _control_messages(service: LineService, request: Request, event_id: str) -> AsyncIterator[bytes]:
    while True:
        view = await _control_view(service, request, event_id)
        yield server_sent("control", msgspec.json.encode(view))
        await asyncio.sleep(1.0)


async def control(service: LineService, request: Request, event_id: str, body: ControlInput) -> ControlView:
    """Pause, resume, slow, close a line, or tell who waits a message"""
    await service.control(
        request.user,
        event_id,
        body.action,
        rate_cap=body.rate_cap,
        message=body.message,
        secret=body.secret,
    )
    return await _control_view(service, request, event_id)


async def _control_view(service: LineService, request: Request, event_id: str) -> ControlView:
    line, admission = await service.state(event_id)
    acts = await service.acts(request.user, event_id)
    return ControlView(
        event_id=line.id,
        phase=line.phase,
        admitted_up_to=admission.front,
        line_length=line.length,
        inside=admission.inside,
        expected=admission.expected,
        bound=admission.bound,
        rate=admission.rate,
        reason=admission.reason,
        load_rate=admission.load_rate,
        rate_cap=line.rate_cap,
        message=line.message,
        late=line.late,
        per_minute=per_minute(admission),
        seats_left=None if admission.seats_left is None else dict(admission.seats_left),
        seats_held=admission.seats_held,
        visit_seconds=admission.visit_seconds,
        party=admission.party,
        conversion=admission.conversion,
        measured_at=None if admission.measured_at is None else rfc3339(admission.measured_at),
        acts=[
            ControlActView(
                at=rfc3339(act.at),
                user_id=act.user_id,
                action=act.action,
                rate_cap=act.rate_cap,
                message=act.message,
            )
            for act in acts
        ],
        server_time=rfc3339(service.now()),
    )


async def line_keys(service: LineService) -> LineKeysView:
    """The public key that passes and receipts are signed with."""
    return msgspec.convert(service.tokens.published, LineKeysView)


async def events_with_line(service: LineService) -> EventsWithLine:
    """The events whose seats are held with a pass."""
    return EventsWithLine(await service.events_with_line())


_LINE = "/api/events/{event_id}/line"
_CONTROL = "/api/events/{event_id}/control"

ENDPOINTS = (
    Endpoint("POST", _LINE, join, status=201, who=USER),
    Endpoint("GET", _LINE, get_line),
    Endpoint("GET", f"{_LINE}/stream", watch_line, media_type=EVENT_STREAM),
    Endpoint("GET", f"{_LINE}/me", get_place, who=USER),
    Endpoint("POST", f"{_LINE}/pass", claim_pass, who=USER),
    Endpoint("DELETE", f"{_LINE}/pass", give_back_pass, who=USER),
    Endpoint("GET", f"{_LINE}/audit", get_audit),
    Endpoint("GET", f"{_LINE}/proof", get_proof, who=USER),
    Endpoint("GET", _CONTROL, get_control, who=ORGANIZER, media_type=EVENT_STREAM),
    Endpoint("POST", _CONTROL, control, who=ORGANIZER),
    Endpoint("GET", KEYS_PATH, line_keys),
    Endpoint("GET", EVENTS_PATH, events_with_line),
)
