"""The OpenAPI 3.1 document of the whole surface, made from what the endpoints declare; nothing is written
down twice."""

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from houseful.webapi.endpoint import USER, Endpoint
from houseful.webapi.requests import NoQuery
from houseful.webapi.signatures import path_parameters

_SCHEMAS = "#/components/schemas/{name}"
_PAGE = re.compile(r"Page_(\w+)_")
_PROBLEM = {"$ref": "#/components/responses/Problem"}


class Problem(msgspec.Struct):
    """What every error answers (RFC 9457). Some codes add members of their own, such as `taken` for
    `seats_taken`."""

    type: str
    title: str
    status: int
    code: str
    """Stable and for programs."""
    detail: str
    """For people."""
    request_id: str | None = None
    errors: dict[str, str] = {}
    """By field path, where fields are to blame."""


class _Operation(NamedTuple):
    service: str
    endpoint: Endpoint


def document(
    services: Iterable[tuple[str, Sequence[Endpoint]]], *, version: str, url: str = "/"
) -> dict[str, Any]:
    """One document for (name, endpoints) of every service, in that order."""
    operations = [_Operation(name, endpoint) for name, endpoints in services for endpoint in endpoints]
    types = _types(operations)
    schemas, components = msgspec.json.schema_components(types, ref_template=_SCHEMAS)
    schema_of = dict(zip(map(id, types), schemas, strict=True))
    queries = {endpoint.signature.query.__name__ for _, endpoint in operations}
    names = {name: _clean(name) for name in components if name not in queries}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        endpoint = operation.endpoint
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _described(operation, schema_of)
    whole = {
        "openapi": "3.1.0",
        "info": {
            "title": "Houseful",
            "version": version,
            "summary": "Seats for events: browsing, holding, ordering, paying, checking in.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "tags": [{"name": name} for name in dict.fromkeys(operation.service for operation in operations)],
        "paths": paths,
        "components": {
            "schemas": {name: one for name, one in components.items() if name in names},
            "responses": {
                "Problem": {
                    "description": "A problem document; `code` says which.",
                    "content": {"application/problem+json": {"schema": schema_of[id(Problem)]}},
                }
            },
            "securitySchemes": {
                "accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "serviceKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Between services: a key of the installation, or a signature in a header.",
                },
            },
        },
    }
    renamed: dict[str, Any] = _renamed(whole, {_ref(name): _ref(clean) for name, clean in names.items()})
    schemas_of = renamed["components"]["schemas"]
    renamed["components"]["schemas"] = {names[name]: one for name, one in schemas_of.items()}
    return renamed


def _ref(name: str) -> str:
    return _SCHEMAS.format(name=name)


def _clean(name: str) -> str:
    """As a generator may use it for a class: `Page[EventView]` is an `EventPage`. Raises `ValueError` where
    two classes have one name, which only their modules' paths tell apart."""
    page = _PAGE.fullmatch(name)
    clean = f"{page[1].removesuffix('View')}Page" if page else name
    if not clean.isidentifier():
        raise ValueError(f"{name} is no name for a schema: rename one of the classes that share it")
    return clean


def _renamed(value: Any, refs: dict[str, str]) -> Any:
    """With clean names. Tuples lose `items: false`, which generators of clients do not take: a tuple's
    `maxItems` says the same.
    """
    if isinstance(value, dict):
        return {
            key: refs.get(one, one) if key == "$ref" and isinstance(one, str) else _renamed(one, refs)
            for key, one in value.items()
            if not (key == "items" and one is False and "maxItems" in value)
        }
    return [_renamed(one, refs) for one in value] if isinstance(value, list) else value


def _types(operations: Sequence[_Operation]) -> list[Any]:
    found: dict[int, Any] = {id(Problem): Problem}
    for _, endpoint in operations:
        for kind in (endpoint.signature.answer, endpoint.signature.body, endpoint.signature.query):
            if kind is not None:
                found[id(kind)] = kind
    return list(found.values())


