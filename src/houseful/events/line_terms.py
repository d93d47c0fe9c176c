"""What an organizer says of an event's line."""

import re
from collections.abc import Callable

import msgspec

from houseful.kernel.documents import Millis
from houseful.messages import LineTerms

LEAST_LOBBY_MILLIS = 120_000
USUAL_LOBBY_MILLIS = 3_600_000
_COMMITMENT = re.compile(r"[0-9a-f]{64}")


def errors_of(
    line: LineTerms, on_sale_at: Millis | None, moment_error: Callable[[Millis | None], str | None]
) -> dict[str, str]:
    """By field."""
    if line.mode == "off":
        return {}
    if line.mode == "auto":
        given = {"lobby_opens_at": line.lobby_opens_at, "commitment": line.commitment}
        return {
            f"line.{field}": "is for the mode on alone: with auto there is no lobby and no draw; leave it out"
            for field, value in given.items()
            if value is not None
        } | ({"line.beacon": "has to be none with the mode auto"} if line.beacon != "none" else {})
    errors: dict[str, str | None] = {}
    if on_sale_at is None:
        errors["on_sale_at"] = "is needed for an event with a line: the draw is made then"
    opens = line.lobby_opens_at
    errors["line.lobby_opens_at"] = moment_error(opens)
    if opens is not None and on_sale_at is not None and opens > on_sale_at - LEAST_LOBBY_MILLIS:
        errors["line.lobby_opens_at"] = "has to be at least two minutes before on_sale_at"
    if line.beacon == "pair" and not _COMMITMENT.fullmatch(line.commitment or ""):
        errors["line.commitment"] = "has to be the SHA-256 of your secret in lower-case hex, for beacon pair"
    if line.beacon == "none" and line.commitment is not None:
        errors["line.commitment"] = "is for the beacon pair alone; leave it out"
    return {field: error for field, error in errors.items() if error is not None}


def complete(line: LineTerms, on_sale_at: Millis | None) -> LineTerms:
    """With the time at which the lobby opens, where the organizer has not said any."""
    if line.mode != "on" or line.lobby_opens_at is not None or on_sale_at is None:
        return line
    return msgspec.structs.replace(line, lobby_opens_at=on_sale_at - USUAL_LOBBY_MILLIS)
