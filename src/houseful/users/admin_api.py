"""Administration over HTTP: the installation's accounts, their emails, and the audit log of all services."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from houseful.administration import AuditEntryView, AuditQuery
from houseful.kernel import email_addresses
from houseful.kernel.errors import not_found
from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.users.account_email import AccountEmail
from houseful.users.api import UserView, user_view
from houseful.users.service import Users
from houseful.webapi.audit import actor_of
from houseful.webapi.cursors import cursor_of, moment_of
from houseful.webapi.endpoint import ADMIN, Endpoint
from houseful.webapi.idempotency import IdempotencyContext
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import Page, View


class RolesInput(Input, frozen=True, kw_only=True):
    roles: Annotated[list[Role], Meta(max_length=20)]


class UsersQuery(Input, frozen=True, kw_only=True):
    """`q` is the beginning of an address, a name or a last name, or an account's id."""

    q: Annotated[str, Meta(max_length=email_addresses.MOST)] = ""
    cursor: Annotated[str, Meta(max_length=1024)] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class EmailsQuery(Input, frozen=True, kw_only=True):
    """`waiting` are those that go by themselves, `failed` those that something is in the way of."""

    state: Literal["waiting", "failed"] = "waiting"
    cursor: Annotated[str, Meta(max_length=1024)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class AccountDetailsView(UserView, frozen=True, kw_only=True):
    """`sessions` is how often the account is signed in."""

    sessions: int
    second_factor: bool


class AuditTrailView(View, frozen=True, kw_only=True):
    """`missing` are services that did not answer: their acts are not in it."""

    items: list[AuditEntryView]
    next_cursor: str | None
    missing: list[str]


class AccountEmailView(View, frozen=True, kw_only=True):
    """`due_at` is null for one that was given up."""

    id: str
    kind: str
    to: str
    created_at: str
    due_at: str | None
    tries: int
    error: str | None


async def list_users(users: Users, query: UsersQuery) -> Page[UserView]:
    """All users, oldest first, or those whose address, name or last name begins with `q`"""
    found, next_cursor = await users.accounts.page(q=query.q, cursor=query.cursor, limit=query.limit)
    return Page([user_view(user) for user in found], next_cursor)


async def get_user(users: Users, user_id: str) -> AccountDetailsView:
    """A user, and whether somebody is signed in"""
    user = await users.accounts.by_id(user_id)
    if user is None:
        raise not_found("user")
    view: dict[str, Any] = msgspec.structs.asdict(user_view(user))
    return AccountDetailsView(
        **view,
        sessions=len(await users.sessions.of_user(user_id)),
        second_factor=await users.second_factors.of(user_id) is not None,
    )


async def set_roles(users: Users, request: Request, user_id: str, body: RolesInput) -> UserView:
    """Give a user exactly these roles, and buyer; access tokens with the old ones end."""
    return user_view(await users.set_roles(user_id, body.roles, by=request.user))


async def end_user_sessions(users: Users, request: Request, user_id: str) -> None:
    """Sign a user out everywhere; the password stays"""
    await users.sessions.end_all(user_id, request.user)


async def audit_trail(users: Users, request: Request, query: AuditQuery) -> AuditTrailView:
    """The acts of staff in all services, newest first. A page may be short, even empty, and yet go on"""
    moment_of(query.cursor)  # else each service would refuse it
    asked = {
        name: value for name in ("actor", "object", "act", "cursor") if (value := getattr(query, name))
    } | {name: value.isoformat() for name in ("since", "until") if (value := getattr(query, name))}
    asked["limit"] = str(query.limit)
    trail = await users.audit_trail.page(asked, query.limit, request.headers["authorization"])
    return AuditTrailView(
        items=trail.entries,
        next_cursor=None if trail.last is None else cursor_of(*trail.last),
        missing=trail.missing,
    )


async def account_emails(users: Users, query: EmailsQuery) -> Page[AccountEmailView]:
    """Emails about accounts that have not gone, the longest waiting first"""
    found = await users.email_outbox.queued(query.state, moment_of(query.cursor), query.limit)
    last = found[-1] if len(found) == query.limit else None
    cursor = None if last is None else cursor_of(last.created_at, last.id)
    return Page([_email_view(email) for email in found], cursor)


async def send_account_email(
    users: Users, request: Request, email_id: str, context: IdempotencyContext
) -> AccountEmailView:
    """Send an email about an account again that has not gone, now"""
    return await users.email_outbox.send_again(email_id, actor_of(request.user), _email_view, context)


def _email_view(email: AccountEmail) -> AccountEmailView:
    return AccountEmailView(
        id=email.id,
        kind=email.kind,
        to=email.to_address,
        created_at=rfc3339(email.created_at),
        due_at=None if email.due_at is None else rfc3339(email.due_at),
        tries=email.tries,
        error=email.error,
    )


_USER = "/api/users/{user_id}"

ENDPOINTS = (
    Endpoint("GET", "/api/users", list_users, who=ADMIN),
    Endpoint("GET", _USER, get_user, who=ADMIN),
    Endpoint("PATCH", _USER, set_roles, who=ADMIN),
    Endpoint("DELETE", f"{_USER}/sessions", end_user_sessions, who=ADMIN),
    Endpoint("GET", "/api/audit", audit_trail, who=ADMIN),
    Endpoint("GET", "/api/emails/accounts", account_emails, who=ADMIN),
    Endpoint("POST", "/api/emails/accounts/{email_id}/send", send_account_email, who=ADMIN, idempotent=True),
)
