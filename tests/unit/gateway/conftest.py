"""A gateway in front of services that say what they were asked."""

import pytest

from tests.unit.gateway.harness import Harness


@pytest.fixture
def harness() -> Harness:
    return Harness()
