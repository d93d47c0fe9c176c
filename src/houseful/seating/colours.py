"""Colours as CSS writes them, in a seating plan: names, `#rgb`, `rgb(…)`, `hsl(…)` and the rest."""

import re
from functools import lru_cache
from typing import Any

_PLAIN_HEX = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})\Z")


@lru_cache(1024)
def is_colour(text: str) -> bool:
    """Whether a browser can draw with it."""
    return bool(_PLAIN_HEX.match(text)) or _parsed(text) is not None


@lru_cache(1024)
def opaque_hex(text: str) -> str | None:
    """As `#rgb` or `#rrggbb`, without transparency; None for what is no colour, or none of its own, such as
    `transparent` and `currentColor`, and for the colour spaces that have no exact hex.
    """
    if _PLAIN_HEX.match(text):
        return text
    colour = _parsed(text)
    if colour is None or colour == "currentcolor" or not colour.alpha:
        return None
    try:
        red, green, blue = (round(min(1.0, max(0.0, part or 0.0)) * 255) for part in colour.to("srgb")[:3])
    except NotImplementedError:
        return None
    return f"#{red:02x}{green:02x}{blue:02x}"


def _parsed(text: str) -> Any:
    from tinycss2 import color4  # only a plan that does not write plain hex needs it

    return color4.parse_color(text)
