"""Fixtures of the users service's tests; what they give is in `support`."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from houseful.settings import Settings
from tests.support.cheap_passwords import CHEAP
from tests.unit.users.support import Harness, MakeHarness


@pytest.fixture
async def make_harness(tmp_path: Path) -> AsyncIterator[MakeHarness]:
    """Called with settings."""
    made: list[Harness] = []

    def make(hasher: PasswordHasher = CHEAP, **settings: Any) -> Harness:
        folder = tmp_path / str(len(made))
        made.append(Harness(folder, Settings(data=str(folder), **settings), hasher))
        return made[-1]

    yield make
    for harness in made:
        await harness.store.close()


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    return make_harness(rate_limits="off")


@pytest.fixture
def named(make_harness: MakeHarness) -> Harness:
    """An installation with a name, as passkeys need one."""
    return make_harness(rate_limits="off", public_url="https://tickets.example.org")
