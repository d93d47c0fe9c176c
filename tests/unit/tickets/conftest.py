from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.tickets.harness import Harness


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    harness = Harness(tmp_path / "tickets.db")
    yield harness
    for one in harness.family:  # those beside it and those after its deaths
        await one.close()
