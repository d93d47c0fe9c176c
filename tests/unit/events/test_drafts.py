"""A draft is made once for a key, and can be deleted until it was published."""

import asyncio

import msgspec
import pytest

from houseful.kernel.errors import DomainError
from houseful.webapi.endpoint import BODY_BYTES
from houseful.webapi.idempotency import STORED_MILLIS, StoredResponse
from tests.unit.events.support import ADMIN, ALICE, BOB, Harness, body

KEY = {"idempotency-key": "draft-1"}


async def drafts(harness: Harness) -> int:
    return len((await harness.ask("GET", "/api/events?mine=true", who=ALICE))[1]["items"])


class TestRepeating:
    async def test_the_same_key_is_the_same_draft(self, harness: Harness) -> None:
        first = await harness.call("POST", "/api/events", body(), ALICE, KEY)
        again = await harness.call("POST", "/api/events", body(), ALICE, KEY)
        assert (first.status, again.status) == (201, 201)
        assert first.body == again.body
        assert again.headers["idempotent-replayed"] == "true"
        assert "idempotent-replayed" not in first.headers
        assert await drafts(harness) == 1

    async def test_at_the_same_time(self, harness: Harness) -> None:
        answers = await asyncio.gather(
            *(harness.call("POST", "/api/events", body(), ALICE, KEY) for _ in range(4))
        )
        assert {answer.status for answer in answers} <= {201, 409}
        assert await drafts(harness) == 1

    async def test_a_plan_of_a_stadium(self, harness: Harness) -> None:
        large = msgspec.json.encode(body(description="x")) + b" " * BODY_BYTES
        for _ in range(2):
            answer = await harness.call("POST", "/api/events", large, ALICE, KEY)
            assert answer.status == 201
        assert await drafts(harness) == 1

    async def test_another_body_is_refused(self, harness: Harness) -> None:
        await harness.call("POST", "/api/events", body(), ALICE, KEY)
        answer = await harness.call("POST", "/api/events", body(title="Tosca"), ALICE, KEY)
        assert answer.status == 422
        assert msgspec.json.decode(answer.body)["code"] == "idempotency_key_reused"

    async def test_a_refusal_is_repeated_too(self, harness: Harness) -> None:
        wrong = body(currency="XXX")
        first = await harness.call("POST", "/api/events", wrong, ALICE, KEY)
        again = await harness.call("POST", "/api/events", wrong, ALICE, KEY)
        assert (first.status, again.status) == (422, 422)
        assert msgspec.json.decode(first.body)["errors"] == msgspec.json.decode(again.body)["errors"]

    async def test_without_a_key_each_is_another(self, harness: Harness) -> None:
        for _ in range(2):
            assert (await harness.call("POST", "/api/events", body(), ALICE)).status == 201
        assert await drafts(harness) == 2

    async def test_a_key_that_is_none(self, harness: Harness) -> None:
        answer = await harness.call("POST", "/api/events", body(), ALICE, {"idempotency-key": ""})
        assert answer.status == 400

    async def test_after_two_days_it_is_forgotten(self, harness: Harness) -> None:
        await harness.call("POST", "/api/events", body(), ALICE, KEY)
        await harness.clock.advance(STORED_MILLIS / 1000 + 1)
        job = asyncio.ensure_future(harness.service.purge_expired())
        while await harness.store.count(StoredResponse, {}):  # noqa: ASYNC110 - the job says nothing
            await asyncio.sleep(0.001)
        job.cancel()


class TestDeleting:
    async def test_a_draft(self, harness: Harness) -> None:
        event = await harness.new_event()
        path = f"/api/events/{event['id']}"
        assert (await harness.call("DELETE", path, who=BOB)).status == 404
        answer = await harness.call("DELETE", path, who=ALICE)
        assert (answer.status, answer.body) == (204, b"")
        assert (await harness.call("GET", path, who=ALICE)).status == 404
        assert (await harness.call("DELETE", path, who=ALICE)).status == 404
        assert await drafts(harness) == 0
        assert await harness.sent() == []

    async def test_of_another_organizer_by_an_admin(self, harness: Harness) -> None:
        event = await harness.new_event()
        assert (await harness.call("DELETE", f"/api/events/{event['id']}", who=ADMIN)).status == 204

    @pytest.mark.parametrize("how", ["publishing", "on_sale", "cancelled"])
    async def test_what_was_published_stays(self, harness: Harness, how: str) -> None:
        event = await harness.new_event() if how == "publishing" else await harness.on_sale()
        if how == "publishing":
            await harness.service.publish(ALICE, event["id"])
        if how == "cancelled":
            await harness.service.cancel(ALICE, event["id"])
        answer = await harness.call("DELETE", f"/api/events/{event['id']}", who=ALICE)
        assert answer.status == 409
        problem = msgspec.json.decode(answer.body)
        assert problem["code"] == "event_published"
        assert "cancelled instead" in problem["detail"]
        await harness.document(event["id"])

    async def test_a_rival_that_publishes_it(self, harness: Harness) -> None:
        """One of the two, never both."""
        event = await harness.new_event()
        published, deleted = await asyncio.gather(
            harness.service.publish(ALICE, event["id"]),
            harness.service.delete(ALICE, event["id"]),
            return_exceptions=True,
        )
        assert isinstance(published, DomainError) != isinstance(deleted, DomainError)
