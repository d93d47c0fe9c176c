"""The making of an inventory, killed in the middle: in the end every seat of the plan is there, once."""

import asyncio
from collections import Counter
from functools import partial, partialmethod
from operator import sub
from typing import Any

import pytest

from houseful.tickets.domain.blocks import Block
from houseful.tickets.domain.layout import Layout
from houseful.tickets.domain.shows import Show, ShowState
from houseful.tickets.use_cases import inventory
from houseful.tickets.use_cases.inventory import Inventory
from houseful.tools.invariants import all_documents
from houseful.tools.sample_venues import stadium, theatre
from tests.support.deployment import PASSWORD
from tests.system.deployments import OpenDeployment, SystemDeployment, deployment_on
from tests.system.environments import Environments
from tests.system.faults import CHUNK_BLOCKS, DeadlyChunks
from tests.system.fixtures import OpenInstallation, in_one_process, in_processes
from tests.system.harness import event_body
from tests.system.installations import OwnInstallation, make_account
from tests.system.outside_client import Client
from tests.system.support import findings, organizer_of

SEATS = 60_000


@pytest.fixture(scope="module")
def big_event() -> dict[str, Any]:
    plan, areas, prices = stadium(SEATS)
    return event_body(plan=plan, areas=areas, prices=prices, title="The Final")


