"""What an earlier version has stored is read under the same names: collections, and fields of documents.

A sale shows what matters most. A renamed collection would still be an empty one to the present version, and a
renamed field would have its default.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from houseful.adapters.factory import store_file
from houseful.app import documents_of
from houseful.manifests import MANIFESTS
from tests.compatibility import sample

OUTBOX = "outbox"


@pytest.mark.parametrize("name", sample.names())
def test_every_collection_and_every_field_is_known(name: str, tmp_path: Path) -> None:
    sample.unpack(sample.SAMPLES / name / "sqlite.tar.xz", tmp_path)
    read = 0
    for manifest in MANIFESTS:
        file = store_file(tmp_path, manifest.name)
        if not file.exists():
            continue  # a service that this version did not have
        kinds = {document.collection: document for document in documents_of(manifest)}
        for collection, bodies in _stored(file).items():
            assert collection in kinds, f"{manifest.name} has stored {collection}, and nothing reads it"
            for body in bodies:
                document = msgspec.json.decode(body, type=kinds[collection])
                now = msgspec.json.decode(msgspec.json.encode(document))
                lost = _lost(msgspec.json.decode(body), now)
                assert not lost, f"{manifest.name} {collection} {document.id}: {lost}"
                read += 1
    assert read > 50


@pytest.mark.parametrize("name", [one for one in sample.names() if one != "2026-11-28"])
def test_messages_are_still_to_be_sent(name: str, tmp_path: Path) -> None:
    """Else the sample would not show that they are sent."""
    sample.unpack(sample.SAMPLES / name / "sqlite.tar.xz", tmp_path)
    with closing(sqlite3.connect(store_file(tmp_path, "events"))) as connection:
        types = connection.execute("SELECT type FROM outbox WHERE published_at IS NULL").fetchall()
    assert ("houseful.EventPublished.v1",) in types


def _stored(file: Path) -> dict[str, list[bytes]]:
    """The bodies by collection, of those that have any."""
    with closing(sqlite3.connect(file)) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        found = {
            table: [body for (body,) in connection.execute(f'SELECT _body FROM "{table}"')]
            for table in tables
            if table != OUTBOX
        }
    return {table: bodies for table, bodies in found.items() if bodies}


def _lost(before: Any, now: Any, where: str = "") -> list[str]:
    """The places whose value is another one. A struct that is stored as an array may have more fields now."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            place for key, value in before.items() for place in _lost(value, now.get(key), f"{where}.{key}")
        ]
    if isinstance(before, list) and isinstance(now, list) and len(before) <= len(now):
        return [
            place
            for index, pair in enumerate(zip(before, now, strict=False))
            for place in _lost(*pair, f"{where}[{index}]")
        ]
    return [] if before == now else [f"{where} is {now!r} and was {before!r}"[:200]]
