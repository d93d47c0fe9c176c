"""The access log: one line a request. Lines are buffered and written together after 50 ms.

A line never has a query string (payment links carry secrets there), a token or a body.
"""

import asyncio
import sys
import time
from typing import TextIO

import msgspec

_GATHER_SECONDS = 0.05


class _Line(msgspec.Struct):
    at: str
    method: str
    path: str
    status: int
    ms: float
    request_id: str
    user_id: str | None
    level: str = "info"
    logger: str = "houseful.access"
    message: str = "request"


class AccessLog:
    """`style` is that of the other logs: "json" or "console". For one event loop."""

    def __init__(self, style: str, *, output: TextIO | None = None) -> None:
        self._json = style == "json"
        self._output = output
        self._lines: list[str] = []
        self._flush_due = False
        self._second = 0
        self._second_written = ""

    def add(
        self, method: str, path: str, status: int, seconds: float, request_id: str, user_id: str | None
    ) -> None:
        """`status` 0 is a connection that ended without a response."""
        now = time.time()
        ms = round(seconds * 1000, 2)
        if self._json:
            at = f"{self._written(int(now))}.{int(now % 1 * 1000):03d}Z"
            line = msgspec.json.encode(_Line(at, method, path, status, ms, request_id, user_id)).decode()
        else:
            shown = path if path.isprintable() else ascii(path)
            who = f" {user_id}" if user_id else ""
            at = self._written(int(now))[11:]
            line = f"{at} info    {method} {shown} {status} {ms:g} ms {request_id}{who}"
        self._lines.append(line)
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_later(_GATHER_SECONDS, self.flush)

    def flush(self) -> None:
        self._flush_due = False
        if self._lines:
            text = "\n".join(self._lines) + "\n"
            self._lines.clear()
            output = self._output or sys.stderr
            output.write(text)
            output.flush()

    def _written(self, second: int) -> str:
        if second != self._second:
            self._second = second
            self._second_written = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return self._second_written
