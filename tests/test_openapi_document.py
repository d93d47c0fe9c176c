"""The web app's types are generated from `web/openapi.json`, which has to be what the server offers.

`make types` renews both.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from houseful.app import MANIFESTS
from houseful.common.openapi import document

FILE = Path(__file__).parents[1] / "web" / "openapi.json"


def offered() -> dict[str, Any]:
    services = [(manifest.name, manifest.endpoints) for manifest in MANIFESTS]
    described: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(document(services, version=version("houseful")))
    )
    return described


def test_the_document_in_the_web_folder_is_what_the_server_offers() -> None:
    assert json.loads(FILE.read_text()) == offered()


if __name__ == "__main__":
    FILE.write_text(json.dumps(offered(), indent=1, ensure_ascii=False) + "\n")
    sys.exit(0)
