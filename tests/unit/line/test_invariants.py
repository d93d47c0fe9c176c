"""The checks of lines find what was broken by hand."""

import pytest
from msgspec.structs import replace

from houseful.kernel.documents import Document
from houseful.line.domain.admission import Admission
from houseful.line.domain.lines import Entry, SealedPart, Visit, part_ids
from houseful.tools.invariants.lines import numbers_of_lines, turns_of_lines
from houseful.tools.invariants.snapshot import Installation
from tests.unit.line.world import EVENT, ON_SALE, World


@pytest.fixture
async def installation(world: World) -> Installation:
    await world.opened_lobby()
    await world.join(*range(8))
    await world.until(ON_SALE - 60_000)
    await world.until(ON_SALE)
    await world.join("a", "b")
    await world.line.progress.number(EVENT)
    await world.admit(3)
    for user in (*range(8), "a", "b"):
        await world.line.line_pass(f"usr_{user}", EVENT)
    return Installation({"line": world.store}, None, world.clock)


async def put(world: World, document: Document) -> None:
    async with world.store.begin() as tx:
        await tx.get(type(document), document.id)
        tx.put(document)


async def found(installation: Installation) -> set[str]:
    one, other = await numbers_of_lines(installation), await turns_of_lines(installation)
    return {violation.code for violation in (*one.violations, *other.violations)}


async def test_a_line_as_it_should_be(installation: Installation) -> None:
    assert await found(installation) == set()
    nothing = Installation({}, None, installation.clock)
    assert await found(nothing) == set()


async def test_a_number_that_is_given_twice(world: World, installation: Installation) -> None:
    for user in ("a", "b"):
        entry = await world.store.get(Entry, world.line.entry_id(EVENT, f"usr_{user}"))
        assert entry is not None
        await put(world, replace(entry, number=9))
    assert await found(installation) == {"L3"}


async def test_a_list_that_was_changed(world: World, installation: Installation) -> None:
    line = await world.stored()
    [id] = part_ids(EVENT, line.root or b"", line.drawn)
    part = await world.store.get(SealedPart, id)
    assert part is not None
    await put(world, replace(part, piece=part.piece[32:] + part.piece[:32]))
    assert "L1" in await found(installation)


async def test_a_pass_before_the_turn(world: World, installation: Installation) -> None:
    admission = await world.store.get(Admission, EVENT)
    assert admission is not None
    await put(world, replace(admission, front=3))
    assert await found(installation) == {"L2"}
    assert await world.store.count(Visit, {"event_id": EVENT}) == 10
