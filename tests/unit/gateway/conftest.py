"""A gateway in front of services that say what they were asked."""

import pytest

from tests.unit.gateway.world import World


@pytest.fixture
def world() -> World:
    return World()
