"""The users service over HTTP."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from houseful.kernel import email_addresses
from houseful.kernel.errors import NotFound, Unauthenticated
from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.users.credential_inputs import CredentialInput, webauthn_json
from houseful.users.domain import NAME_MOST, PASSWORD_LEAST, PASSWORD_MOST, User
from houseful.users.service import Users
from houseful.users.sessions import SignedIn
from houseful.webapi.asgi import WITHIN
from houseful.webapi.endpoint import ORGANIZER, USER, Endpoint
from houseful.webapi.problems import not_authenticated
from houseful.webapi.proof_of_work import HEADER as WORK
from houseful.webapi.requests import Input, Request, decode
from houseful.webapi.responses import Response, View
from houseful.webapi.revoked_tokens import PATH, Endings

_KEYS_FRESH_SECONDS = 300
NO_STORE = ("cache-control", "no-store")

EmailText = Annotated[str, Meta(min_length=3, max_length=email_addresses.MOST)]
NewPassword = Annotated[str, Meta(min_length=PASSWORD_LEAST, max_length=PASSWORD_MOST)]
TypedPassword = Annotated[str, Meta(max_length=1024)]
"""Of any length, as what is wrong with it is only that it is not the right one."""
TokenText = Annotated[str, Meta(max_length=1024)]


class RegisterInput(Input, frozen=True, kw_only=True):
    email: EmailText
    password: NewPassword
    name: Annotated[str, Meta(min_length=1, max_length=NAME_MOST)]


class LoginInput(Input, frozen=True, kw_only=True):
    """`passkey` takes the place of `second_factor_code`."""

    email: Annotated[str, Meta(max_length=email_addresses.MOST)]
    password: TypedPassword
    second_factor_code: Annotated[str, Meta(max_length=40)] | None = None
    passkey: CredentialInput | None = None
    token_transport: Literal["cookie", "body"] = "cookie"  # noqa: S105


class RefreshInput(Input, frozen=True, kw_only=True):
    refresh_token: TokenText | None = None


class PasswordInput(Input, frozen=True, kw_only=True):
    current_password: TypedPassword
    new_password: NewPassword


class GateAccountQuery(Input, frozen=True, kw_only=True):
    email: EmailText


class EndedQuery(Input, frozen=True, kw_only=True):
    since: Annotated[int, Meta(ge=0)] = 0


class RegisteredView(View, frozen=True, kw_only=True):
    id: str
    email: str
    name: str


class AccountView(RegisteredView, frozen=True, kw_only=True):
    roles: list[Role]
    email_verified: bool


class UserView(AccountView, frozen=True, kw_only=True):
    created_at: str


class TokensView(View, frozen=True, kw_only=True):
    """`refresh_token` is there where it does not travel in a cookie."""

    access_token: str
    token_type: str
    expires_in: int
    user: AccountView
    refresh_token: str | UnsetType = UNSET


class TokenKeyView(View, frozen=True, kw_only=True):
    kty: str
    crv: str
    x: str
    kid: str
    alg: str
    use: str


class KeysView(View, frozen=True, kw_only=True):
    keys: list[TokenKeyView]


async def register(users: Users, request: Request, body: RegisterInput) -> RegisteredView:
    """Make an account. The answer does not tell whether the address has one already."""
    made = await users.register(
        email=body.email,
        password=body.password,
        name=body.name,
        peer=request.peer,
        work=request.headers.get(WORK),
    )
    return RegisteredView(id=made.id, email=made.email, name=made.name)


async def login(users: Users, request: Request, body: LoginInput) -> Annotated[Response, TokensView]:
    """Begin a session: an access token, and a refresh token in a cookie or in the body. An account with a
    second factor needs its code too: without one the answer is 401 `second_factor_required`, which
    says whether a passkey can take its place."""
    by_cookie = body.token_transport == "cookie"  # noqa: S105
    if by_cookie:
        users.cookie.check_origin(
            request.headers
        )  # else another site could sign its visitors in as somebody else
    signed_in = await users.sign_ins.with_password(
        email=body.email,
        password=body.password,
        peer=request.peer,
        user_agent=request.headers.get("user-agent", ""),
        factor_code=body.second_factor_code,
        passkey=webauthn_json(body.passkey) if body.passkey is not None else None,
    )
    return tokens(users, signed_in, by_cookie=by_cookie)


async def refresh(
    users: Users, request: Request, body: Annotated[bytes, RefreshInput]
) -> Annotated[Response, TokensView]:
    """Exchange a refresh token for the next pair; the new one travels as the old one did. A token in the body
    wins."""
    token = _token_in_body(request)
    if token is not None:
        return tokens(users, await users.sessions.refresh(token), by_cookie=False)
    token = users.cookie.value(request.headers)
    if token is None:
        raise Unauthenticated("refresh_invalid", "There is no refresh token. Sign in.")
    users.cookie.check_sender(request.headers)
    return tokens(users, await users.sessions.refresh(token), by_cookie=True)


async def logout(users: Users, request: Request, body: Annotated[bytes, RefreshInput]) -> Response:
    """End the session of the access token or of the refresh token, and its access tokens with it."""
    token = _token_in_body(request)
    if token is None:
        token = users.cookie.value(request.headers)
        if token is not None and request.who is None:  # an access token is proof enough of who sent this
            users.cookie.check_sender(request.headers)
    if token is None and request.who is None:
        raise not_authenticated()
    await users.sessions.logout(
        session_id=request.who.session_id if request.who else None, refresh_token=token
    )
    return Response(status=204, headers=[users.cookie.clear(), NO_STORE])


async def change_password(users: Users, request: Request, body: PasswordInput) -> None:
    """Change the password, and end all other sessions."""
    await users.password_changes.change(request.user, current=body.current_password, new=body.new_password)


async def me(users: Users, request: Request) -> UserView:
    """Who the access token belongs to."""
    return user_view(await users.me(request.user))


async def gate_account(users: Users, query: GateAccountQuery) -> RegisteredView:
    """The gate account with an address, for an organizer who names gate staff."""
    found = await users.gate_account(query.email)
    return RegisteredView(id=found.id, email=found.email, name=found.name)


async def keys(users: Users) -> Annotated[Response, KeysView]:
    """The public keys of access tokens (JSON Web Key Set)."""
    body = msgspec.json.encode(users.published_keys)
    return Response(body, headers=[("cache-control", f"public, max-age={_KEYS_FRESH_SECONDS}")])


async def ended_tokens(users: Users, request: Request, query: EndedQuery) -> Endings:
    """What ended access tokens before their time, for the processes of the installation alone."""
    if request.peer != WITHIN:
        raise NotFound("no_such_path", f"There is nothing at {PATH}.")
    return Endings(await users.ended_tokens(query.since))


def _token_in_body(request: Request) -> str | None:
    """With the token in a cookie there need not be a body at all."""
    body: RefreshInput = decode(RefreshInput, request.raw) if request.raw.strip() else RefreshInput()
    return body.refresh_token


def tokens(users: Users, signed_in: SignedIn, *, by_cookie: bool) -> Response:
    headers = [NO_STORE]
    if by_cookie:
        headers.append(users.cookie.set(signed_in.refresh_token, seconds=signed_in.refresh_seconds))
    view = TokensView(
        access_token=signed_in.access_token,
        token_type="Bearer",  # noqa: S106
        expires_in=signed_in.access_seconds,
        user=_account(signed_in.user),
        refresh_token=UNSET if by_cookie else signed_in.refresh_token,
    )
    return Response(msgspec.json.encode(view), headers=headers)


def _account(user: User) -> AccountView:
    return AccountView(
        id=user.id,
        email=user.email,
        name=user.name,
        roles=list(user.roles),
        email_verified=user.verified_at is not None,
    )


def user_view(user: User) -> UserView:
    return UserView(
        id=user.id,
        email=user.email,
        name=user.name,
        roles=list(user.roles),
        email_verified=user.verified_at is not None,
        created_at=rfc3339(user.created_at),
    )


ENDPOINTS = (
    Endpoint("POST", "/api/auth/register", register, status=201, reads_token=False, asks_for_work=True),
    Endpoint("POST", "/api/auth/login", login, reads_token=False),
    Endpoint("POST", "/api/auth/refresh", refresh, reads_token=False),
    Endpoint("POST", "/api/auth/logout", logout, status=204),
    Endpoint("POST", "/api/auth/password", change_password, who=USER),
    Endpoint("GET", PATH, ended_tokens, public=False, reads_token=False),
    Endpoint("GET", "/api/me", me, who=USER),
    Endpoint("GET", "/api/users/gate-account", gate_account, who=ORGANIZER),
    Endpoint("GET", "/.well-known/jwks.json", keys, reads_token=False),
)
