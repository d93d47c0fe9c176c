"""Abandoned transactions of the server: transactions of killed processes.

The server holds their locks for a minute, independent of the connection. During that minute each change of
the same documents conflicts, and seats that were being held could not be sold. So a writer that conflicts
searches for abandoned transactions and ends them. A slow but living process loses only time: it runs its
transaction again.
"""

import asyncio
import math
from typing import Any

from pymongo.errors import PyMongoError

from houseful.adapters.mongodb.connection import Client, Row
from houseful.adapters.mongodb.tuning import DEFAULT, MongoTuning
from houseful.kernel.telemetry import get_logger

log = get_logger(__name__)


class AbandonedTransactions:
    """Abandoned transactions of this client's user, and of clients with the same application name."""

    def __init__(self, client: Client, tuning: MongoTuning = DEFAULT) -> None:
        self._client = client
        self._name = client.options.pool_options.appname
        self._tuning = tuning
        self._looked_at = -math.inf
        self._hindered = False

    async def end(self) -> int:
        """End abandoned transactions, at most once per `abandoned_look_seconds`. Returns their number.

        A server that forbids it ends them itself after its own timeout.
        """
        now = asyncio.get_running_loop().time()
        if self._name is None or now - self._looked_at < self._tuning.abandoned_look_seconds:
            return 0
        self._looked_at = now
        try:
            sessions = await self._find()
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

    async def _find(self) -> list[Row]:
        theirs: dict[str, Any] = {
            "type": "idleSession",
            "appName": self._name,
            "transaction.parameters.autocommit": False,
            "transaction.timeInactiveMicros": {"$gte": self._tuning.abandoned_idle_millis * 1000},
        }
        # one's own operations need no privilege
        pipeline = [
            {"$currentOp": {"allUsers": False, "idleSessions": True}},
            {"$match": theirs},
            {"$project": {"lsid.id": 1}},
        ]
        found = await self._client.admin.aggregate(pipeline)
        return [{"id": one["lsid"]["id"]} async for one in found]
