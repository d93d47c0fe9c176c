"""The switch of OpenTelemetry: whether spans are recorded, and where they go.

The standard variables (`OTEL_…`) switch it on and configure it; without one of `OTEL_TRACES_EXPORTER`,
`OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` nothing is recorded. The SDK is an
extra, and is imported only where it is on.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from houseful.kernel.telemetry import get_logger
from houseful.kernel.tracing import record_with
from houseful.settings import SettingsError

log = get_logger(__name__)

EXPORTERS = ("otlp", "console", "none")
SAMPLERS = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)
PROTOCOL = "http/protobuf"
FLUSH_SECONDS = 5.0
"""For how long the end of a process waits for a collector."""


@contextmanager
def recorded_spans(name: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Record what happens inside, if the environment says so; at the end send what is left.

    `name` is the service's where the environment gives none. Raises `SettingsError`.
    """
    exporters = exporters_of(environment)
    if not exporters:
        yield
        return
    try:
        from houseful.adapters.opentelemetry_sdk import open_provider

        provider = open_provider(name, exporters)
    except ImportError as error:
        fix = f"needs {error.name}, which is not installed: install houseful[tracing]"
        raise SettingsError({_switch(environment): fix}) from error
    except ValueError as error:
        raise SettingsError({"OTEL_BSP_*": str(error)}) from error
    log.info("spans are recorded", extra={"exporters": exporters})
    record_with(provider.get_tracer("houseful", version("houseful")))
    try:
        yield
    finally:
        record_with(None)
        ending = threading.Thread(target=provider.shutdown, name="last spans", daemon=True)
        ending.start()
        ending.join(FLUSH_SECONDS)


def exporters_of(environment: Mapping[str, str]) -> list[str]:
    """Where spans go; nowhere where they are not to be recorded. Raises `SettingsError`."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    said = environment.get("OTEL_TRACES_EXPORTER", "")
    if not said:
        said = "otlp" if _endpoint_variable(environment) else "none"
    exporters = list(dict.fromkeys(one.strip().lower() for one in said.split(",") if one.strip()))
    if exporters == ["none"]:
        return []
    errors = _errors(exporters, environment)
    if errors:
        raise SettingsError(errors)
    return exporters


def _switch(environment: Mapping[str, str]) -> str:
    """The variable that has switched it on."""
    if environment.get("OTEL_TRACES_EXPORTER"):
        return "OTEL_TRACES_EXPORTER"
    return _endpoint_variable(environment) or "OTEL_TRACES_EXPORTER"


def _endpoint_variable(environment: Mapping[str, str]) -> str | None:
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return next((name for name in names if environment.get(name)), None)


def _errors(exporters: list[str], environment: Mapping[str, str]) -> dict[str, str]:
    """What the SDK would pass over with a default."""
    errors: dict[str, str] = {}
    unknown = [one for one in exporters if one not in EXPORTERS]
    if unknown:
        errors["OTEL_TRACES_EXPORTER"] = f"is {', '.join(unknown)}; it can be {', '.join(EXPORTERS)}"
    elif "none" in exporters:
        errors["OTEL_TRACES_EXPORTER"] = "names none beside others; it can be none alone"
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = environment.get(name, PROTOCOL)
        if "otlp" in exporters and protocol != PROTOCOL:
            errors[name] = f"is {protocol}; spans are sent as {PROTOCOL} alone"
    sampler = environment.get("OTEL_TRACES_SAMPLER", "").lower()
    if sampler and sampler not in SAMPLERS:
        errors["OTEL_TRACES_SAMPLER"] = f"is {sampler}; it can be {', '.join(SAMPLERS)}"
    ratio = environment.get("OTEL_TRACES_SAMPLER_ARG", "")
    if sampler.endswith("traceidratio") and not _is_ratio(ratio):
        errors["OTEL_TRACES_SAMPLER_ARG"] = f"is {ratio or 'missing'}; it is a number from 0 to 1"
    return errors


def _is_ratio(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False
