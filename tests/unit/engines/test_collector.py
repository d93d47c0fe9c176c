"""The Collector is built, takes spans over HTTP, and writes what can be read back."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines import PROGRAMS
from engines.collector import Collector, obtain
from engines.packages import Missing

SPAN = {
    "traceId": "5eed" * 8, "spanId": "ca11" * 4, "name": "a request", "kind": 2,
    "startTimeUnixNano": "1", "endTimeUnixNano": "2",
    "attributes": [
        {"key": "http.response.status_code", "value": {"intValue": "200"}},
        {"key": "http.route", "value": {"stringValue": "/api/events"}},
    ],
}  # fmt: skip
RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "box office"}}]}


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    try:
        program = obtain(PROGRAMS)
    except Missing as missing:
        pytest.skip(str(missing))
    with Collector(program, tmp_path) as collector:
        yield collector


def test_what_is_sent_can_be_read(collector: Collector) -> None:
    assert collector.spans() == []
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=60)
    body = {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [{"spans": [SPAN]}]}]}
    connection.request("POST", "/v1/traces", json.dumps(body), {"content-type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()
    collector.stop()  # what it has not written yet it writes now
    [span] = collector.spans()
    assert (span.service, span.name, span.kind, span.parent_id) == ("box office", "a request", 2, "")
    assert span.attributes == {"http.response.status_code": 200, "http.route": "/api/events"}
