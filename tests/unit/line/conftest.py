from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.line.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "line.sqlite3")
    yield made
    await made.store.close()
