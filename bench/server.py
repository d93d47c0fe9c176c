"""A server to measure: the whole system, and one endpoint that does nothing but what every request goes
through.

    python -m bench.server FOLDER SEATS [PROFILE]

It makes an event of so many seats on sale, prints one line of JSON with the address, the event and the seats,
and serves until SIGTERM. With PROFILE the event loop's profile is written there at the end. Rates are not
limited unless HOUSEFUL_RATE_LIMITS=on; spans are recorded where the variables of OpenTelemetry say so.
"""

import asyncio
import cProfile
import json
import os
import sys
import time
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bench.load import Tokens
from houseful import app as wiring
from houseful import tickets
from houseful.adapters.http.server import listen
from houseful.adapters.http.server import serve as answer_requests
from houseful.adapters.tracing import recorded_spans
from houseful.kernel.roles import Identity, Role
from houseful.manifests import MANIFESTS
from houseful.serving import freeze_gc
from houseful.settings import Settings, load_settings
from houseful.tools.sample_venues import stadium
from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.requests import Input
from houseful.webapi.responses import View


class Nothing(Input, frozen=True, kw_only=True):
    seats: list[str] = []


class Done(View, frozen=True, kw_only=True):
    done: bool = True


async def nothing(_service: Any, body: Nothing) -> Done:
    """Read a JSON body, check it, and answer."""
    return Done()


EMPTY = Endpoint("POST", "/api/empty", nothing, who=USER)
"""Beside the holds, in the service that makes them."""


async def make_event(app: wiring.Running, seats: int) -> tuple[str, list[list[str]], float]:
    """An event on sale; its id, its seats' ids (a list a row), and the seconds from publishing to ready."""
    organizer = Identity("usr_bench", "ses_bench", frozenset({Role.ORGANIZER}), 2**53)
    plan, _, prices = stadium(seats)
    body = {
        "title": "Benchmark",
        "venue": "Benchmark",
        "starts_at": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
        "timezone": "UTC",
        "currency": "EUR",
        "plan": plan,
        "prices": prices,
        "max_seats_per_order": 10,
    }
    event_id, seconds = await publish(app, organizer, msgspec.json.encode(body))
    rows = [
        [seat["seat_guid"] for seat in row["seats"]] for zone in plan["zones"] for row in zone.get("rows", [])
    ]
    return event_id, rows, seconds


async def publish(app: wiring.Running, organizer: Identity, body: bytes) -> tuple[str, float]:
    token = Tokens(app.secrets.raw("token_key")).token(organizer.user_id, "organizer")
    headers = {"authorization": f"Bearer {token}"}
    created = await app.client.request("POST", "/api/events", body=body, headers=headers)
    assert created.status == 201, created.body
    event_id: str = msgspec.json.decode(created.body)["id"]
    began = time.perf_counter()
    answer = await app.client.request("POST", f"/api/events/{event_id}/publish", headers=headers)
    assert answer.status == 202, answer.body
    while True:
        answer = await app.client.request("GET", f"/api/events/{event_id}/inventory")
        if msgspec.json.decode(answer.body).get("state") == "ready":
            return event_id, time.perf_counter() - began
        await asyncio.sleep(0.01)


async def serve(settings: Settings, seats: int) -> None:
    measured = replace(tickets.MANIFEST, endpoints=(*tickets.MANIFEST.endpoints, EMPTY))
    manifests = [measured if manifest is tickets.MANIFEST else manifest for manifest in MANIFESTS]
    async with wiring.running(settings, manifests=manifests) as app:
        event_id, rows, _ = await make_event(app, seats)
        freeze_gc()  # as `houseful up` does
        sock = listen(settings.host, settings.port)
        line = {
            "port": sock.getsockname()[1],
            "event_id": event_id,
            "rows": rows,
            "token_key": app.secrets.token_key,
            "metrics_token": app.secrets.metrics_token,
        }
        print(json.dumps(line), flush=True)
        await answer_requests(
            app.entry, sock, shutdown_seconds=1, on_ready=lambda: None, on_stopping=app.entry.stop
        )


def main() -> None:
    folder, seats = sys.argv[1], int(sys.argv[2])
    named = {
        name: value
        for name, value in os.environ.items()
        if name in ("HOUSEFUL_RATE_LIMITS", "HOUSEFUL_PROXIES")
    }
    settings = load_settings(
        {"HOUSEFUL_RATE_LIMITS": "off"} | named, data=folder, port=0, log_level="info", log_style="json"
    )
    work: Awaitable[Any] = serve(settings, seats)
    with recorded_spans("houseful", os.environ):
        if len(sys.argv) > 3:
            profile = cProfile.Profile()
            profile.enable()
            try:
                run(work)
            finally:
                profile.disable()
                profile.dump_stats(sys.argv[3])
        else:
            run(work)


def run(work: Awaitable[Any]) -> None:
    import uvloop

    async def whole() -> None:
        await work

    uvloop.run(whole())


if __name__ == "__main__":
    main()
