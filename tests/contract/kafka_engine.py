"""The broker of the Kafka tests: the one that `HOUSEFUL_TEST_KAFKA` names, else that of `make engines`, else
one of their own.

Test modules import the fixture `kafka_servers`. Each test uses topics and groups of its own, so that one
broker does for all.
"""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from engines import PROGRAMS
from engines.kafka import Kafka
from engines.packages import Missing
from engines.standing import Standing
from tests.contract.bus_contract import RUN


@pytest.fixture(scope="session")
def kafka_servers() -> str:
    """Skips where there is no Kafka to be had; in CI that is a failure (see `tests/__main__.py`)."""
    try:
        return _servers()
    except Missing as missing:
        pytest.skip(str(missing))


@cache
def _servers() -> str:
    """For the tests' process. Not for as long as the fixture lives: it has one life in every module."""
    named = os.environ.get("HOUSEFUL_TEST_KAFKA") or Standing(PROGRAMS).url("HOUSEFUL_BUS_URL")
    if named:
        servers = named.removeprefix("kafka://")
        atexit.register(_remove_topics, servers)
        return servers
    data = Path(tempfile.mkdtemp(prefix="houseful-kafka-"))
    atexit.register(shutil.rmtree, data, ignore_errors=True)
    broker = Kafka(PROGRAMS, data)
    atexit.register(broker.stop)
    broker.start()
    return broker.servers


def _remove_topics(servers: str) -> None:
    """Each has twelve partitions, which weigh upon a broker that goes on."""
    operator = AdminClient({"bootstrap.servers": servers})
    ours = [topic for topic in operator.list_topics(timeout=30).topics if RUN in topic]
    if ours:
        for future in operator.delete_topics(ours).values():
            future.result(timeout=30)
