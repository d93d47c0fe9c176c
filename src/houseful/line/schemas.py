"""What the line service shows."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from houseful.kernel.documents import Millis
from houseful.kernel.times import rfc3339
from houseful.line.domain import draw, lines
from houseful.line.domain.admission import Admission, Reason, per_minute
from houseful.line.domain.lines import ControlAct, Line, Phase, Place
from houseful.webapi.responses import View

_POLLS = ((0, 3), (200, 10), (2_000, 30), (10_000, 90), (50_000, 180))
"""How often to ask, by how many are in front: 100,000 who do so ask 1,200 times a second together."""
_NUMBERS_A_SECOND = 1000
"""All who are drawn want their number at once, and are told to ask in turn."""
_FASTEST_LOBBY_POLL, _SLOWEST_LOBBY_POLL = 10, 20
"""Seconds. Whoever notices the draw ten seconds late loses nothing: numbers are given."""


class PlaceView(View, frozen=True, kw_only=True):
    """`phase` is lobby for a place in the draw only: from the moment the lobby begins to close it is sealed.
    `in_draw` is false for a place that comes after the draw, and null while that is not decided; it is then
    known with the seal. `number` is null until it is drawn. `receipt` is a signed proof of (event, entrant,
    joined_at)."""

    event_id: str
    entrant: str
    joined_at: str
    phase: Phase
    in_draw: bool | None
    number: int | None
    receipt: str


class LineView(View, frozen=True, kw_only=True):
    """The same for everybody. `per_minute` are the tenth, the half and the ninth tenth of how many were
    called in a minute lately; null in the first minute. Ask again as often as `poll_seconds` says: each pair
    is how many are in front of you, and the seconds. `late` says why a sale has not opened though it is time.

    Who is in the draw asks for the number in turn: `number_seconds` times the own share of the line after
    `drawn_at`, or at once where that is over. The share, from 0 to 1, is the first four bytes of
    HMAC-SHA-256(`seed`, entrant) divided by 2³²; who can't compute it takes one by chance.
    """

    event_id: str
    phase: Phase
    admitted_up_to: int
    line_length: int
    per_minute: tuple[int, int, int] | None
    seats_left: dict[str, int] | None
    from_minor: int | None
    message: str
    late: str
    poll_seconds: list[tuple[int, int]]
    number_seconds: int
    drawn_at: str | None
    seed: str | None
    commitment: str
    root: str | None
    beacon: Literal["none", "pair"]
    partner_commitment: str | None
    lobby_opens_at: str
    seals_at: str
    on_sale_at: str
    server_time: str


class PassView(View, frozen=True, kw_only=True):
    """Send `pass` as X-Line-Pass with each hold of the event."""

    line_pass: str = msgspec.field(name="pass")
    expires_at: str
    server_time: str


class ControlActView(View, frozen=True, kw_only=True):
    at: str
    user_id: str
    action: str
    rate_cap: float | None
    message: str | None


class ControlView(View, frozen=True, kw_only=True):
    """`rate` is persons a second, limited by `reason`; `inside` choose, hold or pay, at most `bound` are let
    in at once, `expected` were called and have not come yet. `acts` are the latest, newest first."""

    event_id: str
    phase: Phase
    admitted_up_to: int
    line_length: int
    inside: int
    expected: int
    bound: int
    rate: float
    reason: Reason
    load_rate: float
    rate_cap: float | None
    message: str
    late: str
    per_minute: tuple[int, int, int] | None
    seats_left: dict[str, int] | None
    seats_held: int
    visit_seconds: float
    party: float
    conversion: float
    measured_at: str | None
    acts: list[ControlActView]
    server_time: str


def place_view(place: Place) -> PlaceView:
    return PlaceView(
        event_id=place.line.id,
        entrant=place.entry.entrant.hex(),
        joined_at=rfc3339(place.entry.joined_at),
        phase=Phase.SEALED if is_closing(place.line) else place.line.phase,
        in_draw=place.in_draw,
        number=place.number,
        receipt=place.receipt,
    )


def is_closing(line: Line) -> bool:
    """The lobby has closed, and its list is not sealed yet."""
    return line.phase is Phase.LOBBY and not line.takes_into_draw


def line_view(line: Line, admission: Admission, now: Millis) -> LineView:
    left = None if admission.seats_left is None else dict(admission.seats_left)
    prices = [price for name, price in line.prices.items() if left is None or left.get(name)]
    return LineView(
        event_id=line.id,
        phase=line.phase,
        admitted_up_to=admission.front,
        line_length=line.length,
        per_minute=per_minute(admission),
        seats_left=left,
        from_minor=min(prices, default=None),
        message=line.message,
        late=line.late,
        poll_seconds=polls(line, now),
        number_seconds=-(-line.drawn // _NUMBERS_A_SECOND),
        drawn_at=None if line.opened_at is None else rfc3339(line.opened_at),
        seed=line.seed.hex() if line.is_drawn and line.root is not None else None,
        commitment=draw.commitment(line.server_seed).hex(),
        root=None if line.root is None else line.root.hex(),
        beacon=line.beacon,
        partner_commitment=None if line.partner_commitment is None else line.partner_commitment.hex(),
        lobby_opens_at=rfc3339(line.lobby_opens_at),
        seals_at=rfc3339(line.seals_at),
        on_sale_at=rfc3339(line.on_sale_at),
        server_time=rfc3339(now),
    )


def polls(line: Line, now: Millis) -> list[tuple[int, int]]:
    """Before the draw nobody has somebody in front: all ask the less often, the longer nothing changes."""
    if line.is_drawn:
        return list(_POLLS)
    seconds = ((lines.due_at(line) or now) - now) // 10_000
    return [(0, min(max(seconds, _FASTEST_LOBBY_POLL), _SLOWEST_LOBBY_POLL))]


def control_act_view(act: ControlAct) -> ControlActView:
    return ControlActView(
        at=rfc3339(act.at),
        user_id=act.user_id,
        action=act.action,
        rate_cap=act.rate_cap,
        message=act.message,
    )


def control_view(line: Line, admission: Admission, acts: Sequence[ControlAct], now: Millis) -> ControlView:
    return ControlView(
        event_id=line.id,
        phase=line.phase,
        admitted_up_to=admission.front,
        line_length=line.length,
        inside=admission.inside,
        expected=admission.expected,
        bound=admission.bound,
        rate=admission.rate,
        reason=admission.reason,
        load_rate=admission.load_rate,
        rate_cap=line.rate_cap,
        message=line.message,
        late=line.late,
        per_minute=per_minute(admission),
        seats_left=None if admission.seats_left is None else dict(admission.seats_left),
        seats_held=admission.seats_held,
        visit_seconds=admission.visit_seconds,
        party=admission.party,
        conversion=admission.conversion,
        measured_at=None if admission.measured_at is None else rfc3339(admission.measured_at),
        acts=[control_act_view(act) for act in acts],
        server_time=rfc3339(now),
    )
