"""What an account's owner may ask of the data: a copy of everything, and that it is erased."""

from typing import Annotated

import msgspec
from msgspec import Meta

from houseful.kernel.documents import Millis
from houseful.kernel.times import rfc3339
from houseful.users.api import NO_STORE, TypedPassword, UserView, user_view
from houseful.users.exports import Held
from houseful.users.passkeys_api import PasskeyView, passkey_view
from houseful.users.service import Users
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import Response, View


class EraseInput(Input, frozen=True, kw_only=True):
    """`second_factor_code` is for accounts with a second factor: a code of the app or a recovery code."""

    current_password: TypedPassword
    second_factor_code: Annotated[str, Meta(max_length=40)] | None = None


class SessionExportView(View, frozen=True, kw_only=True):
    user_agent: str
    created_at: str
    last_used_at: str
    expires_at: str
    ended_at: str | None


class EmailExportView(View, frozen=True, kw_only=True):
    kind: str
    to_address: str
    created_at: str


class FormerAddressExportView(View, frozen=True, kw_only=True):
    address: str
    changed_at: str


class SecondFactorExportView(View, frozen=True, kw_only=True):
    since: str | None
    recovery_codes_left: int


class PasskeyExportView(PasskeyView, frozen=True, kw_only=True):
    """`credential` is the id by which browsers and authenticators know it, `public_key` (COSE) checks what it
    signs, `sign_count` is how often it says to have signed."""

    credential: str
    public_key: str
    sign_count: int


class AccountExportView(UserView, frozen=True, kw_only=True):
    email_verified_at: str | None
    sessions: list[SessionExportView]
    emails: list[EmailExportView]
    former_addresses: list[FormerAddressExportView]
    second_factor: SecondFactorExportView | None
    passkeys: list[PasskeyExportView]


class ExportView(View, frozen=True, kw_only=True):
    """Everything that is held of an account: `account` by the accounts themselves, the lists under `parts`
    by name, as the services that hold them show them to the account."""

    exported_at: str
    account: AccountExportView
    parts: dict[str, list[msgspec.Raw]]


async def export(users: Users, request: Request) -> Annotated[Response, ExportView]:
    """Everything that is held of my account, as a JSON file."""
    held, parts = await users.exports.export(request.user, request.headers["authorization"])
    view = ExportView(exported_at=rfc3339(users.now()), account=_account(held), parts=parts)
    name = f'attachment; filename="{held.user.id}.json"'
    return Response(msgspec.json.encode(view), headers=[NO_STORE, ("content-disposition", name)])


async def erase(users: Users, request: Request, body: EraseInput) -> Response:
    """Erase my account. It is refused with 409 while payments are open, and before events are over that it
    has tickets for or organizes."""
    await users.erasures.erase(
        request.user,
        request.headers["authorization"],
        current_password=body.current_password,
        factor_code=body.second_factor_code,
    )
    return Response(status=204, headers=[users.cookie.clear(), NO_STORE])


def _account(held: Held) -> AccountExportView:
    user, factor = held.user, held.second_factor
    return AccountExportView(
        **msgspec.structs.asdict(user_view(user)),
        email_verified_at=_written(user.verified_at),
        sessions=[
            SessionExportView(
                user_agent=one.user_agent,
                created_at=rfc3339(one.created_at),
                last_used_at=rfc3339(one.last_used_at),
                expires_at=rfc3339(one.expires_at),
                ended_at=_written(one.ended_at),
            )
            for one in held.sessions
        ],
        emails=[
            EmailExportView(kind=one.kind, to_address=one.to_address, created_at=rfc3339(one.created_at))
            for one in held.emails
        ],
        former_addresses=[
            FormerAddressExportView(address=one.id, changed_at=rfc3339(one.changed_at))
            for one in held.former_addresses
        ],
        second_factor=None
        if factor is None
        else SecondFactorExportView(
            since=_written(factor.confirmed_at), recovery_codes_left=len(factor.recovery)
        ),
        passkeys=[
            PasskeyExportView(
                **msgspec.structs.asdict(passkey_view(one)),
                credential=one.credential,
                public_key=one.public_key,
                sign_count=one.sign_count,
            )
            for one in (held.passkeys.passkeys if held.passkeys is not None else ())
        ],
    )


def _written(moment: Millis | None) -> str | None:
    return None if moment is None else rfc3339(moment)


ENDPOINTS = (
    Endpoint("GET", "/api/me/export", export, who=USER),
    Endpoint("DELETE", "/api/me", erase, status=204, who=USER),
)
