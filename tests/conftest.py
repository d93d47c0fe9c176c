import pytest

from tests import lanes
from tests.support import cheap_passwords, examples, scratch
from tests.support.deployment import deployment, manual_deployment
from tests.support.live_server import live
from tests.system.fixtures import (
    engines,
    environments,
    harness,
    kafka_servers,
    mongo_url,
    open_deployment,
    open_installation,
    topology,
)

__all__ = [
    "deployment",
    "engines",
    "environments",
    "harness",
    "kafka_servers",
    "live",
    "manual_deployment",
    "mongo_url",
    "open_deployment",
    "open_installation",
    "topology",
]

cheap_passwords.install()
scratch.use(scratch.folder())


def pytest_configure(config: pytest.Config) -> None:
    examples.choose(fewer="not long" in config.option.markexpr)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks are given before `-m` chooses by them."""
    lanes.mark(item)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lanes.place)
