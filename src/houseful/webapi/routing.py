"""Finding what a path belongs to, in a tree of path segments: the cost is the depth of the path, however many
routes.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


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
        self._without_parameters: dict[str, _Node[T]] = {}

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
        if not names:
            self._without_parameters[path] = node

    def find(self, path: str) -> tuple[dict[str, T], dict[str, str]] | None:
        """The targets by method and the path's parameters; None where no route has this path."""
        exact = self._without_parameters.get(path)
        if exact is not None:
            return exact.methods, {}
        values: list[str] = []
        node = self._descend(self._root, path.split("/"), 1, values)
        if node is None:
            return None
        return node.methods, dict(zip(node.names, values, strict=True))

    def _descend(self, node: _Node[T], segments: list[str], at: int, values: list[str]) -> _Node[T] | None:
        """The node of the segments from `at` on."""
        if at == len(segments):
            return node if node.methods else None
        segment, at = segments[at], at + 1
        child = node.literal.get(segment)
        if child is not None:
            found = self._descend(child, segments, at, values)
            if found is not None:
                return found
        if not segment:
            return None
        for suffix, suffixed in node.suffixed.items():
            if segment.endswith(suffix) and len(segment) > len(suffix):
                values.append(segment.removesuffix(suffix))
                found = self._descend(suffixed, segments, at, values)
                if found is not None:
                    return found
                values.pop()
        if node.parameter is not None:
            values.append(segment)
            found = self._descend(node.parameter, segments, at, values)
            if found is not None:
                return found
            values.pop()
        return None
