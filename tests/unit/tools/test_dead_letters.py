"""`houseful messages`: what an operator does about messages, beside a running server or after it."""

from pathlib import Path

import pytest

from houseful.adapters import factory
from houseful.adapters.sqlite.bus import LocalBus
from houseful.adapters.sqlite.folder_lock import FolderInUse
from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import DomainError
from houseful.kernel.ports import Envelope, Store
from houseful.kernel.roles import Role
from houseful.messaging import DeadLetter, Parked
from houseful.settings import Settings, load_settings
from houseful.tickets.domain.shows import Show
from houseful.tools import dead_letters
from tests.support.deployment import Deployment, started

GOLDEN = Path(__file__).parents[2] / "golden" / "EventPublished.v1.json"
EVENT_ID = "evt_0198c5a1d2e07a3b8c4d5e6f70819203"


def letter(id: str, type: str = "houseful.EventPublished.v1") -> DeadLetter:
    """A message of events that tickets did not understand when it came."""
    data = GOLDEN.read_bytes()
    envelope = Envelope(
        id="msg_1",
        source="events",
        type=type,
        aggregatetype="event",
        key=EVENT_ID,
        seq=1,
        time=1,
        traceparent=None,
        data=data,
    )
    return DeadLetter(
        id=id, topic="events", partition=0, offset=7, envelope=envelope, raw=data, error="unknown", at=1
    )


async def insert(store: Store, *documents: DeadLetter | Parked) -> None:
    async with store.begin() as tx:
        for document in documents:
            tx.insert(document)


async def on_bus(settings: Settings, topic: str) -> list[str]:
    async with factory.opened_bus(settings, clock=SystemClock(), read_only=True) as bus:
        return [entry.id async for entry in bus.entries(topic)]


async def test_a_dead_letter_is_applied_beside_the_server(tmp_path: Path) -> None:
    async with started(tmp_path / "data", background=False) as deployment:
        store, settings = deployment.app.stores["tickets"], deployment.app.settings
        await insert(store, letter("dead_1"), letter("dead_2", "houseful.EventPublished.v9"))
        assert [(service, one.id) for service, one in await dead_letters.all_dead(settings)] == [
            ("tickets", "dead_1"),
            ("tickets", "dead_2"),
        ]
        await dead_letters.retry_dead_letter(settings, "tickets", "dead_1")
        show = await store.get(Show, EVENT_ID)
        assert show is not None, "the running server sees what was applied"
        with pytest.raises(DomainError, match="still can't be understood"):
            await dead_letters.retry_dead_letter(settings, "tickets", "dead_2")
        with pytest.raises(DomainError, match="no such dead_letter"):
            await dead_letters.retry_dead_letter(settings, "tickets", "dead_1")
        assert [one.id for _, one in await dead_letters.all_dead(settings)] == ["dead_2"]


async def test_a_parked_key_is_tried_again_beside_the_server(tmp_path: Path) -> None:
    async with started(tmp_path / "data", background=False) as deployment:
        store, settings = deployment.app.stores["tickets"], deployment.app.settings
        await insert(store, Parked(id="event:evt_1", reason="a bug", since=1, state="parked", attempts=5))
        assert [(service, one.id) for service, one in await dead_letters.all_parked(settings)] == [
            ("tickets", "event:evt_1")
        ]
        await dead_letters.unpark_key(settings, "tickets", "event:evt_1", accept_gap=True)
        parked = await store.get(Parked, "event:evt_1")
        assert parked is not None
        assert (parked.state, parked.attempts, parked.accept_gap) == ("retrying", 0, True)
        with pytest.raises(DomainError):
            await dead_letters.unpark_key(settings, "tickets", "event:evt_2", accept_gap=False)


async def test_a_replay_needs_the_embedded_bus_to_itself(tmp_path: Path) -> None:
    async with started(tmp_path / "data") as deployment:
        settings = deployment.app.settings
        await published(deployment)
        with pytest.raises(FolderInUse, match="Stop it"):
            await dead_letters.replay_outbox(settings, "events", aggregate=None, since_hours=None)
    before = await on_bus(settings, "events")
    assert before
    count = await dead_letters.replay_outbox(settings, "events", aggregate=None, since_hours=1)
    assert await on_bus(settings, "events") == before * 2
    assert count == len(before)
    assert (
        await dead_letters.replay_outbox(
            settings, "events", aggregate=("event", "evt_none"), since_hours=None
        )
        == 0
    )
    async with started(tmp_path / "data") as deployment:

        async def skipped() -> bool:
            bus = deployment.app.bus
            assert isinstance(bus, LocalBus)
            return not any((await bus.lags()).values())

        await deployment.until(skipped)
        assert await dead_letters.all_parked(settings) == []


async def test_where_nothing_was_ever_stored(tmp_path: Path) -> None:
    settings = load_settings({}, data=str(tmp_path / "data"))
    assert await dead_letters.all_dead(settings) == []
    assert await dead_letters.all_parked(settings) == []
    assert await dead_letters.replay_outbox(settings, "events", aggregate=None, since_hours=None) == 0
    assert not (tmp_path / "data").exists()


async def published(deployment: Deployment) -> None:
    await deployment.event(await deployment.user("organizer", Role.ORGANIZER))
