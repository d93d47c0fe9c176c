"""Where a test stops a service in the midst of its work, or has it die there, in whatever process it runs.

A fault is a file in a folder that the test and the processes know. Who installs them looks for the files at
the very moment.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from houseful.tickets.use_cases import inventory, ordering

CHUNK_BLOCKS = 10
_LOOK_SECONDS = 0.005

Method = Callable[..., Awaitable[Any]]


class HeldSale:
    """While the file is there, nothing is sold: whoever is about to, waits."""

    def __init__(self, folder: Path) -> None:
        self._held = folder / "sales-held"
        self._waiting = folder / "sale-waiting"

    def hold(self) -> None:
        self._held.touch()

    async def begun(self) -> bool:
        return self._waiting.exists()

    def go_on(self) -> None:
        self._held.unlink()

    def around(self, sell: Method) -> Method:
        async def held(*arguments: Any) -> Any:
            while self._held.exists():
                self._waiting.touch()
                await asyncio.sleep(_LOOK_SECONDS)
            return await sell(*arguments)

        return held


class DeadlyChunks:
    """While the file is there, a process that makes an inventory makes as many chunks as it says, then is
    killed in the midst of the next. Chunks are small then."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "chunks-of-a-life"
        self._made = 0

    def allow(self, chunks: int) -> None:
        self._file.write_text(str(chunks))

    def go_on(self) -> None:
        self._file.unlink()

    def around(self, make: Method) -> Method:
        usual = inventory.CHUNK_BLOCKS

        async def dying(*arguments: Any) -> Any:
            if not self._file.exists():
                inventory.CHUNK_BLOCKS = usual
                return await make(*arguments)
            if self._made >= int(self._file.read_text()):
                os.kill(os.getpid(), signal.SIGKILL)
            self._made += 1
            inventory.CHUNK_BLOCKS = CHUNK_BLOCKS
            return await make(*arguments)

        return dying


def install(folder: Path) -> None:
    """For good: in a process of its own."""
    service: Any = ordering.Ordering
    service.sell = HeldSale(folder).around(service.sell)
    service = inventory.Inventory
    service._generate_chunk = DeadlyChunks(folder).around(service._generate_chunk)
