"""What a line promises, in each topology, with Redis emptied after every command, so that no process is the
only one to do anything: L1 to L4, L6 and L8 of docs/fair-draw.md."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engines import ROOT
from houseful.kernel.roles import Role
from houseful.line.domain.admission import Admission
from tests.chaos.faults import mongo_primary
from tests.chaos.own_engines import Engines
from tests.system.deployments import OpenDeployment, SystemDeployment, deployment_on
from tests.system.environments import Environment, Environments
from tests.system.fixtures import SPLIT
from tests.system.line_sale import Sale
from tests.system.support import must_be_sound, token_of

LOBBY, LATE, LATER = 12, 2, 4
RELOADS = 2
JUMP_SECONDS = 600.0

Harm = Callable[[], Awaitable[None]]


class Crowd(Sale):
    """People with tokens, and without accounts: what they do is repeated until it is answered."""

    deployment: SystemDeployment

    async def token(self, name: str, *roles: Role) -> str:
        return token_of(self.deployment, name, *roles)

    async def insist(self, method: str, path: str, name: str) -> dict[str, Any]:
        """As clients do: what is not answered, or put off, is asked again."""
        token = await self.token(name)

        async def look() -> dict[str, Any] | None:
            try:
                answer = await self.deployment.call(method, path, token=token)
            except (OSError, EOFError):
                return None
            return None if answer.status in (429, 502, 503, 504) else dict(answer.ok())

        return await self.deployment.until(look)

    async def enter(self, *names: str) -> list[dict[str, Any]]:
        """From two devices each, at the same time; both are told the same entry."""
        path = f"/api/events/{self.event_id}/line"
        told = await asyncio.gather(*(self.insist("POST", path, name) for name in (*names, *names)))
        for one, other in zip(told[: len(names)], told[len(names) :], strict=True):
            assert [one[field] for field in ("entrant", "joined_at", "receipt")] == [
                other[field] for field in ("entrant", "joined_at", "receipt")
            ]
        return told[: len(names)]

    async def numbers(self, names: list[str]) -> dict[str, int]:
        """As soon as each has one."""
        path = f"/api/events/{self.event_id}/line/me"

        async def look() -> dict[str, int] | None:
            places = await asyncio.gather(*(self.insist("GET", path, name) for name in names))
            found = {name: place["number"] for name, place in zip(names, places, strict=True)}
            return None if None in found.values() else found

        return await self.deployment.until(look, advance_seconds=0.5)

    async def passes(self, names: list[str]) -> None:
        """L2: whoever gets a pass has a number that was called before."""
        numbers = await self.numbers(names)
        for name in names:
            answer = await self.post("/pass", await self.token(name))
            if answer.status == 409:
                assert answer.json["number"] == numbers[name] > answer.json["admitted_up_to"]
            elif answer.status == 200:
                # The front only grows, so one that was read later proves it for who is within.
                called = (await self.admission()).front
                assert numbers[name] <= called

    async def admission(self) -> Admission:
        found = await self.deployment.app.stores["line"].get(Admission, self.event_id)
        assert found is not None
        return found


async def keeps_its_promises(crowd: Crowd, tmp_path: Path, harm: Harm, reloads: int = RELOADS) -> None:
    await crowd.announce()
    await crowd.phase("lobby", advance_seconds=1)
    early = [f"early{number}" for number in range(LOBBY)]
    half = len(early) // 2
    first = await crowd.enter(*early[:half])
    await harm()
    first += await crowd.enter(*early[half:])
    assert {(place["phase"], place["in_draw"], place["number"]) for place in first} == {("lobby", True, None)}
    await crowd.phase("sealed", advance_seconds=1)
    await harm()
    late = [f"late{number}" for number in range(LATE)]
    assert {place["in_draw"] for place in await crowd.enter(*late)} == {False}
    await crowd.phase("open", advance_seconds=1)
    await harm()
    later = [f"later{number}" for number in range(LATER)]
    await crowd.enter(*later)
    everybody = early + late + later
    numbers = await crowd.numbers(everybody)
    assert sorted(numbers.values()) == list(range(1, len(everybody) + 1))
    assert max(numbers[name] for name in early) == LOBBY, "who was in the lobby is in the draw"
    await harm()
    for jump in (JUMP_SECONDS, -2 * JUMP_SECONDS, JUMP_SECONDS):
        crowd.clock.jump(jump)
        assert await crowd.numbers(everybody) == numbers
    for _ in range(reloads):
        assert await crowd.numbers(everybody) == numbers
    again = {place["receipt"] for place in await crowd.enter(*early)}
    assert again == {place["receipt"] for place in first}
    await crowd.passes(everybody)
    await repeats(crowd, tmp_path / "audit.json", {first[0]["entrant"]: numbers[early[0]]})
    await must_be_sound(crowd.deployment)


async def repeats(crowd: Crowd, file: Path, known: dict[str, int]) -> None:
    """L4: the script that shares no code finds the same order."""
    answer = await crowd.deployment.call("GET", f"/api/events/{crowd.event_id}/line/audit")
    audit = answer.ok()
    assert len(audit["entrants"]) == LOBBY
    assert known.items() <= dict(audit["entrants"]).items()
    done = await asyncio.to_thread(_verified, file, json.dumps(audit), next(iter(known)))
    assert done.returncode == 0, done.stdout + done.stderr


def _verified(file: Path, audit: str, entrant: str) -> "subprocess.CompletedProcess[str]":
    file.write_text(audit)
    command = [sys.executable, str(ROOT / "docs" / "fair-draw" / "verify.py"), str(file), entrant]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
async def crowd(open_deployment: OpenDeployment) -> AsyncIterator[Crowd]:
    async with open_deployment(manual=True, coordination="forgetful") as deployment:
        yield Crowd(deployment)


@pytest.mark.environment("forgetful")
async def test_each_entry_has_one_number_for_ever(
    crowd: Crowd, topology: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Where processes are separate, those of the line are killed at each stage."""

    async def kill_line() -> None:
        if topology == SPLIT:
            environments: Environments = request.getfixturevalue("environments")
            split = environments.get(coordination="forgetful").split
            await asyncio.to_thread(split.kill, "line")
            await asyncio.to_thread(split.start, "line")
            await asyncio.to_thread(split.wait_until_well)

    await keeps_its_promises(crowd, tmp_path, kill_line)


@pytest.mark.long
@pytest.mark.chaos
@pytest.mark.split
@pytest.mark.timeout(3 * 3600)
async def test_engines_break_at_each_stage(tmp_path: Path) -> None:
    """MongoDB's primary is killed and Redis emptied, with reloads by the thousand."""
    with Engines(tmp_path / "engines") as engines:
        environment = Environment(
            tmp_path / "environment", engines.settings(), {"HOUSEFUL_RATE_LIMITS": "off"}, None
        )
        try:
            async with deployment_on(environment) as deployment:

                async def break_engines() -> None:
                    for fault in mongo_primary(engines, environment.split, 1):
                        await asyncio.to_thread(fault.harm)
                        engines.redis.say("FLUSHALL")
                        await asyncio.to_thread(environment.split.kill, "line")
                        await asyncio.to_thread(fault.mend)
                        await asyncio.to_thread(environment.split.start, "line")

                reloads = 10_000 // (LOBBY + LATE + LATER) + 1
                await keeps_its_promises(Crowd(deployment), tmp_path, break_engines, reloads)
        finally:
            environment.close()
