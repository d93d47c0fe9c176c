"""An account's second factor over HTTP."""

from typing import Annotated

import segno
from msgspec import Meta

from houseful.users.service import Users
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.requests import Input, Request
from houseful.webapi.responses import View

_QR_SCALE = 4

TypedCode = Annotated[str, Meta(min_length=1, max_length=40)]
TypedPassword = Annotated[str, Meta(max_length=1024)]


class BeginSecondFactorInput(Input, frozen=True, kw_only=True):
    current_password: TypedPassword


class ConfirmSecondFactorInput(Input, frozen=True, kw_only=True):
    code: TypedCode


class RemoveSecondFactorInput(Input, frozen=True, kw_only=True):
    """`code` is one of the authenticator app, or a recovery code."""

    current_password: TypedPassword
    code: TypedCode


class SecondFactorView(View, frozen=True, kw_only=True):
    totp: bool
    recovery_codes_left: int


class EnrolmentView(View, frozen=True, kw_only=True):
    """`secret` is base32, for typing; `uri` (otpauth) is what the QR code says."""

    secret: str
    uri: str
    qr_svg: str


class RecoveryCodesView(View, frozen=True, kw_only=True):
    """Each signs in once in the place of a code. They are told this once."""

    recovery_codes: list[str]


async def second_factor(users: Users, request: Request) -> SecondFactorView:
    """Whether signing in to the account takes a second factor."""
    factor = await users.second_factors.of(request.user.user_id)
    left = len(factor.recovery) if factor is not None else 0
    return SecondFactorView(totp=factor is not None, recovery_codes_left=left)


async def begin_second_factor(users: Users, request: Request, body: BeginSecondFactorInput) -> EnrolmentView:
    """What an authenticator app is to be told. It counts when a code of the app confirms it."""
    begun = await users.second_factors.begin(request.user, body.current_password)
    svg = segno.make_qr(begun.uri, error="m").svg_inline(scale=_QR_SCALE, light="white")
    return EnrolmentView(secret=begun.secret, uri=begun.uri, qr_svg=svg)


async def confirm_second_factor(
    users: Users, request: Request, body: ConfirmSecondFactorInput
) -> RecoveryCodesView:
    """From here on signing in takes a code; the answer has the recovery codes."""
    return RecoveryCodesView(recovery_codes=await users.second_factors.confirm(request.user, body.code))


async def remove_second_factor(users: Users, request: Request, body: RemoveSecondFactorInput) -> None:
    """Sign in with the password alone again."""
    await users.second_factors.remove(request.user, body.current_password, body.code)


ENDPOINTS = (
    Endpoint("GET", "/api/me/second-factor", second_factor, who=USER),
    Endpoint("POST", "/api/me/second-factor", begin_second_factor, who=USER),
    Endpoint("POST", "/api/me/second-factor/confirm", confirm_second_factor, who=USER),
    Endpoint("POST", "/api/me/second-factor/remove", remove_second_factor, who=USER),
)
