"""Emails about an account: what is stored of each, and the link and the code that it carries.

A link is derived from a key and the email's id, so that nothing is stored that could be stolen from the
database. It is good for one purpose, once, until it expires.
"""

import hashlib
import hmac
from enum import StrEnum

from msgspec.structs import replace

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.errors import DomainError, NotFound, StateConflict

_MAC_DIGITS = 40
_TOKEN_MOST = 200
_HOUR_MILLIS = 3_600_000
_DAY_MILLIS = 24 * _HOUR_MILLIS
UNDO_MILLIS = 7 * _DAY_MILLIS
"""How long a changed address can be changed back from the mailbox of the one before."""

CODE_DIGITS = 6
WRONG_CODES_MOST = 5
"""After so many wrong codes only the link of that email is good."""


class Kind(StrEnum):
    """What an email is about; the purpose of its link."""

    VERIFY = "verify"
    ALREADY_REGISTERED = "already_registered"
    RESET_PASSWORD = "reset_password"  # noqa: S105
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    CONFIRM_ADDRESS = "confirm_address"
    ADDRESS_TAKEN = "address_taken"
    ADDRESS_CHANGED = "address_changed"
    SECOND_FACTOR_ON = "second_factor_on"
    SECOND_FACTOR_OFF = "second_factor_off"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    ACCOUNT_ERASED = "account_erased"
    TURN_NEAR = "turn_near"


LIFETIME_MILLIS = {
    Kind.VERIFY: 2 * _DAY_MILLIS,
    Kind.ALREADY_REGISTERED: _DAY_MILLIS,
    Kind.RESET_PASSWORD: _HOUR_MILLIS,
    Kind.PASSWORD_CHANGED: 2 * _DAY_MILLIS,
    Kind.CONFIRM_ADDRESS: _DAY_MILLIS,
    Kind.ADDRESS_TAKEN: _DAY_MILLIS,
    Kind.ADDRESS_CHANGED: UNDO_MILLIS,
    Kind.SECOND_FACTOR_ON: 2 * _DAY_MILLIS,
    Kind.SECOND_FACTOR_OFF: 2 * _DAY_MILLIS,
    Kind.PASSKEY_ADDED: 2 * _DAY_MILLIS,
    Kind.PASSKEY_REMOVED: 2 * _DAY_MILLIS,
    Kind.ACCOUNT_ERASED: 2 * _DAY_MILLIS,
    Kind.TURN_NEAR: _HOUR_MILLIS,
}
"""How long a link is good, and for how long an email that can't be delivered is tried again."""

WITH_LINK = frozenset({Kind.VERIFY, Kind.RESET_PASSWORD, Kind.CONFIRM_ADDRESS, Kind.ADDRESS_CHANGED})
"""Those whose links carry a token."""

CODE_MILLIS = _HOUR_MILLIS


class AccountEmail(Document, frozen=True, kw_only=True):
    """`due_at` is None when it has gone or was given up. `address` is the recipient's in the form that is
    compared. An email to an address of which nobody has said yet whether it has an account has no `user_id`.
    `event_id` and `title` are those of an event that it is about.
    """

    collection = "account_emails"
    indexes = (
        Index(("due_at",)),
        Index(("expires_at",)),
        Index(("user_id", "kind")),
        Index(("queue", "created_at")),
    )

    kind: Kind
    to_address: str
    address: str
    user_id: str = ""
    created_at: Millis
    expires_at: Millis
    due_at: Millis | None
    tries: int = 0
    error: str | None = None
    used_at: Millis | None = None
    wrong_codes: int = 0
    event_id: str = ""
    title: str = ""

    @property
    def queue(self) -> str | None:
        """`failed` where something is in its way, `waiting` where it goes by itself, None where it has
        gone."""
        if self.error is not None:
            return "failed"
        return None if self.due_at is None else "waiting"


class Links:
    """Tokens of links, and codes."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, person=b"account emails").digest()

    def token(self, kind: Kind, id: str) -> str:
        return f"{id}.{self._mac(kind, id)[:_MAC_DIGITS]}"

    def email_id(self, kind: Kind, token: str) -> str:
        """Raises `NotFound` for what is no token of ours for this purpose."""
        id, _, _ = token.partition(".")
        genuine = token.isascii() and len(token) <= _TOKEN_MOST
        if not genuine or not hmac.compare_digest(self.token(kind, id), token):
            raise NotFound("link_unknown", "This link is none of ours. Copy the whole of it from the email.")
        return id

    def code(self, id: str) -> str:
        return str(int(self._mac("code", id), 16) % 10**CODE_DIGITS).zfill(CODE_DIGITS)

    def _mac(self, purpose: str, id: str) -> str:
        return hmac.new(self._key, f"{purpose}\0{id}".encode(), "sha256").hexdigest()


def used(email: AccountEmail | None, now: Millis) -> AccountEmail:
    """The email after its link was followed. Raises `NotFound`, `StateConflict`."""
    if email is None or now >= email.expires_at:
        raise expired()
    if email.used_at is not None:
        raise StateConflict("link_used", "This link was used before. Ask for a new one.")
    return replace(email, used_at=now)


def expired() -> DomainError:
    return StateConflict("link_expired", "This link has expired. Ask for a new one.")


def takes_code(email: AccountEmail, now: Millis) -> bool:
    """Whether its code may be tried still."""
    fresh = email.used_at is None and now < email.created_at + CODE_MILLIS
    return fresh and email.wrong_codes < WRONG_CODES_MOST
