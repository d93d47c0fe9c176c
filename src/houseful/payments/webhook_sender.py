"""Sends webhooks to the shop."""

import asyncio
from collections.abc import Callable

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
RENEW_SECONDS = 1.0


class WebhookSender:
    """Sends webhooks at least once, in no particular order, until they are acknowledged with a 2xx.

    What this process commits is handed over in memory and sent at once. What was left by a process that died
    is found in the store when its claim has run out. Attempts run concurrently, up to a bound, so that a slow
    answer does not hold up the others; what came of them is marked many at a time. What somebody waits for,
    such as an authorisation, does not queue behind the rest.

    `_in_hand` has what this process has claimed: it waits, is tried, or is about to be marked. Its claims are
    renewed before they run out, so that no other process sends it too.
    """

    URGENT_AT_ONCE = 64
    LATER_AT_ONCE = 8
    _MOST_WAITING = 20_000
    _FOUND_AT_ONCE = 200
    _MARKED_AT_ONCE = 500

    def __init__(self, platform: Platform) -> None:
        self._store = platform.store
        self._clock = platform.clock
        self._client = platform.client
        self._signing_keys = webhook_signature.keys_of(platform.secrets.webhook_keys)[:1]
        self._sweep_seconds = platform.settings.sweep_seconds
        self._urgent: asyncio.Queue[str] = asyncio.Queue()
        self._later: asyncio.Queue[str] = asyncio.Queue()
        self._in_hand: dict[str, WebhookDelivery] = {}
        self._tried: dict[str, bool] = {}
        self._some_tried = asyncio.Event()

    def take(self, webhook: WebhookDelivery | None) -> None:
        """Send this committed one as soon as possible; with too many waiting, when it is found due."""
        if webhook is None or len(self._in_hand) >= self._MOST_WAITING:
            return
        known = webhook.id in self._in_hand
        self._in_hand[webhook.id] = webhook
        if not known:
            (self._urgent if webhook.urgent else self._later).put_nowait(webhook.id)

    async def run(self) -> None:
        """Until cancelled."""
        loops = [
            self._find_for_ever(),
            self._renew_for_ever(),
            self._mark_for_ever(),
            *(self._send_for_ever(self._urgent) for _ in range(self.URGENT_AT_ONCE)),
            *(self._send_for_ever(self._later) for _ in range(self.LATER_AT_ONCE)),
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
        for queue, at_once in ((self._urgent, self.URGENT_AT_ONCE), (self._later, self.LATER_AT_ONCE)):
            due = [queue.get_nowait() for _ in range(queue.qsize())]
            for start in range(0, len(due), at_once):
                await asyncio.gather(*(self._try(id) for id in due[start : start + at_once]))
        tried = len(self._tried)
        while self._tried:
            await self._mark()
        return tried

    async def _find_for_ever(self) -> None:
        while True:
            while await self._find_due() == self._FOUND_AT_ONCE:
                pass
            await self._clock.sleep(self._sweep_seconds)

    async def _renew_for_ever(self) -> None:
        while True:
            await self._clock.sleep(RENEW_SECONDS)
            await self.renew()

    async def _send_for_ever(self, queue: asyncio.Queue[str]) -> None:
        while True:
            await self._try(await queue.get())

    async def _mark_for_ever(self) -> None:
        while True:
            await self._some_tried.wait()
            await self._mark()

    async def _find_due(self) -> int:
        """Claim what is due; how many. Of several processes that find the same, one's claim holds."""
        room = min(self._FOUND_AT_ONCE, self._MOST_WAITING - len(self._in_hand))
        if room <= 0:
            return 0
        pending = {"status": DeliveryStatus.PENDING}
        due = await self._store.find(
            WebhookDelivery, pending, by="at", until=self._clock.now() + 1, limit=room
        )
        now = self._clock.now()
        for webhook in await self._claim([one.id for one in due], lambda one: one.at <= now):
            self.take(webhook)
        return len(due)

    async def renew(self) -> None:
        """Renew the claims that run out soon. What another process has claimed meanwhile is its own."""
        soon = self._clock.now() + webhook_deliveries.CLAIM_MILLIS // 2
        ending = [id for id, one in self._in_hand.items() if one.at <= soon]
        for start in range(0, len(ending), self._MARKED_AT_ONCE):
            await self._renew(ending[start : start + self._MARKED_AT_ONCE])

    async def _renew(self, ids: list[str]) -> None:
        ours = {id: self._in_hand[id].at for id in ids if id in self._in_hand}
        renewed = {one.id: one for one in await self._claim(list(ours), lambda one: one.at == ours[one.id])}
        for id in ours.keys() & self._in_hand.keys():
            if id in renewed:
                self._in_hand[id] = renewed[id]
            elif id not in self._tried:
                del self._in_hand[id]

    async def _claim(
        self, ids: list[str], is_free: Callable[[WebhookDelivery], bool]
    ) -> list[WebhookDelivery]:
        if not ids:
            return []

        async def claim(tx: Transaction) -> list[WebhookDelivery]:
            now = self._clock.now()
            found = await tx.get_many(WebhookDelivery, ids)
            claims = [
                webhook_deliveries.claimed(one, now)
                for one in found.values()
                if one.status is DeliveryStatus.PENDING and is_free(one)
            ]
            for one in claims:
                tx.put(one)
            return claims

        return await self._store.transact(claim)

    async def _try(self, id: str) -> None:
        webhook, now = self._in_hand.get(id), self._clock.now()
        if webhook is None:
            return  # another process has it
        if webhook.at <= now:
            del self._in_hand[id]  # its claim has run out, and it is found again
            return
        body = bytes(webhook.body)
        headers = {
            "content-type": "application/json",
            webhook_signature.HEADER: webhook_signature.sign(self._signing_keys, body, now),
        }
        try:
            with trace(webhook.traceparent):
                answer = await self._client.request("POST", WEBHOOK_PATH, body=body, headers=headers)
            self._tried[id] = 200 <= answer.status < 300
        except Unavailable:
            self._tried[id] = False
        except BaseException:
            self._in_hand.pop(id, None)
            raise
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

        try:
            marked = await self._store.transact(mark)
        finally:
            for id in ids:
                self._in_hand.pop(id, None)
        for webhook in marked:
            if webhook.status is DeliveryStatus.GIVEN_UP:
                log.error("webhook given up", extra={"webhook": webhook.id, "attempts": webhook.attempts})
