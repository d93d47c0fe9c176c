"""Calls between services of different processes: HTTP to the gateway's URL, over kept connections."""

from collections.abc import Mapping

import aiohttp

from houseful.common.errors import Unavailable
from houseful.common.ports import ServiceAnswer
from houseful.common.telemetry import current_traceparent

_CONNECTIONS = 200
_IDLE_SECONDS = (
    15.0  # less than the server keeps an idle connection, so that it is not closed under a request
)


class HttpClient:
    """A `ServiceClient` on a base URL such as `http://gateway:8000`. Made inside a running loop; never
    repeats a request."""

    def __init__(self, base_url: str, *, timeout_seconds: float = 15.0, connect_seconds: float = 2.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_IDLE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=connect_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
        )

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceAnswer:
        sent = dict(headers or {})
        trace = current_traceparent()
        if trace is not None:
            sent.setdefault("traceparent", trace)
        url = self._base_url + path
        try:
            async with self._session.request(
                method, url, data=body or None, headers=sent, allow_redirects=False
            ) as answer:
                content = await answer.read()
                return ServiceAnswer(
                    answer.status, {name.lower(): value for name, value in answer.headers.items()}, content
                )
        except TimeoutError as error:
            raise Unavailable(f"{method} {url}: no answer within {self._timeout_seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{method} {url}: {error or type(error).__name__}") from error

    async def close(self) -> None:
        await self._session.close()
