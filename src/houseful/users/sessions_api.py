"""An account's sessions over HTTP."""

from houseful.kernel.times import rfc3339
from houseful.users.devices import device
from houseful.users.domain import Session
from houseful.users.service import Users
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.requests import Request
from houseful.webapi.responses import Page, View


class SessionView(View, frozen=True, kw_only=True):
    """`last_used_at` is when it began or was refreshed last, which signed-in clients do every few minutes.
    `current` is the one that asks."""

    id: str
    device: str
    created_at: str
    last_used_at: str
    expires_at: str
    current: bool


async def list_sessions(users: Users, request: Request) -> Page[SessionView]:
    """The account's sessions that go on, the last used first."""
    found = await users.sessions.of_user(request.user.user_id)
    return Page([_view(session, request.user.session_id) for session in found])


async def end_session(users: Users, request: Request, session_id: str) -> None:
    """End one of the account's sessions, and its access tokens."""
    await users.sessions.end(request.user, session_id)


async def end_other_sessions(users: Users, request: Request) -> None:
    """End all sessions of the account but the one that asks."""
    await users.sessions.end_others(request.user)


def _view(session: Session, current: str) -> SessionView:
    return SessionView(
        id=session.id,
        device=device(session.user_agent),
        created_at=rfc3339(session.created_at),
        last_used_at=rfc3339(session.last_used_at),
        expires_at=rfc3339(session.expires_at),
        current=session.id == current,
    )


ENDPOINTS = (
    Endpoint("GET", "/api/me/sessions", list_sessions, who=USER),
    Endpoint("DELETE", "/api/me/sessions", end_other_sessions, who=USER),
    Endpoint("DELETE", "/api/me/sessions/{session_id}", end_session, who=USER),
)
