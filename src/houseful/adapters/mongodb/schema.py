"""Evolution of a database to the declared collections and indexes. Several processes may run it at once."""

from collections.abc import Sequence

from pymongo import UpdateOne
from pymongo.errors import CollectionInvalid, OperationFailure

from houseful.adapters.mongodb.collections import OURS, Collection
from houseful.adapters.mongodb.connection import Database, Row
from houseful.adapters.mongodb.outbox import OUTBOX, OUTBOX_INDEXES
from houseful.kernel.errors import Unavailable

_FILLED_AT_ONCE = 1_000
_NAMESPACE_EXISTS = 48
_INDEX_NOT_FOUND = 27
_DUPLICATE_KEY = 11000

_COMPARED = ("key", "unique", "partialFilterExpression")


async def evolve(database: Database, collections: Sequence[Collection]) -> None:
    """Raises `Unavailable` if the content forbids a unique index, and the driver's error if the server does
    not answer.
    """
    existing = set(await database.list_collection_names())
    await _bring(database, OUTBOX, OUTBOX_INDEXES, existing)
    for collection in collections:
        wanted = collection.index_models()
        if collection.name in existing:
            await _fill(database, collection, wanted)
        await _bring(database, collection.name, wanted, existing)


async def _bring(database: Database, name: str, wanted: dict[str, Row], existing: set[str]) -> None:
    if name not in existing:
        try:
            # Ahead of the first transaction: one that had to make its collection would conflict with all
            # others.
            await database.create_collection(name)
        except CollectionInvalid:
            pass  # another process was faster
        except OperationFailure as error:
            if error.code != _NAMESPACE_EXISTS:
                raise
    present = await _our_indexes(database, name)
    for index, model in present.items():
        if wanted.get(index) != model:
            await _drop(database, name, index)
    missing = [model for index, model in wanted.items() if present.get(index) != model]
    if missing:
        await _create(database, name, missing)


async def _our_indexes(database: Database, name: str) -> dict[str, Row]:
    """The existing indexes of ours, as createIndexes would take them."""
    indexes = await database[name].list_indexes()
    found = {}
    async for index in indexes:
        if index["name"].startswith(OURS):
            model = {part: index[part] for part in _COMPARED if part in index}
            model["key"] = dict(model["key"])
            found[index["name"]] = {"name": index["name"]} | model
    return found


async def _drop(database: Database, name: str, index: str) -> None:
    try:
        await database[name].drop_index(index)
    except OperationFailure as error:
        if error.code != _INDEX_NOT_FOUND:
            raise


async def _create(database: Database, name: str, models: list[Row]) -> None:
    try:
        await database.command({"createIndexes": name, "indexes": models})
    except OperationFailure as error:
        if error.code == _DUPLICATE_KEY:
            raise Unavailable(f"{name} holds documents that a unique index forbids: {error}") from error
        raise


async def _fill(database: Database, collection: Collection, wanted: dict[str, Row]) -> None:
    """Copy newly indexed fields out of the bodies, so that a new index covers old documents."""
    present = await _our_indexes(database, collection.name)
    known = {field for model in present.values() for field in model["key"]}
    new = {field for model in wanted.values() for field in model["key"]} - known - {"_id"}
    if not new:
        return
    rows = database[collection.name]
    last = ""
    while page := await rows.find({"_id": {"$gt": last}}).sort("_id", 1).limit(_FILLED_AT_ONCE).to_list():
        updates = []
        for row in page:
            copies = collection.indexed(collection.decode(row["_body"]))
            change: Row = {}
            if there := {field: copies[field] for field in new if field in copies}:
                change["$set"] = there
            if gone := dict.fromkeys(new - copies.keys(), ""):
                change["$unset"] = gone
            # A document changed meanwhile keeps its state: that change has written the copies too.
            updates.append(UpdateOne({"_id": row["_id"], "_version": row["_version"]}, change))
        await rows.bulk_write(updates, ordered=False)
        last = page[-1]["_id"]
