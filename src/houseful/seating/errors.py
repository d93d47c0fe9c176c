"""Says what is wrong with a seating plan, and where, so that whoever drew it can put it right.

Two parts that know nothing of the plan's rules: `Faults` collects errors and names their places the way the
file's author does (`plan.zones[Block A].rows[3].seats[12]`), and `walk` holds plain JSON against a msgspec
type and reports every difference, where decoding would stop at the first.
"""

import math
import re
from collections import Counter
from difflib import get_close_matches
from typing import Any

from msgspec import inspect as types

# A path is the way to a fault through the JSON: keys and list indexes, ("zones", 0, "rows", 2, "row_number").
Path = tuple[str | int, ...]

# What `walk` puts in place of something it has reported, so that later checks can go on and know to pass over
# it. Neither occurs in a correct plan: control characters are refused, and JSON has no NaN.
BROKEN_TEXT = "\x00"
BROKEN_NUMBER = math.nan

_NAMED_BY = {
    "zones": "name",
    "rows": "row_number",
    "seats": "seat_number",
    "categories": "name",
    "areas": "text",
}
_WORDS = {"zones": "zone", "rows": "row", "seats": "seat", "categories": "category", "areas": "area"}
_PLAIN_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\[\]#]{1,100}\Z")


class Faults:
    """The errors found so far, at most `limit` places; what comes after them is only counted.

    `raw` is the plain JSON that paths lead through. A list's elements are called by their names; one that has
    no name, or shares it with a sibling, by its position counted from 1 (`#2`).
    """

    def __init__(self, raw: object, limit: int) -> None:
        self._raw = raw
        self._limit = limit
        self._more = 0
        self._errors: dict[str, str] = {}
        self._siblings: dict[Path, Counter[object]] = {}

    def add(self, path: Path, message: str) -> None:
        """Reports a fault. The first message about a place stands."""
        if len(self._errors) >= self._limit:
            self._more += 1
            return
        place, words = self._named(path)
        if place not in self._errors:
            self._errors[place] = f"{words[0].upper()}{words[1:]}: {message}"

    def report(self) -> dict[str, str]:
        if not self._more:
            return self._errors
        return self._errors | {"plan.more": f"{self._more:,} more problems were found; they are not listed."}

    def words(self, path: Path) -> str:
        """The place in plain words: zone "Block A", row 3, seat 12."""
        return self._named(path)[1]

    def _named(self, path: Path) -> tuple[str, str]:
        place, words, at = "plan", [], self._raw
        for index, step in enumerate(path):
            if isinstance(step, int):
                collection = str(path[index - 1])
                label = self._label(path[:index], at, step)
                place += f"[{label}]"
                quoted = label.startswith("#") or collection in ("rows", "seats")
                words.append(
                    f"{_WORDS.get(collection, 'item')} {label if quoted else chr(34) + label + chr(34)}"
                )
                at = at[step] if isinstance(at, list | tuple) and step < len(at) else None
            else:
                place += f".{shown(step)}"
                at = at.get(step) if isinstance(at, dict) else None
        return place, ", ".join(words) or "the plan"

    def _label(self, path: Path, items: object, index: int) -> str:
        key = _NAMED_BY.get(str(path[-1]))
        if key is None or not isinstance(items, list | tuple):
            return f"#{index + 1}"
        name = _text(items[index], key)
        if path not in self._siblings:
            self._siblings[path] = Counter(_text(item, key) for item in items)
        if name is None or self._siblings[path][name] > 1:
            return f"#{index + 1}"
        return name


def _text(item: object, key: str) -> str | None:
    """The item's name if it is fit to be shown."""
    name = item.get(key) if isinstance(item, dict) else None
    return name if isinstance(name, str) and _PLAIN_NAME.match(name) and name.strip() else None


def shown(text: object) -> str:
    """Foreign text made safe to print in a message: short, and without control characters."""
    clean = "".join(c if c.isprintable() else "?" for c in str(text)[:61])
    return clean if len(clean) <= 60 else clean[:57] + "..."


