"""A message as spans: created, sent, received, processed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from houseful.kernel import tracing
from houseful.kernel.errors import Conflict
from houseful.kernel.ports import Transaction
from tests.spans import Spans, parent_id, recorded, span_id, trace_id, traceparent
from tests.unit.messaging.delivery_harness import Failing, Harness, changed


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    harness = Harness(tmp_path)
    yield harness
    await harness.close()


async def request(harness: Harness, event_id: str, title: str) -> None:
    """A request that changes an event."""

    async def work(tx: Transaction) -> None:
        tx.send(changed(event_id, title))

    with tracing.adopt(None), tracing.span(f"request {title}", tracing.SERVER):
        await harness.events.transact(work)


def below(spans: Spans, parent: ReadableSpan) -> set[str]:
    return {span.name for span in spans if parent_id(span) == span_id(parent)}


async def test_a_message_is_in_one_trace_from_the_request_to_its_handlers_commit(harness: Harness) -> None:
    with recorded() as spans:
        await request(harness, "evt_1", "1")
        await harness.deliver(harness.relay(), harness.consumer())
    assert len({trace_id(span) for span in spans}) == 1
    asked = spans.named("request 1")
    first, second = [span for span in spans if span.name == "transaction"]
    assert below(spans, asked) == {"transaction"}
    assert below(spans, first) == {"COMMIT events", "create events"}
    create = spans.named("create events")
    assert below(spans, create) == {"send events", "receive tickets", "process events"}
    assert below(spans, spans.named("receive tickets")) == {"transaction"}
    assert below(spans, second) == {"COMMIT tickets"}
    assert "create tickets" in below(spans, spans.named("process events")), "what the handler sends"
    kinds = {span.name: span.kind for span in spans}
    assert kinds["create events"] is kinds["send events"] is SpanKind.PRODUCER
    assert kinds["process events"] is SpanKind.CONSUMER
    assert kinds["COMMIT events"] is SpanKind.CLIENT


async def test_the_stored_message_carries_its_creation(harness: Harness) -> None:
    with recorded() as spans:
        await request(harness, "evt_1", "1")
    (row,) = [row async for row in harness.events.outbox.rows()]
    assert row.traceparent == traceparent(spans.named("create events"))


async def test_attributes_are_the_conventions(harness: Harness) -> None:
    with recorded() as spans:
        await request(harness, "evt_1", "1")
        await harness.deliver(harness.relay(), harness.consumer())
    commit = dict(spans.named("COMMIT tickets").attributes or {})
    assert commit.pop("db.operation.batch.size") == 2
    assert commit == {"db.system.name": "sqlite", "db.namespace": "tickets", "db.operation.name": "COMMIT"}
    process = dict(spans.named("process events").attributes or {})
    assert process.pop("messaging.message.id")
    assert process.pop("messaging.message.body.size")
    assert process == {
        "houseful.message.type": "houseful.EventChanged.v1",
        "houseful.part": "tickets",
        "messaging.consumer.group.name": "tickets",
        "messaging.destination.name": "events",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.system": "faulty",
    }


async def test_a_batch_is_linked_with_each_of_its_messages(harness: Harness) -> None:
    with recorded() as spans:
        for title in ("1", "2", "3"):
            await request(harness, "evt_1", title)
        await harness.deliver(harness.relay(), harness.consumer())
    batch = spans.named("receive tickets")
    creations = [span for span in spans if span.name == "create events"]
    assert batch.parent is None
    assert [link.context.span_id for link in batch.links] == [span_id(span) for span in creations]
    processed = [span for span in spans if span.name == "process events"]
    assert [parent_id(span) for span in processed] == [span_id(span) for span in creations]
    assert len({trace_id(span) for span in spans}) == 4


async def test_messages_of_no_trace_are_delivered_without_a_batch_in_one(harness: Harness) -> None:
    with recorded() as spans:
        await harness.send_titles("evt_1", 1, 2)
        await harness.deliver(harness.relay(), harness.consumer())
    assert set(spans.names) == {"process events", "create tickets"}
    assert await harness.applied("evt_1") == [1, 2]


async def test_a_handler_that_fails_is_a_failed_span(harness: Harness) -> None:
    failing = Failing("1", error=RuntimeError("somebody@example.com"))
    with recorded() as spans:
        await request(harness, "evt_1", "1")
        await harness.relay().step()
        await harness.consumer({type(changed("evt_1", "1")): failing}).step()
    span = spans.named("process events")
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "RuntimeError"
    assert not any("somebody" in one.to_json() for one in spans)


async def test_a_bus_that_does_not_take_a_message_is_a_failed_span(harness: Harness) -> None:
    with recorded() as spans:
        await request(harness, "evt_1", "1")
        harness.bus.silently = 1
        await harness.relay().step()
        await harness.deliver(harness.relay(), harness.consumer())
    sent = [span.status.status_code for span in spans if span.name == "send events"]
    assert sent[0] is StatusCode.ERROR
    assert sent[-1] is StatusCode.UNSET


async def test_a_transaction_counts_its_attempts(harness: Harness) -> None:
    attempts = 0

    async def work(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise Conflict("somebody was faster")
        tx.send(changed("evt_1", "1"))

    with recorded() as spans, tracing.span("request"):
        await harness.events.transact(work)
    assert (spans.named("transaction").attributes or {})["houseful.transaction.attempts"] == 3


async def test_off_everything_is_as_stored_before(harness: Harness) -> None:
    sent = f"00-{'a1' * 16}-{'b2' * 8}-01"
    with tracing.trace(sent):
        await harness.send_titles("evt_1", 1)
    await harness.deliver(harness.relay(), harness.consumer())
    assert [row.traceparent async for row in harness.events.outbox.rows()] == [sent]
    assert [row.traceparent async for row in harness.tickets.outbox.rows()] == [sent]
