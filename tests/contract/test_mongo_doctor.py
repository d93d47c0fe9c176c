"""`houseful doctor` at real MongoDBs: sound ones, and such that no transaction can be made on."""

import asyncio
import uuid
from pathlib import Path

from pymongo import MongoClient

from engines import mongo
from houseful.settings import load_settings
from houseful.tools.doctor import Finding
from houseful.tools.doctor.stores import mongodb
from tests.contract.mongo_engine import APP_NAME, mongo_url, program
from tests.support.patience import PATIENCE_SECONDS

__all__ = ["mongo_url"]


async def examined(url: str) -> dict[str, Finding]:
    settings = load_settings({}, store_url=url, installation=f"doctor-{uuid.uuid4().hex[:16]}")
    return {finding.name: finding async for finding in mongodb(settings)}


async def when_not_ok(url: str, name: str) -> Finding:
    """MongoDB's members notice it within some seconds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            finding = (await examined(url)).get(name)
            if finding is not None and finding.state != "ok":
                return finding


async def test_a_sound_one(mongo_url: str) -> None:
    found = await examined(mongo_url)
    assert not [finding for finding in found.values() if finding.state == "problem"]
    assert found["MongoDB writes"].state == "ok"
    assert found["clock of MongoDB"].state == "ok"
    assert "will be made" in found["tickets store"].detail


async def test_members_one_after_the_other_fail(tmp_path: Path) -> None:
    replica_set = await asyncio.to_thread(mongo.ReplicaSet.start, program(), members=3, data=tmp_path)
    url = f"{replica_set.url}&serverSelectionTimeoutMS=1000"
    try:
        found = await examined(url)
        assert {finding.state for finding in found.values()} == {"ok"}
        assert "1 of them may fail" in found["MongoDB members"].detail

        primary = await asyncio.to_thread(replica_set.primary)
        first, second = (member for member in replica_set.members if member is not primary)
        await asyncio.to_thread(first.kill)
        members = await when_not_ok(url, "MongoDB members")
        assert members.state == "warning"
        assert f"127.0.0.1:{first.port} is away" in members.detail

        await asyncio.to_thread(second.kill)
        assert "has no primary" in (await when_not_ok(url, "MongoDB")).detail
        assert set(await examined(url)) == {"MongoDB"}
    finally:
        await asyncio.to_thread(replica_set.stop)


async def test_one_by_itself(tmp_path: Path) -> None:
    alone = await asyncio.to_thread(mongo.Member.start_new, program(), tmp_path, replica_set=None)
    try:
        found = await examined(alone.url)
    finally:
        await asyncio.to_thread(alone.stop)
    assert set(found) == {"MongoDB"}
    assert found["MongoDB"].state == "problem"
    assert "is not a replica set" in found["MongoDB"].detail
    assert "--replSet" in found["MongoDB"].detail


async def test_a_majority_that_is_not_there(mongo_url: str) -> None:
    """A write that changes nothing is enough to notice."""
    with MongoClient[dict[str, object]](mongo_url) as client:
        point = {"configureFailPoint": "failCommand", "mode": {"times": 1}}
        data = {
            "failCommands": ["update"],
            "appName": APP_NAME,
            "writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"},
        }
        client.admin.command({**point, "data": data})
        found = await examined(mongo_url)
    assert found["MongoDB writes"].state == "problem"
    assert "waiting for replication timed out" in found["MongoDB writes"].detail
