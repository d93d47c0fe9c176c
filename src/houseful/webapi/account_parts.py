"""What services tell the users service of an account: the part of an export that is theirs, and what keeps
the account from being erased. Each is asked through the gateway, with the account's own access token."""

from typing import Annotated

import msgspec
from msgspec import Meta

from houseful.webapi.requests import Input
from houseful.webapi.responses import View
from houseful.webapi.routes import Rate

EXPORT = "/api/me/export"
"""A service offers each list of what it holds at a path below, as pages."""

ERASURE = "/api/me/erasure"
"""A service that may have obstacles offers them at a path below, its name."""

PART_RATE = Rate(per_second=2, burst=100)
"""Of each part: an export asks for one page after the other."""


class PartQuery(Input, frozen=True, kw_only=True):
    cursor: Annotated[str, Meta(max_length=1024)] | None = None


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """Why an account can't be erased now; `code` and `detail` are those of the refusal."""

    code: str
    detail: str


class Obstacles(View, frozen=True, kw_only=True):
    obstacles: list[Obstacle]


def listed(titles: list[str], most: int = 5) -> str:
    """The first of them as one text."""
    more = f" and {len(titles) - most} more" if len(titles) > most else ""
    return ", ".join(titles[:most]) + more
