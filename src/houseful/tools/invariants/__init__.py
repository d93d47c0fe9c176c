"""Invariants of an installation, checked from outside: `houseful check`.

Checks are read-only, and safe while servers run. Documents are read one after the other while sales go on: a
violation counts only if every repeated snapshot has it. Each module holds one group of checks.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from houseful.adapters import factory
from houseful.app import opened_store
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import BusInspection, Store
from houseful.manifests import MANIFESTS
from houseful.settings import Settings
from houseful.tools.invariants.admissions import admissions
from houseful.tools.invariants.amendments import amended_plans
from houseful.tools.invariants.deadlines import LATE_MILLIS, deadlines
from houseful.tools.invariants.erasures import erased_accounts
from houseful.tools.invariants.lines import numbers_of_lines, turns_of_lines
from houseful.tools.invariants.messages import lost_on_bus, outbox_and_bus
from houseful.tools.invariants.money import money, payments_in_time
from houseful.tools.invariants.presales import uses_of_codes
from houseful.tools.invariants.reschedules import buyers_are_told
from houseful.tools.invariants.seats import seats_and_plans, seats_tickets_orders
from houseful.tools.invariants.snapshot import (
    Check,
    Installation,
    Report,
    Result,
    Snapshot,
    Violation,
    all_documents,
)
from houseful.tools.invariants.stores import accounts, applied_messages, known_stores, published_events

__all__ = [
    "CHECKS",
    "LATE_MILLIS",
    "Check",
    "Installation",
    "Report",
    "Result",
    "Snapshot",
    "Violation",
    "all_documents",
    "check_all",
    "lost_on_bus",
    "opened_installation",
    "seats_tickets_orders",
]

_SNAPSHOTS = 3
_PAUSE_SECONDS = 0.7
_MOST_VIOLATIONS = 200

CHECKS: tuple[Check, ...] = (
    Check(
        "C1",
        "a sold seat has one living ticket and one confirmed order, and the other way round",
        seats_tickets_orders,
    ),
    Check("C2", "what was taken less what was given back is what was sold", money),
    Check("C4", "messages are without gaps, published, and on the bus", outbox_and_bus),
    Check("C5", "what was sent was applied, and nothing else", applied_messages),
    Check("C7", "nothing is open long after its time", deadlines),
    Check("C9", "an event has the seats of its plan", seats_and_plans),
    Check("C10", "a ticket admits at most once", admissions),
    Check("C13", "each store is the one that the others have worked with", known_stores),
    Check("C14", "a published event has a hall, and the other way round", published_events),
    Check("C15", "whoever made an event or bought something has an account", accounts),
    Check("C16", "whoever paid before the deadline has the seats", payments_in_time),
    Check("C17", "an erased account is gone, and nothing tells whose it was", erased_accounts),
    Check("C18", "an access code is used by no more accounts than it may be", uses_of_codes),
    Check("C19", "whoever bought before an event was moved is told, once", buyers_are_told),
    Check("C20", "whoever has a seat has it still in a plan that was amended", amended_plans),
    Check("L1", "each place in a line has one number, without gaps", numbers_of_lines),
    Check("L2", "nobody has a pass before his number was called", turns_of_lines),
)


async def check_all(settings: Settings) -> Report:
    """Run all checks. Raises `Unavailable` for an unreadable store or bus, and where no store exists."""
    async with opened_installation(settings) as installation:
        results = [await _lasting_violations(check, installation) for check in CHECKS]
        return Report(ok=not any(result.violations for result in results), checks=results)


@asynccontextmanager
async def opened_installation(settings: Settings) -> AsyncIterator[Installation]:
    """Open all stores and the bus read-only. Raises `Unavailable` as `check_all` does."""
    clock, ids = SystemClock(), SystemIds()
    await factory.refuse_damaged(settings, [manifest.name for manifest in MANIFESTS])
    async with AsyncExitStack() as stack:
        stores = {
            manifest.name: await stack.enter_async_context(
                opened_store(settings, manifest, clock=clock, ids=ids, read_only=True)
            )
            for manifest in MANIFESTS
            if await factory.store_exists(settings, manifest.name)
        }
        if not stores:
            raise Unavailable(
                f"there is no installation {settings.installation!r} where the settings say; --data names "
                "another folder, and `houseful config` shows what is looked at"
            )
        bus: BusInspection | None = None
        marks = settings.relay == "on"
        published = any([await _has_published(store, marks=marks) for store in stores.values()])
        if published and factory.bus_exists(settings):
            bus = await stack.enter_async_context(factory.opened_bus(settings, clock=clock, read_only=True))
        yield Installation(stores, bus, clock, marks)


async def _has_published(store: Store, *, marks: bool) -> bool:
    async for row in store.outbox.rows():
        if row.published_at is not None or not marks:
            return True
    return False


async def _lasting_violations(check: Check, installation: Installation) -> Result:
    snapshot = await check.take_snapshot(installation)
    violations = {(one.code, one.subject): one for one in snapshot.violations}
    for _ in range(_SNAPSHOTS - 1):
        if not violations:
            break
        await asyncio.sleep(_PAUSE_SECONDS)
        again = {(one.code, one.subject): one for one in (await check.take_snapshot(installation)).violations}
        violations = {key: again[key] for key in violations if key in again}
    kept = list(violations.values())[:_MOST_VIOLATIONS]
    return Result(code=check.code, claim=check.claim, scope=snapshot.scope, violations=kept)
