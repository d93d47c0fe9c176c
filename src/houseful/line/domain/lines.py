"""A line: its phases as a table, and the documents of which it is made."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import ClassVar, Literal, NamedTuple

import msgspec

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.errors import StateConflict
from houseful.kernel.times import end_of
from houseful.line.domain import draw
from houseful.messages import Gates, Reschedule

SEAL_MILLIS = 60_000
"""So long before the on-sale the list of the lobby is closed."""


class Phase(StrEnum):
    CLOSED = "closed"
    LOBBY = "lobby"
    SEALED = "sealed"
    OPEN = "open"
    PAUSED = "paused"
    SOLD_OUT = "sold_out"
    ENDED = "ended"


Step = Literal[
    "open_lobby", "seal", "open", "pause", "resume", "sell_out", "restock", "end", "wake", "stand_by"
]

# What is not here is no step. A lobby that never opened in time is sealed empty. A line of mode auto is
# closed until it wakes, and stands by again when nobody needs it.
STEPS: Mapping[tuple[Phase, Step], Phase] = {
    (Phase.CLOSED, "open_lobby"): Phase.LOBBY,
    (Phase.CLOSED, "wake"): Phase.OPEN,
    (Phase.OPEN, "stand_by"): Phase.CLOSED,
    (Phase.CLOSED, "end"): Phase.ENDED,
    (Phase.LOBBY, "seal"): Phase.SEALED,
    (Phase.LOBBY, "end"): Phase.ENDED,
    (Phase.SEALED, "open"): Phase.OPEN,
    (Phase.SEALED, "end"): Phase.ENDED,
    (Phase.OPEN, "pause"): Phase.PAUSED,
    (Phase.OPEN, "sell_out"): Phase.SOLD_OUT,
    (Phase.OPEN, "end"): Phase.ENDED,
    (Phase.PAUSED, "resume"): Phase.OPEN,
    (Phase.PAUSED, "end"): Phase.ENDED,
    (Phase.SOLD_OUT, "restock"): Phase.OPEN,
    (Phase.SOLD_OUT, "pause"): Phase.PAUSED,
    (Phase.SOLD_OUT, "end"): Phase.ENDED,
}

JOINABLE = frozenset({Phase.LOBBY, Phase.SEALED, Phase.OPEN, Phase.PAUSED, Phase.SOLD_OUT})


class Line(Document, frozen=True, kw_only=True):
    """The line of an event. `closing_at` is set when the lobby begins to close: who joins from then on comes
    after the draw. `opened_at` is when the draw was made; a line may end before. `length` counts the numbers
    that are given; the first `drawn` are those of the draw.
    `partner_commitment` is the organizer's with the beacon "pair", `partner_secret` what it commits to.
    `due_at` is when the line has a step to take by itself. `reschedule` is the number of the latest one. The
    lines of earlier versions have no `title`."""

    collection: ClassVar[str] = "lines"
    indexes = (Index(("due_at",)), Index(("phase",)), Index(("mode", "phase")))

    organizer_id: str
    title: str = ""
    mode: Literal["on", "auto"] = "on"
    phase: Phase = Phase.CLOSED
    lobby_opens_at: Millis
    on_sale_at: Millis
    starts_at: Millis
    ends_at: Millis | None = None
    seats_total: int
    prices: Mapping[str, int]
    server_seed: bytes
    beacon: Literal["none", "pair"] = "none"
    partner_commitment: bytes | None = None
    partner_secret: bytes | None = None
    closing_at: Millis | None = None
    root: bytes | None = None
    drawn: int = 0
    opened_at: Millis | None = None
    length: int = 0
    message: str = ""
    rate_cap: float | None = None
    gates: Gates | None = None
    late: str = ""
    due_at: Millis | None = None
    reschedule: int = 0

    @property
    def is_over_at(self) -> Millis:
        return end_of(self.starts_at, self.ends_at)

    @property
    def seals_at(self) -> Millis:
        return self.on_sale_at - SEAL_MILLIS

    @property
    def takes_into_draw(self) -> bool:
        """Whether who joins is in the list that will be sealed: it is read after the lobby has closed."""
        return self.phase is Phase.LOBBY and self.closing_at is None

    @property
    def is_drawn(self) -> bool:
        return self.opened_at is not None

    @property
    def stands_by(self) -> bool:
        """Nobody sees it: seats are held without a pass."""
        return self.mode == "auto" and self.phase is Phase.CLOSED

    @property
    def beacon_value(self) -> bytes:
        return self.partner_secret or b""

    @property
    def seed(self) -> bytes:
        """Of the draw. Raises `ValueError` before the seal."""
        if self.root is None:
            raise ValueError(f"the line of {self.id} is not sealed")
        return draw.seed(self.server_seed, self.root, self.beacon_value)


class Entry(Document, frozen=True, kw_only=True):
    """An account's place; `id` is `<event>:<entrant in hex>`. `queue` is "lobby" for who joined before the
    seal, whose number is computed; else "new", until the sequencer has given a `number`, and "numbered".
    `request` is the use of an Idempotency-Key that made it."""

    collection: ClassVar[str] = "line_entries"
    indexes = (Index(("event_id", "queue", "joined_at")),)

    event_id: str
    joined_at: Millis
    queue: Literal["lobby", "new", "numbered"]
    number: int | None = None
    request: str = ""

    @property
    def entrant(self) -> bytes:
        return bytes.fromhex(self.id.rpartition(":")[2])


EntryId = Callable[[str, str], str]
"""The id of an entry, by event and account; it takes the place key."""


def entry_id(event_id: str, entrant: bytes) -> str:
    return f"{event_id}:{entrant.hex()}"


class Place(NamedTuple):
    """An account's entry, as the line stands. `in_draw` is None until it is decided, and in a line that ended
    before. `number` is None until it is drawn or counted."""

    line: Line
    entry: Entry
    in_draw: bool | None
    number: int | None
    receipt: str


IDLE_MILLIS = 120_000
"""Who has a pass and does not hold or order in this time makes room. The pass stays good."""


class Visit(Document, frozen=True, kw_only=True):
    """An account that was called and has asked for a pass; `id` is its entry's. `is_inside` until it has
    bought, given back or left, or until `until`: two minutes after it came in, and once it holds or orders,
    when that lapses. Who holds again, or comes with a new pass, is inside again. `departed_at` is when the
    shop last told that it had left, by the shop's time."""

    collection: ClassVar[str] = "line_visits"
    indexes = (Index(("event_id", "is_inside", "until")),)

    event_id: str
    is_inside: bool
    since: Millis
    until: Millis
    seats: int = 0
    ended_at: Millis | None = None
    pass_until: Millis = 0
    departed_at: Millis = 0


