"""A venue behind one address: everybody opens the event, signs in and holds two seats, with limits on; alone,
and beside an attacker on the same address.

    python -m bench crowd

Each phone has a connection of its own, sends seven requests one after the other, and does what `Retry-After`
says. The attacker reads, guesses passwords and registers on thirty connections as fast as it can, until the
last phone has its seats.
"""

import asyncio
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bench.server import make_event
from houseful import app as wiring
from houseful.adapters.http.server import listen
from houseful.adapters.http.server import serve as answer_requests
from houseful.serving import freeze_gc
from houseful.settings import load_settings

PHONES = 500
PASSWORD = "a night at the opera"
FLOODS = 10
_PATIENCE_SECONDS = 300.0


def main(arguments: list[str]) -> None:
    for attacked in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            crowd = asyncio.run(measure(Path(folder), phones=PHONES, attacked=attacked))
        held = sorted(crowd.held_at)
        print(
            f"{PHONES} phones, {'with' if attacked else 'without'} an attacker: "
            f"refused {dict(crowd.refused) or 'none'} · "
            f"signed in p50 {statistics.median(crowd.signed_in_at):.1f} s · "
            f"held p50 {statistics.median(held):.1f} s, last {held[-1]:.1f} s"
            + (f" · the attacker got {dict(crowd.attack)}" if attacked else ""),
            flush=True,
        )


class Crowd:
    """What became of them, in seconds since the doors opened. `refused` counts statuses and codes."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.attack: Counter[str] = Counter()
        self.signed_in_at: list[float] = []
        self.held_at: list[float] = []


async def measure(folder: Path, *, phones: int, attacked: bool) -> Crowd:
    async with _serving(folder, phones) as (url, event_id):
        crowd = Crowd()
        attack = [asyncio.ensure_future(one) for one in _attackers(crowd, url, event_id)] if attacked else []
        async with asyncio.timeout(_PATIENCE_SECONDS):
            began = time.monotonic()
            await asyncio.gather(*(_Phone(crowd, url, n, began).buy(event_id) for n in range(phones)))
        for one in attack:
            one.cancel()
        await asyncio.gather(*attack, return_exceptions=True)
        return crowd


class _Phone:
    def __init__(self, crowd: Crowd, url: str, number: int, began: float) -> None:
        self._crowd = crowd
        self._url = url
        self._number = number
        self._began = began

    async def buy(self, event_id: str) -> None:
        async with _connection() as self._session:
            event = f"/api/events/{event_id}"
            for path in ("/", event, f"{event}/categories", f"{event}/geometry", f"{event}/availability"):
                await self._ask("GET", path)
            who = {"email": _address(self._number), "password": PASSWORD}
            signed_in = await self._ask("POST", "/api/auth/login", who | {"token_transport": "body"})
            self._crowd.signed_in_at.append(time.monotonic() - self._began)
            headers = {
                "authorization": f"Bearer {json.loads(signed_in)['access_token']}",
                "idempotency-key": "hold",
            }
            wish = {"best_available": {"quantity": 2}}
            await self._ask("POST", f"{event}/holds", wish, headers)
            self._crowd.held_at.append(time.monotonic() - self._began)

    async def _ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        while True:
            async with self._session.request(method, self._url + path, json=body, headers=headers) as answer:
                content = await answer.read()
            if answer.status < 400:
                return content
            self._crowd.refused[f"{answer.status} {json.loads(content)['code']}"] += 1
            await asyncio.sleep(float(answer.headers["retry-after"]))


def _attackers(crowd: Crowd, url: str, event_id: str) -> list[Any]:
    async def flood(method: str, path: str, body: Any) -> None:
        async with _connection() as session:
            number = 0
            while True:
                number += 1
                sent = body(number) if body is not None else None
                async with session.request(method, url + path, json=sent) as answer:
                    await answer.read()
                    crowd.attack[f"{path.rpartition('/')[2]} {answer.status}"] += 1

    floods: list[Any] = []
    for who in range(FLOODS):

        def guess(number: int, who: int = who) -> Any:
            known = number % 2 == 0  # half at one account, half at accounts that are nobody's
            email = "victim@example.org" if known else f"nobody-{who}-{number}@example.org"
            return {"email": email, "password": f"guess {number}"}

        def account(number: int, who: int = who) -> Any:
            return {"email": f"new-{who}-{number}@example.org", "password": PASSWORD, "name": "New"}

        floods.append(flood("GET", f"/api/events/{event_id}/sections", None))
        floods.append(flood("POST", "/api/auth/login", guess))
        floods.append(flood("POST", "/api/auth/register", account))
    return floods


def _address(number: int) -> str:
    return f"phone-{number}@example.org"


def _connection() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=1), timeout=aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
    )


@asynccontextmanager
async def _serving(folder: Path, phones: int) -> AsyncIterator[tuple[str, str]]:
    """The address and the event of a server that has so many accounts."""
    command = [sys.executable, "-m", "bench.crowd", str(folder / "data"), str(phones)]
    with (folder / "server.log").open("w") as log:
        server = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=log)
    assert server.stdout is not None
    try:
        url, event_id = (await server.stdout.readline()).decode().split()
        yield url, event_id
    finally:
        server.send_signal(signal.SIGTERM)
        await server.wait()


async def _serve(folder: str, phones: int) -> None:
    settings = load_settings({}, data=folder, port=0, log_style="json")
    async with wiring.running(settings) as app:
        event_id, _, _ = await make_event(app, 12_000)
        users = app.services["users"]
        for number in range(phones):
            await users.create_user(_address(number), PASSWORD, "Phone")
        await users.create_user("victim@example.org", PASSWORD, "Victim")
        freeze_gc()  # as `houseful up` does
        listener = listen(settings.host, settings.port)
        print(f"http://127.0.0.1:{listener.getsockname()[1]} {event_id}", flush=True)
        await answer_requests(
            app.entry, listener, shutdown_seconds=1, on_ready=lambda: None, on_stopping=app.entry.stop
        )


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(sys.argv[1], int(sys.argv[2])))
