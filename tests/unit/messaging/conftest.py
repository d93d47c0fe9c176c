from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.messaging.delivery_harness import Harness


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    harness = Harness(tmp_path)
    yield harness
    await harness.close()
