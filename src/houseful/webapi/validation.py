"""What is wrong with a body or a query, by field, in plain words.

msgspec says whether something fits, fast, and stops at the first thing that does not. Where it does not, the
type is gone through once more, and everything that is wrong is named with what to do about it.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
from msgspec import inspect

MOST_ERRORS = 50
WRONG = "wrong"
"""In a `Meta`'s `extra`: what to say of a text that does not match its pattern."""

ONE_LINE = r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$"
_PATTERNS = {ONE_LINE: "may not be blank, nor contain line breaks or control characters"}
_MOMENT = "has to be a date and time with its zone, such as 2026-12-31T20:00:00Z"
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")

Wrong = Iterator[tuple[str, str]]
"""Path and words."""


@lru_cache(500)
def _type(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def of_body(kind: Any, raw: bytes) -> dict[str, str]:
    """Of JSON that does not fit; empty where it can't be said. Raises what decoding does."""
    type = _type(kind)
    if not isinstance(type, inspect.StructType):
        return dict(islice(_wrong(type, msgspec.json.decode(raw), ""), MOST_ERRORS))
    try:
        value = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        return {"body": _NOT[inspect.StructType]}
    return dict(islice(_struct(type, value, ""), MOST_ERRORS))


def of_query(kind: type[msgspec.Struct], values: Mapping[str, Any]) -> dict[str, str]:
    type = _type(kind)
    assert isinstance(type, inspect.StructType)
    return dict(islice(_struct(type, values, ""), MOST_ERRORS))


def typed(kind: type[msgspec.Struct], texts: Mapping[str, str]) -> dict[str, Any]:
    """The texts of a query as what their fields want: whole numbers and true or false. The rest stay as they
    are, also what does not fit."""
    type = _type(kind)
    assert isinstance(type, inspect.StructType)
    fields = {field.encode_name: _inner(field.type) for field in type.fields}
    return {name: _typed(fields.get(name), text) for name, text in texts.items()}


def _typed(type: inspect.Type | None, text: str) -> Any:
    if isinstance(type, inspect.IntType) and _WHOLE.fullmatch(text):
        return int(text)
    if isinstance(type, inspect.BoolType) and text in ("true", "false"):
        return text == "true"
    return text


def _inner(type: inspect.Type) -> inspect.Type:
    """Without what is only around it, such as None."""
    if isinstance(type, inspect.Metadata):
        return _inner(type.type)
    if isinstance(type, inspect.UnionType):
        return next((_inner(one) for one in type.types if not _is_nothing(one)), type)
    return type


def _is_nothing(type: inspect.Type) -> bool:
    return isinstance(type, inspect.NoneType) or (
        isinstance(type, inspect.CustomType) and type.cls is msgspec.UnsetType
    )


def _struct(type: inspect.StructType, value: Mapping[str, Any], path: str) -> Wrong:
    fields = {field.encode_name: field for field in type.fields}
    if type.forbid_unknown_fields:
        known = f"known are {', '.join(fields)}" if fields else "there are none"
        for name in value:
            if name not in fields:
                yield _member(path, str(name)), f"is unknown here; {known}"
    for name, field in fields.items():
        where = _member(path, name)
        if name not in value:
            if field.required:
                yield where, "is missing"
        elif not isinstance(_inner(field.type), inspect.RawType):
            given = value[name]
            if isinstance(given, msgspec.Raw):
                try:
                    given = msgspec.json.decode(given)
                except msgspec.DecodeError as error:  # of JSON that is whole: a number that no machine holds
                    yield where, f"can't be read: {error}"
                    continue
            yield from _wrong(field.type, given, where)


def _member(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _wrong(type: inspect.Type, value: Any, path: str, said: str | None = None) -> Wrong:
    match type:
        case inspect.Metadata():
            yield from _wrong(type.type, value, path, (type.extra or {}).get(WRONG))
        case inspect.UnionType():
            if value is None and type.includes_none:
                return
            kinds = [one for one in type.types if not _is_nothing(one)]
            if len(kinds) == 1:
                yield from _wrong(kinds[0], value, path, said)
            elif not _fits(type, value):
                yield path, "is none of what it may be"
        case inspect.StructType() if isinstance(value, dict):
            yield from _struct(type, value, path)
        case inspect.DictType() if isinstance(value, dict):
            yield from _lengths(type, value, path)
            for key, one in value.items():
                yield from _wrong(type.value_type, one, f"{path}[{key}]")
        case inspect.ListType() | inspect.SetType() | inspect.FrozenSetType() | inspect.VarTupleType() if (
            isinstance(value, list)
        ):
            yield from _lengths(type, value, path)
            for number, one in enumerate(value):
                yield from _wrong(type.item_type, one, f"{path}[{number}]")
        case _:
            words = _words(type, value, said)
            if words is not None:
                yield path or "body", words


def _fits(type: inspect.Type, value: Any) -> bool:
    """For unions of several kinds: whether any takes it."""
    assert isinstance(type, inspect.UnionType)
    return any(not list(_wrong(one, value, "")) for one in type.types)


def _lengths(type: Any, value: Any, path: str) -> Wrong:
    if type.min_length is not None and len(value) < type.min_length:
        yield path, f"needs {_counted(type.min_length, 'entry', 'entries')} at least"
    if type.max_length is not None and len(value) > type.max_length:
        yield path, f"has more than {_counted(type.max_length, 'entry', 'entries')}"


_NOT: Mapping[Any, str] = {
    inspect.StructType: "has to be an object",
    inspect.DictType: "has to be an object",
    inspect.ListType: "has to be a list",
    inspect.SetType: "has to be a list",
    inspect.FrozenSetType: "has to be a list",
    inspect.VarTupleType: "has to be a list",
    inspect.StrType: "has to be text",
    inspect.BoolType: "has to be true or false",
    inspect.DateTimeType: _MOMENT,
    inspect.NoneType: "has to be null",
}


def _words(type: inspect.Type, value: Any, said: str | None) -> str | None:
    """Of what has no parts; None where nothing is wrong with it."""
    match type:
        case inspect.StrType():
            return _of_text(type, value, said) if isinstance(value, str) else _NOT[inspect.StrType]
        case inspect.IntType() | inspect.FloatType():
            return _of_number(type, value)
        case inspect.BoolType():
            return None if isinstance(value, bool) else _NOT[inspect.BoolType]
        case inspect.DateTimeType():
            return None if _is_moment(value) else _MOMENT
        case inspect.EnumType():
            return _of_choice([one.value for one in type.cls], value)
        case inspect.LiteralType():
            return _of_choice(list(type.values), value)
        case inspect.NoneType():
            return None if value is None else _NOT[inspect.NoneType]
    return _NOT.get(type.__class__)  # what fits was taken apart before


def _of_text(type: inspect.StrType, value: str, said: str | None) -> str | None:
    if type.min_length is not None and len(value) < type.min_length:
        if not value:
            return "may not be empty"
        return f"is shorter than {_counted(type.min_length, 'character', 'characters')}"
    if type.max_length is not None and len(value) > type.max_length:
        return f"is longer than {_counted(type.max_length, 'character', 'characters')}"
    if type.pattern is not None and re.search(type.pattern, value) is None:
        return said or _PATTERNS.get(type.pattern, "has characters that it may not have")
    return None


def _of_number(type: inspect.IntType | inspect.FloatType, value: Any) -> str | None:
    whole = isinstance(type, inspect.IntType)
    kind = "has to be a whole number" if whole else "has to be a number"
    least = type.ge if type.ge is not None else None if type.gt is None else type.gt + (1 if whole else 0)
    most = type.le if type.le is not None else None if type.lt is None else type.lt - (1 if whole else 0)
    if least is not None and most is not None:
        limits = f" from {least:,} to {most:,}"
    elif least is not None:
        limits = f" of at least {least:,}"
    else:
        limits = "" if most is None else f" of at most {most:,}"
    is_number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    good = is_number and (least is None or value >= least) and (most is None or value <= most)
    return None if good else kind + limits


def _of_choice(choices: list[Any], value: Any) -> str | None:
    if value in choices:
        return None
    return f"has to be one of {', '.join(str(choice) for choice in choices)}"


def _is_moment(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return msgspec.convert(value, datetime).tzinfo is not None
    except msgspec.ValidationError:
        return False


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