def _described(operation: _Operation, schema_of: dict[int, Any]) -> dict[str, Any]:
    """The operation's id is the service's and its own name, whatever else there is."""
    endpoint = operation.endpoint
    described: dict[str, Any] = {
        "operationId": f"{operation.service}_{endpoint.handle.__name__}",
        "tags": [operation.service],
        "summary": endpoint.summary,
        "parameters": [*_path_parameters(endpoint.path), *_query_parameters(endpoint), *_headers(endpoint)],
        "responses": _responses(endpoint, schema_of),
    }
    more = (inspect.getdoc(endpoint.handle) or "").split("\n", 1)[1:]
    if more and more[0].strip():
        described["description"] = more[0].strip()
    if endpoint.signature.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema_of[id(endpoint.signature.body)]}},
        }
    described["security"] = _security(endpoint)
    if endpoint.who is not None and endpoint.who is not USER:
        described["x-roles"] = sorted(endpoint.who)
    return described


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    if not endpoint.public:
        return [{"serviceKey": []}]
    if endpoint.who is None:
        return [{}, {"accessToken": []}]
    return [{"accessToken": []}]


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in path_parameters(path)
    ]


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.signature.query is NoQuery:
        return []
    (schema,), components = msgspec.json.schema_components([endpoint.signature.query], ref_template=_SCHEMAS)
    properties = components[schema["$ref"].rsplit("/", 1)[1]]
    required = properties.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": one}
        for name, one in properties["properties"].items()
    ]


def _headers(endpoint: Endpoint) -> list[dict[str, Any]]:
    headers: list[dict[str, Any]] = []
    if endpoint.idempotent or endpoint.repeatable:
        headers.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": endpoint.idempotent,
                "description": "Any unique text; the same one when the request is repeated.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            }
        )
    if endpoint.line_pass:
        headers.append(
            {
                "name": "X-Line-Pass",
                "in": "header",
                "required": False,
                "description": "The pass of the event's line, where it has one.",
                "schema": {"type": "string"},
            }
        )
    if endpoint.asks_for_work:
        headers.append(
            {
                "name": "X-Proof-Of-Work",
                "in": "header",
                "required": False,
                "description": "After 403 `proof_of_work_required`: its `challenge` with the solution, an "
                "ALTCHA payload (version 2).",
                "schema": {"type": "string"},
            }
        )
    return headers


def _responses(endpoint: Endpoint, schema_of: dict[int, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done"}
    if endpoint.media_type == "application/json" and endpoint.signature.answer is not None:
        good["content"] = {"application/json": {"schema": schema_of[id(endpoint.signature.answer)]}}
    elif endpoint.media_type == "text/event-stream":
        good["description"] = "Server-sent events until either side ends it"
        good["content"] = {"text/event-stream": _stream_schema(endpoint, schema_of)}
    elif endpoint.media_type.startswith("text/") or endpoint.media_type.endswith("+xml"):
        good["content"] = {endpoint.media_type: {"schema": {"type": "string"}}}
    elif endpoint.media_type != "application/json":
        good["content"] = {endpoint.media_type: {}}  # OpenAPI 3.1: without a schema it is binary
    if endpoint.idempotent or endpoint.repeatable:
        good["headers"] = {
            "Idempotent-Replayed": {
                "description": "`true` where this is the first answer once more.",
                "schema": {"const": "true"},
            }
        }
    responses = {str(endpoint.status): good}
    if endpoint.or_status is not None:
        responses[str(endpoint.or_status)] = good
    for status in _expected_problems(endpoint):
        responses[status] = _PROBLEM
    responses["default"] = _PROBLEM
    return responses


def _stream_schema(endpoint: Endpoint, schema_of: dict[int, Any]) -> dict[str, Any]:
    if endpoint.signature.answer is None:
        return {"schema": {"type": "string"}}
    return {"schema": {"type": "string"}, "x-data": schema_of[id(endpoint.signature.answer)]}


def _expected_problems(endpoint: Endpoint) -> list[str]:
    keyed = endpoint.idempotent or endpoint.repeatable
    return [
        status
        for status, expected in (
            ("400", endpoint.signature.body is not None or keyed),
            ("401", True),
            (
                "403",
                endpoint.line_pass
                or endpoint.asks_for_work
                or (endpoint.who is not None and endpoint.who is not USER),
            ),
            ("404", "{" in endpoint.path),
            ("409", keyed or "{" in endpoint.path),
            ("413", endpoint.signature.body is not None),
            ("422", endpoint.signature.body is not None or endpoint.signature.query is not NoQuery),
            ("429", True),
            ("503", True),
        )
        if expected
    ]
