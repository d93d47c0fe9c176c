"""MongoDB, Kafka and Valkey for a benchmark, and what each has cost so far."""

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from engines import PROGRAMS, kafka, mongo, valkey


class Engines:
    """One of each, in a folder that is the caller's to remove."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            self.mongo = cleanup.enter_context(
                mongo.ReplicaSet.start(mongo.obtain(PROGRAMS), data=self._folder / "mongo")
            )
            self.kafka = cleanup.enter_context(kafka.Kafka(PROGRAMS, self._folder / "kafka"))
            self.redis = cleanup.enter_context(
                valkey.RedisServer.start_new(valkey.obtain(PROGRAMS), self._folder / "valkey")
            )
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOUSEFUL_STORE_URL": self.mongo.url,
            "HOUSEFUL_BUS_URL": f"kafka://{self.kafka.servers}",
            "HOUSEFUL_COORDINATION_URL": self.redis.url,
        }

    @property
    def pids(self) -> dict[str, int]:
        servers = {"MongoDB": self.mongo.members[0], "Kafka": self.kafka, "Redis": self.redis}
        return {name: server.life.pid for name, server in servers.items() if server.life is not None}
