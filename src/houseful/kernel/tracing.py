"""Traces: the trace that running code belongs to, and its spans.

Spans are recorded while there is a tracer (`record_with`). Without one a trace is a name that requests and
messages carry on, and each function here costs one test of a flag. This module is the only one that uses
OpenTelemetry's API; `houseful.adapters.tracing` alone sets up its SDK.

A span's attributes never hold what a person typed or what opens something: no e-mail address, token, query
string or path, and no text of an exception.
"""

import asyncio
import random
import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from types import TracebackType

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
    set_span_in_context,
)

from houseful.kernel.errors import DomainError

__all__ = [
    "CLIENT",
    "CONSUMER",
    "INTERNAL",
    "NO_SPAN",
    "PRODUCER",
    "SERVER",
    "Attributes",
    "Span",
    "adopt",
    "comes_from_elsewhere",
    "continued",
    "current_trace_id",
    "current_traceparent",
    "fail",
    "inner_span",
    "is_sampled",
    "is_traceparent",
    "record",
    "record_with",
    "records",
    "span",
    "trace",
]

INTERNAL, SERVER, CLIENT = SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT
PRODUCER, CONSUMER = SpanKind.PRODUCER, SpanKind.CONSUMER

Attributes = Mapping[str, str | int]

_WRITTEN = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")

_tracer: Tracer | None = None
_named: ContextVar["_Named | None"] = ContextVar("trace", default=None)
"""The trace while nothing is recorded; otherwise it is in OpenTelemetry's context."""

NO_SPAN: nullcontext[None] = nullcontext()
_chance = random.Random()  # noqa: S311 - a trace's name is no secret, and a system call for each request is dear


def record_with(tracer: Tracer | None) -> None:
    """Record spans from now on; None ends it. For the start of a process, before anything runs in it."""
    global _tracer  # noqa: PLW0603 - one flag that each hot path tests
    _tracer = tracer


def records() -> bool:
    return _tracer is not None


# Which trace it is


def is_traceparent(text: str | None) -> bool:
    """Whether it is a W3C trace context."""
    return text is not None and _WRITTEN.fullmatch(text) is not None


def is_sampled(traceparent: str | None) -> bool:
    """Whether spans are recorded here and that trace is among those to record."""
    found = None if _tracer is None else _context_from(traceparent)
    return found is not None and found.trace_flags.sampled


def current_traceparent() -> str | None:
    """The trace context that requests and messages carry on, as W3C writes it."""
    if _tracer is None:
        named = _named.get()
        return None if named is None else named.traceparent()
    return _written(get_current_span().get_span_context())


def current_trace_id() -> str | None:
    written = current_traceparent()
    return None if written is None else written[3:35]


def trace(traceparent: str | None) -> AbstractContextManager[None]:
    """What happens inside belongs to that trace; messages sent inside carry it on."""
    return _Named(traceparent, begins=False) if _tracer is None else _Inside(_context_of(traceparent))


def adopt(traceparent: str | None) -> AbstractContextManager[None]:
    """The same for a request from outside. One without a trace begins one: the span that follows, or, where
    nothing is recorded, a name of our own making."""
    if _tracer is None:
        return _Named(traceparent, begins=traceparent is None)
    return _Inside(_context_of(traceparent))


def continued() -> AbstractContextManager[Span | None]:
    """The trace that is running; where there is none, one begins."""
    if _tracer is None:
        named = _named.get()
        return NO_SPAN if named is not None and named.names_one else _Named(None, begins=True)
    if get_current_span().get_span_context() != INVALID_SPAN_CONTEXT:
        return NO_SPAN
    return _Recorded(_tracer, "call", INTERNAL, None, None)


def comes_from_elsewhere() -> bool:
    """Whether the current span is another process's."""
    return _tracer is not None and get_current_span().get_span_context().is_remote


def _new_traceparent() -> str:
    return f"00-{_chance.getrandbits(128) or 1:032x}-{_chance.getrandbits(64) or 1:016x}-01"


