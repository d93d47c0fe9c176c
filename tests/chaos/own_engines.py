"""MongoDB, Kafka and Redis of one's own, to do harm to."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from engines import PROGRAMS, kafka, mongo, valkey


class Engines:
    """Their data is in `folder`. For a `with`."""

    def __init__(self, folder: Path, *, mongo_members: int = 3) -> None:
        """Raises `Missing`."""
        self._folder = folder
        self._mongo_members = mongo_members
        self._mongod, self._valkey = mongo.obtain(PROGRAMS), valkey.obtain(PROGRAMS)
        self._stack = ExitStack()
        self.mongo: mongo.ReplicaSet
        self.kafka = kafka.Kafka(PROGRAMS, folder / "kafka")
        self.redis: valkey.RedisServer

    def __enter__(self) -> Self:
        with ExitStack() as stack, ThreadPoolExecutor() as pool:
            starting = pool.submit(
                mongo.ReplicaSet.start,
                self._mongod,
                members=self._mongo_members,
                data=self._folder / "mongo",
            )
            self.redis = stack.enter_context(
                valkey.RedisServer.start_new(self._valkey, self._folder / "redis")
            )
            stack.enter_context(self.kafka)
            self.mongo = stack.enter_context(starting.result())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def settings(self) -> dict[str, str]:
        return {
            "HOUSEFUL_STORE_URL": self.mongo.url,
            "HOUSEFUL_BUS_URL": f"kafka://{self.kafka.servers}",
            "HOUSEFUL_COORDINATION_URL": self.redis.url,
        }
