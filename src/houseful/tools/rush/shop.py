"""What each kind of person does once it may buy: look, hold, order, pay, wait for the confirmation."""

import asyncio
import random
from typing import Any

from houseful.tools.rush import accounts
from houseful.tools.rush.ledger import Ledger
from houseful.tools.rush.people import Person
from houseful.tools.rush.plan import Plan
from houseful.tools.rush.target import Answer, Target
from houseful.tools.rush.venue import Venue, pair_of

GOOD, DECLINED = "4242424242424242", "4000000000000002"
_TRIES = 3
_BOT_TRIES = 4
_FORGED = "eyJhbGciOiJFZERTQSIsInR5cCI6ImxpbmUtcGFzcytqd3QifQ.e30.AAAA"
_LOOKS_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.0, 2.0)
_CONFIRMED_IN_SECONDS = 120.0
_OPEN = frozenset({"awaiting_payment", "processing"})


class Shop:
    def __init__(self, target: Target, venue: Venue, plan: Plan, ledger: Ledger) -> None:
        self._target = target
        self._clock = target.clock
        self._recording = target.recording
        self._venue = venue
        self._think_seconds = plan.think_seconds
        self._ledger = ledger
        self._chance = random.Random(plan.seed + 1)  # noqa: S311
        self._taken: set[str] = set()
        self._keys = 0
        self._run = f"{venue.event_id}-{self._clock.now()}"

    async def visit(self, person: Person, scheduled: float) -> None:
        """One person in the shop, from the first look to the end."""
        path = f"{self._venue.path}/availability"
        await self._target.ask("look", person, "GET", path, scheduled=scheduled)
        if person.kind == "bots":
            await self._buy_greedily(person)
        else:
            person.outcome = await self._buy(person, await self._thought(person))
        self._recording.happened(person.outcome, self._clock.monotonic())

    async def _buy_greedily(self, person: Person) -> None:
        """As often as it goes, as many as it goes, and without a moment's thought."""
        for _ in range(_BOT_TRIES):
            outcome = await self._buy(person, self._clock.monotonic())
            if outcome != "bought":
                break
        person.outcome = "bought" if person.seats else outcome

    async def cheat(self, person: Person) -> None:
        """Hold without a pass, and with a forged one. Neither may ever get a seat."""
        for forged in (None, _FORGED):
            person.line_pass = forged
            answer = await self._target.ask(
                "cheat",
                person,
                "POST",
                f"{self._venue.path}/holds",
                self._best(person),
                key=self._key(person),
            )
            if answer.status == 201:
                self._ledger.broken("nobody holds without a pass", f"{accounts.user_id(person.index)} did")
        person.line_pass = None

    async def _buy(self, person: Person, due: float) -> str:
        hold = await self._hold(person, due)
        if isinstance(hold, str):
            return hold
        if person.kind == "abandon":
            if person.index % 2:  # the others close the page
                await self._target.ask("release", person, "DELETE", f"/api/holds/{hold['hold_id']}")
            return "abandoned"
        order = await self._order(person, hold, await self._thought(person))
        if isinstance(order, str):
            return order
        if person.kind == "slow":
            due = self._clock.monotonic() + self._venue.hold_seconds * self._chance.uniform(0.3, 0.6)
            await self._clock.sleep(due - self._clock.monotonic())
        else:
            due = await self._thought(person)
        paid = await self._pay(person, order, due)
        return await self._confirmed(person, order) if paid == "paid" else paid

    # Holds

    def _best(self, person: Person) -> dict[str, Any]:
        quantity = self._venue.seats_per_order if person.kind == "bots" else person.party
        return {"best_available": {"quantity": min(quantity, self._venue.seats_per_order)}}

    async def _hold(self, person: Person, due: float) -> dict[str, Any] | str:
        """The hold, or why there is none."""
        for number in range(_TRIES + 1):
            wish = self._best(person)
            if person.kind == "sections" and number < _TRIES:
                pair = pair_of(self._venue.popular, self._taken, self._chance)
                wish = wish if pair is None else {"seats": pair}
            answer = await self._ask_hold(person, wish, due)
            if answer.status == 201:
                hold: dict[str, Any] = answer.json
                self._taken.update(seat["id"] for seat in hold["seats"])
                self._recording.happened("held", self._clock.monotonic(), len(hold["seats"]))
                return hold
            if answer.code != "seats_taken":
                return _why(answer)
            self._taken.update(answer.json["taken"])
            due = await self._thought(person)
        return "seats taken"

    async def _ask_hold(self, person: Person, wish: dict[str, Any], due: float) -> Answer:
        path, key = f"{self._venue.path}/holds", self._key(person)
        ask = [
            self._target.ask(step, person, "POST", path, wish, key=key, scheduled=due)
            for step in (("hold", "hold again") if person.kind == "double" else ("hold",))
        ]
        answers = await asyncio.gather(*ask)
        held = {answer.json["hold_id"] for answer in answers if answer.status == 201}
        if len(held) > 1:
            who = accounts.user_id(person.index)
            self._ledger.broken("a double click holds once", f"{who} holds twice")
        return next((answer for answer in answers if answer.status == 201), answers[0])

    # Orders

    async def _order(self, person: Person, hold: dict[str, Any], due: float) -> dict[str, Any] | str:
        buyer = {"name": f"Person {person.index + 1}", "email": accounts.email(person.index)}
        body, key = {"hold_id": hold["hold_id"], "buyer": buyer}, self._key(person)
        ask = [
            self._target.ask(step, person, "POST", "/api/orders", body, key=key, scheduled=due)
            for step in (("order", "order again") if person.kind == "double" else ("order",))
        ]
        answers = await asyncio.gather(*ask)
        placed = {answer.json["id"]: answer.json for answer in answers if answer.status == 201}
        if len(placed) > 1:
            self._ledger.broken(
                "a double click orders once", f"{accounts.user_id(person.index)} ordered twice"
            )
        for order in placed.values():
            self._ledger.placed(person, order)
            return dict(order)
        return _why(answers[0])

    async def _pay(self, person: Person, order: dict[str, Any], due: float) -> str:
        payment = order["payment"]
        path = f"/api/payments/intents/{payment['intent_id']}/confirm"
        number = DECLINED if person.kind == "declined" else GOOD
        answer = await self._confirm(person, path, payment["client_secret"], number, due)
        if answer.status == 402 and self._chance.random() < 0.5:  # half of them have another card
            due = await self._thought(person)
            answer = await self._confirm(person, path, payment["client_secret"], GOOD, due)
        if answer.status == 200 or answer.code == "intent_not_payable":
            return "paid"  # or perhaps paid before, by a request whose answer was lost: the order says it
        return "card declined" if answer.status == 402 else _why(answer)

    async def _confirm(self, person: Person, path: str, secret: str, number: str, due: float) -> Answer:
        card = {"number": number, "exp": "12/49", "cvc": "123"}
        body = {"client_secret": secret, "card": card}
        return await self._target.ask("pay", person, "POST", path, body, scheduled=due)

    async def _confirmed(self, person: Person, order: dict[str, Any]) -> str:
        paid_at, looks = self._clock.monotonic(), 0
        while self._clock.monotonic() < paid_at + _CONFIRMED_IN_SECONDS:
            await self._clock.sleep(_LOOKS_SECONDS[min(looks, len(_LOOKS_SECONDS) - 1)])
            looks += 1
            answer = await self._target.ask("status", person, "GET", f"/api/orders/{order['id']}")
            if answer.status != 200:
                continue
            status = answer.json["status"]
            if status == "confirmed":
                now = self._clock.monotonic()
                self._recording.took("confirmed", paid_at, now)
                person.seats += len(order["seats"])
                self._ledger.confirmed(person, order)
                self._recording.happened("orders", now)
                self._recording.happened("seats", now, len(order["seats"]))
                return "bought"
            if status not in _OPEN:
                self._ledger.ended(order["id"], status)
                return f"order {status}"
        return "not confirmed in time"

    # How people are

    async def _thought(self, person: Person) -> float:
        """When the next step was to start, once it is that time."""
        seconds = 0.0 if person.kind == "bots" or not self._think_seconds else self._chance.expovariate(
            1 / self._think_seconds
        )  # fmt: skip
        due = self._clock.monotonic() + min(seconds, 10 * self._think_seconds)
        await self._clock.sleep(due - self._clock.monotonic())
        return due

    def _key(self, person: Person) -> str:
        self._keys += 1
        return f"rush-{self._run}-{person.index}-{self._keys}"


def _why(answer: Answer) -> str:
    return answer.code.replace("_", " ") if answer.status else "no answer"
