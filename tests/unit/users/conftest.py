"""Fixtures of the users service's tests; what they give is in `support`."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from houseful.settings import Settings
from tests.support.cheap_passwords import CHEAP
from tests.unit.users.support import MakeWorld, World


@pytest.fixture
async def make_world(tmp_path: Path) -> AsyncIterator[MakeWorld]:
    """Called with settings."""
    made: list[World] = []

    def make(hasher: PasswordHasher = CHEAP, **settings: Any) -> World:
        folder = tmp_path / str(len(made))
        made.append(World(folder, Settings(data=str(folder), **settings), hasher))
        return made[-1]

    yield make
    for world in made:
        await world.store.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world(rate_limits="off")
