"""The ticket service: one class a concern, joined here."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

from houseful.kernel import times
from houseful.kernel.documents import Millis
from houseful.kernel.errors import DomainError, Transient
from houseful.kernel.webhook_signature import keys_of
from houseful.tickets.domain.emails import Proofs
from houseful.tickets.domain.holds import HOLD_LIMIT, HoldQuota, quota_id, runs_until
from houseful.tickets.domain.orders import OrderState
from houseful.tickets.domain.presales import CodeKey
from houseful.tickets.domain.shows import Show
from houseful.tickets.domain.ticket_codes import CodeSigner
from houseful.tickets.schemas import HoldView, OrderView
from houseful.tickets.use_cases.amending import Amending
from houseful.tickets.use_cases.availability import Availability
from houseful.tickets.use_cases.block_locks import BlockLocks
from houseful.tickets.use_cases.check_in import CheckIn
from houseful.tickets.use_cases.email_outbox import EMAILS_AT_ONCE, EmailOutbox
from houseful.tickets.use_cases.erasures import ERASED_AT_ONCE, Erasures
from houseful.tickets.use_cases.gate import Gate
from houseful.tickets.use_cases.gate_staff import Staff
from houseful.tickets.use_cases.holding import Holding
from houseful.tickets.use_cases.inventory import Inventory
from houseful.tickets.use_cases.lapsed_orders import LapsedOrders
from houseful.tickets.use_cases.layout_cache import LayoutCache
from houseful.tickets.use_cases.open_payments import PaymentsOpen
from houseful.tickets.use_cases.order_desk import OrderDesk
from houseful.tickets.use_cases.order_notifications import OrderNotifications
from houseful.tickets.use_cases.order_search import OrderSearch
from houseful.tickets.use_cases.ordering import Ordering
from houseful.tickets.use_cases.payment_reconciliation import RECONCILED_AT_ONCE, PaymentReconciliation
from houseful.tickets.use_cases.presale_codes import PresaleCodes
from houseful.tickets.use_cases.rescheduling import Rescheduling
from houseful.tickets.use_cases.sales_report import SalesReport
from houseful.tickets.use_cases.shop_figures import UNAVAILABLE, ShopFiguresTeller
from houseful.tickets.use_cases.undelivered_emails import UndeliveredEmails
from houseful.webapi.audit import Actor, AuditLog
from houseful.webapi.idempotency import IdempotencyContext, purge_expired
from houseful.webapi.line_passes import LinePasses
from houseful.webapi.manifest import Platform

_HOUSEKEEPING_SECONDS = 60.0
_COMMIT_SECONDS = 0.05


def _moment(text: str) -> Millis:
    return times.millis(datetime.fromisoformat(text))


class Tickets:
    def __init__(self, platform: Platform) -> None:
        store, clock, ids = platform.store, platform.clock, platform.ids
        self.platform = platform
        self.clock = clock
        self.workers = platform.workers
        self.signer = CodeSigner(platform.secrets.raw("ticket_key"))
        self.webhook_keys = keys_of(platform.secrets.webhook_keys)
        notifications = OrderNotifications(platform.coordination)
        self.layouts = LayoutCache(store, platform.client, platform.workers)
        self.availability = Availability(store, platform.coordination, clock, ids)
        audit = AuditLog(clock, ids)
        self.inventory = Inventory(store, platform.client, self.layouts, self.availability, clock, audit)
        locks = BlockLocks(platform.coordination, ids.new("tickets"))
        passes = LinePasses(platform.client, clock)
        self.holding = Holding(store, self.inventory, self.availability, locks, passes, clock)
        self.shop_figures = ShopFiguresTeller(
            store, platform.coordination, self.inventory, self.availability, clock, ids
        )
        gateway = platform.payment_gateway
        self.ordering = Ordering(
            store, self.inventory, self.holding, gateway, notifications, self.signer, clock, ids
        )
        self.reconciliation = PaymentReconciliation(
            store, self.holding, self.ordering, gateway, notifications, clock
        )
        self.lapsed_orders = LapsedOrders(store, self.holding, self.reconciliation, gateway, clock)
        self.check_in = CheckIn(store, self.inventory, clock, [self.signer.public_key])
        codes = CodeKey(platform.secrets.raw("ticket_key"))
        self.presales = PresaleCodes(store, locks, codes, clock, ids)
        self.gate = Gate(store, self.inventory, clock)
        self.staff = Staff(store, platform.client, clock, audit)
        self.sales_report = SalesReport(store, self.inventory, self.availability, clock)
        proofs = Proofs(platform.secrets.raw("ticket_key"))
        self.email_outbox = EmailOutbox(
            store,
            self.inventory,
            platform.mailer,
            platform.workers,
            platform.coordination,
            self.signer,
            proofs,
            clock,
            ids,
            platform.settings,
        )
        self.erasures = Erasures(store, clock)
        self.amending = Amending(
            store, self.layouts, self.availability, self.lapsed_orders, platform.workers, clock
        )
        self.rescheduling = Rescheduling(store, notifications, clock)
        limited = platform.settings.rate_limits == "on"
        self.undelivered_emails = UndeliveredEmails(store, proofs, clock)
        self.order_search = OrderSearch(store, self.inventory, [self.signer.public_key])
        self.order_desk = OrderDesk(
            store,
            self.inventory,
            self.holding,
            self.ordering,
            notifications,
            platform.coordination,
            clock,
            ids,
            limited=limited,
        )

    async def hold(self, user_id: str, event_id: str, hold: Callable[[], Awaitable[HoldView]]) -> HoldView:
        """`hold`, and once more where it is refused to somebody who may have paid by now: what the gateway
        has authorised counts, whether its webhook has arrived or not. Seats of lapsed orders are held after
        their payments were ended.
        """
        started, failed = time.perf_counter(), False
        try:
            try:
                held = await hold()
            except (PaymentsOpen, DomainError) as obstacle:
                held = await self._hold_after(obstacle, user_id, hold)
        except (DomainError, Transient) as refusal:
            failed = isinstance(refusal, Transient)
            reason = refusal.code if isinstance(refusal, DomainError) else UNAVAILABLE
            self.shop_figures.refused(event_id, reason)
            raise
        finally:
            self.shop_figures.held(event_id, started, failed=failed)
        if self.shop_figures.is_asked(event_id):
            self.shop_figures.stays(event_id, user_id, _moment(held.expires_at))
        return held

    async def _hold_after(
        self, obstacle: PaymentsOpen | DomainError, user_id: str, hold: Callable[[], Awaitable[HoldView]]
    ) -> HoldView:
        """Raises the refusal that is no obstacle to get over."""
        if isinstance(obstacle, PaymentsOpen):
            await self.lapsed_orders.end(obstacle.order_ids)
            try:
                return await self.lapsed_orders.ended_first(hold)
            except DomainError as refusal:
                obstacle = refusal
        if obstacle.code != HOLD_LIMIT or not await self.reconciliation.ask_for_payments(user_id):
            raise obstacle
        return await self.lapsed_orders.ended_first(hold)

    async def set_blocked(self, show: Show, block: list[str], unblock: list[str], by: Actor) -> None:
        """As `Inventory.set_blocked`, after the payments of lapsed orders were ended."""
        await self.lapsed_orders.ended_first(lambda: self.inventory.set_blocked(show, block, unblock, by))

    async def release(self, user_id: str, hold_id: str) -> None:
        hold = await self.holding.release(user_id, hold_id)
        await self.has_left(hold.event_id, user_id, 0, self.clock.now())

    async def order(
        self, user_id: str, hold_id: str, name: str, email: str, context: IdempotencyContext
    ) -> OrderView:
        placed = await self.ordering.order(user_id, hold_id, name, email, context)
        if placed.status is OrderState.AWAITING_PAYMENT:
            self.shop_figures.stays(placed.event_id, user_id, _moment(placed.expires_at))
        return placed

    async def cancel(self, user_id: str, order_id: str, context: IdempotencyContext) -> OrderView:
        cancelled = await self.ordering.cancel(user_id, order_id, context)
        await self.has_left(cancelled.event_id, user_id, 0, self.clock.now())
        return cancelled

    async def has_left(self, event_id: str, user_id: str, seats: int, at: Millis) -> None:
        """An account has bought so many seats at that moment, or given back what it held (0). While other
        holds or unpaid orders of it run it stays."""
        if not self.shop_figures.is_asked(event_id):
            return
        self.shop_figures.departed(event_id, user_id, seats, at)
        quota = await self.platform.store.get(HoldQuota, quota_id(event_id, user_id))
        until = None if quota is None else runs_until(quota, self.clock.now())
        if until is not None:
            self.shop_figures.stays(event_id, user_id, until)

    # Jobs

    async def generate_inventories(self) -> None:
        """Make inventories, at once when an event was published, and whatever was left unfinished."""
        await self._work_when_woken(self.inventory.generate_due, self.inventory.wake)

    async def amend_plans(self) -> None:
        """Change inventories, at once when a plan was amended, and whatever was left unfinished."""
        await self._work_when_woken(self.amending.amend_due, self.amending.wake)

    async def follow_layouts(self) -> None:
        """Show halls as they were amended, here or by other processes."""
        await self.inventory.follow_layouts()

    async def _work_when_woken(self, work: Callable[[], Awaitable[None]], wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            await work()
            sleeping = asyncio.ensure_future(self.clock.sleep(self.platform.settings.sweep_seconds))
            waking = asyncio.ensure_future(wake.wait())
            try:
                await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleeping.cancel()
                waking.cancel()
            await self.clock.sleep(_COMMIT_SECONDS)  # it is woken just before the commit that has the work

    async def publish_availability(self) -> None:
        """Send what changes of seats to those who watch."""
        await self.availability.run()

    async def follow_availability(self) -> None:
        """Of those that other processes make."""
        await self.availability.listen()

    async def tell_lines(self) -> None:
        """Answer lines that ask how the shop does."""
        await self.shop_figures.run()

    async def perform_expedited(self) -> None:
        """Work off what was heard of payments."""
        await self.reconciliation.work_off()

    async def reconcile(self) -> None:
        await self._sweep(self.reconciliation.reconcile_due, many=RECONCILED_AT_ONCE)

    async def refund_cancelled(self) -> None:
        await self._sweep(self.reconciliation.refund_cancelled)

    async def tell_rescheduled(self) -> None:
        await self._sweep(self.rescheduling.tell_due)

    async def send_emails(self) -> None:
        await self._sweep(self.email_outbox.send_due, many=EMAILS_AT_ONCE)

    async def erase_accounts(self) -> None:
        await self._sweep(self.erasures.erase_due, many=ERASED_AT_ONCE)

    async def purge_expired(self) -> None:
        """Count what an older version did not; forget kept answers after their 48 hours."""
        await self.sales_report.count_blocked()
        while True:
            while await purge_expired(self.platform.store, self.clock):
                pass
            await self.clock.sleep(_HOUSEKEEPING_SECONDS)

    async def _sweep(self, work: Callable[[], Awaitable[int | None]], *, many: int = 1) -> None:
        """At once while as much as `many` was done, else every `sweep_seconds`: what is still there after a
        look at all there was won't go any better right now. Off, nothing gets wrong, only late.
        """
        while True:
            if self.platform.settings.sweepers == "off" or (await work() or 0) < many:
                await self.clock.sleep(self.platform.settings.sweep_seconds)
