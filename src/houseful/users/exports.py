"""An account's export: everything that the installation holds of it, as one JSON document.

Each service offers its lists of what it holds; they are asked for through the gateway, in the account's own
name. An export is whole or there is none.
"""

from typing import NamedTuple
from urllib.parse import quote

import msgspec

from houseful.kernel.errors import Unauthenticated, Unavailable
from houseful.kernel.ports import Clock, ServiceClient, Store
from houseful.kernel.roles import Identity
from houseful.users.account_email import AccountEmail
from houseful.users.domain import FormerAddress, Session, User
from houseful.users.login_attempts import EXPORTS, Attempts
from houseful.users.passkey import AccountPasskeys
from houseful.users.second_factor import SecondFactor
from houseful.webapi.account_parts import EXPORT

PARTS = (
    "orders",
    "holds",
    "gate-staff",
    "access-codes",
    "events",
    "line-places",
    "line-acts",
    "users-audit",
    "events-audit",
    "tickets-audit",
    "line-audit",
)
"""The lists of the other services, by the last name of their paths."""

_AT_ONCE = 500


class Held(NamedTuple):
    """What this service holds of an account."""

    user: User
    sessions: list[Session]
    emails: list[AccountEmail]
    former_addresses: list[FormerAddress]
    second_factor: SecondFactor | None
    passkeys: AccountPasskeys | None


class _PartPage(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw]
    next_cursor: str | None = None


class Exports:
    def __init__(self, store: Store, client: ServiceClient, attempts: Attempts, clock: Clock) -> None:
        self._store = store
        self._client = client
        self._attempts = attempts
        self._clock = clock

    async def export(self, who: Identity, authorization: str) -> tuple[Held, dict[str, list[msgspec.Raw]]]:
        """What is held here, and the parts of the other services. Raises `LimitReached`, and `Unavailable`
        where one of them does not answer."""
        await self._attempts.take(f"exports:{who.user_id}", EXPORTS)
        held = await self._held(who.user_id)
        return held, {name: await self._part(name, authorization) for name in PARTS}

    async def _held(self, user_id: str) -> Held:
        user = await self._store.get(User, user_id)
        if user is None:
            raise Unauthenticated("token_invalid", "This access token's user does not exist.")
        return Held(
            user,
            await self._store.find(Session, {"user_id": user_id}, by="expires_at", since=0, limit=_AT_ONCE),
            await self._store.find(AccountEmail, {"user_id": user_id}, limit=_AT_ONCE),
            await self._store.find(FormerAddress, {"user_id": user_id}, limit=_AT_ONCE),
            await self._store.get(SecondFactor, user_id),
            await self._store.get(AccountPasskeys, user_id),
        )

    async def _part(self, name: str, authorization: str) -> list[msgspec.Raw]:
        items: list[msgspec.Raw] = []
        query = ""
        while True:
            answer = await self._client.request(
                "GET", f"{EXPORT}/{name}{query}", headers={"authorization": authorization}
            )
            if answer.status != 200:
                raise Unavailable(f"the part {name} of an export can't be had: {answer.status}")
            page = msgspec.json.decode(answer.body, type=_PartPage)
            items += page.items
            if page.next_cursor is None:
                return items
            query = f"?cursor={quote(page.next_cursor, safe='')}"
