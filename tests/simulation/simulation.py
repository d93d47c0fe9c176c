"""One seed: an installation that is killed in the middle of anything and started again, while people buy.

The services are the real ones, on SQLite. Time, threads, connections, ids and faults are simulated: all of it
follows from the seed.
"""

import asyncio
import json
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from houseful.adapters import factory
from houseful.adapters.http.gateway_client import AsgiClient
from houseful.app import Running, running
from houseful.kernel.errors import DomainError, Transient, Unavailable
from houseful.kernel.ids import SeededIds
from houseful.kernel.ports import Email
from houseful.kernel.roles import Role
from houseful.kernel.times import rfc3339
from houseful.settings import load_secrets, load_settings
from houseful.tools.invariants import CHECKS, Installation
from houseful.users.domain import Session, User
from houseful.users.tokens import AccessTokens
from tests.simulation.faults import Faults, FaultyBus, FaultyCoordination, Network
from tests.simulation.ledger import Ledger
from tests.simulation.people import TRANSIENT, Buyer, Gate, Person, Surroundings
from tests.simulation.replaced import QuickWorkers
from tests.simulation.virtual_time import START, VirtualClock, VirtualLoop
from tests.system.harness import hall

HOLD_SECONDS = 30
SALE_SECONDS = 30.0
"""For how long people begin something new, in a whole life."""
LATE_SECONDS = 35.0
_PATIENCE_SECONDS = 600
"""For so long a sale may take to its end. Every fault is over long before."""
_SEATS = 10
_TURNS = 9000
"""Within so many turns of the loop a process may be killed."""
_ACCOUNTS = "C15"
"""Whoever acts here has a token, and no account."""
YEAR_SECONDS = 365 * 24 * 3600


