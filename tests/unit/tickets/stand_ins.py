"""What surrounds the ticket service in these tests: a store that can die, a card processor, an events
service, a mailer. The processor's rules are those of the payments service."""

import copy
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple, cast

import msgspec

from houseful.adapters.sqlite.store import SqliteStore
from houseful.adapters.sqlite.transaction import SqliteTransaction
from houseful.kernel.errors import Conflict, Unavailable
from houseful.kernel.ports import Clock, Email, Ids, PaymentIntent, ServiceResponse
from houseful.payments import domain as processor
from houseful.payments.domain import Intent
from houseful.seating.parsing import StandingArea, parse_plan, plan_hash


class Crash(BaseException):
    """The process dies here. No `except Exception` may survive it."""


class MortalStore(SqliteStore):
    """Dies around its n-th commit: `dies_at` is (n, "before" | "after"), counted from 1."""

    commits = 0
    dies_at: tuple[int, str] | None = None
    clashes = 0
    """So many transactions, from now on, find that somebody was faster."""

    def begin(self) -> SqliteTransaction:
        return _MortalTransaction(self, self.reads)

    def reach(self, when: str) -> None:
        self.commits += when == "before"
        if self.dies_at == (self.commits, when):
            raise Crash


class _MortalTransaction(SqliteTransaction):
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        store = cast(MortalStore, self._store)
        if kind is None:
            store.reach("before")
            if store.clashes:
                store.clashes -= 1
                raise Conflict("somebody was faster")
        await super().__aexit__(kind, error, trace)
        if kind is None:
            store.reach("after")


class EventsService:
    """Answers what tickets asks of events. `answers` may replace an answer, `down` cuts the line."""

    def __init__(self) -> None:
        self.down = False
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.answers: dict[str, ServiceResponse] = {}

    def add(self, event_id: str, plan: dict[str, Any], areas: list[dict[str, Any]]) -> tuple[str, int]:
        """The plan's hash and how many seats it has."""
        raw = msgspec.json.encode(plan)
        body = msgspec.json.encode({"id": event_id, "areas": areas, "state": "publishing", "seats_total": 30})
        self.answers[f"/api/events/{event_id}"] = ServiceResponse(200, {}, body)
        self.answers[f"/api/events/{event_id}/plan"] = ServiceResponse(200, {}, raw)
        parsed, standing = parse_plan(raw), [StandingArea(**area) for area in areas]
        seats = sum(len(row.seats) for zone in parsed.zones for row in zone.rows)
        return plan_hash(parsed, standing), seats + sum(area.capacity for area in standing)

    def amend(self, event_id: str, plan: dict[str, Any]) -> tuple[str, int]:
        """Another plan for an event without standing areas: its hash and how many seats it has."""
        raw = msgspec.json.encode(plan)
        parsed = parse_plan(raw)
        hash_ = plan_hash(parsed, ())
        self.answers[f"/api/events/{event_id}/plan?v={hash_}"] = ServiceResponse(200, {}, raw)
        return hash_, sum(len(row.seats) for zone in parsed.zones for row in zone.rows)

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceResponse:
        self.asked.append(path)
        self.headers.append(headers or {})
        if self.down:
            raise Unavailable("cut by the test")
        for known in (path, path.partition("?")[0]):
            if known in self.answers:
                return self.answers[known]
        return ServiceResponse(404, {}, b"{}")


class News(NamedTuple):
    """A webhook: what the processor says about an intent as it was then."""

    id: str
    type: str
    reference: str
    intent: PaymentIntent
    error: str | None


async def _no_trouble(call: str, when: str) -> None:
    pass


class CardProcessor:
    """A `PaymentGateway`. `trouble(call, "before" | "after")` may raise: nothing was done, or the answer is
    lost."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self.intents: dict[str, Intent] = {}
        self.news: list[News] = []
        self.calls: list[str] = []
        self.trouble: Callable[[str, str], Awaitable[None]] = _no_trouble
        self._clock = clock
        self._ids = ids
        self._done: dict[str, str] = {}

    def of(self, order_id: str) -> Intent:
        [intent] = [one for one in self.intents.values() if one.reference == order_id]
        return intent

    def pay(self, order_id: str, number: str = "4242424242424242") -> None:
        """What the buyer does with a card."""
        card = processor.Card(number, "12/49", "123")
        self._keep(processor.confirm(self.of(order_id), card, self._clock.now(), 5_000, "challenge"))

    def approve(self, order_id: str) -> None:
        """What the buyer says to the bank."""
        self._keep(processor.challenged(self.of(order_id), approved=True, now=self._clock.now()))

    def settle(self, order_id: str) -> None:
        """The bank makes up its mind about a slow card, whatever became of our clock meanwhile."""
        intent = self.of(order_id)
        self._keep(processor.settle(intent, max(self._clock.now() + 5_000, intent.next_at or 0)))

    async def create_intent(
        self, *, key: str, amount_minor: int, currency: str, reference: str
    ) -> PaymentIntent:
        def make() -> str:
            intent = Intent(
                id=self._ids.new("pi"),
                client_secret=self._ids.secret(),
                amount_minor=amount_minor,
                currency=currency,
                reference=reference,
                created_at=self._clock.now(),
            )
            self.intents[intent.id] = intent
            return intent.id

        return await self._do("create", key, make)

    async def intent(self, intent_id: str) -> PaymentIntent:
        return await self._do("look", None, lambda: intent_id)

    async def capture(self, intent_id: str, *, key: str) -> PaymentIntent:
        return await self._do("capture", key, lambda: self._keep(processor.capture(self.intents[intent_id])))

    async def cancel(self, intent_id: str, *, key: str) -> PaymentIntent:
        return await self._do("cancel", key, lambda: self._keep(processor.cancel(self.intents[intent_id])))

    async def cancel_unpaid(self, intent_id: str, *, key: str) -> PaymentIntent:
        return await self._do(
            "cancel unpaid",
            key,
            lambda: self._keep(processor.cancel(self.intents[intent_id], unless_authorized=True)),
        )

    async def refund(self, intent_id: str, *, key: str, amount_minor: int) -> PaymentIntent:
        return await self._do(
            "refund", key, lambda: self._keep(processor.refund(self.intents[intent_id], amount_minor))
        )

    async def _do(self, call: str, key: str | None, act: Callable[[], str]) -> PaymentIntent:
        self.calls.append(call)
        await self.trouble(call, "before")
        intent_id = self._done.get(key or "")
        if intent_id is None:
            intent_id = act()
            if key is not None:
                self._done[key] = intent_id
        answer = _seen(self.intents[intent_id])
        await self.trouble(call, "after")
        return answer

    def _keep(self, change: processor.Change) -> str:
        intent = change.intent
        self.intents[intent.id] = intent
        if change.event is not None:
            seen = msgspec.structs.replace(_seen(intent), client_secret="")
            news = News(self._ids.new("evt"), change.event, intent.reference, seen, intent.last_error)
            self.news.append(news)
        return intent.id


def _seen(intent: Intent) -> PaymentIntent:
    return msgspec.convert(intent, PaymentIntent, from_attributes=True)


class Mailbox:
    """A `Mailer`. `answer` may raise for an e-mail."""

    def __init__(self) -> None:
        self.got: list[Email] = []
        self.answer: Callable[[Email], None] = lambda email: None

    async def send(self, email: Email) -> None:
        self.answer(email)
        self.got.append(copy.copy(email))
