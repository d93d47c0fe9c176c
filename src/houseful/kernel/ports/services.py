"""Requests from service to service."""

from collections.abc import Mapping
from typing import Protocol

import msgspec


class ServiceResponse(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes


class ServiceClient(Protocol):
    """How services reach each other: HTTP to the gateway's URL, or the same app in this process."""

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceResponse:
        """Raises `Unavailable` where no answer came. Header names in the answer are lower-case."""
        ...
