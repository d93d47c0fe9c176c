"""Passkeys over HTTP: an account's own, and signing in with one."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from houseful.kernel.times import rfc3339
from houseful.users.api import TokensView, TypedPassword, tokens
from houseful.users.credential_inputs import CredentialInput, NewCredentialInput, webauthn_json
from houseful.users.passkey import NAME_MOST, Passkey
from houseful.users.service import Users
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import Response, View
from houseful.webapi.validation import ONE_LINE

PasskeyName = Annotated[str, Meta(min_length=1, max_length=NAME_MOST, pattern=ONE_LINE)]


class BeginPasskeyInput(Input, frozen=True, kw_only=True):
    """`second_factor_code` is for accounts with a second factor: a code of the app or a recovery code."""

    current_password: TypedPassword
    second_factor_code: Annotated[str, Meta(max_length=40)] | None = None


class NewPasskeyInput(Input, frozen=True, kw_only=True):
    name: PasskeyName
    credential: NewCredentialInput


class RenamePasskeyInput(Input, frozen=True, kw_only=True):
    name: PasskeyName


class RemovePasskeyInput(Input, frozen=True, kw_only=True):
    current_password: TypedPassword


class PasskeyLoginInput(Input, frozen=True, kw_only=True):
    credential: CredentialInput
    token_transport: Literal["cookie", "body"] = "cookie"  # noqa: S105


class PasskeyView(View, frozen=True, kw_only=True):
    """`synced` says that the passkey is on all devices of its owner."""

    id: str
    name: str
    synced: bool
    created_at: str
    last_used_at: str | None


class PasskeysView(View, frozen=True, kw_only=True):
    """`unavailable` says why no passkey can be made or used at the address of this installation; null where
    they can."""

    items: list[PasskeyView]
    unavailable: str | None


class PasskeyOptionsView(View, frozen=True, kw_only=True):
    """`options` is WebAuthn's own JSON: PublicKeyCredentialCreationOptionsJSON for a new passkey,
    PublicKeyCredentialRequestOptionsJSON for signing in. Its challenge is good once, for ten minutes."""

    options: dict[str, Any]


async def passkeys(users: Users, request: Request) -> PasskeysView:
    """The passkeys of the account, and whether there can be any."""
    found = await users.passkeys.of(request.user.user_id)
    return PasskeysView(
        items=[passkey_view(one) for one in found], unavailable=users.passkeys.party.unavailable or None
    )


async def begin_passkey(users: Users, request: Request, body: BeginPasskeyInput) -> PasskeyOptionsView:
    """What a browser is to be told to make a passkey."""
    options = await users.passkeys.begin(request.user, body.current_password, body.second_factor_code)
    return PasskeyOptionsView(options=options)


async def add_passkey(users: Users, request: Request, body: NewPasskeyInput) -> PasskeyView:
    """Add the passkey that a browser has made. From here on it signs in."""
    credential = webauthn_json(body.credential)
    return passkey_view(await users.passkeys.add(request.user, body.name, credential))


async def rename_passkey(
    users: Users, request: Request, body: RenamePasskeyInput, passkey_id: str
) -> PasskeyView:
    """Give a passkey another name."""
    return passkey_view(await users.passkeys.rename(request.user, passkey_id, body.name))


async def remove_passkey(users: Users, request: Request, body: RemovePasskeyInput, passkey_id: str) -> None:
    """Remove a passkey: it signs in no more."""
    await users.passkeys.remove(request.user, passkey_id, body.current_password)


async def passkey_login_options(users: Users) -> PasskeyOptionsView:
    """What a browser is to be told to sign in with a passkey, or to give one in the place of a code. The
    same for everybody: whoever answers says who it is."""
    return PasskeyOptionsView(options=await users.passkeys.sign_in_options())


async def passkey_login(
    users: Users, request: Request, body: PasskeyLoginInput
) -> Annotated[Response, TokensView]:
    """Begin a session with a passkey alone, as login does with a password."""
    by_cookie = body.token_transport == "cookie"  # noqa: S105
    if by_cookie:
        users.cookie.check_origin(request.headers)
    signed_in = await users.sign_ins.with_passkey(
        webauthn_json(body.credential), peer=request.peer, user_agent=request.headers.get("user-agent", "")
    )
    return tokens(users, signed_in, by_cookie=by_cookie)


def passkey_view(passkey: Passkey) -> PasskeyView:
    return PasskeyView(
        id=passkey.id,
        name=passkey.name,
        synced=passkey.synced,
        created_at=rfc3339(passkey.created_at),
        last_used_at=None if passkey.last_used_at is None else rfc3339(passkey.last_used_at),
    )


ENDPOINTS = (
    Endpoint("GET", "/api/me/passkeys", passkeys, who=USER),
    Endpoint("POST", "/api/me/passkeys/options", begin_passkey, who=USER),
    Endpoint("POST", "/api/me/passkeys", add_passkey, status=201, who=USER),
    Endpoint("PATCH", "/api/me/passkeys/{passkey_id}", rename_passkey, who=USER),
    Endpoint("DELETE", "/api/me/passkeys/{passkey_id}", remove_passkey, who=USER),
    Endpoint("POST", "/api/auth/passkey/options", passkey_login_options, reads_token=False),
    Endpoint("POST", "/api/auth/passkey", passkey_login, reads_token=False),
)
