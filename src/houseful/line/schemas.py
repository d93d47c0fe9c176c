"""What the line service shows."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from houseful.kernel.documents import Millis
from houseful.kernel.times import rfc3339
from houseful.line.domain import draw, lines, records
from houseful.line.domain.admission import STALE_MILLIS, Admission, Reason, per_minute
from houseful.line.domain.lines import ControlAct, Line, Phase, Place
from houseful.line.domain.records import LineHistory, LineRecord
from houseful.webapi.responses import View

POLLS = ((0, 3), (200, 10), (2_000, 30), (10_000, 90), (50_000, 180))
"""How often to ask, by how many are in front: 100,000 who do so ask 1,200 times a second together."""
_NUMBERS_A_SECOND = 1000
"""All who are drawn want their number at once, and are told to ask in turn."""
FASTEST_LOBBY_POLL, SLOWEST_LOBBY_POLL = 10, 20
"""Seconds. Whoever notices the draw ten seconds late loses nothing: numbers are given."""


class PlaceView(View, frozen=True, kw_only=True):
    """`phase` is lobby for a place in the draw only: from the moment the lobby begins to close it is sealed.
    `in_draw` is false for a place that comes after the draw, and null while that is not decided; it is then
    known with the seal. `number` is null until it is drawn. `receipt` is a signed proof of (event, entrant,
    joined_at). `email_wanted` until the email that the turn is near has gone."""

    event_id: str
    entrant: str
    joined_at: str
    phase: Phase
    in_draw: bool | None
    number: int | None
    receipt: str
    email_wanted: bool


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


class ReasonView(View, frozen=True, kw_only=True):
    """`lately` is in the last minute, null where the shop does not tell just now; `total` since the sale
    began."""

    reason: str
    lately: int | None
    total: int


class ShopView(View, frozen=True, kw_only=True):
    """Of all processes of the shop together; null is not known. `holds`, `hold_p50_seconds` and
    `hold_p95_seconds` are of the last minute; the percentiles are null where there were no holds, too.
    `refusals` are holds that were not granted, by the code of the refusal, `payment_failures` by the card
    processor's reason. `outbox_seconds` is the age of the oldest message that waits to be sent,
    `arrival_seconds` how old the last message of a sale was when it was applied."""

    holds: int | None
    hold_p50_seconds: float | None
    hold_p95_seconds: float | None
    refusals: list[ReasonView] | None
    payment_failures: list[ReasonView] | None
    outbox_seconds: float | None
    arrival_seconds: float | None
    seats_sold: int | None


class ControlHistoryView(View, frozen=True, kw_only=True):
    """The last hour, a column for each figure; null is not known. A point covers `point_seconds` from its
    `at`, in seconds since 1970; where nothing was measured there is none. `holds`, `refusals` and
    `payment_failures` are counted within the point, `hold_p50_seconds` and `hold_p95_seconds` are of it; the
    others are as they were at its end. `rate` is persons a second."""

    point_seconds: int
    at: list[int]
    waiting: list[int]
    inside: list[int]
    rate: list[float]
    seats_held: list[int | None]
    seats_sold: list[int | None]
    holds: list[int | None]
    refusals: list[int | None]
    payment_failures: list[int | None]
    hold_p50_seconds: list[float | None]
    hold_p95_seconds: list[float | None]
    outbox_seconds: list[float | None]
    server_time: str


class ControlView(View, frozen=True, kw_only=True):
    """`rate` is persons a second, limited by `reason`; `inside` choose, hold or pay, at most `bound` are let
    in at once, `expected` were called and have not come yet. `acts` are the latest, newest first.
    `history_until` changes when the history has a point more."""

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
    seats_held: int | None
    visit_seconds: float
    party: float
    conversion: float
    measured_at: str | None
    shop: ShopView
    history_until: str | None
    acts: list[ControlActView]
    server_time: str


def place_view(place: Place, *, email_wanted: bool) -> PlaceView:
    return PlaceView(
        event_id=place.line.id,
        entrant=place.entry.entrant.hex(),
        joined_at=rfc3339(place.entry.joined_at),
        phase=Phase.SEALED if is_closing(place.line) else place.line.phase,
        in_draw=place.in_draw,
        number=place.number,
        receipt=place.receipt,
        email_wanted=email_wanted,
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
        return list(POLLS)
    seconds = ((lines.due_at(line) or now) - now) // 10_000
    return [(0, min(max(seconds, FASTEST_LOBBY_POLL), SLOWEST_LOBBY_POLL))]


def control_act_view(act: ControlAct) -> ControlActView:
    return ControlActView(
        at=rfc3339(act.at),
        user_id=act.user_id,
        action=act.action,
        rate_cap=act.rate_cap,
        message=act.message,
    )


def control_view(
    line: Line, admission: Admission, record: LineRecord, acts: Sequence[ControlAct], now: Millis
) -> ControlView:
    left = admission.seats_left
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
        seats_left=None if left is None else dict(left),
        seats_held=None if left is None else admission.seats_held,
        visit_seconds=admission.visit_seconds,
        party=admission.party,
        conversion=admission.conversion,
        measured_at=None if admission.measured_at is None else rfc3339(admission.measured_at),
        shop=shop_view(admission, record, now),
        history_until=rfc3339(record.slots[-1].at) if record.slots else None,
        acts=[control_act_view(act) for act in acts],
        server_time=rfc3339(now),
    )


def shop_view(admission: Admission, record: LineRecord, now: Millis) -> ShopView:
    """What the shop has not told for a while is not known."""
    is_told = admission.measured_at is not None and abs(now - admission.measured_at) <= STALE_MILLIS
    tally = records.lately(record, now) if is_told else None
    gauges = record.slots[-1].gauges if is_told and record.slots else None
    total = record.total
    return ShopView(
        holds=None if tally is None else sum(tally.holds),
        hold_p50_seconds=None if tally is None else records.percentile(tally.holds, 0.5),
        hold_p95_seconds=None if tally is None else records.percentile(tally.holds, 0.95),
        refusals=None if total is None else _reasons(total.refused, None if tally is None else tally.refused),
        payment_failures=None
        if total is None
        else _reasons(total.declined, None if tally is None else tally.declined),
        outbox_seconds=None if gauges is None else gauges.outbox_seconds,
        arrival_seconds=None if gauges is None else gauges.arrival_seconds,
        seats_sold=None if gauges is None else gauges.sold,
    )


def _reasons(total: Mapping[str, int], lately: Mapping[str, int] | None) -> list[ReasonView]:
    """The most frequent first."""
    return [
        ReasonView(reason=reason, lately=None if lately is None else lately.get(reason, 0), total=count)
        for reason, count in sorted(total.items(), key=lambda one: (-one[1], one[0]))
    ]


def control_history_view(history: LineHistory, now: Millis) -> ControlHistoryView:
    points = [point for point in history.points if point.at > now - records.HISTORY_MILLIS]
    return ControlHistoryView(
        point_seconds=records.SLOT_MILLIS // 1000,
        at=[point.at // 1000 for point in points],
        waiting=[point.waiting for point in points],
        inside=[point.inside for point in points],
        rate=[round(point.rate, 2) for point in points],
        seats_held=[point.held for point in points],
        seats_sold=[point.sold for point in points],
        holds=[point.holds for point in points],
        refusals=[point.refused for point in points],
        payment_failures=[point.declined for point in points],
        hold_p50_seconds=[point.p50_seconds for point in points],
        hold_p95_seconds=[point.p95_seconds for point in points],
        outbox_seconds=[point.outbox_seconds for point in points],
        server_time=rfc3339(now),
    )
