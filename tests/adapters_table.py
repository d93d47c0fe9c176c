"""How many of the contract tests ran on which adapter, from the reports of a run."""

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

SUITES: dict[str, tuple[str, str]] = {
    "test_sqlite_store": ("Store", "sqlite"),
    "test_sqlite_overlay": ("Store", "sqlite"),
    "test_sqlite_cache": ("Store", "sqlite"),
    "test_sqlite_processes": ("Store", "sqlite"),
    "test_sqlite_schema": ("Store", "sqlite"),
    "test_mongo_store": ("Store", "mongo"),
    "test_mongo_batches": ("Store", "mongo"),
    "test_mongo_rivals": ("Store", "mongo"),
    "test_mongo_collections": ("Store", "mongo"),
    "test_mongo_replica_sets": ("Store", "mongo"),
    "test_mongo_abandoned": ("Store", "mongo"),
    "test_mongo_tools": ("Store", "mongo"),
    "test_mongo_doctor": ("Store", "mongo"),
    "test_local_bus": ("Bus", "local"),
    "test_kafka_bus": ("Bus", "kafka"),
    "test_kafka_delivery": ("Bus", "kafka"),
    "test_kafka_outages": ("Bus", "kafka"),
    "test_kafka_doctor": ("Bus", "kafka"),
    "test_local_coordination": ("Coordination", "local"),
    "test_redis_coordination": ("Coordination", "no server"),
    "test_redis_outages": ("Coordination", "no server"),
    "test_redis_doctor": ("Coordination", "no server"),
    "test_mail": ("Mailer", "folder, smtp"),
    "test_http_payment_gateway": ("PaymentGateway", "http"),
}
"""The port and the adapter of each module in `tests/contract`."""

_SERVER = re.compile(r"[\[-](redis|valkey|given)[\]-]")
"""Tests of Redis run on each server that is here; what needs none is counted as such."""


def table(reports: Iterable[Path]) -> list[str]:
    """A line a port, such as `Store  sqlite 121 · mongo 130, 2 skipped`. The figure is what passed."""
    counts: dict[str, dict[str, Counter[str]]] = {port: {} for port, _ in SUITES.values()}
    for port, adapter in SUITES.values():
        if adapter != "no server":
            counts[port][adapter] = Counter()
    for case in _cases(reports):
        suite = re.match(r"tests\.contract\.(\w+)", case.get("classname", ""))
        if suite is None or suite[1] not in SUITES:
            continue
        port, adapter = SUITES[suite[1]]
        if server := _SERVER.search(case.attrib["name"]):
            adapter = server[1]
        outcome = next((_OUTCOMES[part.tag] for part in case if part.tag in _OUTCOMES), "passed")
        counts[port].setdefault(adapter, Counter())[outcome] += 1
    width = max(map(len, counts)) + 2
    return [
        f"{port:<{width}}{' · '.join(_words(adapter, one) for adapter, one in adapters.items())}"
        for port, adapters in counts.items()
    ]


def _cases(reports: Iterable[Path]) -> Iterator[ElementTree.Element]:
    """A run that crashed has left no report, or half of one."""
    for report in reports:
        with suppress(FileNotFoundError, ElementTree.ParseError):
            yield from ElementTree.parse(report).getroot().iter("testcase")


_OUTCOMES = {"failure": "failed", "error": "failed", "skipped": "skipped"}


def _words(adapter: str, counts: "Counter[str]") -> str:
    rest = "".join(f", {counts[outcome]} {outcome}" for outcome in ("failed", "skipped") if counts[outcome])
    return f"{adapter} {counts['passed']}{rest}"
