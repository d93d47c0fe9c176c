"""`houseful doctor` at a real Redis and Valkey."""

from engines.valkey import RedisServer
from houseful.settings import load_settings
from houseful.tools.doctor import Finding
from houseful.tools.doctor.neighbours import redis
from tests.contract.redis_engine import own_redis

__all__ = ["own_redis"]


async def examined(url: str) -> dict[str, Finding]:
    settings = load_settings({}, coordination_url=url, installation="doctor")
    return {finding.name: finding async for finding in redis(settings)}


async def test_a_sound_one(own_redis: RedisServer) -> None:
    found = await examined(own_redis.url)
    assert {finding.state for finding in found.values()} == {"ok"}
    assert set(found) == {"Redis", "Redis memory", "clock of Redis"}
    assert "of 8 MB used, noeviction" in found["Redis memory"].detail


async def test_one_that_evicts_and_saves(own_redis: RedisServer) -> None:
    own_redis.say("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    own_redis.say("CONFIG", "SET", "save", "3600 1")
    found = await examined(own_redis.url)
    assert found["Redis memory"].state == "warning"
    assert "noeviction" in (found["Redis memory"].fix or "")
    assert "snapshots (RDB)" in found["Redis on disk"].detail
    own_redis.say("CONFIG", "SET", "save", "")
    own_redis.say("CONFIG", "SET", "appendonly", "yes")
    assert "a log of every write (AOF)" in (await examined(own_redis.url))["Redis on disk"].detail
    own_redis.kill()  # it does not end by itself while it writes the first of that log


async def test_a_user_who_may_do_what_services_do_and_nothing_else(own_redis: RedisServer) -> None:
    own_redis.say(
        "ACL", "SETUSER", "houseful", "on", ">s3cret", "~{doctor}:*", "+@all", "-@dangerous", "+time"
    )
    found = await examined(own_redis.url.replace("redis://", "redis://houseful:s3cret@"))
    assert {finding.state for finding in found.values()} == {"ok"}
    assert "tells this user no more" in found["Redis"].detail


async def test_one_that_takes_no_writes(own_redis: RedisServer) -> None:
    own_redis.say("REPLICAOF", "127.0.0.1", "1")
    found = await examined(own_redis.url)
    assert found["Redis"].state == "problem"
    assert "read only replica" in found["Redis"].detail


async def test_a_password_that_is_wrong_and_one_that_is_away(own_redis: RedisServer) -> None:
    own_redis.say("CONFIG", "SET", "requirepass", "s3cret")
    found = await examined(own_redis.url.replace("redis://", "redis://:wrong@"))
    assert found["Redis"].state == "problem"
    assert "wrong" not in found["Redis"].detail
    own_redis.kill()
    found = await examined(own_redis.url)
    assert found["Redis"].state == "problem"
    assert f"127.0.0.1:{own_redis.port}" in found["Redis"].detail
