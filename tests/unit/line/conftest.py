from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.line.harness import Harness


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    made = Harness(tmp_path / "line.sqlite3")
    yield made
    await made.store.close()
