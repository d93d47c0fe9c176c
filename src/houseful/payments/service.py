"""The mocked card processor, one method per use case, each one transaction; the sender of its webhooks."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable

import msgspec

from houseful.kernel.documents import Document
from houseful.kernel.errors import Duplicate, invalid, not_found
from houseful.kernel.money import CURRENCIES, UNKNOWN
from houseful.kernel.ports import Reader, Store, Transaction
from houseful.kernel.telemetry import get_logger
from houseful.kernel.tracing import current_traceparent
from houseful.payments import domain, webhook_deliveries
from houseful.payments.domain import Card, Change, Intent, Totals
from houseful.payments.webhook_deliveries import DeliveryStatus, WebhookDelivery
from houseful.payments.webhook_sender import WebhookSender
from houseful.webapi import idempotency
from houseful.webapi.idempotency import IdempotencyContext, StoredResponse
from houseful.webapi.manifest import Platform

log = get_logger(__name__)

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
            return domain.challenged(intent, approved, self._clock.now())

        intent, _ = await self._changed(intent_id, change, what="challenge")
        return intent

    async def capture(self, intent_id: str, context: IdempotencyContext) -> Intent:
        return await self._changed_once(intent_id, context, domain.capture)

    async def cancel(self, intent_id: str, context: IdempotencyContext, *, unless_authorized: bool) -> Intent:
        return await self._changed_once(
            intent_id, context, lambda intent: domain.cancel(intent, unless_authorized=unless_authorized)
        )

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
        until = self._clock.now() - webhook_deliveries.KEPT_MILLIS
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
        webhook = webhook_deliveries.webhook(id, change.event, change.intent, now, current_traceparent())
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
