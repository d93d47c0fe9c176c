"""Health of MongoDB, for `houseful doctor`."""

from dataclasses import dataclass
from datetime import UTC

from pymongo.errors import OperationFailure, PyMongoError

from houseful.adapters.clock_skew import ahead_seconds, timed
from houseful.adapters.mongodb.connection import Client, Row, check_replica_set, connect, hosts, unavailable
from houseful.adapters.mongodb.outbox import OUTBOX

_UNAUTHORIZED = 13


@dataclass(frozen=True, kw_only=True)
class Members:
    states: dict[str, str]
    """By host:port, such as PRIMARY or SECONDARY.

    The state of an unreachable member is the one that the others report.
    """
    away: frozenset[str]
    spare: int
    """The number of data-bearing members that may fail before writes stop."""


@dataclass(frozen=True, kw_only=True)
class Health:
    where: str
    version: str
    replica_set: str | None
    """None behind a router of several sets."""
    members: Members | None
    """None where this user may not read them, and behind a router."""
    ahead_seconds: float


async def probe(url: str) -> Health:
    """Raises `Unavailable`, in words for the operator, where transactions are impossible."""
    client = connect(url)
    try:
        await check_replica_set(client, url)
        hello, before, after = await timed(lambda: client.admin.command("hello"))
        shown = hello["localTime"].replace(tzinfo=UTC).timestamp()
        return Health(
            where=hosts(url),
            version=(await client.admin.command("buildInfo"))["version"],
            replica_set=hello.get("setName"),
            members=await _members(client) if "setName" in hello else None,
            ahead_seconds=ahead_seconds(shown, before, after, within=0.001),
        )
    except PyMongoError as error:
        raise unavailable(f"MongoDB at {hosts(url)} does not answer", error) from error
    finally:
        await client.close()


async def _members(client: Client) -> Members | None:
    try:
        status = await client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code == _UNAUTHORIZED:
            return None
        raise
    members: list[Row] = status["members"]
    return Members(
        states={member["name"]: member["stateStr"] for member in members},
        away=frozenset(member["name"] for member in members if member["health"] != 1),
        spare=status["writableVotingMembersCount"] - status["majorityVoteCount"],
    )


async def check_majority(url: str, database: str) -> None:
    """Raises `Unavailable` where a majority of the members does not write to disk.

    Changes nothing. The server answers when a majority has all earlier writes.
    """
    client = connect(url)
    try:
        await client[database][OUTBOX].update_one({"_id": ""}, {"$set": {"published_at": 0}})
    except PyMongoError as error:
        raise unavailable("nothing can be written", error) from error
    finally:
        await client.close()
