"""Messages: numbered, published, on the bus."""

from collections.abc import Iterable

from houseful.kernel.ports import BusInspection
from houseful.tools.invariants.snapshot import Installation, Snapshot, Violation

_ON_ITS_WAY_MILLIS = 30_000
_BUS_MILLIS = 6 * 24 * 3600 * 1000
_NOT_THERE = "is not on the bus, where it should be by now"


async def outbox_and_bus(installation: Installation) -> Snapshot:
    """C4: sent messages are numbered without gaps, published, and on the bus."""
    violations: list[Violation] = []
    count = 0
    now = installation.clock.now()
    for service, store in installation.stores.items():
        published: dict[str, str] = {}
        last: tuple[str, str, int] | None = None
        async for row in store.outbox.rows():
            count += 1
            about = (row.aggregatetype, row.aggregateid)
            subject = f"{service} {row.aggregatetype}:{row.aggregateid} #{row.seq}"
            if last is not None and last[:2] == about and row.seq != last[2] + 1:
                violations.append(Violation("C4", subject, f"follows #{last[2]}"))
            last = (*about, row.seq)
            late = row.created_at < now - _ON_ITS_WAY_MILLIS
            if installation.marks and row.published_at is None and late:
                violations.append(
                    Violation("C4", subject, f"is not published after {(now - row.created_at) // 1000} s")
                )
            published_at = row.published_at if installation.marks else row.created_at if late else None
            if published_at is not None and published_at > now - _BUS_MILLIS:
                published[row.id] = subject
        violations += await _missing_on_bus(installation.bus, service, published)
    return Snapshot(violations, f"{count:,} messages")


async def lost_on_bus(installation: Installation) -> list[Violation]:
    """The violations of C4 for messages that are missing on the bus."""
    return [one for one in (await outbox_and_bus(installation)).violations if one.detail == _NOT_THERE]


async def _missing_on_bus(
    bus: BusInspection | None, service: str, published: dict[str, str]
) -> Iterable[Violation]:
    # The bus is read after the outbox: what was marked as published by then was there before.
    if bus is not None and published:
        async for entry in bus.entries(service):
            published.pop(entry.id, None)
    return [Violation("C4", subject, _NOT_THERE) for subject in published.values()]
