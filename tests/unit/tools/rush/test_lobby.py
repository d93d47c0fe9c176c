"""Who waits in the line of a rehearsal asks as the line tells."""

import asyncio
from collections import Counter
from typing import Any

import msgspec

from houseful.kernel.clock import ManualClock
from houseful.line.domain import draw
from houseful.tools.rush.lobby import LineNow, Lobby
from houseful.tools.rush.people import Person
from houseful.tools.rush.plan import Plan
from houseful.tools.rush.recording import Recording

SEED = b"s" * 32
PEOPLE = 2000


class Reply:
    status = 200

    def __init__(self, line: LineNow) -> None:
        self.body = msgspec.json.encode(line)


class Installation:
    """A line whose lobby is open, until `line` says otherwise; what is asked of it, and when."""

    host = "127.0.0.1"
    path = "/api/events/evt_1"

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.recording = Recording(0.0)
        self.lobby = self
        self.line = LineNow(phase="lobby", poll_seconds=((0, 10.0),))
        self.looks = 0

    async def ask(self, sent: bytes, count: int) -> Reply:
        self.looks += count
        return Reply(self.line)


async def test_numbers_are_asked_for_in_turn_once_by_each() -> None:
    installation: Any = Installation()
    clock: ManualClock = installation.clock
    asked: list[tuple[float, Person]] = []
    tasks: list[asyncio.Task[None]] = []

    async def ask_number(person: Person) -> None:
        asked.append((clock.monotonic(), person))
        person.number = len(asked)

    async def enter(person: Person) -> None:
        raise AssertionError("nobody is called")

    lobby = Lobby(
        installation, installation, Plan(urls=[]), start=lambda work: tasks.append(asyncio.create_task(work)),
        ask_number=ask_number, enter=enter,
    )  # fmt: skip
    for index in range(PEOPLE):
        person = Person(index, "best")
        person.entrant = draw.entrant(b"k", "evt_1", f"usr_{index}").hex()
        person.in_lobby = index > 0
        lobby.add(person, lobby.pause(None))
    running = asyncio.create_task(lobby.run())
    await clock.advance(0)
    installation.line = LineNow(
        phase="open", line_length=PEOPLE, poll_seconds=((0, 600.0),), number_seconds=40, seed=SEED.hex()
    )
    began = clock.monotonic()
    for _ in range(4 * 60):
        await clock.advance(0.25)
    running.cancel()
    assert len({person.index for _, person in asked}) == len(asked) == PEOPLE
    turns = [(at - began, draw.share(SEED, bytes.fromhex(one.entrant)) * 40, one) for at, one in asked]
    assert lobby._drawn_at is not None
    heard = lobby._drawn_at - began
    assert [at < heard + 1 for at, _, one in turns if not one.in_lobby] == [True], "it came after the draw"
    waited = [(at - heard, turn) for at, turn, one in turns if one.in_lobby and turn > 1]
    assert all(turn <= at <= turn + 0.5 for at, turn in waited)
    assert max(Counter(int(at) for at, _, _ in turns).values()) < 4 * PEOPLE / 40
    assert installation.looks == PEOPLE, "who waits for the turn does not look meanwhile"
