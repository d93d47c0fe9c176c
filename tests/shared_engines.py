"""MongoDB and Kafka for a whole run of the tests, started at once and before anything is collected. The
Collector is built meanwhile; a test that wants it waits for that.

Those that the environment names, or that `make engines` has left running, are used as they are. One that is
not to be had is not named: tests that need it skip, with the reason.
"""

import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from os import environ
from pathlib import Path
from types import TracebackType
from typing import Self

from engines import PROGRAMS, collector, mongo
from engines.kafka import Kafka
from engines.packages import Missing
from engines.standing import Standing


class SharedEngines:
    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self) -> Mapping[str, str]:
        """The variables that name them to tests."""
        building = threading.Thread(target=_build_collector, name="collector")
        building.start()
        self._stack.callback(building.join)
        known: dict[str, tuple[str, Callable[[], str]]] = {
            "HOUSEFUL_TEST_MONGO": ("HOUSEFUL_STORE_URL", self._mongo),
            "HOUSEFUL_TEST_KAFKA": ("HOUSEFUL_BUS_URL", self._kafka),
        }
        standing = Standing(PROGRAMS)
        wanted = {
            variable: start
            for variable, (setting, start) in known.items()
            if not environ.get(variable) and not standing.url(setting)
        }
        with ThreadPoolExecutor(len(known)) as threads:
            starting = {variable: threads.submit(start) for variable, start in wanted.items()}
        named = {}
        for variable, started in starting.items():
            try:
                named[variable] = started.result()
            except Missing as error:
                print(f"{variable}: {error}", flush=True)
        return named

    def _mongo(self) -> str:
        replica_set = mongo.ReplicaSet.start(mongo.obtain(PROGRAMS))
        self._stack.callback(replica_set.stop)
        return str(replica_set.url)

    def _kafka(self) -> str:
        data = Path(tempfile.mkdtemp(prefix="houseful-kafka-"))
        self._stack.callback(shutil.rmtree, data, ignore_errors=True)
        broker = Kafka(PROGRAMS, data)
        self._stack.callback(broker.stop)
        broker.start()
        return str(broker.servers)


def _build_collector() -> None:
    with suppress(Missing):  # said where a test wants it
        collector.obtain(PROGRAMS)
