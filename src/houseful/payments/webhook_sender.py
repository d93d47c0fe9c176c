"""Sends webhooks to the shop."""

import asyncio

from houseful.kernel import webhook_signature
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Transaction
from houseful.kernel.telemetry import get_logger
from houseful.kernel.tracing import trace
from houseful.payments import webhook_deliveries
from houseful.payments.webhook_deliveries import DeliveryStatus, WebhookDelivery
from houseful.webapi.manifest import Platform

log = get_logger(__name__)

WEBHOOK_PATH = "/api/tickets/webhooks/payments"


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
                webhook_deliveries.claimed(one, now)
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
                webhook_deliveries.tried(one, results[one.id], now)
                for one in found.values()
                if one.status is DeliveryStatus.PENDING
            ]
            for one in marked:
                tx.put(one)
            return marked

        for webhook in await self._store.transact(mark):
            if webhook.status is DeliveryStatus.GIVEN_UP:
                log.error("webhook given up", extra={"webhook": webhook.id, "attempts": webhook.attempts})
