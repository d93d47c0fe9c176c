"""Logs, request ids and metrics."""

import logging
import sys
import time
from contextvars import ContextVar
from typing import Any

import msgspec
from prometheus_client import Counter, Histogram

from houseful.kernel.tracing import current_trace_id

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

REQUEST_SECONDS = Histogram(
    "houseful_request_seconds",
    "From the first byte of a request to the end of its answer",
    ["service", "method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
REFUSALS = Counter(
    "houseful_refusals_total", "Requests refused, by the code of the problem", ["service", "code"]
)


def get_logger(name: str) -> logging.Logger:
    return logging.getLogger(name)


_RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get() is not None:
            line["request_id"] = request_id.get()
        if (trace_id := current_trace_id()) is not None:
            line["trace_id"] = trace_id
        line |= {name: value for name, value in vars(record).items() if name not in _RESERVED}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class _ConsoleFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extra = " ".join(f"{name}={value}" for name, value in vars(record).items() if name not in _RESERVED)
        time = self.formatTime(record, "%H:%M:%S")
        line = f"{time} {record.levelname.lower():7} {record.getMessage()}" + (f"  {extra}" if extra else "")
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def configure_logging(*, level: str, style: str) -> None:
    """`style` is "json" (one object a line) or "console" (for terminals)."""

    formatter = _JsonFormatter() if style == "json" else _ConsoleFormatter()
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel("WARNING")  # libraries tell at length what they do
    logging.getLogger("houseful").setLevel(level.upper())
