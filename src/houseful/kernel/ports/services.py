"""Requests from service to service."""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class ServiceResponse(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes


class ServiceClient(Protocol):
    """Calls between services: HTTP to the URL of the gateway, or the same ASGI app in this process."""

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceResponse:
        """Send a request.

        Raises `Unavailable` where no response arrived. Header names of the response are lower-case.
        """
        ...
