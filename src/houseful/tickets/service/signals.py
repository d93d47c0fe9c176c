"""What a process tells the others about an order: that there is something new to see."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from houseful.common.errors import Unavailable
from houseful.common.ports import Coordination

_LOOK_SECONDS = 2.0


class OrderSignals:
    def __init__(self, coordination: Coordination) -> None:
        self._coordination = coordination

    async def changed(self, order_id: str) -> None:
        with suppress(Unavailable):  # whoever watches looks by itself too
            await self._coordination.publish(f"order:{order_id}", b"")

    async def watch(self, order_id: str) -> AsyncIterator[None]:
        """A beat at once, at every change, and every two seconds whatever happens."""
        async with self._coordination.subscribe(f"order:{order_id}") as signals:
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
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await waiting
