"""The event that is rehearsed: one made for it, or one of an organizer that nobody has bought of yet."""

import csv
import io
import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from houseful.kernel.documents import Millis
from houseful.kernel.errors import DomainError, StateConflict, Unavailable
from houseful.kernel.ids import SystemIds
from houseful.kernel.times import millis, rfc3339
from houseful.tools import sample_venues
from houseful.tools.rush import accounts
from houseful.tools.rush.plan import Plan
from houseful.tools.rush.target import Answer, Target

SEATS_PER_BUYER = 6
SEAL_MILLIS = 60_000
_PREPARING_MILLIS = 5_000
_POPULAR_SECTIONS = 2
_THEATRE_MOST = 2_000
_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 300.0
_PAGE_SEATS = 400


class Venue(NamedTuple):
    """`popular` are rows of seats of the sections that everybody wants. `has_line` says how it is sold."""

    event_id: str
    organizer_id: str
    seats: int
    has_line: bool
    hold_seconds: int
    seats_per_order: int
    lobby_opens_at: Millis
    on_sale_at: Millis
    popular: Sequence[Sequence[str]]

    @property
    def path(self) -> str:
        return f"/api/events/{self.event_id}"


async def open_venue(target: Target, plan: Plan) -> Venue:
    """Raises `DomainError` for an event that can't be rehearsed, and for an installation that refuses one."""
    event = await (_made(target, plan) if plan.event_id is None else _found(target, plan.event_id))
    path = f"/api/events/{event['id']}"
    line = event["line"]
    on_sale = _millis(event["on_sale_at"]) if event["on_sale_at"] else target.clock.now()
    lobby = _millis(line["lobby_opens_at"]) if line.get("lobby_opens_at") else on_sale
    return Venue(
        event_id=event["id"],
        organizer_id=event["organizer_id"],
        seats=event["seats_total"],
        has_line=line["mode"] != "off",
        hold_seconds=event["hold_seconds"],
        seats_per_order=event["max_seats_per_order"],
        lobby_opens_at=lobby,
        on_sale_at=on_sale,
        popular=await _popular(target, path),
    )


async def _made(target: Target, plan: Plan) -> dict[str, Any]:
    make = sample_venues.theatre if plan.seats < _THEATRE_MOST else sample_venues.stadium
    seating, areas, prices = make(plan.seats)
    now = target.clock.now()
    opens = now + _PREPARING_MILLIS
    arrival_millis = round(plan.arrival_seconds * 1000)
    on_sale = opens + arrival_millis + SEAL_MILLIS if plan.line else opens
    body: dict[str, Any] = {
        "title": "Rehearsal of an on-sale",
        "venue": "Rehearsal",
        "starts_at": rfc3339(now + 30 * 24 * 3_600_000),
        "timezone": "UTC",
        "currency": "EUR",
        "on_sale_at": rfc3339(on_sale),
        "hold_seconds": plan.hold_seconds,
        "max_seats_per_order": SEATS_PER_BUYER,
        "max_seats_per_buyer": SEATS_PER_BUYER,
        "plan": seating,
        "areas": areas,
        "prices": prices,
    }
    if plan.line:
        body["line"] = {"mode": "on", "lobby_opens_at": rfc3339(opens)}
    ids = SystemIds()
    event = _granted(await target.as_staff("POST", "/api/events", body, key=ids.new("key")))
    path = f"/api/events/{event['id']}"
    _granted(await target.as_staff("POST", f"{path}/publish", key=ids.new("key")))
    await _until(target, f"{path}/inventory", "state", ("ready",))
    await _until(target, path, "state", ("on_sale", "scheduled"))
    return dict(_granted(await target.read(path)))


async def _found(target: Target, event_id: str) -> dict[str, Any]:
    event = dict(_granted(await target.read(f"/api/events/{event_id}")))
    if event["state"] not in ("on_sale", "scheduled"):
        raise StateConflict(
            "not_rehearsable",
            f"The event is {event['state']}; only one that is, or will be, on sale is rehearsed.",
        )
    answer = await target.as_staff("GET", f"/api/events/{event_id}/orders.csv", who=event["organizer_id"])
    if answer.status != 200:
        _granted(answer)
    real = real_orders(answer.body.decode("utf-8-sig"))
    if real:
        raise StateConflict(
            "has_real_orders",
            f"The event has {real:,} orders of real buyers, who would lose seats to the rehearsal. "
            "Leave --event out: then an event is made for it.",
        )
    return event


def real_orders(export: str) -> int:
    """How many orders of an event's export are of others than the people of rehearsals."""
    return sum(not accounts.is_rehearsal(row["email"]) for row in csv.DictReader(io.StringIO(export)))


async def _popular(target: Target, path: str) -> list[list[str]]:
    """Seats by row, of the first sections that have rows."""
    rows: list[list[str]] = []
    found = 0
    for section in _granted(await target.read(f"{path}/sections"))["items"]:
        listed = _granted(await target.read(f"{path}/sections/{section['id']}/seats"))["items"]
        by_row: dict[str, list[str]] = {}
        for seat in listed:
            by_row.setdefault(seat["row"], []).append(seat["id"])
        beside = [row for row in by_row.values() if len(row) > 1]
        if beside:
            rows += beside
            found += 1
        if found == _POPULAR_SECTIONS:
            break
    return rows


def pair_of(rows: Sequence[Sequence[str]], taken: set[str], chance: random.Random) -> list[str] | None:
    """Two seats beside each other that are not known to be taken; None after some looks."""
    for _ in range(20):
        if not rows:
            return None
        row = chance.choice(rows)
        first = chance.randrange(len(row) - 1)
        pair = list(row[first : first + 2])
        if not taken.intersection(pair):
            return pair
    return None


async def _until(target: Target, path: str, field: str, wanted: Sequence[str]) -> None:
    """Raises `Unavailable` where it does not become so."""
    deadline = target.clock.monotonic() + _PATIENCE_SECONDS
    while True:
        value = _granted(await target.read(path))[field]
        if value in wanted:
            return
        if value == "failed" or target.clock.monotonic() > deadline:
            raise Unavailable(f"{path}: {field} is {value}, and does not become {' or '.join(wanted)}")
        await target.clock.sleep(_LOOK_SECONDS)


def _granted(answer: Answer) -> Any:
    """Raises `Unavailable` for no answer, `DomainError` for a refusal."""
    if answer.status == 0 or answer.status >= 500:
        raise Unavailable(f"the installation does not answer as it should ({answer.status or 'no answer'})")
    if answer.status >= 400:
        problem = answer.json
        raise DomainError(problem["code"], problem["detail"], errors=problem.get("errors"))
    return answer.json if answer.body else {}


def _millis(moment: str) -> Millis:
    return millis(datetime.fromisoformat(moment))
