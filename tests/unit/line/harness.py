"""The line service by itself: on a SQLite file, with time that stands still."""

import base64
from pathlib import Path
from typing import Any

from houseful.adapters.http.gateway_client import AsgiClient
from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.processes.pool import InlineWorkers
from houseful.adapters.sqlite.store import SqliteStore
from houseful.kernel.clock import ManualClock, SystemClock
from houseful.kernel.ids import SeededIds
from houseful.kernel.ports import Mailer, PaymentGateway, Store
from houseful.kernel.roles import Identity
from houseful.line import MANIFEST
from houseful.line.domain.lines import Line
from houseful.line.service import LineService
from houseful.messages import EventPublished, Gates, LineTerms, Message
from houseful.settings import Secrets, Settings
from houseful.webapi.manifest import Platform
from houseful.webapi.shop_signals import Departure, ShopFigures

START = 1_800_000_000_000
ON_SALE = START + 3_600_000
EVENT = "evt_1"


def who(user_id: str, **claims: Any) -> Identity:
    """A buyer's access token."""
    return Identity(user_id, "ses_1", frozenset({"buyer"}), 2**62, **claims)


ORGANIZER = Identity("usr_organizer", "ses_1", frozenset({"organizer"}), 2**62, 0)


def key(letter: bytes) -> str:
    return base64.urlsafe_b64encode(letter * 32).decode()


class NoCalls:
    """Nothing of the line calls anybody."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the line called {name}")


class Harness:
    def __init__(
        self, path: Path, *, before: "Harness | None" = None, clock: ManualClock | None = None
    ) -> None:
        self.path = path
        self.clock: ManualClock = clock or (before.clock if before else ManualClock(START))
        self.ids = SeededIds(len(list(path.parent.iterdir())), self.clock)
        self.coordination: LocalCoordination = (
            before.coordination if before else LocalCoordination(self.clock)
        )
        self.store: Store = SqliteStore.open(path, MANIFEST.documents, clock=SystemClock(), ids=self.ids)
        nobody: Any = NoCalls()
        mailer: Mailer = nobody
        gateway: PaymentGateway = nobody
        self.line: LineService = MANIFEST.build(
            Platform(
                settings=Settings(),
                secrets=Secrets(line_key=key(b"l"), place_key=key(b"p")),
                store=self.store,
                coordination=self.coordination,
                clock=self.clock,
                ids=self.ids,
                client=AsgiClient(),
                payment_gateway=gateway,
                mailer=mailer,
                workers=InlineWorkers(),
            )
        )

    def beside(self, clock: ManualClock | None = None) -> "Harness":
        """Another process on the same store."""
        return Harness(self.path, before=self, clock=clock)

    async def again(self) -> "Harness":
        """The same after the death of the process."""
        await self.store.close()
        return Harness(self.path, before=self)

    async def receive(self, message: Message) -> None:
        async with self.store.begin() as tx:
            await MANIFEST.handlers[type(message)](self.line, tx, message)

    async def publish(self, event_id: str = EVENT, gates: Gates | None = None, **terms: Any) -> None:
        line: dict[str, Any] = {"mode": "on", "lobby_opens_at": START + 60_000}
        await self.receive(
            EventPublished(
                event_id=event_id,
                organizer_id=ORGANIZER.user_id,
                title="A show",
                venue="Here",
                starts_at=ON_SALE + 86_400_000,
                timezone="Europe/Berlin",
                currency="EUR",
                on_sale_at=ON_SALE,
                hold_seconds=600,
                max_seats_per_order=8,
                refundable_until=None,
                plan_hash="0",
                seats_total=1000,
                prices={"Standard": 3000, "Good": 5000},
                line=LineTerms(**(line | terms)),
                gates=gates,
            )
        )

    async def until(self, moment: int) -> None:
        """Time passes, and what is due then is done."""
        await self.clock.advance((moment - self.clock.now()) / 1000)
        await self.line.progress.take_due()

    async def opened_lobby(self, **terms: Any) -> None:
        await self.publish(**terms)
        await self.until(START + 60_000)

    async def stored(self, event_id: str = EVENT) -> Line:
        line = await self.store.get(Line, event_id)
        assert line is not None
        return line

    async def join(self, *users: int | str) -> None:
        for user in users:
            await self.line.join(who(f"usr_{user}"), EVENT)

    async def number(self, user: int | str) -> int | None:
        return (await self.line.place(f"usr_{user}", EVENT)).number

    async def admit(self, seconds: int = 1, **told: Any) -> int:
        """Steps of the admission, each after a second with these figures of the shop; the front."""
        front = 0
        for _ in range(seconds):
            await self.clock.advance(1)
            self.line.admitting.hear(
                ShopFigures(
                    event_id=EVENT, **({"process": "shop_1", "seats_left": {"Standard": 1000}} | told)
                )
            )
            stepped = await self.line.admitting.step(EVENT)
            assert stepped is not None
            front = stepped.front
        return front


__all__ = ["EVENT", "ON_SALE", "ORGANIZER", "START", "Departure", "Harness", "who"]
