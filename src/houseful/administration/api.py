"""Administration of a service over HTTP: the same rows for each, below paths with its name."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from houseful.administration.service import Administration, Listed
from houseful.kernel.documents import Millis
from houseful.kernel.errors import invalid
from houseful.kernel.times import millis, rfc3339
from houseful.messaging import DeadLetter, Parked, ParkedMessage
from houseful.webapi.account_parts import EXPORT, PART_RATE, PartQuery
from houseful.webapi.audit import AuditFilter, Detail, actor_of
from houseful.webapi.cursors import cursor_of, moment_of, text_of
from houseful.webapi.endpoint import ADMIN, USER, Endpoint
from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import Page, View
from houseful.webapi.validation import ONE_LINE

AUDIT = "/api/audit"
"""A service offers its log at a path below, its name."""

_EXPORTED_AT_ONCE = 200
PAYLOAD_MOST = 20_000

Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=ONE_LINE)]
Cursor = Annotated[str, Meta(max_length=1024)]
Moment = Annotated[datetime, Meta(tz=True)]


class AuditQuery(Input, frozen=True, kw_only=True):
    """`actor` is an account's id, `object` a kind and an id (`event:evt_…`), `act` an act (`event.published`)
    or all that begin so (`event`). `until` itself is not in it."""

    actor: Annotated[str, Meta(max_length=100)] = ""
    object: Annotated[str, Meta(max_length=300)] = ""
    act: Annotated[str, Meta(max_length=100)] = ""
    since: Moment | None = None
    until: Moment | None = None
    cursor: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class ListQuery(Input, frozen=True, kw_only=True):
    cursor: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class UnparkInput(Input, frozen=True, kw_only=True):
    """`accept_gap` goes on behind messages that will never come."""

    reason: Reason
    accept_gap: bool = False


class RetryInput(Input, frozen=True, kw_only=True):
    reason: Reason


class ReplayInput(Input, frozen=True, kw_only=True):
    """`aggregate` is a kind and an id, such as `order:ord_…`; without it all messages are sent, or those of
    the last `since_hours`."""

    reason: Reason
    aggregate: Annotated[str, Meta(max_length=300, pattern="^[^:]+:.+$")] | None = None
    since_hours: Annotated[float, Meta(gt=0, le=100_000)] | None = None


class AuditActorView(View, frozen=True, kw_only=True):
    """`email` is the account's address at that time; null where it is not known, or the account was erased.
    On the command line `id` is null, and the role `operator`."""

    id: str | None
    role: str
    email: str | None


class AuditEntryView(View, frozen=True, kw_only=True):
    id: str
    at: str
    service: str
    actor: AuditActorView
    act: str
    object: str
    details: dict[str, Detail]
    request_id: str | None


class HealthView(View, frozen=True, kw_only=True):
    """`checks` are those of the process that answers: `ready`, or what is wrong. `outbox_oldest_seconds` is
    how long the oldest message waits to be sent; null where none does."""

    service: str
    checks: dict[str, str]
    outbox_waiting: int
    outbox_oldest_seconds: int | None
    parked: int
    retrying: int
    dead_letters: int
    server_time: str


class ParkedView(View, frozen=True, kw_only=True):
    """An aggregate whose messages wait for the first of them."""

    id: str
    state: str
    reason: str
    since: str
    attempts: int
    messages: int
    retry_at: str | None


class StuckMessageView(View, frozen=True, kw_only=True):
    """`payload` is its text, as far as 20,000 characters."""

    seq: int
    type: str
    payload: str
    topic: str
    partition: int
    offset: int


class ParkedDetailsView(View, frozen=True, kw_only=True):
    """`queued` are the first of its messages, in their order."""

    key: ParkedView
    queued: list[StuckMessageView]


class DeadLetterView(View, frozen=True, kw_only=True):
    """`message` is null where not even its headers can be read."""

    id: str
    error: str
    at: str
    topic: str
    partition: int
    offset: int
    message: StuckMessageView | None


class TriedView(View, frozen=True, kw_only=True):
    id: str


class ReplayedView(View, frozen=True, kw_only=True):
    messages: int


async def audit_entries(own: Administration, query: AuditQuery) -> Page[AuditEntryView]:
    """The acts of staff in one service, newest first. A page may be short, even empty, and yet go on"""
    found, last = await own.audit(filter_of(query), moment_of(query.cursor), query.limit)
    return _entries(own, found, last)


async def exported_audit(own: Administration, request: Request, query: PartQuery) -> Page[AuditEntryView]:
    """What I did as staff in one service, as an export has it; newest first"""
    mine = AuditFilter(actor=request.user.user_id)
    found, last = await own.audit(mine, moment_of(query.cursor), _EXPORTED_AT_ONCE)
    return _entries(own, found, last)


async def health(own: Administration) -> HealthView:
    """How a service does: its engines and jobs, its outbox, its messages that wait for a person"""
    found = await own.health()
    oldest = found.outbox.oldest_unpublished_at
    return HealthView(
        service=own.service,
        checks=dict(found.checks),
        outbox_waiting=found.outbox.unpublished,
        outbox_oldest_seconds=None if oldest is None else max(0, found.now - oldest) // 1000,
        parked=found.parked,
        retrying=found.retrying,
        dead_letters=found.dead_letters,
        server_time=rfc3339(found.now),
    )


async def parked_keys(own: Administration, query: ListQuery) -> Page[ParkedView]:
    """Aggregates whose messages wait, because one could not be applied or is missing"""
    after = text_of(query.cursor)
    found = await own.parked(None if after is None else after[1], query.limit)
    last = found[-1].id if len(found) == query.limit else None
    return Page([_parked_view(one) for one in found], None if last is None else cursor_of(last, last))


async def parked_key(own: Administration, key: str) -> ParkedDetailsView:
    """An aggregate whose messages wait, with the first of them"""
    parked, queued = await own.parked_key(key)
    return ParkedDetailsView(key=_parked_view(parked), queued=[_queued_view(one) for one in queued])


async def unpark_key(
    own: Administration, request: Request, key: str, body: UnparkInput, context: IdempotencyContext
) -> TriedView:
    """Try the messages of an aggregate again, now"""
    tried = TriedView(id=key)
    await own.unpark(
        key,
        actor_of(request.user),
        accept_gap=body.accept_gap,
        reason=body.reason,
        outcome=tried,
        context=context,
    )
    return tried


async def dead_letters(own: Administration, query: ListQuery) -> Page[DeadLetterView]:
    """Messages that were not understood, the oldest first"""
    found = await own.dead_letters(moment_of(query.cursor), query.limit)
    last = found[-1] if len(found) == query.limit else None
    cursor = None if last is None else cursor_of(last.at, last.id)
    return Page([_dead_letter_view(one) for one in found], cursor)


async def retry_dead_letter(
    own: Administration, request: Request, letter_id: str, body: RetryInput, context: IdempotencyContext
) -> TriedView:
    """Apply a message that this version understands"""
    tried = TriedView(id=letter_id)
    await own.retry_dead(
        letter_id, actor_of(request.user), reason=body.reason, outcome=tried, context=context
    )
    return tried


async def replay_messages(
    own: Administration, request: Request, body: ReplayInput, context: IdempotencyContext
) -> ReplayedView:
    """Send a service's messages once more; who has applied one skips it"""
    kind, _, id = (body.aggregate or "").partition(":")
    return await own.replay(
        actor_of(request.user),
        lambda count: ReplayedView(messages=count),
        aggregate=(kind, id) if body.aggregate is not None else None,
        since_hours=body.since_hours,
        reason=body.reason,
        context=context,
    )


