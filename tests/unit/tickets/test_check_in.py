"""The gate: each ticket admits once; the same scan always gets the same answer."""

import asyncio
import random
from typing import Any

import pytest

from houseful.kernel.ports import Transaction
from houseful.tickets.domain import scans, tickets
from houseful.tickets.domain.scans import Scan, ScanRequest, Verdict
from houseful.tickets.domain.ticket_codes import CodeSigner
from houseful.tickets.domain.tickets import Ticket, TicketState
from tests.unit.tickets.harness import Harness
from tests.unit.tickets.stand_ins import Crash

UNKNOWN = f"tkt_{'0' * 32}"


async def codes(harness: Harness, order_id: str) -> list[str]:
    _, _, found = await harness.tickets.ordering.tickets_of("usr_1", order_id)
    return [ticket.code for ticket in found]


async def scan(
    harness: Harness,
    code: str,
    scan_id: str = "scan",
    *,
    gate: str = "North",
    at: int | None = None,
    event: str | None = "evt_1",
    staff: str = "usr_gate",
) -> Scan:
    moment = harness.clock.now() if at is None else at
    [kept] = await harness.scans(ScanRequest(code, gate, scan_id, moment, event), staff=staff)
    return kept


async def test_a_ticket_admits_once_and_then_says_when_and_where(harness: Harness) -> None:
    await harness.show()
    [code] = await codes(harness, await harness.bought("A-1"))
    now = harness.clock.now()
    first = await scan(harness, code, "scan_1", gate="North", at=now - 2_000)
    assert first.verdict is Verdict.ADMITTED
    second = await scan(harness, code, "scan_2", gate="South", at=now - 1_000)
    assert (second.verdict, second.first_at, second.first_gate) == (
        Verdict.ALREADY_USED,
        now - 2_000,
        "North",
    )
    [ticket] = await harness.every(Ticket)
    assert (ticket.state, ticket.used_at, ticket.gate) == (TicketState.USED, now - 2_000, "North")


async def test_the_same_scan_gets_the_same_answer_for_ever(harness: Harness) -> None:
    await harness.show()
    order_id = await harness.bought("A-1", "A-2")
    first, second = await codes(harness, order_id)
    asked = [(first, "1"), (first, "2"), (second, "3"), ("HF1.x.y", "4")]
    at = harness.clock.now()
    answers = [await scan(harness, *one, at=at) for one in asked]
    await harness.clock.advance(100)
    assert [await scan(harness, *one, at=at) for one in asked] == answers
    assert [await scan(harness, *one, at=at, staff="usr_colleague") for one in asked] == answers
    assert [one.verdict for one in answers] == ["admitted", "already_used", "admitted", "invalid"]


async def test_a_scanner_that_counts_from_the_beginning_again_lets_nobody_in(harness: Harness) -> None:
    """The same id with another code is another scan: it gets the verdict on what it read."""
    await harness.show()
    first, second = await codes(harness, await harness.bought("A-1", "A-2"))
    assert (await scan(harness, first, "1")).verdict is Verdict.ADMITTED
    assert (await scan(harness, "nonsense", "1")).verdict is Verdict.INVALID
    assert (await scan(harness, second, "1")).verdict is Verdict.ADMITTED
    assert (await scan(harness, first, "1")).verdict is Verdict.ADMITTED  # the first scan, repeated
    assert (await scan(harness, first, "2")).verdict is Verdict.ALREADY_USED


@pytest.mark.parametrize("changed", [{"gate": "South"}, {"at": 1}, {"event": None}, {"id": "2"}])
async def test_a_scan_that_differs_in_anything_is_another_one(
    harness: Harness, changed: dict[str, Any]
) -> None:
    await harness.show()
    [code] = await codes(harness, await harness.bought("A-1"))
    at = harness.clock.now()
    assert (await scan(harness, code, "1", at=at)).verdict is Verdict.ADMITTED
    rest = {name: at - value if name == "at" else value for name, value in changed.items() if name != "id"}
    other = await scan(harness, code, changed.get("id", "1"), **({"at": at} | rest))
    assert (other.verdict, other.first_at, other.first_gate) == (Verdict.ALREADY_USED, at, "North")


