"""Environment variables that seem to be meant for Houseful and are not: misspelt ones are named, and never
ignored."""

import difflib
import re
from collections.abc import Collection, Mapping

PREFIX = "HOUSEFUL_"

BESIDE_SETTINGS = frozenset({"HOUSEFUL_CONFIG", "HOUSEFUL_PASSWORD"})
"""The file of settings, and the password for `create-admin`."""

_FOR_TESTS = "HOUSEFUL_TEST_"

# What Kubernetes says about services whose names begin with "houseful" to every container beside them.
_SERVICE_LINK = re.compile(
    r"HOUSEFUL_(?:[A-Z0-9_]+_)??"
    r"(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_LINKED_PORT = re.compile(r"HOUSEFUL_(?:[A-Z0-9_]+_)?PORT")
_LINKED_URL = re.compile(r"(?:tcp|udp|sctp)://")
_LIKE = 0.8


def is_service_link(variable: str, value: str) -> bool:
    """Whether Kubernetes made it. `HOUSEFUL_PORT=tcp://10.0.0.1:80` is the address of a service named
    "houseful", and not the setting."""
    if _SERVICE_LINK.fullmatch(variable):
        return True
    return bool(_LINKED_PORT.fullmatch(variable) and _LINKED_URL.match(value))


def unknown_variables(environment: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """What is wrong with each variable that looks like one of ours and is none. `known` are the settings and
    keys, with prefix."""
    known = {*known, *BESIDE_SETTINGS}
    return {
        variable: f"is no setting{meant(variable, known)}"
        for variable, value in environment.items()
        if _looks_like_ours(variable, known)
        and variable not in known
        and not variable.startswith(_FOR_TESTS)
        and not is_service_link(variable, value)
    }


def meant(name: str, known: Collection[str]) -> str:
    """The end of a sentence that says that `name` is unknown."""
    by_capitals = {one.upper(): one for one in known}
    nearest = difflib.get_close_matches(name.upper(), by_capitals, n=1, cutoff=_LIKE)
    if nearest:
        return f"; did you mean {by_capitals[nearest[0]]}?"
    return f"; take it away. The settings are {', '.join(sorted(known))}"


def _looks_like_ours(variable: str, known: Collection[str]) -> bool:
    """Also `houseful_port` and `HOUSEFULL_PORT`."""
    capitals = variable.upper()
    if capitals.startswith(PREFIX):
        return True
    first, _, rest = capitals.partition("_")
    like = difflib.SequenceMatcher(None, first, PREFIX.rstrip("_")).ratio() > _LIKE
    return like and PREFIX + rest in known
