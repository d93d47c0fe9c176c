"""The broker of the Kafka tests: the one that `HOUSEFUL_TEST_KAFKA` names, else one of their own.

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

from engines.kafka import Kafka, Missing

ENGINES = Path(__file__).parents[2] / ".engines"


@pytest.fixture(scope="session")
def kafka_servers() -> str:
    """Skips where there is no Kafka to be had; in CI that is a failure (see `tests/__main__.py`)."""
    named = os.environ.get("HOUSEFUL_TEST_KAFKA")
    if named:
        return named
    try:
        return _own_broker().servers
    except Missing as missing:
        pytest.skip(str(missing))


@cache
def _own_broker() -> Kafka:
    """Until the tests' process ends. Not until the fixture does: it has one life in every module."""
    data = Path(tempfile.mkdtemp(prefix="houseful-kafka-"))
    atexit.register(shutil.rmtree, data, ignore_errors=True)
    broker = Kafka(ENGINES, data)
    atexit.register(broker.stop)
    broker.start()
    return broker
