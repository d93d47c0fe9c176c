"""OpenTelemetry's SDK, the extra `tracing`: spans wait in memory and go to a collector in batches, from a
thread of their own.

A collector that is away costs the spans that no longer fit, never a request. The log says so once, and again
at intervals that double.
"""

import logging
import sys
import threading
from collections.abc import Sequence
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SpanExporter,
    SpanExportResult,
)

from houseful.kernel.clock import SystemClock
from houseful.kernel.errors import Unavailable
from houseful.kernel.outage_log import OutageLog
from houseful.kernel.telemetry import get_logger

log = get_logger(__name__)


def open_provider(name: str, exporters: Sequence[str]) -> TracerProvider:
    """Configured by the standard variables; `name` is the service's where they give none. Raises
    `ValueError`."""
    library = logging.getLogger("opentelemetry")
    library.handlers[:] = [_LibraryLog()]
    library.propagate = False
    provider = TracerProvider(resource=_resource(name), shutdown_on_exit=False)
    for exporter in exporters:
        target = (
            ConsoleSpanExporter(out=sys.stdout) if exporter == "console" else Reporting(OTLPSpanExporter())
        )
        provider.add_span_processor(BatchSpanProcessor(target))
    return provider


def _resource(name: str) -> Resource:
    resource = Resource({"service.namespace": "houseful", "service.version": version("houseful")})
    resource = resource.merge(Resource.create())
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: name}))
    return resource


class Reporting(SpanExporter):
    """Tells of an outage of the collector as of any other engine's."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._trouble = OutageLog(log, SystemClock(), "sending spans, which are dropped meanwhile")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        _said.first = ""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._trouble.over()
        else:
            self._trouble.failed(Unavailable(_said.first or "the collector did not take them"))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Said(threading.local):
    """What the library said first in this thread's export, which is why it failed."""

    first = ""


_said = _Said()


class _LibraryLog(logging.Handler):
    """Takes the place of the library's log, which has a line for every attempt."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._others = OutageLog(log, SystemClock(), "recording spans")

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("opentelemetry.exporter."):
            _said.first = _said.first or record.getMessage()
        else:
            self._others.failed(Unavailable(record.getMessage()))
