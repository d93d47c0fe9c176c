"""What is rehearsed: the options, and what is wrong with them."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec

from houseful.kernel.errors import invalid
from houseful.tools.rush.arrivals import Curve

Kind = Literal["best", "sections", "families", "double", "abandon", "slow", "declined", "bots"]
KINDS: tuple[Kind, ...] = get_args(Kind)
USUAL_KINDS: Mapping[Kind, int] = {
    "best": 40, "sections": 25, "families": 8, "double": 7, "abandon": 7, "slow": 5, "declined": 5, "bots": 3,
}  # fmt: skip
LEAST_LOBBY_SECONDS = 60.0
"""A lobby opens at least two minutes before the on-sale, and is sealed one minute before it."""
MOST_PEOPLE = 1_000_000
MOST_SEATS = 100_000
_LOCAL_NAMES = ("localhost",)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`arrival_seconds` is how long people keep coming: to the lobby, with a line, else to the sale.
    `late_share` of them come only after the draw. `think_seconds` is the mean of what somebody takes for
    each step in the shop. `polls` says whether each person's poll of the line is sent, or one a moment for
    all, as a cache in front of the installation would. `most_seconds` after the on-sale it ends anyway; then
    the last orders and the organizer's figures have `patience_seconds`."""

    urls: Sequence[str]
    people: int = 1_000
    seats: int = 1_000
    line: bool = True
    event_id: str | None = None
    curve: Curve = "spike"
    arrival_seconds: float = 60.0
    late_share: float = 0.05
    kinds: Mapping[Kind, int] = msgspec.field(default_factory=lambda: dict(USUAL_KINDS))
    think_seconds: float = 1.0
    hold_seconds: int = 300
    polls: Literal["each", "shared"] = "each"
    connections: int = 500
    most_seconds: float = 1_800.0
    patience_seconds: float = 120.0
    seed: int = 1


def kinds_of(text: str) -> dict[Kind, int]:
    """`best=40,bots=5`. Kinds that are not named do not come. Raises `Invalid`."""
    found: dict[Kind, int] = {}
    for part in text.split(","):
        name, separator, weight = part.strip().partition("=")
        kind = next((one for one in KINDS if one == name), None)
        if kind is None:
            raise invalid({"--kinds": f"knows no {name!r}; there are {', '.join(KINDS)}"})
        if not separator or not weight.isdecimal():
            raise invalid({"--kinds": f"{name} needs a weight, such as {name}=10"})
        found[kind] = int(weight)
    if not any(found.values()):
        raise invalid({"--kinds": "needs a weight above 0 for one kind at least"})
    return found


def check(plan: Plan, *, remote: bool) -> None:
    """Raises `Invalid` with each option and its fix."""
    errors: dict[str, str] = {}
    for url in plan.urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            errors["--url"] = f"{url!r} is no address; it looks like http://127.0.0.1:8000"
        elif not remote and not is_loopback(parts.hostname):
            errors["--url"] = (
                f"{url} is not this machine. A rehearsal is a load that takes an installation to its limit; "
                "give --remote if it is yours and nobody is buying there"
            )
    _range(errors, "--people", plan.people, 1, MOST_PEOPLE)
    _range(errors, "--seats", plan.seats, 50, MOST_SEATS)
    _range(errors, "--hold-seconds", plan.hold_seconds, 60, 3600)
    _range(errors, "--connections", plan.connections, 1, 20_000)
    _range(errors, "--think-seconds", plan.think_seconds, 0, 600)
    _range(errors, "--late", plan.late_share, 0, 1)
    _range(errors, "--most-seconds", plan.most_seconds, 1, 24 * 3600)
    _range(errors, "--patience-seconds", plan.patience_seconds, 1, 3600)
    least = LEAST_LOBBY_SECONDS if plan.line and plan.event_id is None else 0.0
    _range(errors, "--arrival-seconds", plan.arrival_seconds, least, 24 * 3600)
    if errors:
        raise invalid(errors, "The rehearsal can't be started:")


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in _LOCAL_NAMES


def _range(errors: dict[str, str], option: str, value: Any, least: float, most: float) -> None:
    if not least <= value <= most:
        errors[option] = f"is {value:g}; it has to be from {_plain(least)} to {_plain(most)}"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"