def walk(value: object, expected: types.Type, path: Path, faults: Faults) -> Any:
    """Returns `value` cleaned for decoding: what does not fit `expected` is reported and replaced by a broken
    text or number (or an empty list, or null), a list keeps its length, and unknown keys are dropped."""
    if isinstance(expected, types.AnyType):
        return None  # read past
    if isinstance(expected, types.UnionType):
        return _walk_union(value, expected, path, faults)
    if isinstance(expected, types.StructType):
        if isinstance(value, dict):
            return _walk_object(value, expected, path, faults)
    elif isinstance(expected, types.VarTupleType):
        if isinstance(value, list | tuple):
            return [walk(item, expected.item_type, (*path, i), faults) for i, item in enumerate(value)]
    elif (fault := _leaf_fault(value, expected)) is None:
        return value
    else:
        faults.add(path, fault)
        return _broken(expected)
    faults.add(path, f"must be {_name_of(expected)}, not {_kind(value)}.")
    return _broken(expected)


def _walk_union(value: object, expected: types.UnionType, path: Path, faults: Faults) -> Any:
    if value is None and any(isinstance(t, types.NoneType) for t in expected.types):
        return None
    choices = [t for t in expected.types if not isinstance(t, types.NoneType)]
    objects = [t for t in choices if isinstance(t, types.StructType)]
    best = objects[0] if objects and isinstance(value, dict) else choices[0]
    return walk(value, best, path, faults)


def _walk_object(
    value: dict[Any, Any], expected: types.StructType, path: Path, faults: Faults
) -> dict[str, Any]:
    known = [field.encode_name for field in expected.fields]
    for key in value:
        if key not in known:
            close = get_close_matches(key, known, 1) if isinstance(key, str) and len(key) <= 60 else []
            hint = f'did you mean "{close[0]}"?' if close else f"known here are {', '.join(known)}."
            faults.add((*path, shown(key)), f'unknown key "{shown(key)}"; {hint}')
    clean: dict[str, Any] = {}
    for field in expected.fields:
        key = field.encode_name
        if key in value:
            clean[key] = walk(value[key], field.type, (*path, key), faults)
        elif field.required:
            faults.add((*path, key), f'the key "{key}" is missing; add it as {_name_of(field.type)}.')
            clean[key] = _broken(field.type)
    return clean


def _leaf_fault(value: object, expected: types.Type) -> str | None:
    """What is wrong with a text, number or flag; None if it fits."""
    if isinstance(expected, types.StrType):
        return _text_fault(value, expected)
    if isinstance(expected, types.FloatType):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"must be a number, not {_kind(value)}."
        low = expected.ge if expected.ge is not None else -math.inf
        high = expected.le if expected.le is not None else math.inf
        if not abs(value) <= 1e300 or not low <= value <= high:
            least = "0" if low == 0 else f"{low:,.0f}"
            return f"the number is out of range; it must be between {least} and {high:,.0f}."
        return None
    if isinstance(expected, types.IntType):
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**53:
            return f"must be a whole number, not {_kind(value)}."
        return None
    if isinstance(expected, types.BoolType) and not isinstance(value, bool):
        return f"must be true or false, not {_kind(value)}."
    return None


def _text_fault(value: object, expected: types.StrType) -> str | None:
    if not isinstance(value, str):
        return f"must be text in quotes, not {_kind(value)}."
    if expected.min_length and not value.strip():
        return "is empty; give it a name or a number."
    if expected.max_length is not None and len(value) > expected.max_length:
        return f"is {len(value):,} characters long; shorten it to at most {expected.max_length}."
    if expected.pattern is None or re.search(expected.pattern, value):
        return None
    return "has control characters or line breaks in it; remove them."


def _broken(expected: types.Type) -> Any:
    if isinstance(expected, types.StructType):
        return {field.encode_name: _broken(field.type) for field in expected.fields if field.required}
    if isinstance(expected, types.StrType):
        return BROKEN_TEXT
    if isinstance(expected, types.FloatType):
        return BROKEN_NUMBER
    return [] if isinstance(expected, types.VarTupleType) else None


def _name_of(expected: types.Type) -> str:
    """For messages: what belongs here."""
    names: list[tuple[type[types.Type], str]] = [
        (types.StructType, "an object in braces"),
        (types.VarTupleType, "a list in brackets"),
        (types.StrType, "text in quotes"),
        (types.IntType, "a whole number"),
        (types.FloatType, "a number"),
        (types.BoolType, "true or false"),
    ]
    return next((name for kind, name in names if isinstance(expected, kind)), "a value")


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list | tuple) else "an object" if isinstance(value, dict) else "this"
