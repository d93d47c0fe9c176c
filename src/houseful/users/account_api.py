"""What the owner of an account does with it, over HTTP: verify and change the address, set a new
password."""

from typing import Annotated

from msgspec import Meta

from houseful.kernel import email_addresses
from houseful.users.domain import PASSWORD_LEAST, PASSWORD_MOST
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


class ResetRequestInput(Input, frozen=True, kw_only=True):
    email: Annotated[str, Meta(min_length=3, max_length=email_addresses.MOST)]


class ResetInput(Input, frozen=True, kw_only=True):
    """`token` is what follows behind the `#` of an email's link."""

    token: LinkToken
    new_password: Annotated[str, Meta(min_length=PASSWORD_LEAST, max_length=PASSWORD_MOST)]


async def request_password_reset(users: Users, request: Request, body: ResetRequestInput) -> None:
    """Send an email with a link for a new password. The answer does not tell whether the address has an
    account."""
    await users.password_changes.request_reset(body.email, request.peer)


async def reset_password(users: Users, request: Request, body: ResetInput) -> None:
    """Set a new password by the link of an email, and end all sessions of the account."""
    await users.password_changes.reset(body.token, body.new_password, request.peer)


class EmailChangeInput(Input, frozen=True, kw_only=True):
    email: Annotated[str, Meta(min_length=3, max_length=email_addresses.MOST)]
    current_password: Annotated[str, Meta(max_length=1024)]


async def change_email(users: Users, request: Request, body: EmailChangeInput) -> None:
    """Send an email to another address. The account has that address as soon as the email's link is
    followed."""
    await users.address_changes.request(request.user, body.email, body.current_password)


async def confirm_email(users: Users, body: LinkInput) -> None:
    """Change the address of an account by the link of an email to the new one. The one before is told."""
    await users.address_changes.confirm(body.token)


async def restore_email(users: Users, body: LinkInput) -> None:
    """Undo the change of an address by the link of an email to the former one. All sessions end, and an email
    brings a link for a new password."""
    await users.address_changes.undo(body.token)


ENDPOINTS = (
    Endpoint("POST", "/api/me/email", change_email, who=USER),
    Endpoint("POST", "/api/auth/email-change/confirm", confirm_email, reads_token=False),
    Endpoint("POST", "/api/auth/email-change/undo", restore_email, reads_token=False),
    Endpoint("POST", "/api/auth/password-reset", request_password_reset, reads_token=False),
    Endpoint("POST", "/api/auth/password-reset/confirm", reset_password, reads_token=False),
    Endpoint("POST", "/api/me/verification", send_verification, who=USER),
    Endpoint("POST", "/api/me/verification/code", verify_by_code, who=USER),
    Endpoint("POST", "/api/auth/verify-email", verify_by_link, reads_token=False),
)
