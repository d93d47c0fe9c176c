"""Accounts as they are stored: found by address, listed in pages."""

from msgspec.structs import replace

from houseful.kernel import email_addresses
from houseful.kernel.errors import Forbidden, not_found
from houseful.kernel.ports import Clock, Ids, Store, Transaction
from houseful.kernel.roles import Identity
from houseful.users import domain
from houseful.users.domain import Admins, FormerAddress, User
from houseful.webapi import prefix_search
from houseful.webapi.cursors import cursor_of, text_of


class Accounts:
    """Reads of one store. Safe to be called concurrently."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    def new(self, found: email_addresses.Address, name: str, hash: str) -> User:
        """An account that is not stored yet."""
        return User(
            id=self._ids.new("usr"),
            email=found.email,
            address=found.key,
            name=name,
            password_hash=hash,
            created_at=self._clock.now(),
        )

    async def by_id(self, user_id: str) -> User | None:
        return await self._store.get(User, user_id)

    async def by_address(self, key: str) -> User | None:
        """The account whose address has this key (`email_addresses.searched`)."""
        for kept in dict.fromkeys((key, email_addresses.first_key(key))):
            for found in await self._store.find(User, {"address": kept}, limit=1):
                user = await self._with_todays_key(found)
                if user.address == key:
                    return user
        return None

    async def holder(self, key: str) -> str | None:
        """The id of the account that has this address, or had it a moment ago and may get it back."""
        user = await self.by_address(key)
        if user is not None:
            return user.id
        former = await self._store.get(FormerAddress, key)
        return former.user_id if former is not None and former.until > self._clock.now() else None

    async def page(self, *, q: str, cursor: str | None, limit: int) -> tuple[list[User], str | None]:
        """Accounts in the order in which they were made, or those with this id, or whose address, name or
        last name begins with `q`; and the next cursor. Raises `Invalid` for a cursor of another list."""
        if q.strip():
            same = await self._store.get(User, q.strip())
            ways = prefix_search.of_person(q, email="address")
            return await prefix_search.page(
                self._store, User, {}, ways, [] if same is None else [same], cursor, limit
            )
        users = await self._store.find(User, {}, by="id", after=text_of(cursor), limit=limit + 1)
        shown = users[:limit]
        return shown, cursor_of(shown[-1].id, shown[-1].id) if len(users) > limit else None

    async def _with_todays_key(self, user: User) -> User:
        """Accounts of the first versions are found by a key that two domains may share."""
        key = email_addresses.searched(user.email)
        if user.address == key:
            return user

        async def work(tx: Transaction) -> User:
            current = await tx.get(User, user.id)
            if current is None:
                raise not_found("user")
            after = replace(current, address=key)
            tx.put(after)
            return after

        return await self._store.transact(work)


async def check_admin(tx: Transaction, who: Identity) -> None:
    """Raises `Forbidden` where who asks is no admin any more, whatever the access token still says."""
    admins = await tx.get(Admins, Admins.ID)
    if admins is None or who.user_id not in admins.user_ids:
        raise Forbidden("forbidden", "You are no admin any more.")


async def keep_admins(tx: Transaction, user: User, *, by: str | None) -> None:
    """Bring the set of admins to the roles that `user` has now. `by` is the admin who changes them."""
    admins = await tx.get(Admins, Admins.ID)
    if admins is None:
        tx.insert(domain.with_admin(Admins(id=Admins.ID), user, by=by))
    else:
        # Put even unchanged: of two admins who take each other's role at once, one has to see the other's
        # change.
        tx.put(domain.with_admin(admins, user, by=by))
