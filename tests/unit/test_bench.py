"""The server that the benchmarks measure still starts and answers; what it prints are figures, not tests."""

import asyncio
import json
import subprocess
import sys
from base64 import urlsafe_b64decode
from pathlib import Path

from bench.line import looks_per_second
from bench.load import Tokens, request, run


def test_a_hold_and_an_empty_request(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.server", str(tmp_path / "data"), "2000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        event = json.loads(server.stdout.readline())
        token = Tokens(urlsafe_b64decode(event["token_key"] + "=")).token("usr_a")
        body = json.dumps({"seats": event["rows"][0][:2]}).encode()
        empty = asyncio.run(run(event["port"], [request("POST", "/api/empty", body, token)], 1))
        path = f"/api/events/{event['event_id']}/holds"
        holds = [request("POST", path, body, token, f"k{i}") for i in range(2)]
        held = asyncio.run(run(event["port"], holds, 1))
        server.terminate()
    assert dict(empty.statuses) == {200: 1}
    assert dict(held.statuses) == {201: 1, 409: 1}
    assert server.returncode == 0


def test_how_often_those_who_wait_look() -> None:
    steps = [(0, 2.0), (100, 10.0), (1_000, 30.0)]
    assert looks_per_second(steps, 50) == 25
    assert looks_per_second(steps, 100) == 50
    assert looks_per_second(steps, 1_300) == 50 + 90 + 10
