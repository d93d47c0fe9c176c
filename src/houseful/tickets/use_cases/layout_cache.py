"""The layout cache: seating plans are fetched once, stored, and compiled once in each process."""

import asyncio
from collections import OrderedDict
from typing import Any

import msgspec

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import ServiceClient, Store, Transaction, Workers
from houseful.seating.parsing import PlanError, StandingArea, pack, parse_plan, plan_hash
from houseful.tickets.domain.geometry import geometry
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.packed_layouts import unpack_layout
from houseful.tickets.domain.shows import PlanPart
from houseful.webapi.cached_bodies import CachedBodies, CachedBody

_PIECE_BYTES = 4 * 1024 * 1024
_LAYOUTS_KEPT = 16


class PlanUnusable(Exception):
    """The plan that the events service gives is not the one that was published; trying again will not
    help.
    """


class _EventAreas(msgspec.Struct, frozen=True):
    areas: tuple[StandingArea, ...]


class LayoutCache:
    """Layouts by plan hash. A layout never changes, so it is compiled once and shared by every event in that
    hall.
    """

    def __init__(self, store: Store, client: ServiceClient, workers: Workers) -> None:
        self._store = store
        self._workers = workers
        self._client = client
        self._layouts: OrderedDict[str, asyncio.Future[Layout]] = OrderedDict()
        self._bodies = CachedBodies(workers)
        self._geometries: OrderedDict[str, asyncio.Future[CachedBody]] = OrderedDict()

    async def layout(self, plan_hash: str) -> Layout:
        """Raises `LookupError` where the plan has not been fetched yet. The layout of an amended plan has a
        version in the hash's place."""
        waiting = self._layouts.get(plan_hash)
        if waiting is None or _has_failed(waiting):
            waiting = self._layouts[plan_hash] = asyncio.ensure_future(self._load(plan_hash))
            if len(self._layouts) > _LAYOUTS_KEPT:
                self._layouts.popitem(last=False)
        elif waiting.done():
            self._layouts.move_to_end(plan_hash)
            return waiting.result()
        return await asyncio.shield(waiting)

    async def _load(self, plan_hash: str) -> Layout:
        layout = await asyncio.to_thread(unpack_layout, await self.packed(plan_hash))
        layout.version = plan_hash
        return layout

    async def packed(self, plan_hash: str) -> bytes:
        """The plan as it is stored. Raises as `layout`."""
        first = await self._store.get(PlanPart, f"{plan_hash}:0")
        if first is None:
            raise LookupError(f"the plan {plan_hash} is not here")
        ids = [f"{plan_hash}:{number}" for number in range(first.parts)]
        parts = await self._store.get_many(PlanPart, ids)
        return b"".join(parts[id].piece for id in ids)

    async def keep(self, plan_hash: str, packed: bytes) -> None:
        """Store a plan, unless it is stored."""
        pieces = [packed[start : start + _PIECE_BYTES] for start in range(0, len(packed), _PIECE_BYTES)]

        async def work(tx: Transaction) -> None:
            for number, piece in enumerate(pieces):
                tx.insert_or_ignore(PlanPart(id=f"{plan_hash}:{number}", parts=len(pieces), piece=piece))

        await self._store.transact(work)

    async def geometry(self, plan_hash: str) -> CachedBody:
        """The seat map's bytes in every coding. Raises as `layout`."""
        waiting = self._geometries.get(plan_hash)
        if waiting is None or _has_failed(waiting):
            waiting = self._geometries[plan_hash] = asyncio.ensure_future(self._drawn(plan_hash))
            if len(self._geometries) > _LAYOUTS_KEPT:
                self._geometries.popitem(last=False)
        elif waiting.done():
            return waiting.result()
        return await asyncio.shield(waiting)

    async def _drawn(self, plan_hash: str) -> CachedBody:
        layout = await self.layout(plan_hash)
        body = await asyncio.to_thread(geometry, layout)
        return await self._bodies.make(body, "application/octet-stream", etag=f'W/"{plan_hash}"')

    async def fetch(self, event_id: str, wanted_hash: str) -> Layout:
        """The layout, with the plan fetched from the events service where it isn't here yet.

        Raises `Unavailable`, or `PlanUnusable` where what comes is not what was published.
        """
        try:
            return await self.layout(wanted_hash)
        except LookupError:
            await self.keep(wanted_hash, await self.fetch_packed(event_id, wanted_hash))
        return await self.layout(wanted_hash)

    async def fetch_packed(self, event_id: str, wanted_hash: str) -> bytes:
        """A plan of the event, from the events service. Raises as `fetch`."""
        event = await self._get(f"/api/events/{event_id}")
        raw = await self._get(f"/api/events/{event_id}/plan?v={wanted_hash}")
        return await self._workers.run(_checked, raw, event, wanted_hash, whose="halls")

    async def _get(self, path: str) -> bytes:
        answer = await self._client.request("GET", path)
        if answer.status != 200:
            raise Unavailable(f"{path} answers {answer.status}")
        return answer.body


def _has_failed(loading: asyncio.Future[Any]) -> bool:
    """Then the next who asks loads again, even where nobody was left to hear of the failure."""
    return loading.done() and (loading.cancelled() or loading.exception() is not None)


def _checked(raw: bytes, event: bytes, wanted_hash: str) -> bytes:
    try:
        plan = parse_plan(raw)
        areas = msgspec.json.decode(event, type=_EventAreas).areas
    except (PlanError, msgspec.DecodeError) as error:
        raise PlanUnusable(f"The published plan can't be read: {error}") from error
    if plan_hash(plan, areas) != wanted_hash:
        raise PlanUnusable("The plan is not the one that was published.")
    return pack(plan, areas)
