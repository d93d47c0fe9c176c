"""Locks that those of one process share."""

from typing import Any

import pytest

from houseful.adapters.memory.coordination import LocalCoordination
from houseful.kernel.clock import ManualClock
from houseful.kernel.errors import Unavailable
from houseful.tickets.use_cases.block_locks import BlockLocks


@pytest.fixture
def coordination() -> LocalCoordination:
    return LocalCoordination(ManualClock())


async def test_those_of_one_process_share_and_the_last_one_lets_go(coordination: LocalCoordination) -> None:
    here, there = BlockLocks(coordination, "here"), BlockLocks(coordination, "there")
    assert await here.acquire(["a", "b"], wait_seconds=0)
    assert await here.acquire(["b", "c"], wait_seconds=0)
    here.release(["a", "b"])
    assert await there.acquire(["a"], wait_seconds=0)
    assert not await there.acquire(["b"], wait_seconds=0)
    there.release(["b"])
    assert not await there.acquire(["b"], wait_seconds=0), "it is not theirs to let go"
    there.release(["b"])
    here.release(["b", "c"])
    assert await there.acquire(["b", "c"], wait_seconds=0)
    assert not await here.acquire(["a"], wait_seconds=0)


async def test_nobody_lets_go_while_another_is_asking(
    coordination: LocalCoordination, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = BlockLocks(coordination, "here"), BlockLocks(coordination, "there")
    assert await here.acquire(["a"], wait_seconds=0)
    acquire = coordination.acquire

    async def meanwhile(*arguments: Any, **named: Any) -> bool:
        got = await acquire(*arguments, **named)
        here.release(["a"])
        return got

    monkeypatch.setattr(coordination, "acquire", meanwhile)
    assert await here.acquire(["a"], wait_seconds=0)
    monkeypatch.undo()
    assert not await there.acquire(["a"], wait_seconds=0)


async def test_without_coordination_nobody_is_in_the_way(
    coordination: LocalCoordination, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object, **__: object) -> bool:
        raise Unavailable("the lock service is down")

    monkeypatch.setattr(coordination, "acquire", down)
    locks = BlockLocks(coordination, "here")
    assert await locks.acquire(["a"], wait_seconds=0)
    locks.release(["a"])
    assert not locks._users
