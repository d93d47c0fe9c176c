"""Visits as they are stored: passes that are given, what the shop tells of those inside, and who has left."""

from collections.abc import Sequence

from msgspec.structs import replace

from houseful.kernel.documents import Millis
from houseful.kernel.ports import Clock, Store, Transaction
from houseful.line.domain import visits
from houseful.line.domain.lines import EntryId, Visit
from houseful.webapi.shop_signals import Departure, Stay

AT_ONCE = 500

Ended = tuple[tuple[float, int], ...]
"""The seconds and seats of each visit that has ended."""


class Visits:
    def __init__(self, store: Store, clock: Clock, entry_id: EntryId) -> None:
        self._store = store
        self._clock = clock
        self._entry_id = entry_id

    async def claim(self, event_id: str, entry_id: str, pass_until: Millis) -> None:
        """A pass was given."""

        async def work(tx: Transaction) -> None:
            before = await tx.get(Visit, entry_id)
            visit = visits.claimed(before, entry_id, event_id, pass_until, self._clock.now())
            if before is None:
                tx.insert_or_ignore(visit)
            else:
                tx.put(visit)

        await self._store.transact(work)

    async def leave(self, event_id: str, user_id: str) -> None:
        """The pass was given back. Leaving twice is no error."""

        async def work(tx: Transaction) -> None:
            visit = await tx.get(Visit, self._entry_id(event_id, user_id))
            if visit is not None and (after := visits.left(visit, self._clock.now())) != visit:
                tx.put(after)

        await self._store.transact(work)

    async def told(self, event_id: str, notes: Sequence[Departure | Stay]) -> Ended:
        """What the processes of the shop have told of accounts, in any order."""
        departures: dict[str, Departure] = {}
        stays: dict[str, Stay] = {}
        for note in notes:
            id = self._entry_id(event_id, note.user_id)
            if isinstance(note, Stay):
                if id not in stays or stays[id].at <= note.at:
                    stays[id] = note
            else:
                before = departures.get(id, Departure(note.user_id, 0))
                seats, at = before.seats + note.seats, max(before.at, note.at)
                departures[id] = Departure(note.user_id, seats, at)

        async def work(tx: Transaction) -> Ended:
            now = self._clock.now()
            ended: list[tuple[float, int]] = []
            found = await tx.get_many(Visit, list({**departures, **stays}))
            for id, visit in found.items():
                after = visit
                departure, stay = departures.get(id), stays.get(id)
                if departure is not None:
                    if visit.is_inside:
                        ended.append((visits.seconds(visit, now), departure.seats))
                    after = visits.ended(visit, departure.seats, now)
                    after = replace(after, departed_at=max(visit.departed_at, departure.at))
                # Two processes may tell in the other order: what was before somebody left keeps nobody in.
                if stay is not None and stay.at >= after.departed_at:
                    after = visits.stays(after, now + stay.runs_millis, now)
                if after != visit:
                    tx.put(after)
            return tuple(ended)

        return await self._store.transact(work) if notes else ()

    async def lapse(self, event_id: str) -> Ended:
        """End the visits whose time is over."""
        found = await self._store.find(
            Visit,
            {"event_id": event_id, "is_inside": True},
            by="until",
            until=self._clock.now(),
            limit=AT_ONCE,
        )
        if not found:
            return ()

        async def work(tx: Transaction) -> Ended:
            now = self._clock.now()
            over = [
                visit
                for visit in (await tx.get_many(Visit, [visit.id for visit in found])).values()
                if visit.is_inside and visit.until < now
            ]
            for visit in over:
                tx.put(visits.ended(visit, 0, now))
            return tuple((visits.seconds(visit, now), 0) for visit in over)

        return await self._store.transact(work)
