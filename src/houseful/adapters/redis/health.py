"""Health of Redis or Valkey, for `houseful doctor`."""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from houseful.adapters.clock_skew import ahead_seconds, timed
from houseful.kernel.errors import Unavailable

_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Health:
    """Facts that this user may not read are None."""

    where: str
    version: str | None
    """The version of Redis' commands. Valkey reports the Redis version that it is compatible with."""
    memory_limit: int | None
    """Bytes; 0 for none."""
    memory_used: int | None
    eviction: str | None
    """The eviction policy, such as noeviction."""
    saves: str | None
    """The persistence to disk; "" for none."""
    ahead_seconds: float


async def probe(url: str, prefix: str) -> Health:
    """Raises `Unavailable` with the server's message where writes fail."""
    client: Redis = Redis.from_url(
        url, protocol=2, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, decode_responses=True
    )
    named = client.connection_pool.connection_kwargs
    where = str(named.get("path") or f"{named.get('host', 'localhost')}:{named.get('port', 6379)}")
    try:
        await client.set(f"{{{prefix}}}:ready", "1", px=1000)  # as the services do, and gone as soon
        (seconds, micros), before, after = await timed(client.time)
        info = await _permitted(client.info())
        return Health(
            where=where,
            version=None if info is None else info["redis_version"],
            memory_limit=None if info is None else info["maxmemory"],
            memory_used=None if info is None else info["used_memory"],
            eviction=None if info is None else info["maxmemory_policy"],
            saves=await _saves(client, info),
            ahead_seconds=ahead_seconds(seconds + micros / 1_000_000, before, after),
        )
    except (RedisError, OSError, TimeoutError) as error:
        raise Unavailable(f"{where}: {error or type(error).__name__}") from error
    finally:
        await client.aclose()


async def _saves(client: Redis, info: Any) -> str | None:
    if info is None:
        return None
    snapshots = await _permitted(client.config_get("save"))
    ways = [] if not snapshots or not snapshots.get("save") else ["snapshots (RDB)"]
    ways += ["a log of every write (AOF)"] if info["aof_enabled"] else []
    return " and ".join(ways)


async def _permitted(asking: Any) -> Any:
    """The reply, or None where the user or the provider forbids the command."""
    try:
        return await asking
    except NoPermissionError:
        return None
    except ResponseError as error:
        if "unknown command" in str(error):
            return None
        raise
