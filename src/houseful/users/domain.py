"""Users, their sessions, and the rules of both: pure functions of documents and the moment."""

import re
import unicodedata
from collections.abc import Iterable
from enum import Enum
from typing import Literal

from msgspec.structs import replace

from houseful.kernel import email_addresses, person_keys
from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.errors import DomainError, StateConflict, Unauthenticated, invalid
from houseful.kernel.roles import Role

NAME_MOST = 100
PASSWORD_LEAST = 8
PASSWORD_MOST = 128
GRACE_MILLIS = 10_000
"""How long the token before the current one gets the current one again: two tabs, or a reply that was
lost."""
DAY_MILLIS = 24 * 3600 * 1000
KEPT_MILLIS = 7 * DAY_MILLIS
"""How long a session's document outlives the session, so that its tokens are told that they are expired."""

_USER_AGENT_MOST = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class User(Document, frozen=True, kw_only=True):
    """Somebody with an account. `address` is the e-mail address in the form that is compared; `email` the one
    that is shown.

    `password_version` counts the changes of the password; a session that was begun under another one is over.
    `tokens_version` counts those of password and roles: access tokens say which they were made under.
    `links_since`: of emails before it, links that change the password or the address are over.
    `verified_at` is since when the address is known to be the owner's; it counts for this `address` only.
    """

    collection = "users"
    indexes = (Index(("address",), unique=True), Index(("name_key",)), Index(("last_name_key",)))

    email: str
    address: str
    name: str
    password_hash: str
    roles: tuple[Role, ...] = (Role.BUYER,)
    password_version: int = 1
    tokens_version: int = 0
    verified_at: Millis | None = None
    links_since: Millis = 0
    created_at: Millis

    @property
    def name_key(self) -> str:
        return person_keys.name_key(self.name)

    @property
    def last_name_key(self) -> str:
        return person_keys.last_name_key(self.name)


class FormerAddress(Document, frozen=True, kw_only=True):
    """An address that was changed and can be changed back from its mailbox: nobody else gets it so long.
    `id` is the address in the form that is compared."""

    collection = "former_addresses"
    indexes = (Index(("until",)), Index(("user_id",)))

    user_id: str
    changed_at: Millis
    until: Millis


class ErasedAccount(Document, frozen=True, kw_only=True):
    """That there was an account with this id: orders and events of it are in the books. `due_at` is when
    what is left of it here is deleted next; None when nothing is."""

    collection = "erased_accounts"
    indexes = (Index(("due_at",)),)

    erased_at: Millis
    due_at: Millis | None


class Admins(Document, frozen=True, kw_only=True):
    """Who has the role admin: the one document that every change of that set puts, so that one always
    stays."""

    collection = "admins"
    ID = "admins"

    user_ids: tuple[str, ...] = ()


class Session(Document, frozen=True, kw_only=True):
    """A family of refresh tokens, each the successor of the one before: token n is derived from a key, the id
    and n.

    `generation` is the number of the current token, made at `rotated_at` from the one before (None for the
    first). Since using the current one makes the next, the current one is always unused.
    """

    collection = "sessions"
    indexes = (Index(("expires_at",)), Index(("user_id", "expires_at")))

    user_id: str
    password_version: int
    generation: int = 0
    rotated_at: Millis | None = None
    created_at: Millis
    last_used_at: Millis
    expires_at: Millis
    ended_at: Millis | None = None
    ended_why: Literal["logout", "reused"] | None = None
    user_agent: str = ""


class Presented(Enum):
    """What becomes of a refresh token that is presented."""

    ROTATED = "the current one: it gets its successor"
    REPEATED = "the one just before, within the grace: it gets the same successor"
    REUSED = "an older one: the family ends"
    EXPIRED = "the session's time is over"
    ENDED = "the session was ended"
    ENDED_BY_REUSE = "the session was ended because an old token was used"


def begin_session(id: str, user: User, *, now: Millis, days: int, user_agent: str = "") -> Session:
    """It ends after `days`, however often it is refreshed."""
    return Session(
        id=id,
        user_id=user.id,
        password_version=user.password_version,
        created_at=now,
        last_used_at=now,
        expires_at=now + days * DAY_MILLIS,
        user_agent=_CONTROL.sub(" ", user_agent)[:_USER_AGENT_MOST],
    )


def present(
    session: Session, generation: int, password_version: int, now: Millis
) -> tuple[Presented, Session]:
    """Token number `generation` of this family is presented; `password_version` is the user's.

    The new session is the same object where nothing is to be stored. The rule is RFC 9700, 4.14.2 (rotation,
    and the end of the family on reuse), with one exception: the token just before, within ten seconds, while
    its successor is unused.
    """
    if session.ended_at is not None:
        return (Presented.ENDED_BY_REUSE if session.ended_why == "reused" else Presented.ENDED), session
    if session.password_version != password_version:
        return Presented.ENDED, session
    if now >= session.expires_at:
        return Presented.EXPIRED, session
    if generation == session.generation:
        return Presented.ROTATED, replace(
            session, generation=generation + 1, rotated_at=now, last_used_at=now
        )
    # abs: a clock that was set back must not make the grace longer
    if generation == session.generation - 1 and abs(now - (session.rotated_at or 0)) <= GRACE_MILLIS:
        return Presented.REPEATED, session
    # also a number that is yet to come, as there is after the database came back from an older copy
    return Presented.REUSED, end(session, "reused", now)


