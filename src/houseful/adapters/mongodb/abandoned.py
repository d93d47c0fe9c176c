"""Transactions of the server that nobody goes on with, because the process that began them was killed.

The server holds their locks for a minute, whatever becomes of the connection, and in that minute whoever
changes the same documents conflicts: the seats that were being held just then could not be sold. So whoever
conflicts looks for them, and ends them. From a process that is only slow that takes nothing but time: it does
what it had begun once more.
"""

import asyncio
from typing import Any

from pymongo.errors import PyMongoError

from houseful.adapters.mongodb.connection import Client, Row
from houseful.kernel.telemetry import get_logger

IDLE_MILLIS = 1_500
"""For how long nothing has come for a transaction that counts as left alone."""
_LOOK_SECONDS = 0.5

log = get_logger(__name__)


class Orphans:
    """Of this client's user, and of clients that have this one's application name."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._name = client.options.pool_options.appname
        self._looked_at = -_LOOK_SECONDS
        self._hindered = False

    async def end(self, idle_millis: int = IDLE_MILLIS) -> int:
        """How many; at most one look in half a second. Where the server does not allow it, it ends them
        itself in time."""
        now = asyncio.get_running_loop().time()
        if self._name is None or now - self._looked_at < _LOOK_SECONDS:
            return 0
        self._looked_at = now
        try:
            sessions = await self._find(idle_millis)
            if sessions:
                await self._client.admin.command({"killSessions": sessions})
        except PyMongoError as error:
            if not self._hindered:
                log.warning("transactions of processes that died can't be ended", extra={"error": str(error)})
            self._hindered = True
            return 0
        self._hindered = False
        if sessions:
            log.warning("ended transactions that nobody went on with", extra={"count": len(sessions)})
        return len(sessions)

    async def _find(self, idle_millis: int) -> list[Row]:
        theirs: dict[str, Any] = {
            "type": "idleSession",
            "appName": self._name,
            "transaction.parameters.autocommit": False,
            "transaction.timeInactiveMicros": {"$gte": idle_millis * 1000},
        }
        # one's own operations need no privilege
        pipeline = [
            {"$currentOp": {"allUsers": False, "idleSessions": True}},
            {"$match": theirs},
            {"$project": {"lsid.id": 1}},
        ]
        found = await self._client.admin.aggregate(pipeline)
        return [{"id": one["lsid"]["id"]} async for one in found]
