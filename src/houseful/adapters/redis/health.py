"""What `houseful doctor` asks of Redis or Valkey."""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from houseful.adapters.clock_skew import ahead_seconds, timed
from houseful.kernel.errors import Unavailable

_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Health:
    """What this user may not see is None."""

    where: str
    version: str | None
    """Of Redis' commands: Valkey says which Redis it is like."""
    memory_limit: int | None
    """Bytes; 0 is none."""
    memory_used: int | None
    eviction: str | None
    """What goes when memory is full, such as noeviction."""
    saves: str | None
    """How it writes to disk; "" where it does not."""
    ahead_seconds: float


async def probe(url: str, prefix: str) -> Health:
    """Raises `Unavailable` with the server's own words where nothing can be written."""
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
    """None where this user may not ask that, or where the provider took the command away."""
    try:
        return await asking
    except NoPermissionError:
        return None
    except ResponseError as error:
        if "unknown command" in str(error):
            return None
        raise
