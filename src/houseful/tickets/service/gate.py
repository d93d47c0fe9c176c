"""The gate: each ticket admits once, and a scan always gets the answer that it got first."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from houseful.common.documents import Millis
from houseful.common.errors import Duplicate
from houseful.common.ports import Clock, Store, Transaction
from houseful.tickets.domain import tickets
from houseful.tickets.domain.tickets import Scan, Ticket, Verdict


class ScanRequest(msgspec.Struct, frozen=True):
    """`event_id` is the event that the gate belongs to, None for any."""

    code: str
    gate: str
    scan_id: str
    scanned_at: Millis
    event_id: str | None


T = TypeVar("T")
Scanned = tuple[Scan, Ticket | None]
"""The verdict and the ticket where it is known."""
Keep = Callable[[Transaction, list[Scanned]], T]


class Gate:
    def __init__(self, store: Store, clock: Clock, keys: Sequence[bytes]) -> None:
        self._store = store
        self._clock = clock
        self._keys = keys

    def events_of(self, requests: Sequence[ScanRequest]) -> set[str]:
        """The events that these codes are for, as far as they are ours."""
        read = (tickets.read_code(request.code, self._keys) for request in requests)
        return {signed[1] for signed in read if signed is not None}

    async def check_in(self, user_id: str, requests: Sequence[ScanRequest], keep: Keep[T]) -> T:
        """All scans in their order, in one transaction with the answer that `keep` makes of them."""

        async def work(tx: Transaction) -> T:
            return keep(tx, [await self._one(tx, _scan_id(user_id, one), one) for one in requests])

        try:
            return await self._store.transact(work)
        except Duplicate as error:
            if error.collection != Scan.collection:
                raise
            return await self._store.transact(
                work
            )  # a copy of a scan arrived at once; it has been kept by now

    async def _one(self, tx: Transaction, id: str, request: ScanRequest) -> Scanned:
        """A scan that was seen before gets the answer that it got."""
        earlier = await tx.get(Scan, id)
        if earlier is None:
            return await self._admit(tx, id, request)
        return earlier, await tx.get(Ticket, earlier.ticket_id) if earlier.ticket_id else None

    async def _admit(self, tx: Transaction, id: str, request: ScanRequest) -> Scanned:
        signed = tickets.read_code(request.code, self._keys)
        ticket = await tx.get(Ticket, signed[0]) if signed is not None else None
        verdict, after = tickets.admit(
            ticket, scan_id=id, gate=request.gate, scanned_at=request.scanned_at, event_id=request.event_id
        )
        if after is not None and after is not ticket:
            tx.put(after)
        first = after if verdict is Verdict.ALREADY_USED else None
        scan = Scan(
            id=id,
            verdict=verdict,
            ticket_id=None if after is None else after.id,
            gate=request.gate,
            scanned_at=request.scanned_at,
            received_at=self._clock.now(),
            first_at=None if first is None else first.used_at,
            first_gate=None if first is None else first.gate,
        )
        tx.insert(scan)
        return scan, after


def _scan_id(user_id: str, request: ScanRequest) -> str:
    """Of this scanner and this code: one that counts from 1 again after a restart must not let in a
    stranger.
    """
    name = f"{user_id}\0{request.scan_id}\0{request.code}"
    return hashlib.blake2b(name.encode(), digest_size=20).hexdigest()
