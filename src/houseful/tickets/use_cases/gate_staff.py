"""An event's gate staff: its organizer names accounts by their address."""

from urllib.parse import quote

import msgspec

from houseful.kernel.errors import Unavailable, invalid
from houseful.kernel.ports import Clock, ServiceClient, Store, Transaction
from houseful.tickets.domain import gate_staff
from houseful.tickets.domain.gate_staff import GateStaff, Member
from houseful.tickets.domain.shows import Show
from houseful.webapi.audit import Actor, AuditLog


class _Account(msgspec.Struct):
    id: str
    email: str
    name: str


class Staff:
    def __init__(self, store: Store, client: ServiceClient, clock: Clock, audit: AuditLog) -> None:
        self._store = store
        self._client = client
        self._clock = clock
        self._audit = audit

    async def of(self, show: Show) -> GateStaff:
        return await self._store.get(GateStaff, show.id) or GateStaff(id=show.id)

    async def name(self, show: Show, email: str, authorization: str, by: Actor) -> GateStaff:
        """Raises `Invalid` where there is no gate account with this address, `StateConflict` for too many."""
        account = await self._gate_account(email, authorization)
        member = Member(
            user_id=account.id, email=account.email, name=account.name, added_at=self._clock.now()
        )

        async def work(tx: Transaction) -> GateStaff:
            before = await tx.get(GateStaff, show.id)
            after = gate_staff.named(before or GateStaff(id=show.id), member)
            if after is before:
                return after
            if before is None:
                tx.insert(after)
            else:
                tx.put(after)
            await self._audit.record(tx, by, "gate_staff.named", f"event:{show.id}", account=account.id)
            return after

        return await self._store.transact(work)

    async def remove(self, show: Show, user_id: str, by: Actor) -> GateStaff:
        """Raises `NotFound` for somebody who is not named."""

        async def work(tx: Transaction) -> GateStaff:
            before = await tx.get(GateStaff, show.id)
            after = gate_staff.without(before or GateStaff(id=show.id), user_id)
            tx.put(after)
            await self._audit.record(tx, by, "gate_staff.removed", f"event:{show.id}", account=user_id)
            return after

        return await self._store.transact(work)

    async def _gate_account(self, email: str, authorization: str) -> _Account:
        """The users service knows the addresses; it is asked in the organizer's name."""
        answer = await self._client.request(
            "GET",
            f"/api/users/gate-account?email={quote(email, safe='')}",
            headers={"authorization": authorization},
        )
        if answer.status == 404:
            raise invalid({"email": "is no gate account; ask the operator to make one with the role gate"})
        if answer.status != 200:
            raise Unavailable(f"the account can't be looked up: {answer.status}")
        return msgspec.json.decode(answer.body, type=_Account)
