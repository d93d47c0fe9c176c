"""Accounts of a rehearsal in a local installation: made without a password, signed in by its own key.

Hashing a hundred thousand passwords takes most of an hour of a core, and is not what is rehearsed. So
`houseful rush prepare` writes the accounts into the store of the users, with a password that nobody knows;
whoever has the installation's key signs their tokens.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence

from houseful.app import opened_store
from houseful.kernel.clock import SystemClock
from houseful.kernel.documents import Millis
from houseful.kernel.errors import invalid
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Store, Transaction
from houseful.kernel.roles import Role
from houseful.settings import Settings, load_secrets
from houseful.users import MANIFEST
from houseful.users.domain import Session, User
from houseful.users.passwords import Passwords
from houseful.users.tokens import AccessTokens

DOMAIN = "rehearsal.test"
ORGANIZER = "usr_rehearsal_organizer"
_AT_ONCE = 500
_RENEWED_BEFORE_MILLIS = 60_000


def user_id(index: int) -> str:
    return f"usr_rehearsal_{index + 1}"


def email(index: int) -> str:
    return f"person{index + 1}@{DOMAIN}"


def is_rehearsal(address: str) -> bool:
    return address.rpartition("@")[2] == DOMAIN


async def prepare(settings: Settings, people: int) -> int:
    """Make the accounts that are not there yet; how many. Safe while the server runs."""
    clock, ids = SystemClock(), SystemIds()
    unknown = await Passwords(ids).hash(secrets.token_urlsafe(32), whose=ORGANIZER)
    made = 0
    async with opened_store(settings, MANIFEST, clock=clock, ids=ids) as store:
        organizer = _user(ORGANIZER, f"organizer@{DOMAIN}", "Rehearsal", unknown, clock.now(), Role.ORGANIZER)
        await _add(store, [organizer])
        for first in range(0, people, _AT_ONCE):
            indexes = range(first, min(first + _AT_ONCE, people))
            users = [
                _user(user_id(index), email(index), f"Person {index + 1}", unknown, clock.now())
                for index in indexes
            ]
            made += await _add(store, users)
    return made


async def check_prepared(settings: Settings, people: int) -> None:
    """Raises `Invalid` where there are fewer accounts."""
    async with opened_store(
        settings, MANIFEST, clock=SystemClock(), ids=SystemIds(), read_only=True
    ) as store:
        wanted = [ORGANIZER, user_id(people - 1)]
        if len(await store.get_many(User, wanted)) < len(wanted):
            fix = f"has fewer accounts ready; make them: houseful rush prepare --people {people}"
            raise invalid({"--people": fix}, "The rehearsal can't be started:")


def _user(id: str, address: str, name: str, hash: str, now: Millis, *roles: Role) -> User:
    return User(
        id=id,
        email=address,
        address=address,
        name=name,
        password_hash=hash,
        roles=(Role.BUYER, *roles),
        verified_at=now,
        created_at=now,
    )


async def _add(store: Store, users: Sequence[User]) -> int:
    async def work(tx: Transaction) -> int:
        known = await tx.get_many(User, [user.id for user in users])
        new = [user for user in users if user.id not in known]
        for user in new:
            tx.insert(user)
        return len(new)

    return await store.transact(work)


class LocalTokens:
    """Signs people in with the installation's own key."""

    def __init__(
        self, settings: Settings, now: Callable[[], Millis], environment: Mapping[str, str] | None = None
    ) -> None:
        """The keys are of this environment, else the process's, or in the data folder. Raises `SettingsError`
        where they are not at hand."""
        keys = load_secrets(settings, environment, parts=[MANIFEST.name], make=False)
        self._access = AccessTokens(keys.raw("token_key"), seconds=settings.access_token_seconds)
        self._now = now

    def token(self, id: str, *roles: Role) -> tuple[str, Millis]:
        """A token, and until when it is to be used."""
        now = self._now()
        user = User(
            id=id, email="", address="", name="", password_hash="", roles=(Role.BUYER, *roles),
            verified_at=now, created_at=now,
        )  # fmt: skip
        session = Session(
            id=f"ses_{id}", user_id=id, password_version=1, created_at=now, last_used_at=now, expires_at=now
        )
        signed = self._access.sign(user, session, id=id, now=now)
        return signed, now + self._access.seconds * 1000 - _RENEWED_BEFORE_MILLIS
