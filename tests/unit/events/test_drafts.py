"""A draft is made once for a key, and can be deleted until it was published."""

import asyncio

import msgspec
import pytest

from houseful.kernel.errors import DomainError
from houseful.webapi.endpoint import BODY_BYTES
from houseful.webapi.idempotency import STORED_MILLIS, StoredResponse
from tests.unit.events.support import ADMIN, ALICE, BOB, World, body

KEY = {"idempotency-key": "draft-1"}


async def drafts(world: World) -> int:
    return len((await world.ask("GET", "/api/events?mine=true", who=ALICE))[1]["items"])


class TestRepeating:
    async def test_the_same_key_is_the_same_draft(self, world: World) -> None:
        first = await world.call("POST", "/api/events", body(), ALICE, KEY)
        again = await world.call("POST", "/api/events", body(), ALICE, KEY)
        assert (first.status, again.status) == (201, 201)
        assert first.body == again.body
        assert again.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first.headers
        assert await drafts(world) == 1

    async def test_at_the_same_time(self, world: World) -> None:
        answers = await asyncio.gather(
            *(world.call("POST", "/api/events", body(), ALICE, KEY) for _ in range(4))
        )
        assert {answer.status for answer in answers} <= {201, 409}
        assert await drafts(world) == 1

    async def test_a_plan_of_a_stadium(self, world: World) -> None:
        large = msgspec.json.encode(body(description="x")) + b" " * BODY_BYTES
        for _ in range(2):
            answer = await world.call("POST", "/api/events", large, ALICE, KEY)
            assert answer.status == 201
        assert await drafts(world) == 1

    async def test_another_body_is_refused(self, world: World) -> None:
        await world.call("POST", "/api/events", body(), ALICE, KEY)
        answer = await world.call("POST", "/api/events", body(title="Tosca"), ALICE, KEY)
        assert answer.status == 422
        assert msgspec.json.decode(answer.body)["code"] == "idempotency_key_reused"

    async def test_a_refusal_is_repeated_too(self, world: World) -> None:
        wrong = body(currency="XXX")
        first = await world.call("POST", "/api/events", wrong, ALICE, KEY)
        again = await world.call("POST", "/api/events", wrong, ALICE, KEY)
        assert (first.status, again.status) == (422, 422)
        assert msgspec.json.decode(first.body)["errors"] == msgspec.json.decode(again.body)["errors"]

    async def test_without_a_key_each_is_another(self, world: World) -> None:
        for _ in range(2):
            assert (await world.call("POST", "/api/events", body(), ALICE)).status == 201
        assert await drafts(world) == 2

    async def test_a_key_that_is_none(self, world: World) -> None:
        answer = await world.call("POST", "/api/events", body(), ALICE, {"idempotency-key": ""})
        assert answer.status == 400

    async def test_after_two_days_it_is_forgotten(self, world: World) -> None:
        await world.call("POST", "/api/events", body(), ALICE, KEY)
        await world.clock.advance(STORED_MILLIS / 1000 + 1)
        job = asyncio.ensure_future(world.service.purge_expired())
        while await world.store.count(StoredResponse, {}):  # noqa: ASYNC110 - the job says nothing
            await asyncio.sleep(0.001)
        job.cancel()


class TestDeleting:
    async def test_a_draft(self, world: World) -> None:
        event = await world.new_event()
        path = f"/api/events/{event['id']}"
        assert (await world.call("DELETE", path, who=BOB)).status == 404
        answer = await world.call("DELETE", path, who=ALICE)
        assert (answer.status, answer.body) == (204, b"")
        assert (await world.call("GET", path, who=ALICE)).status == 404
        assert (await world.call("DELETE", path, who=ALICE)).status == 404
        assert await drafts(world) == 0
        assert await world.sent() == []

    async def test_of_another_organizer_by_an_admin(self, world: World) -> None:
        event = await world.new_event()
        assert (await world.call("DELETE", f"/api/events/{event['id']}", who=ADMIN)).status == 204

    @pytest.mark.parametrize("how", ["publishing", "on_sale", "cancelled"])
    async def test_what_was_published_stays(self, world: World, how: str) -> None:
        event = await world.new_event() if how == "publishing" else await world.on_sale()
        if how == "publishing":
            await world.service.publish(ALICE, event["id"])
        if how == "cancelled":
            await world.service.cancel(ALICE, event["id"])
        answer = await world.call("DELETE", f"/api/events/{event['id']}", who=ALICE)
        assert answer.status == 409
        problem = msgspec.json.decode(answer.body)
        assert problem["code"] == "event_published"
        assert "cancelled instead" in problem["detail"]
        await world.document(event["id"])

    async def test_a_rival_that_publishes_it(self, world: World) -> None:
        """One of the two, never both."""
        event = await world.new_event()
        published, deleted = await asyncio.gather(
            world.service.publish(ALICE, event["id"]),
            world.service.delete(ALICE, event["id"]),
            return_exceptions=True,
        )
        assert isinstance(published, DomainError) != isinstance(deleted, DomainError)
