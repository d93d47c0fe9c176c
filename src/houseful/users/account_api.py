"""Verification of an account's address over HTTP."""

from typing import Annotated

from msgspec import Meta

from houseful.users.service import Users
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.requests import Input, Request

LinkToken = Annotated[str, Meta(max_length=1024)]


class LinkInput(Input, frozen=True, kw_only=True):
    """`token` is what follows behind the `#` of an email's link."""

    token: LinkToken


class CodeInput(Input, frozen=True, kw_only=True):
    code: Annotated[str, Meta(pattern=r"^[0-9]{6}$")]


async def send_verification(users: Users, request: Request) -> None:
    """Send another email with a link and a code to the account's address, unless it is verified."""
    await users.verification.send(request.user)


async def verify_by_code(users: Users, request: Request, body: CodeInput) -> None:
    """Verify the account's address by the code of the newest email."""
    await users.verification.by_code(request.user, body.code)


async def verify_by_link(users: Users, body: LinkInput) -> None:
    """Verify an account's address by the link of an email to it; nobody has to be signed in."""
    await users.verification.by_link(body.token)


ENDPOINTS = (
    Endpoint("POST", "/api/me/verification", send_verification, who=USER),
    Endpoint("POST", "/api/me/verification/code", verify_by_code, who=USER),
    Endpoint("POST", "/api/auth/verify-email", verify_by_link, reads_token=False),
)
