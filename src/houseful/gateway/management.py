"""Management endpoints of a process: liveness, readiness, metrics, the API document.

However often they are called, engines are asked once a second, metrics are rendered once a second, and the
rest is cached. Details of engines are for insiders.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import msgspec

from houseful.webapi.cached_bodies import CachedBody
from houseful.webapi.endpoint import Endpoint
from houseful.webapi.openapi import document
from houseful.webapi.problems import ProblemError, problem
from houseful.webapi.responses import Response
from houseful.webapi.single_flight import SingleFlight

_READY_SECONDS = 3.0
_WATCHED_SECONDS = 0.5
"""A check that readiness does not need must not delay the response: probes take a late response for none."""

_READY = "ready"
_NOT_READY = "not_ready"
_NO_STORE = ("cache-control", "no-store")
_ASK_AGAIN = ("cache-control", "no-cache")
_HTML = "text/html; charset=utf-8"
_SCRIPT = "text/javascript; charset=utf-8"

Check = Callable[[], Awaitable[None]]
"""Raises `Unavailable` with what is wrong."""


class PageRequest(NamedTuple):
    """The request for a page: its client, and its conditional headers. An insider belongs to the
    installation: its operator, its monitoring, one of its processes."""

    insider: bool = True
    accept_encoding: str | None = None
    if_none_match: str | None = None

    def answer(self, body: CachedBody, cache: tuple[str, str]) -> Response:
        return body.answer(
            accept_encoding=self.accept_encoding, if_none_match=self.if_none_match, headers=[cache]
        )


class ManagementEndpoints:
    """The pages of a process, by path.

    `checks` decide readiness, by name. `watched` checks are reported only: the process can work without them,
    or no other instance would have them either.
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
        self._outcomes = SingleFlight(self._check_all)
        self._metrics = SingleFlight(self._render_metrics)
        self._openapi: asyncio.Future[CachedBody] | None = None
        self._docs = {name: _page(name, kind) for name, kind in (("index.html", _HTML), ("page.js", _SCRIPT))}
        self.stopping = False
        self.pages: dict[str, Callable[[PageRequest], Awaitable[Response]]] = {
            "/healthz": self.alive,
            "/readyz": self.ready,
            "/metrics": self.metrics,
            "/api/openapi.json": self.openapi,
            "/api/docs": self.docs,
            "/api/docs/page.js": self.docs_script,
        }

    async def alive(self, request: PageRequest) -> Response:
        return Response(b'{"status":"alive"}', headers=[_NO_STORE])

    async def ready(self, request: PageRequest) -> Response:
        if self.stopping:
            return problem(
                ProblemError(503, "stopping", "This process is about to end.", headers={"retry-after": "1"})
            )
        outcomes = await self.outcomes()
        wrong = [name for name, outcome in outcomes.items() if outcome != _READY and name in self._needed]
        shown = outcomes if request.insider else _by_name(outcomes)
        if wrong:
            detail = "; ".join(f"{name}: {shown[name]}" for name in wrong)
            return problem(ProblemError(503, "not_ready", detail, headers={"retry-after": "1"}, checks=shown))
        return Response(msgspec.json.encode({"status": _READY, "checks": shown}), headers=[_NO_STORE])

    async def outcomes(self) -> Mapping[str, str]:
        """What each check says: `ready`, or what is wrong."""
        return await self._outcomes.get()

    async def _check_all(self) -> dict[str, str]:
        results = await asyncio.gather(*(self._outcome(name) for name in self._checks))
        return dict(zip(self._checks, results, strict=True))

    async def _outcome(self, name: str) -> str:
        seconds = _READY_SECONDS if name in self._needed else _WATCHED_SECONDS
        try:
            async with asyncio.timeout(seconds):
                await self._checks[name]()
        except TimeoutError:
            return f"no answer within {seconds:g} s"
        except Exception as error:
            return str(error) or type(error).__name__
        return _READY

    async def metrics(self, request: PageRequest) -> Response:
        if not request.insider:
            raise ProblemError(404, "no_such_path", "There is nothing at /metrics.")
        return request.answer(await self._metrics.get(), _NO_STORE)

    async def _render_metrics(self) -> CachedBody:
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return CachedBody(await asyncio.to_thread(generate_latest), CONTENT_TYPE_LATEST)

    async def openapi(self, request: PageRequest) -> Response:
        if self._openapi is None:  # writing it takes as long as many requests
            self._openapi = asyncio.ensure_future(asyncio.to_thread(self._render_openapi))
        return request.answer(await asyncio.shield(self._openapi), _ASK_AGAIN)

    def _render_openapi(self) -> CachedBody:
        body = msgspec.json.encode(document(self._services, version=version("houseful")))
        return CachedBody(body, "application/json")

    async def docs(self, request: PageRequest) -> Response:
        return request.answer(self._docs["index.html"], _ASK_AGAIN)

    async def docs_script(self, request: PageRequest) -> Response:
        return request.answer(self._docs["page.js"], _ASK_AGAIN)


def _by_name(outcomes: Mapping[str, str]) -> dict[str, str]:
    return {name: _READY if outcome == _READY else _NOT_READY for name, outcome in outcomes.items()}


def _page(name: str, media_type: str) -> CachedBody:
    return CachedBody((Path(__file__).parent / "docs" / name).read_bytes(), media_type)