@pytest.mark.parametrize(
    ("gate", "later", "verdict"),
    [("North", 0, Verdict.ADMITTED), ("South", 0, Verdict.ALREADY_USED), ("North", 1, Verdict.ALREADY_USED)],
)
async def test_a_scan_of_the_version_before_is_still_known(
    harness: Harness, gate: str, later: int, verdict: Verdict
) -> None:
    """Its id was made of account, number and code; gate and time must agree besides."""
    await harness.show()
    [code] = await codes(harness, await harness.bought("A-1"))
    [ticket] = await harness.every(Ticket)
    at = harness.clock.now()
    id = scans.key_by_account("usr_gate", ScanRequest(code, "North", "1", at, "evt_1"))

    async def work(tx: Transaction) -> None:
        current = await tx.get(Ticket, ticket.id)
        assert current is not None
        used = {"used_at": at, "gate": "North", "scan_id": id}
        tx.put(tickets.transition(current, TicketState.USED, **used))
        # As it was written then, without what was added since.
        tx.insert(
            Scan(
                id=id,
                verdict=Verdict.ADMITTED,
                ticket_id=ticket.id,
                gate="North",
                scanned_at=at,
                received_at=at,
            )
        )

    await harness.store.transact(work)
    await harness.clock.advance(1)
    assert (await scan(harness, code, "1", gate=gate, at=at + later)).verdict is verdict


async def test_codes_of_the_first_version_admit_for_ever(harness: Harness) -> None:
    await harness.show()
    await harness.bought("A-1", "A-2")
    first, second = await harness.every(Ticket)
    on_paper = harness.tickets.signer.first_code(first.id, first.event_id)
    assert (await scan(harness, on_paper, "1")).verdict is Verdict.ADMITTED
    new = harness.tickets.signer.code(first.id, first.event_id)
    assert (await scan(harness, new, "2")).verdict is Verdict.ALREADY_USED
    elsewhere = harness.tickets.signer.first_code(second.id, "evt_2")
    assert (await scan(harness, elsewhere, "3")).verdict is Verdict.INVALID  # nobody ever signed that


async def test_tickets_of_another_event_or_refunded_or_forged_do_not_admit(harness: Harness) -> None:
    await harness.show("evt_1")
    order_id = await harness.bought("A-1")
    [code] = await codes(harness, order_id)
    assert (await scan(harness, code, "1", event="evt_2")).verdict is Verdict.WRONG_EVENT
    await harness.cancel(order_id)
    assert (await scan(harness, code, "2")).verdict is Verdict.REFUNDED
    for number, forged in enumerate(
        (
            CodeSigner(b"x" * 32).code(UNKNOWN, "evt_1"),  # another key
            harness.tickets.signer.code(UNKNOWN, "evt_1"),  # ours, of no ticket
            "",
            "tkt_1",
        )
    ):
        assert (await scan(harness, forged, f"forged {number}")).verdict is Verdict.INVALID
    assert {one.state for one in await harness.every(Ticket)} == {TicketState.REFUNDED}


async def test_a_wrong_event_does_not_use_the_ticket(harness: Harness) -> None:
    await harness.show()
    [code] = await codes(harness, await harness.bought("A-1"))
    await scan(harness, code, "1", event="evt_2")
    assert (await scan(harness, code, "2", event=None)).verdict is Verdict.ADMITTED


async def test_twenty_gates_at_one_instant_admit_one(harness: Harness) -> None:
    await harness.show()
    [code] = await codes(harness, await harness.bought("A-1"))
    other = harness.beside()
    kept = await asyncio.gather(
        *(scan(other if n % 2 else harness, code, str(n), gate=f"Gate {n}") for n in range(20))
    )
    verdicts = [one.verdict for one in kept]
    assert verdicts.count(Verdict.ADMITTED) == 1
    assert verdicts.count(Verdict.ALREADY_USED) == 19
    [ticket] = await harness.every(Ticket)
    assert {one.first_gate for one in kept if one.verdict is Verdict.ALREADY_USED} == {ticket.gate}