class SealedPart(Document, frozen=True, kw_only=True):
    """A piece of a sealed list; `id` is `<event>:<root in hex>:<number>`."""

    collection: ClassVar[str] = "line_sealed_parts"

    piece: bytes


PART_BYTES = 8192 * draw.DIGEST_BYTES


def part_ids(event_id: str, root: bytes, size: int) -> list[str]:
    """Of a list with `size` entrants."""
    parts = -(-size * draw.DIGEST_BYTES // PART_BYTES)
    return [f"{event_id}:{root.hex()}:{number}" for number in range(parts)]


class ControlAct(Document, frozen=True, kw_only=True):
    """What an organizer did with a line, and when. Those of earlier versions have no role and no request."""

    collection: ClassVar[str] = "line_control_acts"
    indexes = (Index(("event_id", "at")), Index(("user_id", "at")), Index(("at",)))

    event_id: str
    at: Millis
    user_id: str
    action: str
    rate_cap: float | None = None
    message: str | None = None
    role: str = ""
    request_id: str = ""


def can(line: Line, step: Step) -> bool:
    return (line.phase, step) in STEPS


def stepped(line: Line, step: Step, **changes: object) -> Line:
    """Raises `StateConflict` for a step that the table does not have."""
    phase = STEPS.get((line.phase, step))
    if phase is None:
        raise StateConflict(
            "line_phase",
            f"The line is {line.phase.replace('_', ' ')}; it can't {step.replace('_', ' ')} now.",
        )
    after = msgspec.structs.replace(line, phase=phase, **changes)
    return msgspec.structs.replace(after, due_at=due_at(after))


def due_at(line: Line) -> Millis | None:
    """When the line takes its next step by itself."""
    return {
        Phase.CLOSED: line.is_over_at if line.stands_by else min(line.lobby_opens_at, line.seals_at),
        Phase.LOBBY: line.seals_at,
        Phase.SEALED: line.on_sale_at,
        Phase.ENDED: None,
    }.get(line.phase, line.is_over_at)


def moved(line: Line, on_sale_at: Millis, ends_at: Millis | None) -> Line:
    """The event's times have changed. A lobby that would open after the seal opens at the seal."""
    after = msgspec.structs.replace(line, on_sale_at=on_sale_at, ends_at=ends_at)
    return msgspec.structs.replace(after, due_at=due_at(after))


def rescheduled(line: Line, reschedule: Reschedule) -> Line:
    """The event has another date. The very same line where it knows of this or a later one."""
    if reschedule.number <= line.reschedule:
        return line
    after = msgspec.structs.replace(
        line, starts_at=reschedule.starts_at, ends_at=reschedule.ends_at, reschedule=reschedule.number
    )
    return msgspec.structs.replace(after, due_at=due_at(after))


def check_joinable(line: Line) -> None:
    """Raises `StateConflict`."""
    if line.stands_by:
        raise StateConflict("line_closed", "Nobody has to wait just now: seats are held without a pass.")
    if line.phase is Phase.CLOSED:
        raise StateConflict("line_closed", "The lobby of this event has not opened yet.")
    if line.phase is Phase.ENDED:
        raise StateConflict("line_closed", "The line of this event has ended; nobody can join it any more.")


def check_called(number: int | None, front: int) -> None:
    """Raises `StateConflict` for a number that the line was not called to."""
    if number is None or number > front:
        raise StateConflict(
            "not_your_turn", "Your number was not called yet.", number=number, admitted_up_to=front
        )


def why_late(line: Line) -> str:
    """Why the draw can't be made though it is time; empty where it can. It is never made otherwise."""
    if line.beacon == "pair":
        if line.partner_secret is None:
            return "The draw waits for the organizer's secret."
        if line.partner_commitment != draw.commitment(line.partner_secret):
            return "The organizer's secret is not the one that was committed to."
    return ""
