from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.tickets.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "tickets.db")
    yield world
    for one in world.family:  # those beside it and those after its deaths
        await one.close()
