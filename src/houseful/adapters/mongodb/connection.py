"""The MongoDB client: its limits, the meaning of its errors, and the check that transactions work."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    ConfigurationError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.uri_parser import parse_uri

from houseful.kernel.errors import Unavailable

# Below this the driver logs every command with the documents in it: people's names, addresses, secrets.
logging.getLogger("pymongo").setLevel(logging.WARNING)

T = TypeVar("T")

Row = dict[str, Any]
Client = AsyncMongoClient[Row]
Database = AsyncDatabase[Row]

_CLIENT_OPTIONS: Mapping[str, Any] = {
    "appname": "houseful",
    "connectTimeoutMS": 3_000,
    "heartbeatFrequencyMS": 2_000,
    "maxPoolSize": 32,
    "serverSelectionTimeoutMS": 5_000,
    "socketTimeoutMS": 10_000,
    "waitQueueTimeoutMS": 5_000,
}
"""Unless the URL chooses something else."""

_ALWAYS: Mapping[str, Any] = {"w": "majority", "journal": True, "wTimeoutMS": 10_000}
"""For what is written outside of a transaction, such as that messages are published. Whatever the URL
says."""

_PROBE_MILLIS = 1_000

_OUR_FAULT = frozenset(
    {
        2,  # BadValue
        9,  # FailedToParse
        14,  # TypeMismatch
        52,  # DollarPrefixedFieldName
        263,  # OperationNotSupportedInTransaction
        10334,  # BSONObjectTooLarge
        17280,  # KeyTooLong
        17419,  # an update makes the document too large
        17420,
    }
)
"""Error codes that say what was wrong with the command. Everything else is the engine's trouble."""


_shielded: set[asyncio.Task[Any]] = set()


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """Run the driver's work in a task of its own, which continues when the caller is cancelled.

    A cancelled driver would give up its connection. With Python 3.11, where `asyncio.wait_for` may swallow a
    cancellation that arrives with the result, the caller would not end.
    """
    task = asyncio.create_task(work)
    _shielded.add(task)
    task.add_done_callback(_over)
    return await asyncio.shield(task)


def _over(task: "asyncio.Task[Any]") -> None:
    """Retrieve the error of a task whose caller was cancelled. Otherwise asyncio logs it as a bug."""
    _shielded.discard(task)
    if not task.cancelled():
        task.exception()


def connect(url: str) -> Client:
    """Make a client. Nothing is sent yet. Raises `Unavailable` for an invalid URL."""
    try:
        chosen = {name.lower() for name in parse_uri(url)["options"]}
        defaults = {name: value for name, value in _CLIENT_OPTIONS.items() if name.lower() not in chosen}
        return AsyncMongoClient(url, **{**defaults, **_ALWAYS})
    except (PyMongoError, ValueError, TypeError) as error:
        raise Unavailable(f"the URL of MongoDB makes no sense: {error}") from error


async def check_replica_set(client: Client, url: str) -> None:
    """Raises `Unavailable`, in one sentence for the operator, where transactions are impossible."""
    try:
        hello = await client.admin.command("hello")
    except ServerSelectionTimeoutError as error:
        raise Unavailable(await _why_nobody_is_primary(url)) from error
    except PyMongoError as error:
        raise unavailable(f"MongoDB at {hosts(url)} does not let us in", error) from error
    if "setName" not in hello and hello.get("msg") != "isdbgrid":  # the latter: a router to several sets
        raise Unavailable(_standalone(hosts(url)))


async def _why_nobody_is_primary(url: str) -> str:
    """Ask each server by itself: the driver hides servers that do not belong to the replica set."""
    for host, port in parse_uri(url)["nodelist"]:
        hello = await _hello(url, host, port)
        if hello is None:
            continue
        if hello.get("isreplicaset"):
            return (
                f"MongoDB at {host}:{port} is a replica set that was never initiated: run rs.initiate() there"
            )
        if "setName" not in hello:
            return _standalone(f"{host}:{port}")
        wanted = parse_uri(url)["options"].get("replicaSet", hello["setName"])
        if wanted != hello["setName"]:
            return f"MongoDB at {host}:{port} belongs to the replica set {hello['setName']}, not to {wanted}"
        return f"the replica set {hello['setName']} of MongoDB at {hosts(url)} has no primary at present"
    return f"MongoDB does not answer at {hosts(url)}"


def _standalone(where: str) -> str:
    return (
        f"MongoDB at {where} is not a replica set, and without one it has no transactions: "
        "start mongod with --replSet and run rs.initiate(), one member is enough"
    )


async def _hello(url: str, host: str, port: int | None) -> Row | None:
    options = {
        name: value for name, value in parse_uri(url)["options"].items() if name.lower().startswith("tls")
    }
    probe: Client = AsyncMongoClient(
        host, port, directConnection=True, serverSelectionTimeoutMS=_PROBE_MILLIS, **options
    )
    try:
        return await probe.admin.command("hello")
    except PyMongoError:
        return None  # the next one may answer; if none does, that is what is said
    finally:
        await probe.close()


def hosts(url: str) -> str:
    """The hosts of a URL, without its password."""
    return ", ".join(f"{host}:{port}" for host, port in parse_uri(url)["nodelist"])


def unavailable(what: str, error: Exception) -> Unavailable:
    return Unavailable(f"{what}: {type(error).__name__}: {error}")


def is_our_fault(error: Exception) -> bool:
    """Whether the error is a bug, such as a document that MongoDB cannot hold. A retry would not help."""
    if isinstance(error, OperationFailure):
        return error.code in _OUR_FAULT
    return not isinstance(error, PyMongoError) or isinstance(error, ConfigurationError)
