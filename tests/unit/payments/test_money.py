"""Whatever buyers, servers, time and bad networks do, in any order: no money is made or lost."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from houseful.kernel.errors import Unavailable
from houseful.payments import service
from houseful.payments.domain import TRANSITIONS, Intent, State, Totals
from tests.support.examples import examples
from tests.unit.payments.harness import (
    ANSWER_LOST,
    CHALLENGED,
    DECLINED,
    GOOD,
    POOR,
    SLOW,
    Harness,
    Json,
    no_answer,
)

T = TypeVar("T")

KEYS = st.sampled_from(["a", "b", "c"])
REACHABLE = {(was, goal) for (was, _), goal in TRANSITIONS.items()}


class Money(RuleBasedStateMachine):
    """Over HTTP, on a real store. What it expects of each intent, it knows from the answers alone."""

    intents: Bundle[str] = Bundle("intents")
    challenges: Bundle[str] = Bundle("challenges")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.harness = self.run(self._open())
        self.known: dict[str, Json] = {}
        self.answers: dict[tuple[str, str], tuple[Any, tuple[int, Json]]] = {}
        self.seen: dict[str, Intent] = {}

    async def _open(self) -> Harness:
        return Harness(Path(self.folder.name) / "payments.db")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.harness.close())
        self.runner.close()
        self.folder.cleanup()

    def keyed(self, path: str, key: str, body: Json) -> tuple[int, Json]:
        """A server call; a key's first success must be its answer for ever."""
        answer = self.run(self.harness.server(path, body, key=key))
        first = self.answers.get((path, key))
        if first is not None:
            assert answer == first[1] if first[0] == body else answer[0] == 422
        elif answer[0] < 300:
            self.answers[path, key] = (body, answer)
        return answer

    @rule(target=intents, key=KEYS, amount_minor=st.integers(1, 3), reference=st.sampled_from(["x", "y"]))
    def create(self, key: str, amount_minor: int, reference: str) -> Any:
        body = {"amount_minor": amount_minor, "currency": "EUR", "reference": reference}
        status, intent = self.keyed("", key, body)
        if status != 201:
            return multiple()
        self.known[intent["id"]] = intent
        return intent["id"]

    @rule(
        target=challenges,
        intent=intents,
        number=st.sampled_from([GOOD, DECLINED, POOR, CHALLENGED, SLOW, ANSWER_LOST]),
    )
    def pay(self, intent: str, number: str) -> Any:
        try:
            status, answer = self.run(self.harness.pay(self.known[intent], number))
        except Unavailable:
            assert number == ANSWER_LOST
            return multiple()
        assert status in (200, 402, 409)
        return answer["next_action"]["url"] if answer["status"] == "requires_action" else multiple()

    @rule(challenge=challenges, outcome=st.sampled_from(["approve", "refuse"]))
    def answer_challenge(self, challenge: str, outcome: str) -> None:
        status, _ = self.run(self.harness.call("POST", challenge, {"outcome": outcome}))
        assert status in (200, 402, 404, 409)

    @rule(intent=intents, key=KEYS)
    def capture(self, intent: str, key: str) -> None:
        self.keyed(f"/{intent}/capture", key, {})

    @rule(intent=intents, key=KEYS)
    def cancel(self, intent: str, key: str) -> None:
        self.keyed(f"/{intent}/cancel", key, {})

    @rule(intent=intents, key=KEYS, amount_minor=st.integers(1, 3))
    def refund(self, intent: str, key: str, amount_minor: int) -> None:
        self.keyed(f"/{intent}/refunds", key, {"amount_minor": amount_minor})

    @rule(seconds=st.sampled_from([0.5, 2.0, 5.0, 600.0]))
    def wait(self, seconds: float) -> None:
        self.run(self.harness.clock.advance(seconds))

    @rule()
    def settle(self) -> None:
        self.run(self.harness.service.settle_due())

    @rule(fails=st.booleans())
    def send_webhooks(self, fails: bool) -> None:
        self.harness.receiver.answer = no_answer if fails else lambda notice: 204
        self.run(self.harness.service.webhooks.step())

    @rule()
    def restart(self) -> None:
        self.harness = self.run(self.harness.reopened())

    @invariant()
    def money_is_conserved(self) -> None:
        intents = self.run(self.harness.store.find(Intent, {}, limit=1000))
        assert {intent.id for intent in intents} == set(self.known), "a key makes one intent"
        for intent in intents:
            was = self.seen.get(intent.id)
            self.seen[intent.id] = intent
            assert intent.authorized_minor in (0, intent.amount_minor)
            assert intent.captured_minor in (0, intent.authorized_minor)
            assert 0 <= intent.refunded_minor <= intent.captured_minor
            assert (intent.captured_minor > 0) == (intent.state is State.CAPTURED)
            assert (intent.next_at is not None) == (intent.state is State.PROCESSING)
            if was is not None:
                assert intent.captured_minor >= was.captured_minor
                assert intent.refunded_minor >= was.refunded_minor
                assert intent.authorized_minor >= was.authorized_minor
                assert was.state is not State.CANCELED or intent == was, "nothing happens after the end"
                assert was.state is intent.state or (was.state, intent.state) in REACHABLE

    @invariant()
    def the_ledger_adds_up(self) -> None:
        ledger = self.run(service.ledger(self.harness.store))
        for reference, totals in ledger.items():
            mine = [intent for intent in self.seen.values() if intent.reference == reference]
            assert totals == Totals(
                captured_minor=sum(one.captured_minor for one in mine),
                refunded_minor=sum(one.refunded_minor for one in mine),
                open_minor=sum(one.amount_minor for one in mine if one.state is State.AUTHORIZED),
            )

    @invariant()
    def at_most_one_authorization_is_told_of(self) -> None:
        """Webhooks come more than once, but there is one of them to a thing that happens once."""
        told: dict[tuple[str, str], set[str]] = {}
        for notice in self.harness.receiver.got:
            told.setdefault((notice["data"]["intent"]["id"], notice["type"]), set()).add(notice["id"])
        for (_, type), ids in told.items():
            once = type in ("payment_intent.succeeded", "payment_intent.captured", "payment_intent.canceled")
            assert not once or len(ids) == 1


Money.TestCase.settings = examples(
    60,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestMoney = Money.TestCase
