"""Proof of work: who is asked, and which solutions count."""

import json
from pathlib import Path
from typing import Any

import altcha
import pytest

from houseful.adapters.memory.coordination import LocalCoordination
from houseful.kernel.clock import ManualClock
from houseful.kernel.errors import Forbidden, Unavailable
from houseful.webapi import proof_of_work
from houseful.webapi.asgi import WITHIN
from houseful.webapi.proof_of_work import Kind, ProofOfWork
from houseful.webapi.routes import Rate

VECTOR = Path(__file__).parents[2] / "vectors" / "proof_of_work.json"
KEY, PHONE, OTHER_PHONE = b"k" * 32, "203.0.113.7", "198.51.100.9"
KIND = Kind("join", (Rate(0.001, 2), Rate(0.001, 1), Rate(0.001, 1)), Rate(100, 100))


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_of_work, "_ITERATIONS", (1, 2, 3))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def work(clock: ManualClock) -> ProofOfWork:
    return ProofOfWork(KEY, LocalCoordination(clock), clock, limited=True)


async def asked(
    work: ProofOfWork, subject: str = "bea", *, peer: str = PHONE, kind: Kind = KIND, **more: Any
) -> Any:
    """The challenge, or None for a request that passed."""
    try:
        await work.require(kind, subject, peer=peer, solution=more.get("solution"))
    except Forbidden as error:
        return error.extra["challenge"]
    return None


async def asked_at_last(work: ProofOfWork) -> Any:
    while (challenge := await asked(work)) is None:
        pass
    return challenge


def solved(challenge: Any) -> str:
    made = altcha.Challenge.from_dict(challenge)
    solution = altcha.solve_challenge(made)
    assert solution is not None
    return altcha.Payload(made, solution).to_base64()


async def test_the_first_requests_of_a_network_are_free(work: ProofOfWork) -> None:
    assert [await asked(work) is None for _ in range(4)] == [True, True, False, False]
    assert await asked(work, peer=OTHER_PHONE) is None


async def test_the_cost_grows_with_a_networks_requests_and_ends_somewhere(work: ProofOfWork) -> None:
    challenges = [await asked(work) for _ in range(6)]
    assert [one and one["parameters"]["cost"] for one in challenges] == [None, None, 1, 2, 3, 3]


async def test_the_cost_grows_with_everybodys_requests(work: ProofOfWork) -> None:
    busy = KIND._replace(everybody=Rate(0.001, 1))
    assert await asked(work, kind=busy) is None
    challenge = await asked(work, kind=busy, peer=OTHER_PHONE)
    assert challenge["parameters"]["cost"] == 1


async def test_whoever_did_the_work_passes_and_takes_nobodys_turn(work: ProofOfWork) -> None:
    solution = solved(await asked_at_last(work))
    assert [await asked(work, solution=solution) for _ in range(5)] == [None] * 5
    challenge = await asked(work)
    assert challenge["parameters"]["cost"] == 2


async def test_a_solution_is_of_one_subject_kind_and_time(work: ProofOfWork, clock: ManualClock) -> None:
    solution = solved(await asked_at_last(work))
    assert await asked(work, "ann", solution=solution) is not None
    other = KIND._replace(name="register")
    assert [await asked(work, kind=other, solution=solution) is None for _ in range(3)] == [True, True, False]
    assert await asked(work, solution=solution) is None
    await clock.advance(10 * 60 + 1)
    assert await asked(work, solution=solution) is not None


async def test_a_challenge_that_is_not_ours_proves_nothing(work: ProofOfWork) -> None:
    challenge = await asked_at_last(work)
    data = challenge["parameters"]["data"]
    foreign = altcha.create_challenge("PBKDF2/SHA-256", 1, data=data, hmac_secret=b"f" * 32)
    unsigned = altcha.create_challenge("PBKDF2/SHA-256", 1, data=data)
    cheaper = json.loads(json.dumps(challenge))
    cheaper["parameters"]["keyPrefix"] = "0"
    for one in (foreign.to_dict(), unsigned.to_dict(), cheaper):
        assert await asked(work, solution=solved(one)) is not None


@pytest.mark.parametrize("text", ["", "x", "bnVsbA==", "e30=", "W10=", "é", "A" * 5000])
async def test_what_is_no_solution_is_as_good_as_none(work: ProofOfWork, text: str) -> None:
    await asked_at_last(work)
    assert await asked(work, solution=text) is not None


@pytest.mark.parametrize("peer", [WITHIN, "127.0.0.1", "::1"])
async def test_this_machine_is_not_asked(work: ProofOfWork, peer: str) -> None:
    assert [await asked(work, peer=peer) for _ in range(10)] == [None] * 10


async def test_nobody_is_asked_where_nothing_is_limited(clock: ManualClock) -> None:
    work = ProofOfWork(KEY, LocalCoordination(clock), clock, limited=False)
    assert [await asked(work) for _ in range(10)] == [None] * 10


async def test_nobody_is_asked_without_coordination(clock: ManualClock) -> None:
    class Away(LocalCoordination):
        async def take(self, bucket: str, *, per_second: float, burst: float) -> float:
            raise Unavailable("it is away")

    work = ProofOfWork(KEY, Away(clock), clock, limited=True)
    assert [await asked(work) for _ in range(10)] == [None] * 10


async def test_another_process_takes_the_solution(work: ProofOfWork, clock: ManualClock) -> None:
    solution = solved(await asked_at_last(work))
    other = ProofOfWork(KEY, LocalCoordination(clock), clock, limited=True)
    await asked_at_last(other)
    assert await asked(other, solution=solution) is None


def test_the_browsers_solution_is_what_is_checked_here() -> None:
    vector = json.loads(VECTOR.read_text())
    assert altcha.verify_solution(vector["payload"], vector["key"]).verified
