import asyncio
import contextlib
import time

from houseful.gateway.load_shedding import Load
from tests.support.patience import PATIENCE_SECONDS


async def test_a_loop_that_is_held_up_again_and_again_is_late_and_recovers() -> None:
    load = Load()
    watch = asyncio.ensure_future(load.watch())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while load.late_seconds < 0.05:
            time.sleep(0.2)  # noqa: ASYNC251 - this is what it is to notice
            await asyncio.sleep(0)
        while load.late_seconds > 0.05:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    watch.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watch
