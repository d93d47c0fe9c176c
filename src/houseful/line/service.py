"""The use cases of a line: one transaction each. Safe to run in any number of processes."""

from typing import Literal

import msgspec

from houseful.kernel.documents import Millis
from houseful.kernel.errors import NotFound, StateConflict, not_found
from houseful.kernel.gates import check_gates
from houseful.kernel.ports import Transaction
from houseful.kernel.roles import Identity
from houseful.line.account_data import AccountData
from houseful.line.admitting import Admitting
from houseful.line.control import Control
from houseful.line.domain import audit, draw, lines
from houseful.line.domain.admission import Admission
from houseful.line.domain.lines import Entry, Line, Phase, Place
from houseful.line.draws import Draws
from houseful.line.notices import Notices
from houseful.line.progress import Progress
from houseful.line.shown_lines import ShownLines
from houseful.line.tokens import LineTokens
from houseful.line.visits import Visits
from houseful.messages import EventCancelled, EventChanged, EventPublished, EventRescheduled
from houseful.webapi.asgi import WITHIN
from houseful.webapi.idempotency import IdempotencyContext, purge_expired
from houseful.webapi.manifest import Platform
from houseful.webapi.proof_of_work import JOIN, ProofOfWork

_HOUSEKEEPING_SECONDS = 60.0

Joined = Literal["new", "again", "repeated"]
"""Whether the place was made now, is there already, or was made by the same use of an Idempotency-Key."""


