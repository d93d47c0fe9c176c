"""The gate: each ticket admits once, and a scan always gets the answer that it got first."""

import hashlib
from collections.abc import Sequence

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


class Gate:
    def __init__(self, store: Store, clock: Clock, keys: Sequence[bytes]) -> None:
        self._store = store
        self._clock = clock
        self._keys = keys

    async def check_in(self, user_id: str, request: ScanRequest) -> tuple[Scan, Ticket | None]:
        """The verdict, kept, and the ticket where it is known."""
        id = _scan_id(user_id, request.scan_id)

        async def work(tx: Transaction) -> tuple[Scan, Ticket | None]:
            earlier = await tx.get(Scan, id)
            if earlier is not None:
                return earlier, await tx.get(Ticket, earlier.ticket_id) if earlier.ticket_id else None
            return await self._admit(tx, id, request)

        try:
            return await self._store.transact(work)
        except Duplicate:  # the same scan arrived twice at once; the other one has been kept
            return await self._store.transact(work)

    async def _admit(self, tx: Transaction, id: str, request: ScanRequest) -> tuple[Scan, Ticket | None]:
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


def _scan_id(user_id: str, scan_id: str) -> str:
    return hashlib.blake2b(f"{user_id}\0{scan_id}".encode(), digest_size=20).hexdigest()
