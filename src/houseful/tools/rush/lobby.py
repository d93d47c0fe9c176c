"""Who waits in the line. A person who waits has no task: a wheel says who is to ask when, and who asks in the
same moment asks in one write. Each of these requests is really sent."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from houseful.kernel.errors import Unavailable
from houseful.line.domain import draw
from houseful.tools.rush.client import request_bytes
from houseful.tools.rush.people import Person
from houseful.tools.rush.plan import Plan
from houseful.tools.rush.target import Target
from houseful.tools.rush.venue import Venue

TICK_SECONDS = 0.25
_PER_WRITE = 25
MANY = 1_000_000
_FIRST_POLLS = ((0, 2.0),)
BEFORE_DRAW = frozenset({"closed", "lobby", "sealed"})

Start = Callable[[Coroutine[Any, Any, None]], object]


class LineNow(msgspec.Struct, frozen=True, kw_only=True):
    """What a person reads of the public answer."""

    phase: str = "closed"
    admitted_up_to: int = 0
    line_length: int = 0
    poll_seconds: tuple[tuple[int, float], ...] = _FIRST_POLLS
    number_seconds: float = 0.0
    seed: str | None = None
    commitment: str = ""
    root: str | None = None


class Lobby:
    def __init__(
        self,
        target: Target,
        venue: Venue,
        plan: Plan,
        *,
        start: Start,
        ask_number: Callable[[Person], Coroutine[Any, Any, None]],
        enter: Callable[[Person], Coroutine[Any, Any, None]],
    ) -> None:
        """`ask_number` is done by who has no number though the draw was made, `enter` by who is called;
        `start` makes tasks of them."""
        self.now = LineNow()
        self.waiting = 0
        self._target = target
        self._clock = target.clock
        self._path = f"{venue.path}/line"
        self._get = request_bytes("GET", target.lobby.host, self._path, [])
        self._shared = plan.polls == "shared"
        self._start = start
        self._chance = random.Random(plan.seed + 2)  # noqa: S311
        self._ask_number = ask_number
        self._enter = enter
        self._wheel: dict[int, list[Person]] = {}
        self._turns: dict[int, list[Person]] = {}
        self._drawn_at: float | None = None
        self._began = self._clock.monotonic()
        self._asked_up_to = -1
        self._is_closed = False

    def add(self, person: Person, after_seconds: float = 0.0) -> None:
        """The person waits, and asks again after this time."""
        self.waiting += 1
        self._schedule(person, after_seconds)

    def close(self) -> None:
        """Nobody goes in any more: the rehearsal is over."""
        self._is_closed = True

    def _schedule(self, person: Person, after_seconds: float) -> None:
        """The person looks at the line again after this time."""
        self._put(self._wheel, person, after_seconds)

    def _put(self, wheel: dict[int, list[Person]], person: Person, after_seconds: float) -> None:
        tick = int((self._clock.monotonic() - self._began + after_seconds) / TICK_SECONDS) + 1
        wheel.setdefault(max(tick, self._asked_up_to + 1), []).append(person)

    async def run(self) -> None:
        """Until it is cancelled: let those ask whose time has come."""
        while True:
            now = int((self._clock.monotonic() - self._began) / TICK_SECONDS)
            for tick in range(self._asked_up_to + 1, now + 1):
                self._asked_up_to = tick
                people = self._wheel.pop(tick, None)
                if people:
                    self._start(self._poll(people, self._began + tick * TICK_SECONDS))
                for person in self._turns.pop(tick, ()):
                    self._start(self._number(person))
            await self._clock.sleep(TICK_SECONDS / 2)

    async def _poll(self, people: list[Person], scheduled: float) -> None:
        if self._shared:
            await self._ask(1, scheduled)
        else:
            sizes = [min(_PER_WRITE, len(people) - first) for first in range(0, len(people), _PER_WRITE)]
            await asyncio.gather(*(self._ask(size, scheduled) for size in sizes))
        for person in people:
            self._go_on(person)

    async def _ask(self, count: int, scheduled: float) -> None:
        recording = self._target.recording
        try:
            reply = await self._target.lobby.ask(self._get * count, count)
        except Unavailable:
            recording.retried("poll", "no answer")
            return
        recording.took("poll", scheduled, self._clock.monotonic())
        recording.happened("polls", scheduled, count)
        if reply.status == 200:
            self.learn(msgspec.json.decode(reply.body, type=LineNow))
        else:
            recording.refused("poll", f"status {reply.status}")

    def learn(self, line: LineNow) -> None:
        """What one has heard all know; an answer that was overtaken is left out."""
        if line.phase != self.now.phase:
            if _is_later(line, self.now):
                self._target.recording.mark(self._clock.monotonic(), line.phase)
                self.now = line
        elif line.admitted_up_to >= self.now.admitted_up_to:
            self.now = line
        if self._drawn_at is None and self.now.seed is not None:
            self._drawn_at = self._clock.monotonic()

    def _go_on(self, person: Person) -> None:
        if self._is_closed:
            return
        if self.now.phase in BEFORE_DRAW:
            self._schedule(person, self.pause(None))
        elif person.number is None:
            if (wait := self._turn(person)) > 0:
                self._put(self._turns, person, wait)
            else:
                self._start(self._number(person))
        elif person.number <= self.now.admitted_up_to and self.now.phase not in ("ended", "sold_out"):
            self.waiting -= 1
            self._start(self._enter(person))
        else:
            self._schedule(person, self.pause(person.number - self.now.admitted_up_to))

    async def _number(self, person: Person) -> None:
        await self._ask_number(person)
        if person.number is None:
            self._schedule(person, self.pause(0))
        else:
            self._go_on(person)

    def _turn(self, person: Person) -> float:
        """How long somebody who was drawn waits before asking for the number, as the line has told."""
        if self._drawn_at is None or self.now.seed is None or not person.in_lobby:
            return 0.0
        share = draw.share(bytes.fromhex(self.now.seed), bytes.fromhex(person.entrant))
        return share * self.now.number_seconds - (self._clock.monotonic() - self._drawn_at)

    def pause(self, distance: int | None) -> float:
        """How long to wait before the next look, as the line has told; a tenth more or less, so that who came
        together does not ask together. Who has no number yet may be the last."""
        if distance is None:
            distance = self.now.line_length or MANY
        told = next(
            (seconds for least, seconds in reversed(self.now.poll_seconds) if distance >= least),
            self.now.poll_seconds[0][1],
        )
        return told * self._chance.uniform(0.9, 1.1)


_ORDER = ("closed", "lobby", "sealed", "open", "paused", "sold_out", "ended")


def _is_later(line: LineNow, known: LineNow) -> bool:
    drawn = _ORDER.index("open")
    place, before = _ORDER.index(line.phase), _ORDER.index(known.phase)
    if place >= drawn and before >= drawn:  # from there on it may go back
        return line.admitted_up_to >= known.admitted_up_to
    return place > before
