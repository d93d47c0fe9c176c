"""What operators and developers ask a process: is it alive, is it ready, its figures, its API."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from houseful.common.errors import Refusal
from houseful.common.http import Answer, Endpoint, problem
from houseful.common.openapi import document

_READY_SECONDS = 3.0
_WATCHED_SECONDS = 0.5
"""What is not needed must not make those wait who ask whether this process is ready: they take a late answer
for none."""

Check = Callable[[], Awaitable[None]]
"""Raises `Unavailable` with what is wrong."""


class Operations:
    """The pages that every process has of its own.

    `checks` are what it needs to be ready, by name. `watched` is looked at too and only told: what this
    process can do without, or what no other copy of it would have either.
    """

    def __init__(
        self,
        services: Sequence[tuple[str, Sequence[Endpoint]]],
        checks: Mapping[str, Check],
        watched: Mapping[str, Check] | None = None,
    ) -> None:
        self._services = services
        self._checks = {**checks, **(watched or {})}
        self._needed = frozenset(checks)
        self._openapi: bytes | None = None
        self.stopping = False
        self.pages: dict[str, Callable[[], Awaitable[Answer]]] = {
            "/healthz": self.alive,
            "/readyz": self.ready,
            "/metrics": self.metrics,
            "/api/openapi.json": self.openapi,
            "/api/docs": self.docs,
            "/api/docs/page.js": self.docs_script,
        }

    async def alive(self) -> Answer:
        return Answer(b'{"status":"alive"}', headers=[("cache-control", "no-store")])

    async def ready(self) -> Answer:
        if self.stopping:
            return problem(
                Refusal(503, "stopping", "This process is about to end.", headers={"retry-after": "1"})
            )
        results = await asyncio.gather(*(self._outcome(name) for name in self._checks))
        outcomes = dict(zip(self._checks, results, strict=True))
        wrong = [
            f"{name}: {outcome}"
            for name, outcome in outcomes.items()
            if outcome != "ready" and name in self._needed
        ]
        if wrong:
            return problem(
                Refusal(503, "not_ready", "; ".join(wrong), headers={"retry-after": "1"}, checks=outcomes)
            )
        body = msgspec.json.encode({"status": "ready", "checks": outcomes})
        return Answer(body, headers=[("cache-control", "no-store")])

    async def _outcome(self, name: str) -> str:
        seconds = _READY_SECONDS if name in self._needed else _WATCHED_SECONDS
        try:
            async with asyncio.timeout(seconds):
                await self._checks[name]()
        except TimeoutError:
            return f"no answer within {seconds:g} s"
        except Exception as error:
            return str(error) or type(error).__name__
        return "ready"

    async def metrics(self) -> Answer:
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return Answer(
            generate_latest(), media_type=CONTENT_TYPE_LATEST, headers=[("cache-control", "no-store")]
        )

    async def openapi(self) -> Answer:
        if self._openapi is None:
            self._openapi = await asyncio.to_thread(self._described)  # it takes as long as many requests
        return Answer(self._openapi, headers=[("cache-control", "no-cache")])

    def _described(self) -> bytes:
        return msgspec.json.encode(document(self._services, version=version("houseful")))

    async def docs(self) -> Answer:
        return Answer(
            _page("index.html"),
            media_type="text/html; charset=utf-8",
            headers=[("cache-control", "no-cache")],
        )

    async def docs_script(self) -> Answer:
        return Answer(
            _page("page.js"),
            media_type="text/javascript; charset=utf-8",
            headers=[("cache-control", "no-cache")],
        )


def _page(name: str) -> bytes:
    return (Path(__file__).parent / "docs" / name).read_bytes()