# Where the server is killed, by how many seats are there: at once, at the first, in the middle, near the end.
MOMENTS: tuple[int, ...] = (0, 1, SEATS // 2, SEATS - 5000)


@pytest.mark.long_when_split
def test_a_stadium_made_by_a_server_that_is_killed_again_and_again(
    open_installation: OpenInstallation, big_event: dict[str, Any]
) -> None:
    installation = open_installation()
    make_account(installation, "olga@example.org", PASSWORD, "organizer")
    made = []
    for moment in MOMENTS:
        olga = signed_in(installation)
        event = olga.call("POST", "/api/events", big_event).ok(201)
        olga.call("POST", f"/api/events/{event['id']}/publish").ok(202)
        wait_for(olga, event["id"], moment)
        installation.kill()
        olga.close()
        installation.start_again()
        made.append(event["id"])
    olga = signed_in(installation)
    for event_id in made:
        path = f"/api/events/{event_id}/inventory"
        olga.until(partial(is_ready, olga, path))
        assert olga.get(path) == {
            "event_id": event_id, "state": "ready", "generated": SEATS, "total": SEATS, "detail": None
        }  # fmt: skip
        olga.event_that_is(event_id, "on_sale")
        sections = olga.items(f"/api/events/{event_id}/sections")
        assert sum(one["available"] for one in sections) == sum(one["total"] for one in sections) == SEATS
    seats = olga.seats(made[-1])
    assert (
        len(seats) == len({seat["id"] for seat in seats}) == len({seat["ordinal"] for seat in seats}) == SEATS
    )
    olga.close()
    asyncio.run(every_block_once(installation, made))


def wait_for(olga: Client, event_id: str, moment: int) -> None:
    """Until so many seats are there; or until it is done, for a machine that is faster than we look."""

    def look() -> bool:
        inventory: dict[str, Any] = olga.get(f"/api/events/{event_id}/inventory")
        return bool(inventory["generated"] >= moment or inventory["state"] == "ready")

    olga.until(look)


def signed_in(installation: OwnInstallation) -> Client:
    client = Client(installation.url)
    client.login("olga@example.org", PASSWORD)
    return client


def is_ready(client: Client, path: str) -> bool:
    return bool(client.get(path)["state"] == "ready")


async def every_block_once(installation: OwnInstallation, made: list[str]) -> None:
    async with installation.stop() as deployment:
        assert await findings(deployment) == []
        counts: Counter[str] = Counter()
        spans: set[tuple[str, int]] = set()
        async for block in all_documents(deployment.app.stores["tickets"], Block):
            counts[block.event_id] += block.count
            spans.update((block.event_id, block.first + position) for position in range(block.count))
        assert counts == dict.fromkeys(made, SEATS)
        assert len(spans) == SEATS * len(made)  # no seat is in two blocks


class Mortal:
    """Makes one chunk, then never comes back. The first life does not even get that far."""

    def __init__(self) -> None:
        self._make = Inventory._generate_chunk
        self._left = 0
        self.died = asyncio.Event()
        self.died_at: list[int] = []

    def born_again(self) -> None:
        self._left = 1
        self.died = asyncio.Event()

    async def __call__(self, service: Inventory, event_id: str, layout: Layout) -> Show:
        if self._left == 0:
            self.died_at.append((await service.show(event_id)).next_block)
            self.died.set()
            await asyncio.Event().wait()
        self._left -= 1
        return await self._make(service, event_id, layout)


@in_one_process
async def test_it_dies_at_every_chunk(
    open_deployment: OpenDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by chance but one after the other: before the first chunk, after it, after the second, …"""
    plan, areas, prices = theatre(900)
    body = event_body(plan=plan, areas=areas, prices=prices)
    mortal = Mortal()
    with monkeypatch.context() as patch:
        patch.setattr(inventory, "CHUNK_BLOCKS", 10)
        patch.setattr(Inventory, "_generate_chunk", partialmethod(mortal))
        async with open_deployment() as deployment:
            olga = organizer_of(deployment)
            event_id = (await deployment.call("POST", "/api/events", body, token=olga)).ok(201)["id"]
            (await deployment.call("POST", f"/api/events/{event_id}/publish", token=olga)).ok(202)
            assert not await lives_to_the_end(deployment, event_id, mortal)
        for _ in range(50):
            mortal.born_again()
            async with open_deployment() as deployment:
                if await lives_to_the_end(deployment, event_id, mortal):
                    break
    async with open_deployment() as deployment:
        blocks = await deployment.app.stores["tickets"].count(Block, {"event_id": event_id})
        assert mortal.died_at == list(range(0, blocks, 10))

        async def answers() -> bool:  # another gateway may not have learned it yet
            return (await deployment.call("GET", f"/api/events/{event_id}/sections")).status == 200

        await deployment.until(answers)
        seats = await deployment.seats(event_id)
        assert len({seat["id"] for seat in seats}) == len(seats) == 900
        assert await findings(deployment) == []


async def lives_to_the_end(deployment: SystemDeployment, event_id: str, mortal: Mortal) -> bool:
    """False where it died before everything was made."""

    async def look() -> str:
        show = await deployment.app.stores["tickets"].get(Show, event_id)
        if show is not None and show.state is ShowState.READY:
            return "ready"
        return "dead" if mortal.died.is_set() else ""

    return await deployment.until(look) == "ready"


@in_processes
@pytest.mark.usefixtures("topology")
async def test_processes_die_at_every_chunk(environments: Environments) -> None:
    """The same by real kills: a life of a ticket service is one chunk, and the first not even that; there are
    two of them."""
    plan, areas, prices = theatre(900)
    body = event_body(plan=plan, areas=areas, prices=prices)
    environment = environments.get()
    tickets = environment.split.of("tickets")
    chunks = DeadlyChunks(environment.folder)
    chunks.allow(0)
    async with deployment_on(environment) as deployment:
        olga = organizer_of(deployment)
        event_id = (await deployment.call("POST", "/api/events", body, token=olga)).ok(201)["id"]
        (await deployment.call("POST", f"/api/events/{event_id}/publish", token=olga)).ok(202)
        died_at = []

        async def over() -> bool:
            show = await deployment.app.stores["tickets"].get(Show, event_id)
            is_ready = show is not None and show.state is ShowState.READY
            return is_ready or not any(process.running for process in tickets)

        while True:
            await deployment.until(over)
            show = await deployment.app.stores["tickets"].get(Show, event_id)
            assert show is not None
            if show.state is ShowState.READY:
                break
            died_at.append(show.next_block)
            chunks.allow(1)
            for process in tickets:
                process.spawn()
        chunks.go_on()
        await asyncio.to_thread(environment.split.start, "tickets")
        await asyncio.to_thread(environment.split.wait_until_well)  # the gateways learn that it is back
        blocks = await deployment.app.stores["tickets"].count(Block, {"event_id": event_id})
        assert died_at[0] == 0
        assert all(0 < made <= 2 * CHUNK_BLOCKS for made in map(sub, [*died_at[1:], blocks], died_at))
        seats = await deployment.seats(event_id)
        assert len({seat["id"] for seat in seats}) == len(seats) == 900
        assert await findings(deployment) == []
