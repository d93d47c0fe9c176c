"""What switches the recording of spans on, and what is wrong with that."""

import builtins
import logging
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from houseful.adapters.opentelemetry_sdk import Reporting, open_provider
from houseful.adapters.tracing import exporters_of, recorded_spans
from houseful.kernel.tracing import records, span
from houseful.settings import SettingsError


@pytest.mark.parametrize(
    ("environment", "exporters"),
    [
        ({}, []),
        ({"OTEL_SERVICE_NAME": "box office"}, []),
        ({"OTEL_TRACES_EXPORTER": "none"}, []),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, []),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "True"}, []),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ["otlp"]),
        ({"OTEL_TRACES_EXPORTER": "console, otlp,console"}, ["console", "otlp"]),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, ["otlp"]),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, ["otlp"]),
    ],
)
def test_what_switches_it_on(environment: dict[str, str], exporters: list[str]) -> None:
    assert exporters_of(environment) == exporters


@pytest.mark.parametrize(
    ("environment", "variable", "fix"),
    [
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER", "it can be otlp, console, none"),
        ({"OTEL_TRACES_EXPORTER": "otlp,none"}, "OTEL_TRACES_EXPORTER", "none alone"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf alone"),
        ({"OTEL_TRACES_SAMPLER": "often"}, "OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, "OTEL_TRACES_SAMPLER_ARG", "from 0 to 1"),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10%"},
            "OTEL_TRACES_SAMPLER_ARG",
            "from 0 to 1",
        ),
    ],
)
def test_what_can_not_be_is_said(environment: dict[str, str], variable: str, fix: str) -> None:
    with pytest.raises(SettingsError) as raised:
        exporters_of({"OTEL_TRACES_EXPORTER": "otlp"} | environment)
    assert list(raised.value.errors) == [variable]
    assert fix in raised.value.errors[variable]


def test_without_the_extra_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "houseful.adapters.opentelemetry_sdk":
            raise ModuleNotFoundError("No module named 'opentelemetry.sdk'", name="opentelemetry.sdk")
        return usual(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    for variable in ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        with pytest.raises(SettingsError) as raised, recorded_spans("houseful", {variable: "otlp"}):
            pass
        assert raised.value.errors == {
            variable: "needs opentelemetry.sdk, which is not installed: install houseful[tracing]"
        }
    with recorded_spans("houseful", {}):  # who does not switch it on needs no extra
        assert not records()


def test_the_service_is_named_by_the_environment_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def named() -> dict[str, Any]:
        return dict(open_provider("houseful-tickets", []).resource.attributes)

    assert named()["service.name"] == "houseful-tickets"
    assert named()["service.namespace"] == "houseful"
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.namespace=opera,deployment.environment.name=test")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "box office")
    attributes = named()
    assert (attributes["service.name"], attributes["service.namespace"]) == ("box office", "opera")
    assert attributes["deployment.environment.name"] == "test"


class Collector(SpanExporter):
    """One that says why it fails, as the library does, at every attempt."""

    def __init__(self) -> None:
        self.away = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if not self.away:
            return SpanExportResult.SUCCESS
        library = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        library.warning("Transient error %s, retrying", "connection refused")
        library.error("Failed to export")
        return SpanExportResult.FAILURE


def test_a_collector_that_is_away_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    open_provider("houseful", [])  # which takes the library's log away
    caplog.set_level("INFO")
    collector = Collector()
    exporter = Reporting(collector)
    for _ in range(50):
        assert exporter.export([]) is SpanExportResult.FAILURE
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert vars(caplog.records[0])["error"] == "Transient error connection refused, retrying"
    collector.away = False
    exporter.export([])
    assert "goes on" in caplog.records[-1].getMessage()


def test_spans_go_to_the_exporter_while_it_is_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment = {"OTEL_TRACES_EXPORTER": "console"}
    with recorded_spans("houseful", environment):
        assert records()
        with span("a request"):
            pass
    assert not records()
    assert '"name": "a request"' in capsys.readouterr().out


def test_a_server_that_records_nothing_does_not_import_the_sdk() -> None:
    program = """
import os, sys
from houseful.adapters.tracing import recorded_spans
import houseful.cli.server, houseful.serving, houseful.app
with recorded_spans("houseful", {}):
    brought = {"opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf"} & set(sys.modules)
    sys.exit(", ".join(brought) or 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
