"""Lines: each entry has one number, none is given twice, and nobody is let in before his turn."""

from array import array
from collections.abc import Mapping

from houseful.kernel.ports import Store
from houseful.line.domain import draw, lines
from houseful.line.domain.admission import Admission
from houseful.line.domain.lines import Entry, Line, SealedPart, Visit
from houseful.tools.invariants.snapshot import Installation, Snapshot, Violation, all_documents


async def numbers_of_lines(installation: Installation) -> Snapshot:
    """L1, L3: the sealed list is whole and has its root; the numbers behind the draw are without gaps."""
    store = installation.stores.get("line")
    if store is None:
        return Snapshot([], "no lines yet")
    # Lines first: what is numbered during the snapshot is only in the next one.
    found = [line async for line in all_documents(store, Line)]
    given: dict[str, list[int]] = {line.id: [] for line in found}
    entries = 0
    async for entry in all_documents(store, Entry):
        entries += 1
        if entry.number is not None:
            given.setdefault(entry.event_id, []).append(entry.number)
    violations: list[Violation] = []
    for line in found:
        numbers = sorted(number for number in given[line.id] if number <= line.length)
        if numbers != list(range(line.drawn + 1, line.length + 1)):
            behind = line.length - line.drawn
            detail = f"behind the draw {behind:,} numbers are given, and {len(numbers):,} entries have one"
            violations.append(Violation("L3", line.id, detail))
        if line.root is not None and await _sealed(store, line) is None:
            violations.append(Violation("L1", line.id, "the sealed list is not that of the published root"))
    return Snapshot(violations, f"{len(found):,} lines, {entries:,} entries")


async def turns_of_lines(installation: Installation) -> Snapshot:
    """L2: whoever has a pass has a number that was called."""
    store = installation.stores.get("line")
    if store is None:
        return Snapshot([], "no lines yet")
    visits = [visit async for visit in all_documents(store, Visit)]
    admissions = {one.id: one async for one in all_documents(store, Admission)}
    known = {line.id: line async for line in all_documents(store, Line)}
    violations = [
        Violation("L2", id, f"the line is called to {one.front:,}, and has {known[id].length:,} numbers")
        for id, one in admissions.items()
        if id in known and one.front > known[id].length
    ]
    drawn = {id: await _drawn(store, line) for id, line in known.items() if line.root is not None}
    entries = await store.get_many(Entry, [visit.id for visit in visits])
    for visit in visits:
        entry, admission = entries.get(visit.id), admissions.get(visit.event_id)
        number = None if entry is None else _number(entry, drawn.get(visit.event_id, {}))
        if number is None or admission is None or number > admission.front:
            violations.append(Violation("L2", visit.id, f"has a pass, and the number {number}"))
    return Snapshot(violations, f"{len(visits):,} visits")


def _number(entry: Entry, drawn: Mapping[bytes, int]) -> int | None:
    return entry.number if entry.number is not None else drawn.get(entry.entrant)


async def _drawn(store: Store, line: Line) -> dict[bytes, int]:
    sealed = await _sealed(store, line)
    if sealed is None:
        return {}
    numbers = array("I", draw.numbers(line.seed, sealed.joined))
    return dict(zip(sealed.entrants(), numbers, strict=True))


async def _sealed(store: Store, line: Line) -> draw.SealedList | None:
    assert line.root is not None, "only a sealed line is asked for its list"
    ids = lines.part_ids(line.id, line.root, line.drawn)
    parts = await store.get_many(SealedPart, ids)
    sealed = draw.SealedList(b"".join(part.piece for id in ids if (part := parts.get(id)) is not None))
    is_whole = len(sealed) == line.drawn and draw.root_of(sealed.joined) == line.root
    return sealed if is_whole else None
