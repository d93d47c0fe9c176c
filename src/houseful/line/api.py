"""The line's HTTP surface: each handler is one call of the service."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from houseful.kernel.times import rfc3339
from houseful.line.domain.audit import Audit
from houseful.line.domain.lines import Place
from houseful.line.schemas import ControlHistoryView, ControlView, LineView, PassView, PlaceView, place_view
from houseful.line.service import LineService
from houseful.webapi.endpoint import ORGANIZER, USER, Endpoint
from houseful.webapi.idempotency import REPLAYED, IdempotencyContext
from houseful.webapi.line_passes import EVENTS_PATH, KEYS_PATH, EventsWithLine
from houseful.webapi.proof_of_work import HEADER as WORK
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import EVENT_STREAM, Response, Stream, View, server_sent

_CACHING = ("cache-control", "public, max-age=2")
_STREAM_SECONDS = 2.0
_CONTROL_SECONDS = 1.0


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


async def join(
    service: LineService, request: Request, event_id: str, context: IdempotencyContext | None
) -> Annotated[Response, PlaceView]:
    """Join the line of an event; an account has one place, from every device

    201 for a new place, 200 for one that is there already. A repetition with its Idempotency-Key gives 201
    again, with the place as it is now.
    """
    place, joined = await service.join(
        request.user, event_id, context, peer=request.peer, solution=request.headers.get(WORK)
    )
    headers = [("cache-control", "no-store")]
    if joined == "repeated":
        headers += REPLAYED
    if joined == "new":
        return Response(msgspec.json.encode(place_view(place, email_wanted=False)), 201, headers=headers)
    view = await _shown(service, place, request.user.user_id)
    return Response(msgspec.json.encode(view), 200 if joined == "again" else 201, headers=headers)


async def get_place(service: LineService, request: Request, event_id: str) -> PlaceView:
    """My place in the line of an event"""
    return await _shown(service, await service.place(request.user.user_id, event_id), request.user.user_id)


async def _shown(service: LineService, place: Place, user_id: str) -> PlaceView:
    return place_view(place, email_wanted=await service.notices.is_wanted(place.line.id, user_id))


async def want_email(service: LineService, request: Request, event_id: str) -> None:
    """Have an email sent when my turn is near

    It goes once, to the confirmed address of the account, some five minutes before at the pace of the line.
    """
    await service.notices.want(request.user, event_id)


async def decline_email(service: LineService, request: Request, event_id: str) -> None:
    """Have no email sent when my turn is near"""
    await service.notices.decline(event_id, request.user.user_id)


async def get_line(service: LineService, request: Request, event_id: str) -> Annotated[Response, LineView]:
    """How far the line of an event is"""
    body = await service.shown.body(event_id)
    return body.answer(
        accept_encoding=request.headers.get("accept-encoding"),
        if_none_match=request.headers.get("if-none-match"),
        headers=[_CACHING],
    )


async def watch_line(service: LineService, event_id: str) -> Annotated[Stream, LineView]:
    """The line of an event whenever it changes"""
    await service.line(event_id)
    return Stream(_line_messages(service, event_id))


async def _line_messages(service: LineService, event_id: str) -> AsyncIterator[bytes]:
    sent = ""
    while True:
        body = await service.shown.body(event_id)
        if body.etag != sent:
            sent = body.etag
            yield server_sent("line", body.plain)
        await asyncio.sleep(_STREAM_SECONDS)


async def claim_pass(service: LineService, request: Request, event_id: str) -> PassView:
    """A pass for who was called; ask again before it expires"""
    signed, expires_at = await service.line_pass(request.user.user_id, event_id)
    return PassView(line_pass=signed, expires_at=rfc3339(expires_at), server_time=rfc3339(service.now()))


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
    first = await service.control.figures(request.user, event_id)
    return Stream(_control_messages(service, request, event_id, first))


async def _control_messages(
    service: LineService, request: Request, event_id: str, figures: ControlView
) -> AsyncIterator[bytes]:
    while True:
        yield server_sent("control", msgspec.json.encode(figures))
        await asyncio.sleep(_CONTROL_SECONDS)
        figures = await service.control.figures(request.user, event_id)


async def get_history(service: LineService, request: Request, event_id: str) -> ControlHistoryView:
    """The last hour of a line and its shop, ten seconds a point, for its organizer"""
    return await service.control.history(request.user, event_id)


async def control(
    service: LineService,
    request: Request,
    event_id: str,
    body: ControlInput,
    context: IdempotencyContext | None,
) -> ControlView:
    """Pause, resume, slow, close a line, or tell who waits a message"""
    return await service.control.act(
        request.user,
        event_id,
        body.action,
        rate_cap=body.rate_cap,
        message=body.message,
        secret=body.secret,
        context=context,
    )


async def line_keys(service: LineService) -> LineKeysView:
    """The public key that passes and receipts are signed with."""
    return msgspec.convert(service.tokens.published, LineKeysView)


async def events_with_line(service: LineService) -> EventsWithLine:
    """The events whose seats are held with a pass."""
    found, now = await service.events_with_line(), service.now()
    return EventsWithLine(list(found), {event_id: at for event_id, at in found.items() if at > now})


_LINE = "/api/events/{event_id}/line"
_CONTROL = "/api/events/{event_id}/control"

ENDPOINTS = (
    Endpoint("POST", _LINE, join, status=201, or_status=200, who=USER, repeatable=True, asks_for_work=True),
    Endpoint("GET", _LINE, get_line),
    Endpoint("GET", f"{_LINE}/stream", watch_line, media_type=EVENT_STREAM),
    Endpoint("GET", f"{_LINE}/me", get_place, who=USER),
    Endpoint("PUT", f"{_LINE}/me/email", want_email, who=USER),
    Endpoint("DELETE", f"{_LINE}/me/email", decline_email, who=USER),
    Endpoint("POST", f"{_LINE}/pass", claim_pass, who=USER),
    Endpoint("DELETE", f"{_LINE}/pass", give_back_pass, who=USER),
    Endpoint("GET", f"{_LINE}/audit", get_audit),
    Endpoint("GET", f"{_LINE}/proof", get_proof, who=USER),
    Endpoint("GET", _CONTROL, get_control, who=ORGANIZER, media_type=EVENT_STREAM),
    Endpoint("GET", f"{_CONTROL}/history", get_history, who=ORGANIZER),
    Endpoint("POST", _CONTROL, control, who=ORGANIZER, repeatable=True),
    Endpoint("GET", KEYS_PATH, line_keys),
    Endpoint("GET", EVENTS_PATH, events_with_line),
)