class LineService:
    def __init__(self, platform: Platform) -> None:
        self._store = platform.store
        self._clock = platform.clock
        self._ids = platform.ids
        self._workers = platform.workers
        self._place_key = platform.secrets.raw("place_key")
        self._work = ProofOfWork(
            self._place_key,
            platform.coordination,
            platform.clock,
            limited=platform.settings.rate_limits == "on",
        )
        self.tokens = LineTokens(platform.secrets.raw("line_key"))
        self.draws = Draws(platform)
        self.progress = Progress(platform, self.draws)
        self.visits = Visits(platform.store, platform.clock, self.entry_id)
        self.admitting = Admitting(platform, self.visits)
        self.control = Control(platform)
        self.notices = Notices(platform, self.draws, self.entry_id)
        self.account_data = AccountData(platform.store, platform.clock, self.entry_id)
        self.shown = ShownLines(platform)

    def now(self) -> Millis:
        return self._clock.now()

    def entry_id(self, event_id: str, user_id: str) -> str:
        return lines.entry_id(event_id, draw.entrant(self._place_key, event_id, user_id))

    # Buyers

    async def join(
        self,
        who: Identity,
        event_id: str,
        context: IdempotencyContext | None = None,
        *,
        peer: str = WITHIN,
        solution: str | None = None,
    ) -> tuple[Place, Joined]:
        """The account's place, and how it came to be. Raises `NotFound`, `StateConflict`, and `Forbidden`
        for a new place where the account does not pass the event's gates, or has to solve a challenge first.

        The line is read again behind the commit: where the lobby had not closed even then, the entry is in
        the list that is sealed. Nothing sooner is told of it. A lock on the line would decide it in the
        commit, and make all who join wait for each other.
        """
        id = self.entry_id(event_id, who.user_id)
        await self._work.require(JOIN, id, peer=peer, solution=solution)
        request = "" if context is None else context.id

        async def work(tx: Transaction) -> tuple[Entry, Joined]:
            line = _existing(await tx.get(Line, event_id))
            found = await tx.get(Entry, id)
            if found is not None:
                return found, "repeated" if request and found.request == request else "again"
            lines.check_joinable(line)
            if line.gates is not None:
                check_gates(line.gates, who)
            entry = Entry(
                id=id,
                event_id=event_id,
                joined_at=self._clock.now(),
                queue="lobby" if line.takes_into_draw else "new",
                request=request,
            )
            tx.insert_or_ignore(entry)
            return await tx.get(Entry, id) or entry, "new"

        entry, joined = await self._store.transact(work)
        line = _existing(await self._store.get(Line, event_id))
        return await self._place(line, entry), joined

    async def place(self, user_id: str, event_id: str) -> Place:
        """Raises `NotFound` for an account that has not joined."""
        entry = await self._store.get(Entry, self.entry_id(event_id, user_id))
        line = _existing(await self._store.get(Line, event_id))
        if entry is None:
            raise NotFound("not_in_line", "This account has not joined the line of this event.")
        return await self._place(line, entry)

    async def _place(self, line: Line, entry: Entry) -> Place:
        """The line has to be read after the entry."""
        in_draw: bool | None = None
        if entry.queue == "lobby" and line.root is not None:
            in_draw = (await self.draws.sealed(line)).position(entry.entrant) is not None
            if not in_draw:
                # Its commit came behind the seal: it comes after the draw, as was not yet said otherwise.
                entry = await self.progress.put_behind(entry.id)
        elif entry.queue != "lobby":
            in_draw = False
        elif line.takes_into_draw:
            in_draw = True
        number = entry.number
        if in_draw and line.is_drawn:
            number = (await self.draws.drawn(line)).number(entry.entrant)
        receipt = self.tokens.receipt(line.id, entry.entrant, entry.joined_at)
        return Place(line, entry, in_draw, number, receipt)

    async def line_pass(self, user_id: str, event_id: str) -> tuple[str, Millis]:
        """A pass and when it expires. Raises `StateConflict` for an account that was not called yet."""
        place = await self.place(user_id, event_id)
        admission = await self._store.get(Admission, event_id)
        front = admission.front if admission is not None else 0
        lines.check_called(place.number, front)
        if place.line.phase is Phase.ENDED:
            raise StateConflict("line_closed", "The line of this event has ended.")
        signed, expires_at = self.tokens.sign_pass(event_id, user_id, self._clock.now())
        await self.visits.claim(event_id, place.entry.id, expires_at)
        return signed, expires_at

    async def leave(self, user_id: str, event_id: str) -> None:
        """Give the pass back: the next is called. Leaving twice is no error."""
        await self.visits.leave(event_id, user_id)

    # Anyone

    async def line(self, event_id: str) -> Line:
        """Raises `NotFound` for an event without a line."""
        return _existing(await self._store.get(Line, event_id))

    async def events_with_line(self) -> dict[str, Millis]:
        """The events, and when the general sale of each begins."""
        found: dict[str, Millis] = {}
        for phase in Phase:
            if phase is not Phase.ENDED:
                lines_there = await self.progress.lines_in(phase)
                found |= {line.id: line.on_sale_at for line in lines_there if not line.stands_by}
        return found

    async def audit(self, event_id: str) -> audit.Audit:
        """Raises `StateConflict` before the draw."""
        line = await self.line(event_id)
        if not line.is_drawn or line.root is None:
            raise StateConflict("not_drawn", "The line of this event is not drawn yet.")
        drawn = await self.draws.drawn(line)
        entrants = zip(drawn.sealed.entrants(), drawn.numbers, strict=True)
        beacon = None
        if line.partner_secret is not None and line.partner_commitment is not None:
            value, commitment = line.partner_secret.hex(), line.partner_commitment.hex()
            beacon = audit.Beacon(source="pair", round=None, value=value, commitment=commitment)
        return audit.Audit(
            event_id=event_id,
            commitment=draw.commitment(line.server_seed).hex(),
            server_seed=line.server_seed.hex(),
            root=line.root.hex(),
            beacon=beacon,
            seed=line.seed.hex(),
            entrants=[(entrant.hex(), number) for entrant, number in entrants],
        )

    async def proof(self, user_id: str, event_id: str) -> tuple[Place, int, int, list[bytes]]:
        """The place, its position in the sealed list (from 0), the list's size, and the Merkle path. Raises
        `StateConflict` where the list is not sealed, or the account joined after that."""
        place = await self.place(user_id, event_id)
        if place.line.root is None:
            raise StateConflict("not_sealed", "The list of the lobby is not sealed yet.")
        sealed = await self.draws.sealed(place.line)
        position = sealed.position(place.entry.entrant)
        if position is None:
            raise StateConflict("not_in_draw", "This account joined after the lobby had closed.")
        path = await self._workers.run(draw.proof_of, sealed.joined, position, whose=place.line.id, most=1000)
        return place, position, len(sealed), path

    # Messages

    async def event_published(self, tx: Transaction, message: EventPublished) -> None:
        terms = message.line
        if terms is None or terms.mode == "off":
            return
        on_sale_at = message.on_sale_at
        if on_sale_at is None:
            if terms.mode == "on":
                return
            on_sale_at = self._clock.now()
        if await tx.get(Line, message.event_id) is not None:
            return
        commitment = bytes.fromhex(terms.commitment) if terms.commitment is not None else None
        line = Line(
            id=message.event_id,
            organizer_id=message.organizer_id,
            title=message.title,
            mode=terms.mode,
            lobby_opens_at=terms.lobby_opens_at or on_sale_at,
            on_sale_at=on_sale_at,
            starts_at=message.starts_at,
            ends_at=message.ends_at,
            seats_total=message.seats_total,
            prices=message.prices,
            server_seed=draw.commitment(self._ids.secret().encode()),
            beacon=terms.beacon,
            partner_commitment=commitment,
            gates=message.gates,
        )
        if line.mode == "auto":  # nobody is in its draw: all come in order of arrival
            line = msgspec.structs.replace(line, root=draw.merkle_root([]), opened_at=self._clock.now())
        tx.insert(msgspec.structs.replace(line, due_at=lines.due_at(line)))
        tx.insert(Admission(id=line.id))

    async def event_changed(self, tx: Transaction, message: EventChanged) -> None:
        line = await tx.get(Line, message.event_id)
        if line is None:
            return
        changed = msgspec.structs.replace(
            line,
            gates=message.gates,
            title=message.title,
            prices=line.prices if message.prices is None else message.prices,
            seats_total=line.seats_total if message.seats_total is None else message.seats_total,
        )
        if message.on_sale_at is not None:
            changed = lines.moved(changed, message.on_sale_at, message.ends_at)
        if changed != line:
            tx.put(changed)

    async def event_rescheduled(self, tx: Transaction, message: EventRescheduled) -> None:
        """The line ends with the event. A message that comes late changes nothing."""
        line = await tx.get(Line, message.event_id)
        if line is None:
            return
        changed = lines.rescheduled(line, message.reschedule)
        if changed is not line:
            tx.put(changed)

    async def event_cancelled(self, tx: Transaction, message: EventCancelled) -> None:
        line = await tx.get(Line, message.event_id)
        if line is not None and lines.can(line, "end"):
            tx.put(lines.stepped(line, "end"))

    # Jobs

    async def take_steps(self) -> None:
        """Open lobbies, seal them, draw, end."""
        await self.progress.run()

    async def number_newcomers(self) -> None:
        """The sequencer."""
        await self.progress.run_sequencer()

    async def admit(self) -> None:
        await self.admitting.run()

    async def tell_turns(self) -> None:
        """Emails to who wants one when the turn is near."""
        await self.notices.run()

    async def purge_expired(self) -> None:
        """Forget stored responses after their 48 hours, and who wanted an email from a line that is over."""
        while True:
            while await purge_expired(self._store, self._clock) or await self.notices.purge():
                pass
            await self._clock.sleep(_HOUSEKEEPING_SECONDS)

    async def hear_shop(self) -> None:
        """What the processes of the ticket service tell."""
        await self.admitting.listen()


def _existing(line: Line | None) -> Line:
    if line is None:
        raise not_found("line")
    return line
