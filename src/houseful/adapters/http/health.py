"""Health of the processes of a split installation, for `houseful doctor`."""

import os
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import msgspec

from houseful.adapters.clock_skew import ahead_seconds, timed
from houseful.kernel.errors import Unavailable

_SECONDS = 5.0
_DATE_SECONDS = 2.0  # it is cut to whole seconds, and servers look at the clock but once in one


@dataclass(frozen=True, kw_only=True)
class Health:
    ready: bool
    complaint: str
    """The process's own report of faults. A ready process may have some."""
    ahead_seconds: float | None
    """None where the response has no date."""


async def probe(url: str, key: str = "") -> Health:
    """Ask the process at this base URL. It reports faults to holders of the installation's key.

    Raises `Unavailable` where nothing answers, or something other than Houseful.
    """
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            response, before, after = await timed(lambda: _get(session, f"{url}/readyz", key))
    except TimeoutError as error:
        raise Unavailable(f"no answer within {_SECONDS:g} s") from error
    except aiohttp.ClientConnectorError as error:
        number = error.os_error.errno or 0
        reason = os.strerror(number) if number > 0 else str(error.os_error)
        raise Unavailable(f"no connection: {reason}") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Unavailable(str(error) or type(error).__name__) from error
    status, headers, body = response
    date = headers.get("date")
    return Health(
        ready=status == 200,
        complaint=_complaint(status, body),
        ahead_seconds=date
        and ahead_seconds(parsedate_to_datetime(date).timestamp(), before, after, within=_DATE_SECONDS),
    )


async def _get(session: aiohttp.ClientSession, url: str, key: str) -> tuple[int, Any, bytes]:
    headers = {"x-internal-key": key} if key else {}
    async with session.get(url, headers=headers, allow_redirects=False) as response:
        return response.status, response.headers, await response.read()


def _complaint(status: int, body: bytes) -> str:
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        said = {}
    if status == 200 and said.get("status") == "ready":
        checks: dict[str, str] = said.get("checks", {})
        return "; ".join(f"{name}: {outcome}" for name, outcome in checks.items() if outcome != "ready")
    if status == 503 and "code" in said:
        return str(said.get("detail") or said["code"])
    raise Unavailable(f"something answers with {status} that is not Houseful")
