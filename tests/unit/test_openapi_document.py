"""The web app's types are generated from `web/openapi.json`, which has to be what the server offers.

`make types` renews both.
"""

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from houseful.manifests import MANIFESTS
from houseful.webapi.endpoint import Endpoint
from houseful.webapi.openapi import document

FILE = Path(__file__).parents[2] / "web" / "openapi.json"


def offered() -> dict[str, Any]:
    services = [(manifest.name, manifest.endpoints) for manifest in MANIFESTS]
    described: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(document(services, version=version("houseful")))
    )
    return described


def test_the_document_in_the_web_folder_is_what_the_server_offers() -> None:
    assert json.loads(FILE.read_text()) == offered()


def _operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in offered()["paths"].items()
        for method, operation in methods.items()
    ]


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from _refs(one)
    elif isinstance(value, list):
        for one in value:
            yield from _refs(one)


def test_it_is_openapi_3_1() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(offered()).iter_errors()] == []


def test_its_schemas_are_classes_of_a_client() -> None:
    """Each has a name that a generator takes as it is, and is used."""
    described = offered()
    schemas = described["components"]["schemas"]
    assert [name for name in schemas if not re.fullmatch(r"[A-Z][A-Za-z]+", name)] == []
    assert set(schemas) == {
        ref.rpartition("/")[2] for ref in _refs(described) if ref.startswith("#/components/schemas/")
    }


def test_two_classes_of_one_name_are_refused() -> None:
    one = msgspec.defstruct("View", [("value", int)], module="one")
    two = msgspec.defstruct("View", [("value", str)], module="two")

    async def first(service: Any) -> None:
        """One."""

    async def second(service: Any) -> None:
        """The other."""

    first.__annotations__["return"], second.__annotations__["return"] = one, two
    endpoints = [Endpoint("GET", "/api/first", first), Endpoint("GET", "/api/second", second)]
    with pytest.raises(ValueError, match="rename one of the classes"):
        document([("service", endpoints)], version="1")


def test_an_operation_keeps_its_id_whatever_else_is_offered() -> None:
    ids = [operation["operationId"] for _, _, operation in _operations()]
    assert len(ids) == len(set(ids))
    alone = [
        operation["operationId"]
        for manifest in MANIFESTS
        for methods in document([(manifest.name, manifest.endpoints)], version="1")["paths"].values()
        for operation in methods.values()
    ]
    assert sorted(alone) == sorted(ids)
    assert all(re.fullmatch(r"(users|events|tickets|payments|line)_[a-z_]+", one) for one in ids)


def test_every_operation_says_what_it_takes_and_answers() -> None:
    for path, method, operation in _operations():
        assert operation["summary"], path
        inside = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert inside == set(re.findall(r"{(\w+)}", path))
        assert "default" in operation["responses"]
        assert "security" in operation
        good = [status for status in operation["responses"] if status.startswith("2")]
        assert len(good) == (2 if operation["operationId"] == "line_join" else 1), (method, path)


@pytest.mark.parametrize(
    ("operation_id", "required"),
    [
        ("tickets_hold", True),
        ("tickets_order", True),
        ("tickets_cancel_order", True),
        ("tickets_check_in", True),
        ("events_create_event", False),
        ("line_join", False),
        ("line_control", False),
    ],
)
def test_a_key_where_one_is_taken(operation_id: str, required: bool) -> None:
    [operation] = [one for _, _, one in _operations() if one["operationId"] == operation_id]
    [key] = [one for one in operation["parameters"] if one["name"] == "Idempotency-Key"]
    assert (key["in"], key["required"]) == ("header", required)
    good = [one for status, one in operation["responses"].items() if status.startswith("2")]
    assert all("Idempotent-Replayed" in one["headers"] for one in good)


def test_limits_of_the_forms_are_in_it() -> None:
    schemas = offered()["components"]["schemas"]
    assert schemas["BuyerInput"]["properties"]["name"]["maxLength"] == 100
    assert schemas["NewEventInput"]["properties"]["title"]["maxLength"] > 0
    assert schemas["RegisterInput"]["properties"]["password"]["minLength"] > 0


if __name__ == "__main__":
    FILE.write_text(json.dumps(offered(), indent=1, ensure_ascii=False) + "\n")
    sys.exit(0)
