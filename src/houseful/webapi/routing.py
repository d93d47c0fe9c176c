"""Finding what a path belongs to, in a tree of path segments: the cost is the depth of the path, however many
routes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")

_PATHS_KEPT = 256
"""In a rush most requests have one of a few paths."""


@dataclass
class _Node(Generic[T]):
    literal: dict[str, "_Node[T]"] = field(default_factory=dict)
    parameter: "_Node[T] | None" = None
    suffixed: dict[str, "_Node[T]"] = field(default_factory=dict)  # "{ticket_id}.pdf" is kept under ".pdf"
    names: tuple[str, ...] = ()
    methods: dict[str, T] = field(default_factory=dict)


class RouteTable(Generic[T]):
    """Routes such as `/api/events/{event_id}/holds`; a literal segment wins over a parameter."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self.find = lru_cache(_PATHS_KEPT)(self._find)
        """The targets by method and the path's parameters; None where no route has this path."""

    def add(self, method: str, path: str, target: T) -> None:
        """Raises `ValueError` if the route is there already."""
        node, names = self._root, []
        for segment in path.split("/")[1:]:
            if segment.startswith("{"):
                name, _, suffix = segment[1:].partition("}")
                names.append(name)
                if suffix:
                    node = node.suffixed.setdefault(suffix, _Node())
                else:
                    node.parameter = node.parameter or _Node()
                    node = node.parameter
            else:
                node = node.literal.setdefault(segment, _Node())
        if method in node.methods:
            raise ValueError(f"two routes for {method} {path}")
        node.names = tuple(names)
        node.methods[method] = target
        self.find.cache_clear()

    def _find(self, path: str) -> tuple[Mapping[str, T], Mapping[str, str]] | None:
        values: list[str] = []
        node = self._descend(self._root, path.split("/"), 1, values)
        if node is None:
            return None
        return node.methods, dict(zip(node.names, values, strict=True))

    def _descend(self, node: _Node[T], segments: list[str], at: int, values: list[str]) -> _Node[T] | None:
        """The node of the segments from `at` on. Where there is one way only, it is followed at once."""
        for position in range(at, len(segments)):
            segment = segments[position]
            child = node.literal.get(segment)
            if node.suffixed or (child is not None and node.parameter is not None):
                return self._choose(node, segments, position, values)
            if child is not None:
                node = child
            elif node.parameter is not None and segment:
                values.append(segment)
                node = node.parameter
            else:
                return None
        return node if node.methods else None

    def _choose(self, node: _Node[T], segments: list[str], at: int, values: list[str]) -> _Node[T] | None:
        """The first way that leads to a route: a literal, a suffix, a parameter."""
        segment, known = segments[at], len(values)
        for child, value in _ways(node, segment):
            if value is not None:
                values.append(value)
            found = self._descend(child, segments, at + 1, values)
            if found is not None:
                return found
            del values[known:]
        return None


def _ways(node: _Node[T], segment: str) -> Iterator[tuple[_Node[T], str | None]]:
    """The nodes that a segment may lead to, each with its parameter's value."""
    if segment in node.literal:
        yield node.literal[segment], None
    if not segment:
        return
    for suffix, child in node.suffixed.items():
        if segment.endswith(suffix) and len(segment) > len(suffix):
            yield child, segment.removesuffix(suffix)
    if node.parameter is not None:
        yield node.parameter, segment
