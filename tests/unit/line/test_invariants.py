"""The checks of lines find what was broken by hand."""

import pytest
from msgspec.structs import replace

from houseful.kernel.documents import Document
from houseful.line.domain.admission import Admission
from houseful.line.domain.lines import Entry, SealedPart, Visit, part_ids
from houseful.tools.invariants.lines import numbers_of_lines, turns_of_lines
from houseful.tools.invariants.snapshot import Installation
from tests.unit.line.harness import EVENT, ON_SALE, Harness


@pytest.fixture
async def installation(harness: Harness) -> Installation:
    await harness.opened_lobby()
    await harness.join(*range(8))
    await harness.until(ON_SALE - 60_000)
    await harness.until(ON_SALE)
    await harness.join("a", "b")
    await harness.line.progress.number(EVENT)
    await harness.admit(3)
    for user in (*range(8), "a", "b"):
        await harness.line.line_pass(f"usr_{user}", EVENT)
    return Installation({"line": harness.store}, None, harness.clock)


async def put(harness: Harness, document: Document) -> None:
    async with harness.store.begin() as tx:
        await tx.get(type(document), document.id)
        tx.put(document)


async def found(installation: Installation) -> set[str]:
    one, other = await numbers_of_lines(installation), await turns_of_lines(installation)
    return {violation.code for violation in (*one.violations, *other.violations)}


async def test_a_line_as_it_should_be(installation: Installation) -> None:
    assert await found(installation) == set()
    nothing = Installation({}, None, installation.clock)
    assert await found(nothing) == set()


async def test_a_number_that_is_given_twice(harness: Harness, installation: Installation) -> None:
    for user in ("a", "b"):
        entry = await harness.store.get(Entry, harness.line.entry_id(EVENT, f"usr_{user}"))
        assert entry is not None
        await put(harness, replace(entry, number=9))
    assert await found(installation) == {"L3"}


async def test_a_list_that_was_changed(harness: Harness, installation: Installation) -> None:
    line = await harness.stored()
    [id] = part_ids(EVENT, line.root or b"", line.drawn)
    part = await harness.store.get(SealedPart, id)
    assert part is not None
    await put(harness, replace(part, piece=part.piece[32:] + part.piece[:32]))
    assert "L1" in await found(installation)


async def test_a_pass_before_the_turn(harness: Harness, installation: Installation) -> None:
    admission = await harness.store.get(Admission, EVENT)
    assert admission is not None
    await put(harness, replace(admission, front=3))
    assert await found(installation) == {"L2"}
    assert await harness.store.count(Visit, {"event_id": EVENT}) == 10