def filter_of(query: AuditQuery) -> AuditFilter:
    since, until = _moment("since", query.since), _moment("until", query.until)
    return AuditFilter(query.actor, query.object, query.act, since or 0, until)


def _moment(field: str, moment: datetime | None) -> Millis | None:
    try:
        return None if moment is None else max(0, millis(moment))
    except ValueError as error:
        raise invalid({field: str(error)}) from error


def _entries(
    own: Administration, found: list[Listed], last: tuple[Millis, str] | None
) -> Page[AuditEntryView]:
    views = [
        AuditEntryView(
            id=entry.id,
            at=rfc3339(entry.at),
            service=own.service,
            actor=AuditActorView(id=entry.actor_id or None, role=entry.role, email=email),
            act=entry.act,
            object=entry.object,
            details=entry.details,
            request_id=entry.request_id or None,
        )
        for entry, email in found
    ]
    return Page(views, None if last is None else cursor_of(*last))


def _parked_view(parked: Parked) -> ParkedView:
    return ParkedView(
        id=parked.id,
        state=parked.state,
        reason=parked.reason,
        since=rfc3339(parked.since),
        attempts=parked.attempts,
        messages=parked.messages,
        retry_at=None if not parked.retry_at else rfc3339(parked.retry_at),
    )


def _queued_view(queued: ParkedMessage) -> StuckMessageView:
    return StuckMessageView(
        seq=queued.seq,
        type=queued.envelope.type,
        payload=_text(queued.envelope.data),
        topic=queued.topic,
        partition=queued.partition,
        offset=queued.offset,
    )


def _dead_letter_view(letter: DeadLetter) -> DeadLetterView:
    envelope = letter.envelope
    message = None
    if envelope is not None:
        message = StuckMessageView(
            seq=envelope.seq,
            type=envelope.type,
            payload=_text(envelope.data),
            topic=letter.topic,
            partition=letter.partition,
            offset=letter.offset,
        )
    return DeadLetterView(
        id=letter.id,
        error=letter.error,
        at=rfc3339(letter.at),
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        message=message,
    )


def _text(payload: bytes) -> str:
    """JSON in lines; anything else as it is."""
    try:
        shown = msgspec.json.format(payload)
    except msgspec.DecodeError:
        shown = payload
    return shown.decode("utf-8", "replace")[:PAYLOAD_MOST]


def health_endpoint(service: str) -> Endpoint:
    return Endpoint("GET", f"/api/health/{service}", health, who=ADMIN, administration=True)


def endpoints(service: str, *, sends: bool = True, receives: bool = True) -> tuple[Endpoint, ...]:
    """The rows of a service that has acts of staff, and that sends messages or receives some."""
    stuck = f"/api/messages/{service}"
    rows = [
        health_endpoint(service),
        Endpoint("GET", f"{AUDIT}/{service}", audit_entries, who=ADMIN, administration=True),
        Endpoint(
            "GET",
            f"{EXPORT}/{service}-audit",
            exported_audit,
            who=USER,
            rate=PART_RATE,
            administration=True,
        ),
    ]
    if receives:
        rows += [
            Endpoint("GET", f"{stuck}/parked", parked_keys, who=ADMIN, administration=True),
            Endpoint("GET", f"{stuck}/parked/{{key}}", parked_key, who=ADMIN, administration=True),
            _act(f"{stuck}/parked/{{key}}/unpark", unpark_key),
            Endpoint("GET", f"{stuck}/dead", dead_letters, who=ADMIN, administration=True),
            _act(f"{stuck}/dead/{{letter_id}}/retry", retry_dead_letter),
        ]
    if sends:
        rows.append(_act(f"{stuck}/replay", replay_messages))
    return tuple(rows)


def _act(path: str, handle: Callable[..., Awaitable[Any]]) -> Endpoint:
    return Endpoint("POST", path, handle, who=ADMIN, idempotent=True, administration=True)