# Spans


def span(
    name: str,
    kind: SpanKind = INTERNAL,
    attributes: Attributes | None = None,
    *,
    links: Iterable[str | None] = (),
) -> AbstractContextManager[Span | None]:
    """A span below the current one; without one it begins a trace. None where nothing is recorded.

    An exception marks it as failed, by the exception's class alone. A refusal does not.
    """
    if _tracer is None:
        return NO_SPAN
    return _Recorded(_tracer, name, kind, attributes, _links(links))


def inner_span(
    name: str, kind: SpanKind = INTERNAL, attributes: Attributes | None = None
) -> AbstractContextManager[Span | None]:
    """The same, unless the current span is not recorded: what happens outside of any request and message
    begins no trace."""
    if _tracer is None or not get_current_span().is_recording():
        return NO_SPAN
    return _Recorded(_tracer, name, kind, attributes, None)


def record(
    traceparent: str | None,
    name: str,
    kind: SpanKind,
    attributes: Attributes,
    *,
    started_ns: int | None = None,
    error: BaseException | None = None,
) -> str | None:
    """Record what ends now, below a span that may have ended; return its trace context. Where the trace is
    not recorded, that is the one given."""
    if _tracer is None or not is_sampled(traceparent):
        return traceparent
    done = _tracer.start_span(name, _context_of(traceparent), kind, attributes, start_time=started_ns)
    if error is not None:
        _note(done, error)
    done.end()
    return _written(done.get_span_context())


def fail(span: Span, error_type: str) -> None:
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR))


def _note(span: Span, error: BaseException) -> None:
    if isinstance(error, DomainError):
        span.set_attribute("houseful.refusal", error.code)
    elif isinstance(error, Exception):
        fail(span, type(error.__cause__ or error).__qualname__)
    elif isinstance(error, asyncio.CancelledError):
        span.set_attribute("houseful.cancelled", True)


def _links(traceparents: Iterable[str | None]) -> list[Link]:
    contexts = map(_context_from, traceparents)
    return [Link(context) for context in contexts if context is not None]


def _context_from(traceparent: str | None) -> SpanContext | None:
    found = None if traceparent is None else _WRITTEN.fullmatch(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))


def _context_of(traceparent: str | None) -> Context:
    found = _context_from(traceparent)
    return Context() if found is None else set_span_in_context(NonRecordingSpan(found), Context())


def _written(context: SpanContext) -> str | None:
    if context == INVALID_SPAN_CONTEXT:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


class _Named:
    """A trace by its name alone. One that `begins` is named when somebody asks: most requests tell nobody."""

    __slots__ = ("_begins", "_token", "_traceparent")

    def __init__(self, traceparent: str | None, *, begins: bool) -> None:
        self._traceparent = traceparent
        self._begins = begins

    @property
    def names_one(self) -> bool:
        return self._begins or self._traceparent is not None

    def traceparent(self) -> str | None:
        if self._traceparent is None and self._begins:
            self._traceparent = _new_traceparent()
        return self._traceparent

    def __enter__(self) -> None:
        self._token = _named.set(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _named.reset(self._token)


class _Inside:
    __slots__ = ("_context", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._token: Token[Context] = attach(self._context)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        detach(self._token)


class _Recorded:
    __slots__ = ("_attributes", "_kind", "_links", "_name", "_span", "_token", "_tracer")

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        kind: SpanKind,
        attributes: Attributes | None,
        links: list[Link] | None,
    ) -> None:
        self._tracer = tracer
        self._name = name
        self._kind = kind
        self._attributes = attributes
        self._links = links

    def __enter__(self) -> Span:
        self._span = self._tracer.start_span(self._name, None, self._kind, self._attributes, self._links)
        self._token: Token[Context] = attach(set_span_in_context(self._span))
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            _note(self._span, error)
        self._span.end()
        detach(self._token)