async def test_one_scan_that_arrives_twice_at_once_is_one_scan(harness: Harness) -> None:
    await harness.show()
    [code] = await codes(harness, await harness.bought("A-1"))
    other = harness.beside()
    kept = await asyncio.gather(*(scan(other if n % 2 else harness, code, "same") for n in range(10)))
    assert {one.verdict for one in kept} == {Verdict.ADMITTED}
    assert len(await harness.every(Scan)) == 1


@pytest.mark.parametrize("seed", range(5))
async def test_offline_scanners_may_come_home_in_any_order(harness: Harness, seed: int) -> None:
    """Three scanners without a network saw some of the same tickets, and send everything twice."""
    await harness.show()
    its = await codes(harness, await harness.bought("A-1", "A-2", "A-3", "A-4"))
    chance = random.Random(seed)
    seen = [(code, f"{scanner}-{n}", scanner) for n, code in enumerate(its) for scanner in ("x", "y", "z")]
    now = harness.clock.now()
    made = [(*one, now - chance.randrange(1000)) for one in chance.sample(seen, 9)] * 2
    chance.shuffle(made)
    kept = [await scan(harness, code, id, gate=gate, at=at) for code, id, gate, at in made]
    admitted = {one.id: one.ticket_id for one in kept if one.verdict is Verdict.ADMITTED}
    assert len(set(admitted.values())) == len(admitted) == len({code for code, *_ in made})
    assert {one.verdict for one in kept} <= {Verdict.ADMITTED, Verdict.ALREADY_USED}


async def test_a_batch_is_answered_in_its_order_and_may_repeat_itself(harness: Harness) -> None:
    await harness.show()
    first, second = await codes(harness, await harness.bought("A-1", "A-2"))
    at = harness.clock.now() - 60_000
    batch = [
        ScanRequest(first, "North", "1", at + 10, None),
        ScanRequest(first, "North", "2", at + 20, None),
        ScanRequest(first, "North", "1", at + 10, None),
        ScanRequest("nonsense", "North", "3", at + 30, None),
        ScanRequest(second, "North", "4", at + 40, None),
    ]
    kept = await harness.scans(*batch)
    assert [one.verdict for one in kept] == ["admitted", "already_used", "admitted", "invalid", "admitted"]
    assert await harness.scans(*batch) == kept
    assert len(await harness.every(Scan)) == 4


@pytest.mark.parametrize("seed", range(5))
async def test_overlapping_batches_at_one_instant_agree(harness: Harness, seed: int) -> None:
    """A scanner sends its batch again and again, each time with a little more, before any answer is here."""
    await harness.show()
    its = await codes(harness, await harness.bought(*(f"A-{n}" for n in range(1, 9))))
    other = harness.beside()
    chance = random.Random(seed)
    at = harness.clock.now() - 60_000
    requests = [ScanRequest(code, "North", f"{n}", at + n, None) for n, code in enumerate(its)]
    batches = [chance.sample(requests, 5) for _ in range(8)]
    answers = await asyncio.gather(
        *((other if n % 2 else harness).scans(*batch) for n, batch in enumerate(batches))
    )
    assert {one.verdict for kept in answers for one in kept} == {Verdict.ADMITTED}
    sent = {one.scan_id for batch in batches for one in batch}
    assert len(await harness.every(Scan)) == len(sent)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_death_at_the_gate_admits_once(harness: Harness, when: str) -> None:
    await harness.show()
    [code] = await codes(harness, await harness.bought("A-1"))
    harness.store.commits, harness.store.dies_at = 0, (1, when)
    at = harness.clock.now()
    with pytest.raises(Crash):
        await scan(harness, code, "1", at=at)
    harness = await harness.again()
    assert (await scan(harness, code, "1", at=at)).verdict is Verdict.ADMITTED
    assert (await scan(harness, code, "2")).verdict is Verdict.ALREADY_USED
