"""What is stored of an idempotent endpoint's outcome, and what of it is given again."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from houseful.adapters.http.gateway_client import AsgiClient
from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.processes.pool import InlineWorkers
from houseful.adapters.sqlite.store import SqliteStore
from houseful.kernel.clock import ManualClock
from houseful.kernel.ids import SeededIds
from houseful.kernel.ports import Store, Transaction
from houseful.kernel.roles import Identity, Role
from houseful.webapi.dispatch import ServiceApp
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.idempotency import IdempotencyContext, StoredResponse, purge_expired
from houseful.webapi.problems import ProblemError
from houseful.webapi.responses import View

WHO = Identity("usr_1", "ses_1", frozenset({Role.BUYER}), 2**53)
HEADERS = {"authorization": "Bearer usr_1", "idempotency-key": "k"}


class Count(View, frozen=True, kw_only=True):
    number: int


class Counter:
    """Counts how often it did what was asked."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.done = 0
        self.refuses = False


async def count(counter: Counter, context: IdempotencyContext) -> Count:
    """Count one more."""
    if counter.refuses:
        raise ProblemError(409, "refused", "Not now.")

    async def work(tx: Transaction) -> Count:
        counter.done += 1
        outcome = Count(number=counter.done)
        context.store(tx, outcome)
        return outcome

    return await counter.store.transact(work)


async def count_and_recount(counter: Counter, context: IdempotencyContext) -> Count:
    """Return what was not stored."""
    outcome = await count(counter, context)
    return Count(number=outcome.number + 1)


class _Everybody:
    async def identity(self, token: str) -> Identity:
        return WHO


class Harness:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(1_800_000_000_000)
        ids = SeededIds(1, self.clock)
        self.store = SqliteStore.open(folder / "x.db", (StoredResponse,), clock=self.clock, ids=ids)
        self.counter = Counter(self.store)
        verifier: Any = _Everybody()
        app = ServiceApp(
            "counter",
            self.counter,
            (
                Endpoint("POST", "/api/counts", count, status=201, who=USER, idempotent=True),
                Endpoint("POST", "/api/recounts", count_and_recount, who=USER, idempotent=True),
            ),
            store=self.store,
            coordination=LocalCoordination(self.clock),
            clock=self.clock,
            verifier=verifier,
            workers=InlineWorkers(),
        )
        self._client = AsgiClient(app)

    async def post(self, path: str = "/api/counts", body: bytes = b"{}") -> tuple[int, Any, bool]:
        answer = await self._client.request("POST", path, headers=HEADERS, body=body)
        return answer.status, msgspec.json.decode(answer.body), "idempotent-replayed" in dict(answer.headers)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    made = Harness(tmp_path)
    yield made
    await made.store.close()


async def test_the_outcome_is_stored_with_the_status_of_the_endpoint(harness: Harness) -> None:
    assert await harness.post() == (201, {"number": 1}, False)
    [stored] = await harness.store.find(StoredResponse, {}, limit=10)
    assert (stored.status, bytes(stored.body)) == (201, b'{"number":1}')
    assert await harness.post() == (201, {"number": 1}, True)
    assert (await harness.post(body=b'{"a":1}'))[:1] == (422,)


async def test_another_outcome_than_the_stored_one_is_a_bug(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    status, problem, _ = await harness.post("/api/recounts")
    assert (status, problem["code"]) == (500, "internal_error")
    assert "returned another outcome than it stored" in caplog.text


async def test_a_refusal_is_the_answer_of_its_key(harness: Harness) -> None:
    harness.counter.refuses = True
    assert (await harness.post())[::2] == (409, False)
    harness.counter.refuses = False
    status, problem, replayed = await harness.post()
    assert (status, problem["code"], replayed, harness.counter.done) == (409, "refused", True, 1)


async def test_after_48_hours_a_key_is_new(harness: Harness) -> None:
    await harness.post()
    assert await purge_expired(harness.store, harness.clock) == 0
    await harness.clock.advance(48 * 3600 + 1)
    assert await purge_expired(harness.store, harness.clock) == 1
    assert await harness.post() == (201, {"number": 2}, False)
