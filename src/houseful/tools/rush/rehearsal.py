"""A rehearsal from the first account to the last seat: people come by the curve, and nobody waits for us."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec

from houseful.kernel.ports import Clock
from houseful.settings import Settings
from houseful.tools.rush import accounts
from houseful.tools.rush.accounts import LocalTokens
from houseful.tools.rush.arrivals import arrivals
from houseful.tools.rush.client import Client
from houseful.tools.rush.ledger import Ledger
from houseful.tools.rush.lobby import LineNow, Lobby
from houseful.tools.rush.people import SILENT, Person, crowd
from houseful.tools.rush.plan import Plan
from houseful.tools.rush.recording import Recording
from houseful.tools.rush.shop import Shop
from houseful.tools.rush.target import Target
from houseful.tools.rush.venue import Venue, open_venue

PREPARING = "preparing"
_PAUSE_SECONDS = 0.02
_OBSERVED_SECONDS = 1.0
_SOLD_OUT_LOOKS = 3
_SETTLE_LOOK_SECONDS = 0.5
_SETTLED_AT_ONCE = 50

Show = Callable[["Rehearsal"], None]


class Rehearsed(NamedTuple):
    """All that was seen. `first_line` is the line's public answer before the draw, where there is one."""

    plan: Plan
    venue: Venue
    people: list[Person]
    recording: Recording
    ledger: Ledger
    first_line: LineNow
    last_line: LineNow
    sold_out: bool


