"""MongoDB servers that are no replica set, or that end and start again."""

import asyncio
from typing import Any

import pytest

from engines import mongo
from houseful.adapters.mongodb.connection import hosts
from houseful.kernel.errors import Unavailable
from tests.contract.mongo_engine import mongo_url, program
from tests.contract.mongo_store import open_mongo, put
from tests.contract.store_documents import (
    Account,
    add,
    need,
)

__all__ = ["mongo_url"]


class TestReplicaSets:
    async def refused(self, url: str) -> str:
        with pytest.raises(Unavailable) as raised:
            await open_mongo(url, "test")
        message = str(raised.value)
        assert "\n" not in message
        return message

    async def test_a_server_without_a_replica_set_is_refused(self, tmp_path: Any) -> None:
        member = mongo.Member.start_new(program(), tmp_path, replica_set=None)
        try:
            url = f"mongodb://127.0.0.1:{member.port}"
            for options in ("", "/?directConnection=true", "/?replicaSet=rs0&serverSelectionTimeoutMS=300"):
                message = await self.refused(url + options)
                assert "is not a replica set" in message
                assert "--replSet" in message
        finally:
            member.stop()

    async def test_a_replica_set_that_was_never_initiated_is_refused(self, tmp_path: Any) -> None:
        member = mongo.Member.start_new(program(), tmp_path)
        try:
            message = await self.refused(f"mongodb://127.0.0.1:{member.port}/?serverSelectionTimeoutMS=300")
            assert "rs.initiate()" in message
        finally:
            member.stop()

    async def test_what_else_an_operator_is_told(self, mongo_url: str) -> None:
        name = "otherName"
        url = (
            f"mongodb://{hosts(mongo_url).replace(', ', ',')}/?replicaSet={name}&serverSelectionTimeoutMS=300"
        )
        assert f"not to {name}" in await self.refused(url)
        url = "mongodb://houseful:secret-word@127.0.0.1:1/?serverSelectionTimeoutMS=100"
        message = await self.refused(url)
        assert "does not answer at 127.0.0.1:1" in message
        assert "secret-word" not in message
        assert "makes no sense" in await self.refused("http://127.0.0.1")

    async def test_killed_and_started_again(self) -> None:
        """What was acknowledged is there; whoever asked meanwhile was told that nobody answers."""
        with mongo.ReplicaSet.start(program()) as replica_set:
            [member] = replica_set.members
            store = await open_mongo(f"{replica_set.url}&serverSelectionTimeoutMS=300", "test")
            await add(store, Account(id="a", balance=1))
            await store.ready()
            await asyncio.to_thread(member.kill)
            for attempt in (store.get(Account, "a"), store.find(Account, {}, limit=1), store.ready()):
                with pytest.raises(Unavailable):
                    await attempt
            await asyncio.to_thread(member.start)
            await asyncio.to_thread(replica_set.primary)
            assert await store.get(Account, "a") == Account(id="a", balance=1)
            await put(store, "a", 2)
            await store.ready()
            assert (await need(store, "a")).balance == 2
            await store.close()
