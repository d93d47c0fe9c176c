"""A stadium's plan beside a sale: read elsewhere, a few at a time."""

import asyncio
import tracemalloc
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from houseful.adapters.processes.pool import WorkerProcesses
from houseful.events import plans
from houseful.events.api import ENDPOINTS
from houseful.kernel.pieces import PIECE_BYTES
from houseful.kernel.roles import Identity
from houseful.webapi.endpoint import BODY_BYTES
from houseful.webapi.large_bodies import MOST, MOST_OF_ONE, LargeBodies, read_whole
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.events.support import ALICE, Harness, body, plan

T = TypeVar("T")

LARGE = plan(rows=100, seats=50)


class Waiting:
    """Workers that write down what they are given, and go on when they are told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.given: list[tuple[Callable[..., Any], str]] = []

    async def run(self, work: Callable[..., T], *arguments: Any, whose: str, most: int = 16) -> T:
        self.given.append((work, whose))
        await self.go_on.wait()
        return work(*arguments)

    async def close(self) -> None:
        pass


def somebody(number: int) -> Identity:
    return msgspec.structs.replace(ALICE, user_id=f"usr_{number}")


async def until_given(workers: Waiting, count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(workers.given) < count:  # noqa: ASYNC110 - the world has no event for it
            await asyncio.sleep(0.001)


async def test_a_large_plan_is_read_and_checked_by_workers(tmp_path: Path) -> None:
    workers = Waiting()
    workers.go_on.set()
    harness = Harness(tmp_path, workers=workers)
    sent = body(plan=LARGE)
    assert len(msgspec.json.encode(sent)) > BODY_BYTES
    made = await harness.call("POST", "/api/events", sent, who=ALICE)
    assert made.status == 201
    assert workers.given == [(read_whole, ALICE.user_id), (plans.check_plan, ALICE.user_id)]


async def test_this_process_never_has_a_copy_of_a_large_plan(tmp_path: Path) -> None:
    """Each copy is made in one go, and nobody else is answered meanwhile."""
    raw = msgspec.json.encode(body(plan=plan(rows=400, seats=150)))
    pieces = [raw[start : start + PIECE_BYTES] for start in range(0, len(raw), PIECE_BYTES)]
    workers = WorkerProcesses(processes=1)
    harness = Harness(tmp_path, workers=workers)
    scope = {
        "type": "http", "method": "POST", "path": "/api/events", "query_string": b"", "client": None,
        "headers": [(b"authorization", f"Bearer {harness.token(ALICE)}".encode())],
    }  # fmt: skip
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: MutableMapping[str, Any]) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    try:
        await workers.run(abs, -1, whose="warm")
        tracemalloc.start()
        await harness.app(scope, receive, send)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        await workers.close()
    assert statuses == [201]
    assert most < len(raw) / 2, f"{most:,} bytes for a body of {len(raw):,}"


async def test_a_large_plan_is_repeated_and_changed_as_a_small_one(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    sent, key = body(plan=LARGE), {"idempotency-key": "k1"}
    first = await harness.call("POST", "/api/events", sent, who=ALICE, headers=key)
    again = await harness.call("POST", "/api/events", sent, who=ALICE, headers=key)
    assert (first.status, again.status, again.headers["idempotent-replayed"]) == (201, 201, "true")
    other = await harness.call("POST", "/api/events", sent | {"title": "Aida"}, who=ALICE, headers=key)
    assert msgspec.json.decode(other.body)["code"] == "idempotency_key_reused"
    event = msgspec.json.decode(first.body)
    larger = {"plan": plan(rows=101, seats=50)}
    changed = await harness.call("PATCH", f"/api/events/{event['id']}", larger, who=ALICE)
    assert msgspec.json.decode(changed.body)["seats_total"] == event["seats_total"] + 50
    stored = await harness.call("GET", f"/api/events/{event['id']}/plan", who=ALICE)
    assert msgspec.json.decode(stored.body) == larger["plan"]


async def test_of_one_user_and_of_all_few_large_plans_are_under_way(tmp_path: Path) -> None:
    workers = Waiting()
    harness = Harness(tmp_path, workers=workers)
    sent = body(plan=LARGE)

    def upload(number: int) -> "asyncio.Task[Any]":
        return asyncio.create_task(harness.call("POST", "/api/events", sent, who=somebody(number)))

    under_way = [upload(0) for _ in range(MOST_OF_ONE)]
    await until_given(workers, MOST_OF_ONE)
    refused = await upload(0)
    assert (refused.status, msgspec.json.decode(refused.body)["code"]) == (429, "too_busy")
    assert int(refused.headers["retry-after"]) > 0

    under_way += [upload(number) for number in range(1, 1 + MOST - MOST_OF_ONE)]
    await until_given(workers, MOST)
    refused = await upload(99)
    assert (refused.status, msgspec.json.decode(refused.body)["code"]) == (503, "too_busy")
    assert int(refused.headers["retry-after"]) > 0

    workers.go_on.set()
    small = await harness.call("POST", "/api/events", body(), who=somebody(0))
    assert small.status == 201, "a small plan waits for no place"
    assert [answer.status for answer in await asyncio.gather(*under_way)] == [201] * MOST
    assert (await upload(0)).status == 201


async def test_what_is_wrong_with_a_large_body_is_told_as_ever(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    answer = await harness.call("POST", "/api/events", body(plan=LARGE, title=5), who=ALICE)
    assert answer.status == 422
    assert list(msgspec.json.decode(answer.body)["errors"]) == ["title"]


def test_a_body_of_unknown_length_counts_as_large() -> None:
    create = next(one for one in ENDPOINTS if (one.method, one.path) == ("POST", "/api/events"))
    publish = next(one for one in ENDPOINTS if one.path.endswith("/publish"))
    assert LargeBodies.is_one(create, {})
    assert LargeBodies.is_one(create, {"content-length": str(BODY_BYTES + 1)})
    assert not LargeBodies.is_one(create, {"content-length": str(BODY_BYTES)})
    assert not LargeBodies.is_one(publish, {})