@asynccontextmanager
async def opened_target(
    plan: Plan, settings: Settings, clock: Clock, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Target]:
    """The installation, as people and as its organizer, whose keys may be in `environment`. Raises
    `SettingsError`, `Invalid`."""
    await accounts.check_prepared(settings, plan.people)
    tokens = LocalTokens(settings, clock.now, environment)
    half = max(1, plan.connections // 2)
    lobby, shop = Client(plan.urls, half), Client(plan.urls, half)
    try:
        yield Target(lobby, shop, tokens, Recording(clock.monotonic()), clock)
    finally:
        await lobby.close()
        await shop.close()


class Rehearsal:
    """`show` is called each second. `phase` is what goes on just now, for people."""

    def __init__(self, target: Target, plan: Plan, *, show: Show = lambda _: None) -> None:
        self.target = target
        self.plan = plan
        self.recording = target.recording
        self.ledger = Ledger()
        self.people = crowd(plan.kinds, plan.people, plan.seed)
        self.phase = PREPARING
        self.lobby: Lobby | None = None
        self.shopping = 0
        self.sold = 0
        self.held = 0
        self._clock = target.clock
        self._show = show
        self._tasks: set[asyncio.Task[None]] = set()
        self._first_line = LineNow()
        self._sold_out = False

    @property
    def under_way(self) -> int:
        """What people do just now: steps that are not answered yet."""
        return len(self._tasks)

    async def run(self) -> Rehearsed:
        """Raises `DomainError` where the installation refuses to be rehearsed, `Unavailable`."""
        venue = await open_venue(self.target, self.plan)
        self._venue = venue
        self._shop = Shop(self.target, venue, self.plan, self.ledger)
        opens_in = ((venue.lobby_opens_at if venue.has_line else venue.on_sale_at) - self._clock.now()) / 1000
        self.phase = "waiting for the doors"
        await self._clock.sleep(opens_in)
        if venue.has_line:
            await self._until_lobby()
        self.recording.zero = self._clock.monotonic()
        self.phase = "people are coming"
        jobs = [asyncio.create_task(job) for job in self._jobs()]
        try:
            await self._come()
            self.phase = "the sale goes on"
            await self._until_over()
            self.phase = "the last orders are settled"
            if self.lobby is not None:
                self.lobby.close()
            await self._settle()
        finally:
            for task in (*jobs, *self._tasks):
                task.cancel()
            await asyncio.gather(*jobs, *self._tasks, return_exceptions=True)
        return Rehearsed(
            self.plan,
            venue,
            self.people,
            self.recording,
            self.ledger,
            self._first_line,
            LineNow() if self.lobby is None else self.lobby.now,
            self._sold_out,
        )

    def _jobs(self) -> list[Coroutine[Any, Any, None]]:
        jobs = [self._observe()]
        if self._venue.has_line:
            self.lobby = Lobby(
                self.target,
                self._venue,
                self.plan,
                start=self._start,
                ask_number=self._ask_number,
                enter=self._enter,
            )
            self.lobby.learn(self._first_line)
            jobs.append(self.lobby.run())
        return jobs

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.ledger.broken("a person's story is told to its end", repr(error))

    async def _until_lobby(self) -> None:
        while True:
            answer = await self.target.read(f"{self._venue.path}/line")
            if answer.status == 200:
                self._first_line = msgspec.json.decode(answer.body, type=LineNow)
                if self._first_line.phase != "closed":
                    return
            await self._clock.sleep(_PAUSE_SECONDS * 10)

    # People come

    async def _come(self) -> None:
        """Each at its moment, whatever became of those before."""
        late = round(len(self.people) * self.plan.late_share) if self._venue.has_line else 0
        early = len(self.people) - late
        moments = arrivals(self.plan.curve, early, self.plan.arrival_seconds, self.plan.seed)
        if late:
            opens = (self._venue.on_sale_at - self._venue.lobby_opens_at) / 1000
            moments += [
                opens + one for one in arrivals("even", late, self.plan.arrival_seconds, self.plan.seed)
            ]
        arrive = self._join if self._venue.has_line else self._walk_in
        for person, moment in zip(self.people, moments, strict=True):
            scheduled = self.recording.zero + moment
            while self._clock.monotonic() < scheduled:
                if self._is_over_early():
                    return
                await self._clock.sleep(min(scheduled - self._clock.monotonic(), _OBSERVED_SECONDS))
            self.recording.happened("arrived", scheduled)
            self._start(arrive(person, scheduled))
            if len(self._tasks) % 50 == 0:
                await asyncio.sleep(0)  # others go on though many come in the same moment

    def _is_over_early(self) -> bool:
        """Whoever has not come yet comes too late."""
        return self._sold_out and not self._tasks

    async def _walk_in(self, person: Person, scheduled: float) -> None:
        await self._visit(person, scheduled)

    async def _join(self, person: Person, scheduled: float) -> None:
        answer = await self.target.ask(
            "join", person, "POST", f"{self._venue.path}/line",
            key=f"rush-join-{person.index}", scheduled=scheduled,
        )  # fmt: skip
        if answer.status not in (200, 201):
            person.outcome = answer.code.replace("_", " ") if answer.status else "no answer"
            return
        place = answer.json
        person.entrant, person.number = place["entrant"], place["number"]
        person.in_lobby = place["phase"] == "lobby"
        self.recording.happened("joined", self._clock.monotonic())
        assert self.lobby is not None, "who joins joins a line"
        self.lobby.add(person, self.lobby.pause(None) if person.in_lobby else 0.0)

    async def _ask_number(self, person: Person) -> None:
        if person.kind == "bots" and person.index % 2:
            await self._shop.cheat(person)
        answer = await self.target.ask("number", person, "GET", f"{self._venue.path}/line/me")
        if answer.status == 200:
            person.number = answer.json["number"]

    async def _enter(self, person: Person) -> None:
        scheduled = self._clock.monotonic()
        answer = await self.target.ask("pass", person, "POST", f"{self._venue.path}/line/pass")
        if answer.status == 200:
            person.line_pass = answer.json["pass"]
            person.passed_at = self._clock.monotonic()
            self.recording.happened("admitted", person.passed_at)
            await self._visit(person, self._clock.monotonic())
        elif answer.code == "not_your_turn":
            assert self.lobby is not None, "who is called was in a line"
            self.lobby.add(person, self.lobby.pause(0))
        else:
            person.outcome = answer.code.replace("_", " ") if answer.status else "no answer"
            self.recording.happened("turned away", scheduled)

    async def _visit(self, person: Person, scheduled: float) -> None:
        self.shopping += 1
        try:
            await self._shop.visit(person, scheduled)
        finally:
            self.shopping -= 1
        if self._venue.has_line and person.outcome != "bought" and person.kind not in SILENT:
            await self.target.ask("leave", person, "DELETE", f"{self._venue.path}/line/pass")

    # The end

    async def _observe(self) -> None:
        """How it stands, each second; what the organizer sees of it comes when it comes."""
        asked: asyncio.Task[None] | None = None
        try:
            while True:
                if asked is None or asked.done():
                    asked = asyncio.create_task(self._ask_sales())
                line = LineNow() if self.lobby is None else self.lobby.now
                self.recording.level(
                    self._clock.monotonic(),
                    waiting=0 if self.lobby is None else self.lobby.waiting,
                    shopping=self.shopping,
                    front=line.admitted_up_to,
                    sold=self.sold,
                    held=self.held,
                )
                self._show(self)
                await self._clock.sleep(_OBSERVED_SECONDS)
        finally:
            if asked is not None:
                asked.cancel()

    async def _ask_sales(self) -> None:
        path, organizer = f"{self._venue.path}/sales", self._venue.organizer_id
        answer = await self.target.as_staff("GET", path, who=organizer)
        if answer.status != 200:
            return
        sales = answer.json
        self.sold, self.held = sales["sold"], sales["held"]
        if not sales["available"] and not sales["held"] and not self._sold_out:
            self._sold_out = True
            self.recording.mark(self._clock.monotonic(), "sold out")

    async def _until_over(self) -> None:
        """Nobody shops, and nobody waits for what there may still be."""
        on_sale_in = (self._venue.on_sale_at - self._clock.now()) / 1000
        ends = self._clock.monotonic() + on_sale_in + self.plan.most_seconds
        quiet = 0
        while quiet < _SOLD_OUT_LOOKS:
            if self._clock.monotonic() > ends:
                self.recording.mark(self._clock.monotonic(), "broken off")
                return
            waits = self.lobby is not None and self.lobby.waiting and not self._sold_out
            is_quiet = not self.shopping and not waits and (self._sold_out or not self._tasks)
            quiet = quiet + 1 if is_quiet else 0
            await self._clock.sleep(_OBSERVED_SECONDS / 2)

    async def _settle(self) -> None:
        """Wait for who is in the shop, and ask for the orders whose end nobody saw, until each has one."""
        deadline = self._clock.monotonic() + self._venue.hold_seconds + self.plan.patience_seconds
        while self.shopping and self._clock.monotonic() < deadline:
            await self._clock.sleep(_SETTLE_LOOK_SECONDS)
        while self.ledger.open and self._clock.monotonic() < deadline:
            some = list(self.ledger.open.items())[:_SETTLED_AT_ONCE]
            await asyncio.gather(*(self._settle_one(order_id, bought.person) for order_id, bought in some))
            if self.ledger.open:
                await self._clock.sleep(_SETTLE_LOOK_SECONDS)

    async def _settle_one(self, order_id: str, index: int) -> None:
        answer = await self.target.ask("settle", self.people[index], "GET", f"/api/orders/{order_id}")
        if answer.status == 200 and answer.json["status"] not in ("awaiting_payment", "processing"):
            self.ledger.ended(order_id, answer.json["status"])


def outcomes(people: list[Person]) -> dict[str, Counter[str]]:
    """By kind: how it ended for how many."""
    found: dict[str, Counter[str]] = {}
    for person in people:
        found.setdefault(person.kind, Counter())[person.outcome] += 1
    return found
