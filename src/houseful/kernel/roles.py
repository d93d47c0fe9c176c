"""Who asks, and what they may do."""

from enum import StrEnum

import msgspec

from houseful.kernel.documents import Millis


class Role(StrEnum):
    BUYER = "buyer"
    ORGANIZER = "organizer"
    GATE = "gate"
    ADMIN = "admin"


class Identity(msgspec.Struct, frozen=True):
    """A verified access token's holder. `email_verified` was so when the token was made. `account_since` is
    None in a token of an older version. `email` is there for staff alone: the audit log says who acted."""

    user_id: str
    session_id: str
    roles: frozenset[str]
    expires_at: int
    version: int = 0
    email_verified: bool = False
    account_since: Millis | None = None
    email: str = ""

    def has(self, *roles: Role) -> bool:
        return not self.roles.isdisjoint(roles)
