"""Which trace code belongs to, and what is recorded of it."""

import asyncio
import json
import logging
import re

import pytest
from opentelemetry.trace import StatusCode

from houseful.kernel import tracing
from houseful.kernel.errors import Conflict, StateConflict, Unavailable
from houseful.kernel.telemetry import _JsonFormatter
from tests.spans import NEVER, parent_id, recorded, trace_id, traceparent

SENT = f"00-{'a1' * 16}-{'b2' * 8}-01"
UNSAMPLED = SENT[:-2] + "00"


class TestOff:
    def test_a_trace_is_a_name_that_goes_along(self) -> None:
        assert tracing.current_traceparent() is None
        with tracing.trace(SENT):
            assert tracing.current_traceparent() == SENT
            with tracing.trace(None):
                assert tracing.current_traceparent() is None
        assert tracing.current_traceparent() is None

    def test_a_request_without_a_trace_gets_one(self) -> None:
        names = []
        for _ in range(2):
            with tracing.adopt(None):
                names.append(tracing.current_traceparent())
        assert all(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", name or "") for name in names)
        assert names[0] != names[1]
        with tracing.adopt(SENT):
            assert tracing.current_traceparent() == SENT

    def test_there_are_no_spans(self) -> None:
        with tracing.adopt(SENT), tracing.span("one") as one, tracing.inner_span("two") as two:
            assert (one, two) == (None, None)
            assert tracing.current_traceparent() == SENT
        assert tracing.record(SENT, "create", tracing.PRODUCER, {}) == SENT
        assert not tracing.is_sampled(SENT)
        assert not tracing.records()

    def test_an_end_of_recording_is_one(self) -> None:
        with recorded() as spans:
            pass
        with tracing.span("one"):
            pass
        assert spans.names == []


class TestOn:
    def test_spans_are_below_each_other_and_the_innermost_goes_along(self) -> None:
        with (
            recorded() as spans,
            tracing.adopt(SENT),
            tracing.span("outer", tracing.SERVER),
            tracing.inner_span("inner", attributes={"n": 1}),
        ):
            inside = tracing.current_traceparent()
        inner, outer = spans.named("inner"), spans.named("outer")
        assert parent_id(inner) == outer.get_span_context().span_id  # type: ignore[union-attr]
        assert parent_id(outer) == 0xB2B2B2B2B2B2B2B2
        assert trace_id(inner) == trace_id(outer) == int("a1" * 16, 16)
        assert inside == traceparent(inner)
        assert dict(inner.attributes or {}) == {"n": 1}

    def test_a_request_without_a_trace_begins_one(self) -> None:
        with recorded() as spans:
            for _ in range(2):
                with tracing.adopt(None), tracing.span("request"):
                    pass
        first, second = spans
        assert first.parent is second.parent is None
        assert trace_id(first) != trace_id(second)
        assert tracing.current_traceparent() is None

    def test_what_is_outside_of_any_request_begins_no_trace(self) -> None:
        with recorded() as spans, tracing.inner_span("transaction") as span:
            assert span is None
        assert spans.names == []

    def test_the_sampler_decides_and_is_passed_on(self) -> None:
        with recorded(NEVER) as spans:
            with tracing.adopt(None), tracing.span("request"):
                assert tracing.current_traceparent() is not None
                assert not tracing.is_sampled(tracing.current_traceparent())
                with tracing.inner_span("transaction") as span:
                    assert span is None
                sent = tracing.record(tracing.current_traceparent(), "create", tracing.PRODUCER, {})
                assert sent == tracing.current_traceparent()
            with tracing.adopt(UNSAMPLED), tracing.span("request"):
                assert (tracing.current_traceparent() or "").startswith(SENT[:35])
            with tracing.adopt(SENT), tracing.span("sampled elsewhere"):
                pass
        assert spans.names == ["sampled elsewhere"]

    def test_what_is_recorded_afterwards_has_its_time_and_its_error(self) -> None:
        with recorded() as spans:
            carried = tracing.record(SENT, "create", tracing.PRODUCER, {})
            tracing.record(
                carried, "send", tracing.PRODUCER, {}, started_ns=5, error=Unavailable("somebody@example.com")
            )
            assert tracing.record(None, "send", tracing.PRODUCER, {}) is None
        create, send = spans
        assert carried == traceparent(create)
        assert parent_id(send) == int((carried or "")[36:52], 16)
        assert send.start_time == 5
        assert send.status.status_code is StatusCode.ERROR

    def test_a_text_that_is_no_trace_is_none(self) -> None:
        for text in ("", "garbage", SENT.upper(), SENT + "-x", f"00-{'0' * 32}-{'b2' * 8}-01"):
            assert not tracing.is_traceparent(text)
            with recorded() as spans, tracing.trace(text), tracing.span("one"):
                pass
            assert spans.named("one").parent is None


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "type"), [(Conflict("x"), "Conflict"), (KeyError("somebody@example.com"), "KeyError")]
    )
    def test_an_error_is_said_by_its_class_alone(self, error: Exception, type: str) -> None:
        with recorded() as spans, pytest.raises(type_of(error)), tracing.span("one"):
            raise error
        span = spans.named("one")
        assert span.status.status_code is StatusCode.ERROR
        assert dict(span.attributes or {}) == {"error.type": type}
        assert (span.status.description, span.events) == (None, ())

    def test_the_cause_says_more(self) -> None:
        with recorded() as spans, pytest.raises(Unavailable), tracing.span("one"):
            raise Unavailable("x") from ConnectionResetError("y")
        assert dict(spans.named("one").attributes or {})["error.type"] == "ConnectionResetError"

    def test_a_refusal_is_no_error(self) -> None:
        with recorded() as spans, pytest.raises(StateConflict), tracing.span("one"):
            raise StateConflict("sold_out", "All seats are taken.")
        span = spans.named("one")
        assert span.status.status_code is StatusCode.UNSET
        assert dict(span.attributes or {}) == {"houseful.refusal": "sold_out"}

    async def test_a_request_whose_client_is_gone_is_no_error(self) -> None:
        async def wait() -> None:
            with tracing.span("one"):
                await asyncio.Event().wait()

        with recorded() as spans:
            task = asyncio.create_task(wait())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert spans.named("one").status.status_code is StatusCode.UNSET


def type_of(error: Exception) -> type[Exception]:
    return type(error)


async def test_tasks_have_traces_of_their_own() -> None:
    async def one(name: str) -> str | None:
        with tracing.adopt(None), tracing.span(name):
            await asyncio.sleep(0)
            return tracing.current_traceparent()

    with recorded() as spans:
        first, second = await asyncio.gather(one("first"), one("second"))
    assert (first, second) == (traceparent(spans.named("first")), traceparent(spans.named("second")))


def test_a_log_line_names_its_trace() -> None:
    record = logging.makeLogRecord({"msg": "hello"})
    assert "trace_id" not in json.loads(_JsonFormatter().format(record))
    with tracing.trace(SENT):
        assert json.loads(_JsonFormatter().format(record))["trace_id"] == "a1" * 16
    with recorded() as spans, tracing.span("one"):
        line = json.loads(_JsonFormatter().format(record))
    assert line["trace_id"] == f"{trace_id(spans.named('one')):032x}"
