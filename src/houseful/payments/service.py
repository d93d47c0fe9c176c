"""The mocked card processor, one method per use case, each one transaction; the sender of its webhooks."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable

import msgspec

from houseful.kernel import webhook_signature
from houseful.kernel.documents import Document
from houseful.kernel.errors import Duplicate, Unavailable, invalid, not_found
from houseful.kernel.money import CURRENCIES, UNKNOWN
from houseful.kernel.ports import Reader, Store, Transaction
from houseful.kernel.telemetry import get_logger
from houseful.kernel.tracing import current_traceparent, trace
from houseful.payments import domain
from houseful.payments.domain import Card, Change, DeliveryStatus, Intent, Totals, WebhookDelivery
from houseful.webapi import idempotency
from houseful.webapi.idempotency import IdempotencyContext, StoredResponse
from houseful.webapi.manifest import Platform

log = get_logger(__name__)

WEBHOOK_PATH = "/api/tickets/webhooks/payments"

_SETTLED_AT_ONCE = 100
_READ_AT_ONCE = 1000
_FORGOTTEN_AT_ONCE = 500
_FORGET_EVERY_SECONDS = 3600.0

_Result = tuple[Intent, WebhookDelivery | None]


class Payments:
    """Intents and what may be done with them. Safe to run in any number of processes on one store."""

    def __init__(self, platform: Platform) -> None:
        self._store = platform.store
        self._clock = platform.clock
        self._ids = platform.ids
        self._api_key = platform.secrets.payments_key.encode()
        self._delay_millis = round(platform.settings.payments_delay_seconds * 1000)
        self._sweep_seconds = platform.settings.sweep_seconds
        self.webhooks = WebhookSender(platform)

    def knows_key(self, api_key: str) -> bool:
        return hmac.compare_digest(api_key.encode(), self._api_key)

    def once(self, operation: str, about: str, key: str | None, body: bytes) -> IdempotencyContext:
        """A use of an idempotency key, which belongs to operation and thing. Raises `Malformed`."""
        return idempotency.context_of("server", operation, about, key, idempotency.digest(body), self._clock)

    async def create(
        self, context: IdempotencyContext, *, amount_minor: int, currency: str, reference: str
    ) -> Intent:
        """Raises `Invalid` for a currency that is not listed."""
        if currency not in CURRENCIES:
            raise invalid({"currency": UNKNOWN})

        async def work(tx: Transaction) -> _Result:
            id = self._ids.new("pi")
            intent = Intent(
                id=id,
                client_secret=f"{id}_secret_{self._ids.secret()}",
                amount_minor=amount_minor,
                currency=currency,
                reference=reference,
                created_at=self._clock.now(),
            )
            tx.insert(intent)
            return intent, None

        return await self._keyed(context, work)

    async def intent(self, intent_id: str) -> Intent:
        return await _existing(self._store, intent_id)

    async def intent_by_secret(self, intent_id: str, client_secret: str) -> Intent:
        """Raises `NotFound` for a wrong secret just as for a wrong id."""
        return _with_secret(await _existing(self._store, intent_id), client_secret)

    async def confirm(self, intent_id: str, client_secret: str, card: Card) -> tuple[Intent, bool]:
        """Try to pay; the intent, and whether this call is what changed it.

        Raises `Invalid` for a card that can't exist, `NotFound` for a wrong secret, `StateConflict` if it
        is not payable.
        """
        errors = domain.card_errors(card, self._clock.now())
        if errors:
            raise invalid(errors)

        def change(intent: Intent) -> Change:
            _with_secret(intent, client_secret)
            return domain.confirm(intent, card, self._clock.now(), self._delay_millis, self._ids.secret())

        intent, webhook = await self._changed(intent_id, change)
        return intent, webhook is not None

    async def answer_challenge(self, challenge_id: str, *, approved: bool) -> Intent:
        """The buyer's answer to the bank. Raises `NotFound` for one that is unknown or was
        replaced."""
        intent_id, _, secret = challenge_id.partition("-")

        def change(intent: Intent) -> Change:
            if intent.challenge_secret is None or not _same(intent.challenge_secret, secret):
                raise not_found("challenge")
            return domain.challenged(intent, approved)

        intent, _ = await self._changed(intent_id, change, what="challenge")
        return intent

    async def capture(self, intent_id: str, context: IdempotencyContext) -> Intent:
        return await self._changed_once(intent_id, context, domain.capture)

    async def cancel(self, intent_id: str, context: IdempotencyContext) -> Intent:
        return await self._changed_once(intent_id, context, domain.cancel)

    async def refund(self, intent_id: str, context: IdempotencyContext, amount_minor: int) -> Intent:
        return await self._changed_once(
            intent_id, context, lambda intent: domain.refund(intent, amount_minor)
        )

    async def settle_due(self) -> int:
        """Give the delayed payments that are due their outcome; how many were looked at."""
        now = self._clock.now()
        due = await self._store.find(Intent, {}, by="next_at", until=now + 1, limit=_SETTLED_AT_ONCE)
        await asyncio.gather(
            *(self._changed(one.id, lambda intent: domain.settle(intent, now)) for one in due)
        )
        return len(due)

    async def settle_delayed(self) -> None:
        """A job: settle what is due, when it is due."""
        while True:
            if await self.settle_due() == _SETTLED_AT_ONCE:
                continue
            next_one = await self._store.find(Intent, {}, by="next_at", since=0, limit=1)
            pause = self._sweep_seconds
            if next_one and next_one[0].next_at is not None:
                pause = min(pause, max(0.01, (next_one[0].next_at - self._clock.now()) / 1000))
            await self._clock.sleep(pause)

    async def send_webhooks(self) -> None:
        """A job."""
        await self.webhooks.run()

    async def purge_expired(self) -> None:
        """A job: delete webhooks that ended, and answers to idempotency keys, after 30 days."""
        while True:
            while await self.purge_batch() > 0:
                pass
            await self._clock.sleep(_FORGET_EVERY_SECONDS)

    async def purge_batch(self) -> int:
        """One batch of each; how many were deleted."""
        until = self._clock.now() - domain.KEPT_MILLIS
        limit = _FORGOTTEN_AT_ONCE
        deleted = 0
        for status in (DeliveryStatus.DELIVERED, DeliveryStatus.GIVEN_UP):
            ended = await self._store.find(
                WebhookDelivery, {"status": status}, by="at", until=until, limit=limit
            )
            deleted += await _delete(self._store, WebhookDelivery, [one.id for one in ended])
        answers = await self._store.find(StoredResponse, {}, by="answered_at", until=until, limit=limit)
        return deleted + await _delete(self._store, StoredResponse, [one.id for one in answers])

    async def _changed(
        self, intent_id: str, change: Callable[[Intent], Change], *, what: str = "intent"
    ) -> _Result:
        async def work(tx: Transaction) -> _Result:
            return self._put(tx, change(await _existing(tx, intent_id, what)))

        result = await self._store.transact(work)
        self.webhooks.take(result[1])
        return result

    async def _changed_once(
        self, intent_id: str, context: IdempotencyContext, change: Callable[[Intent], Change]
    ) -> Intent:
        async def work(tx: Transaction) -> _Result:
            return self._put(tx, change(await _existing(tx, intent_id)))

        return await self._keyed(context, work)

    async def _keyed(
        self, context: IdempotencyContext, work: Callable[[Transaction], Awaitable[_Result]]
    ) -> Intent:
        """Do the work and keep its result under the key, in one transaction; or give the result that is kept.

        A refusal is not kept: nothing was changed, and repeating the request may one day be granted.
        """

        async def keyed(tx: Transaction) -> _Result:
            kept = await tx.get(StoredResponse, context.id)
            if kept is not None:
                _, body = context.replay(kept)
                return msgspec.json.decode(body, type=Intent), None
            intent, webhook = await work(tx)
            context.store(tx, intent)
            return intent, webhook

        try:
            intent, webhook = await self._store.transact(keyed)
        except Duplicate as error:
            if not idempotency.is_copy(error):
                raise
            intent, webhook = await self._store.transact(
                keyed
            )  # its copy was faster: now there is a result to give
        self.webhooks.take(webhook)
        return intent

    def _put(self, tx: Transaction, change: Change) -> _Result:
        if change.event is None:
            return change.intent, None
        tx.put(change.intent)
        id, now = self._ids.new("whe"), self._clock.now()
        webhook = domain.webhook(id, change.event, change.intent, now, current_traceparent())
        tx.insert(webhook)
        return change.intent, webhook


async def ledger(reader: Reader) -> dict[str, Totals]:
    """Where the money is, by reference (the order's id): what `houseful check` compares with the orders."""
    totals: dict[str, Totals] = {}
    after: tuple[str, str] | None = None
    while True:
        intents = await reader.find(Intent, {}, after=after, limit=_READ_AT_ONCE)
        domain.count_in(totals, intents)
        if len(intents) < _READ_AT_ONCE:
            return totals
        after = (intents[-1].id, intents[-1].id)


async def _existing(reader: Reader, intent_id: str, what: str = "intent") -> Intent:
    intent = await reader.get(Intent, intent_id)
    if intent is None:
        raise not_found(what)
    return intent


def _with_secret(intent: Intent, client_secret: str) -> Intent:
    if not _same(intent.client_secret, client_secret):
        raise not_found("intent")
    return intent


def _same(secret: str, given: str) -> bool:
    return hmac.compare_digest(secret.encode(), given.encode())


async def _delete(store: Store, kind: type[Document], ids: list[str]) -> int:
    if not ids:
        return 0

    async def work(tx: Transaction) -> int:
        found = await tx.get_many(kind, ids)
        for document in found.values():
            tx.delete(document)
        return len(found)

    return await store.transact(work)


class WebhookSender:
    """Sends webhooks at least once, in no particular order, until they are acknowledged with a 2xx.

    What this process commits is handed over in memory and sent at once. What was not acknowledged in time,
    or was left by a process that died, is found in the store when it is due again. Attempts run
    concurrently, up to a bound, so that a slow answer does not hold up the others; what came of them is
    marked many at a time.
    """

    CONCURRENT = 64
    _MOST_WAITING = 20_000
    _FOUND_AT_ONCE = 200
    _MARKED_AT_ONCE = 500

    def __init__(self, platform: Platform) -> None:
        self._store = platform.store
        self._clock = platform.clock
        self._client = platform.client
        self._signing_keys = webhook_signature.keys_of(platform.secrets.webhook_keys)[:1]
        self._sweep_seconds = platform.settings.sweep_seconds
        self._waiting: asyncio.Queue[WebhookDelivery] = asyncio.Queue(self._MOST_WAITING)
        self._tried: dict[str, bool] = {}
        self._some_tried = asyncio.Event()

    def take(self, webhook: WebhookDelivery | None) -> None:
        """Send this committed one as soon as possible; with too many waiting, when it is found due."""
        if webhook is not None and not self._waiting.full():
            self._waiting.put_nowait(webhook)

    async def run(self) -> None:
        """Until cancelled."""
        loops = [
            self._find_for_ever(),
            self._mark_for_ever(),
            *(self._send_for_ever() for _ in range(self.CONCURRENT)),
        ]
        tasks = [asyncio.ensure_future(loop) for loop in loops]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def step(self) -> int:
        """One round without waiting, for tests and simulations: try whatever is due; how many were tried."""
        await self._find_due()
        due = [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]
        for start in range(0, len(due), self.CONCURRENT):
            await asyncio.gather(*(self._try(webhook) for webhook in due[start : start + self.CONCURRENT]))
        tried = len(self._tried)
        while self._tried:
            await self._mark()
        return tried

    async def _find_for_ever(self) -> None:
        while True:
            while await self._find_due() == self._FOUND_AT_ONCE:
                pass
            await self._clock.sleep(self._sweep_seconds)

    async def _send_for_ever(self) -> None:
        while True:
            await self._try(await self._waiting.get())

    async def _mark_for_ever(self) -> None:
        while True:
            await self._some_tried.wait()
            await self._mark()

    async def _find_due(self) -> int:
        """Claim what is due; how many. Of several processes that find the same, one's claim holds."""
        room = min(self._FOUND_AT_ONCE, self._MOST_WAITING - self._waiting.qsize())
        pending = {"status": DeliveryStatus.PENDING}
        due = await self._store.find(
            WebhookDelivery, pending, by="at", until=self._clock.now() + 1, limit=room
        )
        if not due:
            return 0

        async def claim(tx: Transaction) -> list[WebhookDelivery]:
            now = self._clock.now()
            found = await tx.get_many(WebhookDelivery, [one.id for one in due])
            claims = [
                domain.claimed(one, now)
                for one in found.values()
                if one.status is DeliveryStatus.PENDING and one.at <= now
            ]
            for one in claims:
                tx.put(one)
            return claims

        for webhook in await self._store.transact(claim):
            self.take(webhook)
        return len(due)

    async def _try(self, webhook: WebhookDelivery) -> None:
        now = self._clock.now()
        if webhook.at <= now:
            return  # waited for too long: its claim has run out, and it is found again
        body = bytes(webhook.body)
        headers = {
            "content-type": "application/json",
            webhook_signature.HEADER: webhook_signature.sign(self._signing_keys, body, now),
        }
        try:
            with trace(webhook.traceparent):
                answer = await self._client.request("POST", WEBHOOK_PATH, body=body, headers=headers)
            self._tried[webhook.id] = 200 <= answer.status < 300
        except Unavailable:
            self._tried[webhook.id] = False
        self._some_tried.set()

    async def _mark(self) -> None:
        """Write down what came of the attempts. Should this fail, they are made again: at least once."""
        ids = list(self._tried)[: self._MARKED_AT_ONCE]
        results = {id: self._tried.pop(id) for id in ids}
        if not self._tried:
            self._some_tried.clear()

        async def mark(tx: Transaction) -> list[WebhookDelivery]:
            found = await tx.get_many(WebhookDelivery, ids)
            now = self._clock.now()
            marked = [
                domain.tried(one, results[one.id], now)
                for one in found.values()
                if one.status is DeliveryStatus.PENDING
            ]
            for one in marked:
                tx.put(one)
            return marked

        for webhook in await self._store.transact(mark):
            if webhook.status is DeliveryStatus.GIVEN_UP:
                log.error("webhook given up", extra={"webhook": webhook.id, "attempts": webhook.attempts})