_REFUSALS = {
    Presented.ENDED: ("refresh_invalid", "This session is over. Sign in again."),
    Presented.EXPIRED: ("refresh_expired", "This session has expired. Sign in again."),
    Presented.REUSED: (
        "refresh_reused",
        "An old refresh token was used, so this session was ended. Sign in again.",
    ),
}
_REFUSALS[Presented.ENDED_BY_REUSE] = _REFUSALS[Presented.REUSED]


def refresh_refusal(what: Presented) -> DomainError:
    return Unauthenticated(*_REFUSALS[what])


def end(session: Session, why: Literal["logout", "reused"], now: Millis) -> Session:
    """Unchanged where it was ended before."""
    return session if session.ended_at is not None else replace(session, ended_at=now, ended_why=why)


def goes_on(session: Session, password_version: int, now: Millis) -> bool:
    """Whether its current token would get a successor."""
    return present(session, session.generation, password_version, now)[0] is Presented.ROTATED


def live_tokens(session: Session, password_version: int, now: Millis) -> list[int]:
    """The numbers of the tokens, of all that the family ever had, that would get a successor not given out
    before."""
    tokens = range(session.generation + 1)
    return [n for n in tokens if present(session, n, password_version, now)[0] is Presented.ROTATED]


def session_faults(sessions: Iterable[Session], users: Iterable[User], now: Millis) -> list[str]:
    """C11, at most one live refresh token in a family, and what it rests on; one sentence for each fault."""
    versions = {user.id: user.password_version for user in users}
    faults = []
    for session in sessions:
        version = versions.get(session.user_id)
        if version is None:
            faults.append(f"session {session.id} belongs to user {session.user_id}, who does not exist")
            continue
        live = live_tokens(session, version, now)
        if len(live) > 1:
            faults.append(f"session {session.id} has {len(live)} live refresh tokens: {live}")
        if session.generation < 0 or (session.generation == 0) != (session.rotated_at is None):
            faults.append(
                f"session {session.id} is at token {session.generation}, rotated at {session.rotated_at}"
            )
        if (session.ended_at is None) != (session.ended_why is None):
            faults.append(f"session {session.id} ended at {session.ended_at}, because of {session.ended_why}")
        if session.password_version > version:
            faults.append(f"session {session.id} was begun under a later password than its user's")
    return faults


def person(text: str) -> str:
    """A name, trimmed. Raises `Invalid` by the field `name`."""
    name = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(name) <= NAME_MOST:
        raise invalid({"name": f"needs 1 to {NAME_MOST} characters."})
    if _CONTROL.search(name):
        raise invalid({"name": "has control characters or line breaks in it; remove them."})
    return name


def new_password(text: str, email: str, *, field: str = "password") -> str:
    """In the form that is hashed. Raises `Invalid` by `field`. Length only, no rules of
    composition: NIST SP 800-63B, 3.1.1.2."""
    password = typed_password(text)
    if not PASSWORD_LEAST <= len(password) <= PASSWORD_MOST:
        raise invalid({field: f"needs {PASSWORD_LEAST} to {PASSWORD_MOST} characters."})
    if _not_encodable(password):
        raise invalid({field: "has half a character in it; type it again."})
    if email_addresses.searched(password) == email_addresses.searched(email):
        raise invalid({field: "must not be the e-mail address."})
    return password


def typed_password(text: str) -> str:
    """One password, however the keyboard composes its letters."""
    return unicodedata.normalize("NFC", text)


def _not_encodable(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def with_password(user: User, hash: str, now: Millis) -> User:
    return replace(
        user,
        password_hash=hash,
        password_version=user.password_version + 1,
        tokens_version=user.tokens_version + 1,
        links_since=now,
    )


def verified(user: User, now: Millis) -> User:
    return user if user.verified_at is not None else replace(user, verified_at=now)


def with_address(user: User, email: str, now: Millis) -> User:
    """The address was confirmed by its owner."""
    return replace(user, email=email, address=email_addresses.searched(email), verified_at=now)


def without_password(user: User, now: Millis) -> User:
    """Nobody can sign in until a new password is set, and all sessions are over."""
    return with_password(user, "", now)


def with_roles(user: User, roles: Iterable[Role]) -> User:
    """Exactly these and buyer, in the order in which `Role` has them. Unchanged where it has these."""
    wanted = {*roles, Role.BUYER}
    ordered = tuple(role for role in Role if role in wanted)
    if ordered == user.roles:
        return user
    return replace(user, roles=ordered, tokens_version=user.tokens_version + 1)


def with_admin(admins: Admins, user: User, *, by: str | None) -> Admins:
    """The set after `user` was given its roles; unchanged where it was so before. `by` is the admin who did
    it.

    Raises `StateConflict` where an admin would lose the own role. So who takes the role from others
    keeps it, and one is left.
    """
    is_admin, was_admin = Role.ADMIN in user.roles, user.id in admins.user_ids
    if is_admin == was_admin:
        return admins
    if is_admin:
        return replace(admins, user_ids=(*admins.user_ids, user.id))
    if user.id == by:
        raise StateConflict(
            "own_admin_role", "You can't take the role admin from yourself; another admin can."
        )
    return replace(admins, user_ids=tuple(id for id in admins.user_ids if id != user.id))