class _Mailbox:
    """Takes every email, unless something goes wrong."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    async def send(self, email: Email) -> None:
        await self._faults.delay(0.01)
        if self._faults.strike(0.05):
            raise Unavailable("the mail server is away")


@dataclass
class Outcome:
    seed: int
    lives: int
    seconds: float
    """Of the simulated time."""
    struck: int
    ledger: Ledger
    trace: str = ""
    """What happened, for comparison with another run of the seed."""

    @property
    def sound(self) -> bool:
        return not self.ledger.faults


@dataclass
class Simulation:
    seed: int
    folder: Path

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.ledger = Ledger()
        self.settings = load_settings(
            {}, data=str(self.folder), rate_limits="off", payments_delay_seconds="3", log_level="warning"
        )
        self.secrets = load_secrets(self.settings)
        self.seconds = 0.0
        self.lives = 0
        self.struck = 0
        self._left: list[Any] = []
        """Loops and what was in them: nothing of a killed process may be cleaned up."""
        self.event_id = ""
        self.people: list[Person] = []
        self._seen: list[str] = []

    def run(self) -> Outcome:
        """Lives that end by a kill, then one in which everything is mended and comes to its end."""
        with _errors_in(self.ledger):
            for _ in range(self.chance.randint(0, 4)):
                self._live(self.chance.randint(1, _TURNS))
            self._live(None)
        self.ledger.close()
        return Outcome(self.seed, self.lives, self.seconds, self.struck, self.ledger, "\n".join(self._seen))

    def _live(self, turns: int | None) -> None:
        loop = VirtualLoop(self.chance, self.seconds)
        loop.turns_left = turns
        loop.set_exception_handler(self._complain)
        asyncio.set_event_loop(loop)
        life = _Life(self, loop)
        self._left += [loop, life]
        self.lives += 1
        try:
            loop.run(life.lead(to_the_end=turns is None))
        except Exception as error:
            self.ledger.fault(f"the simulation ended: {error!r}")
        self._left += asyncio.all_tasks(loop)
        self.struck += life.faults.count
        self._seen.append(f"{loop.time():.9f} {life.faults.count} {sorted(self.ledger.counts.items())}")
        self.seconds = loop.time() + self.chance.uniform(0.1, 5)
        for connection in apsw.connections():
            connection.close(True)

    def _complain(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, (DomainError, Transient)):
            self.ledger.fault(f"{context['message']}: {error!r}")

    def token(self, name: str, *roles: Role) -> str:
        user = User(
            id=f"usr_{name}", email=f"{name}@example.org", address=f"{name}@example.org", name=name,
            password_hash="", roles=(Role.BUYER, *roles), created_at=0,
        )  # fmt: skip
        session = Session(
            id=f"ses_{name}", user_id=user.id, password_version=1, created_at=START, last_used_at=START,
            expires_at=START + YEAR_SECONDS * 1000,
        )  # fmt: skip
        signer = AccessTokens(self.secrets.raw("token_key"), seconds=YEAR_SECONDS)
        return signer.sign(user, session, id=f"tok_{name}", now=START)


class _Life:
    """One process, from its start to its end."""

    def __init__(self, simulation: Simulation, loop: VirtualLoop) -> None:
        self.simulation = simulation
        self.loop = loop
        self.faults = Faults(loop)
        self.clock = VirtualClock(loop)

    async def lead(self, *, to_the_end: bool) -> None:
        bus = FaultyBus.open(factory.bus_file(self.simulation.folder), clock=self.clock)
        bus.faults = self.faults
        simulation = self.simulation
        losing = asyncio.create_task(bus.lose_members())
        async with running(
            simulation.settings,
            clock=self.clock,
            ids=SeededIds(simulation.chance.getrandbits(32), self.clock),
            secrets=simulation.secrets,
            mailer=_Mailbox(self.faults),
            bus=bus,
            coordination=FaultyCoordination(self.clock, self.faults),
            workers=QuickWorkers(),
            access_log=False,
        ) as app:
            network = Network(app.entry, self.faults)
            app.client.bind(network)
            around = Surroundings(AsgiClient(network), self.clock)
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._open_sale(around)
                    await self._sell(around)
            except TimeoutError:
                simulation.ledger.fault(f"somebody waits for ever: {_PATIENCE_SECONDS} s are over")
            losing.cancel()
            await self._settle(app, around)
        await bus.close()

    async def _open_sale(self, around: Surroundings) -> None:
        """Until the event is on sale. Goes on where the life before was interrupted."""
        simulation = self.simulation
        token = simulation.token("olga", Role.ORGANIZER, Role.GATE)
        if not simulation.event_id:
            body = {
                "title": "An Evening", "venue": "The Hall", "starts_at": rfc3339(START + 30 * 86_400_000),
                "timezone": "Europe/Berlin", "currency": "EUR", "plan": hall(rows=1, seats=_SEATS),
                "prices": {"Premium": 5000}, "hold_seconds": HOLD_SECONDS,
            }  # fmt: skip
            made = await self._insist(around, token, "POST", "/api/events", body, "make")
            simulation.event_id = made["id"]
        path = f"/api/events/{simulation.event_id}"
        if not simulation.people:
            await self._insist(around, token, "POST", f"{path}/publish", None, "publish")
            while (await self._insist(around, token, "GET", path))["state"] != "on_sale":
                await self.clock.sleep(0.2)
            seats = [one["id"] for one in await self._seats(around, token)]
            buyers = [
                Buyer(
                    name,
                    simulation.token(name),
                    simulation.seed,
                    simulation.ledger,
                    simulation.event_id,
                    seats,
                )
                for name in ("ann", "bea", "cem", "dov")
            ]
            gates = [
                Gate(name, token, simulation.seed, simulation.ledger, buyers) for name in ("north", "south")
            ]
            simulation.people = [*buyers, *gates]

    async def _seats(self, around: Surroundings, token: str) -> list[dict[str, Any]]:
        path = f"/api/events/{self.simulation.event_id}/sections"
        found: list[dict[str, Any]] = []
        for section in (await self._insist(around, token, "GET", path))["items"]:
            found += (await self._insist(around, token, "GET", f"{path}/{section['id']}/seats"))["items"]
        return found

    async def _insist(
        self, around: Surroundings, token: str, method: str, path: str, body: Any = None, key: str = ""
    ) -> Any:
        """The body of the answer, however often one has to ask."""
        while True:
            headers = {"authorization": f"Bearer {token}"} | ({"idempotency-key": key} if key else {})
            content = b"" if body is None else json.dumps(body).encode()
            try:
                response = await around.client.request(method, path, body=content, headers=headers)
            except Unavailable:
                response = None
            if response is not None and response.status < 300:
                return json.loads(response.body)
            if response is not None and response.status not in TRANSIENT:
                raise AssertionError(f"{method} {path}: {response.status} {response.body!r}")
            await self.clock.sleep(0.3)

    async def _sell(self, around: Surroundings) -> None:
        lives = [asyncio.create_task(person.live(around)) for person in self.simulation.people]
        await self.clock.sleep(SALE_SECONDS)
        self.faults.mended = True
        for person in self.simulation.people:
            person.done = True
        await asyncio.gather(*lives)
        await asyncio.gather(*(person.finish(around) for person in self.simulation.people))

    async def _settle(self, app: Running, around: Surroundings) -> None:
        """Time passes until every deadline is over. Then nothing may be amiss."""
        ledger = self.simulation.ledger
        for person in self.simulation.people:
            assert person.idle, f"{person.name} waits for an answer"
            person.leave()
        await self.clock.sleep(HOLD_SECONDS + LATE_SECONDS)
        for buyer in self.simulation.people:
            if isinstance(buyer, Buyer):
                token = self.simulation.token(buyer.name)
                orders = await self._insist(around, token, "GET", "/api/orders?limit=100")
                for order in orders["items"]:
                    if order["id"] in ledger.orders:
                        ledger.compare(order)
                    else:
                        ledger.fault(f"{order['id']} was made, and nobody asked for it")
                missing = {id for id, order in ledger.orders.items() if order["by"] == buyer.name} - {
                    order["id"] for order in orders["items"]
                }
                for id in sorted(missing):
                    ledger.fault(f"{id} was acknowledged and is gone")
        installation = Installation(app.stores, app.bus, self.clock)  # type: ignore[arg-type]
        for check in CHECKS:
            if check.code != _ACCOUNTS:
                for found in (await check.take_snapshot(installation)).violations:
                    ledger.fault(f"{found.code} {found.subject}: {found.detail}")


class _Errors(logging.Handler):
    """What the product itself takes for a defect: a logged error with a trace that is no outage."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(logging.ERROR)
        self._ledger = ledger

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, (DomainError, Transient)):
            self._ledger.fault(f"{record.getMessage()}: {error!r}")


@contextmanager
def _errors_in(ledger: Ledger) -> Iterator[None]:
    handler = _Errors(ledger)
    logger = logging.getLogger("houseful")
    logger.addHandler(handler)
    before, logger.propagate = logger.propagate, False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
