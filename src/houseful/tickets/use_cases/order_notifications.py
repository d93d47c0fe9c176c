"""Order notifications: changes are published to watchers; due work is expedited in this process."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Coordination
from houseful.tickets.domain.orders import Order

_LOOK_SECONDS = 2.0
_QUEUE = 10_000


class OrderNotifications:
    def __init__(self, coordination: Coordination) -> None:
        self._coordination = coordination
        self._due: asyncio.Queue[str] = asyncio.Queue(_QUEUE)

    def expedite(self, order: Order) -> None:
        """Do what is due without waiting for the reconciler to come by."""
        if order.due is not None and not self._due.full():
            self._due.put_nowait(order.id)

    async def next_due(self) -> str:
        return await self._due.get()

    async def changed(self, order_id: str) -> None:
        with suppress(Unavailable):  # whoever watches looks by itself too
            await self._coordination.publish(f"order:{order_id}", b"")

    async def watch(self, order_id: str) -> AsyncIterator[None]:
        """A beat at once, at every change, and every two seconds whatever happens."""
        try:
            channel = self._coordination.subscribe(f"order:{order_id}")
            async with channel as signals, aclosing(_beats(signals)) as beats:
                async for _ in beats:
                    yield
        except Unavailable:  # without signals, by the clock alone
            while True:
                yield
                await asyncio.sleep(_LOOK_SECONDS)


async def _beats(signals: AsyncIterator[bytes]) -> AsyncGenerator[None, None]:
    yield
    waiting = asyncio.ensure_future(anext(signals))
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=_LOOK_SECONDS)
            if done:
                waiting.result()
                waiting = asyncio.ensure_future(anext(signals))
            yield
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration, Unavailable):
            await waiting
