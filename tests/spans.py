"""Spans that a test records, in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler
from opentelemetry.trace import SpanContext

from houseful.kernel.tracing import record_with

NEVER: Sampler = ParentBased(ALWAYS_OFF)
"""But for traces that another process records."""


class Spans:
    """Those that have ended, in that order."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def __iter__(self) -> Iterator[ReadableSpan]:
        return iter(self._exporter.get_finished_spans())

    @property
    def names(self) -> list[str]:
        return [span.name for span in self]

    def named(self, name: str) -> ReadableSpan:
        """The only one of this name."""
        found = [span for span in self if span.name == name]
        assert len(found) == 1, f"{len(found)} spans are called {name}: {self.names}"
        return found[0]


@contextmanager
def recorded(sampler: Sampler | None = None) -> Iterator[Spans]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    record_with(provider.get_tracer("tests"))
    try:
        yield Spans(exporter)
    finally:
        record_with(None)


def context_of(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert isinstance(context, SpanContext)
    return context


def span_id(span: ReadableSpan) -> int:
    return context_of(span).span_id


def trace_id(span: ReadableSpan) -> int:
    return context_of(span).trace_id


def parent_id(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def traceparent(span: ReadableSpan) -> str:
    return f"00-{trace_id(span):032x}-{span_id(span):016x}-{context_of(span).trace_flags:02x}"
