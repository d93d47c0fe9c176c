"""Which lane a test runs in, and after which others: given at collection, by what a test starts.

`waits` is for tests of engines and of separate processes on engines: they wait more than they compute. The
simulation is among them, so that lanes take about the same time. `platforms` is for those of them that share
platforms of separate processes. `processes` is for whatever starts a process or a whole platform. `long` is
for what `make test` leaves to `make test-long`.
"""

from pathlib import Path

import pytest

ENGINE_FIXTURES = frozenset(
    {"mongo_url", "kafka_servers", "redis_url", "own_redis", "engines", "environments", "collector"}
)
ENGINE_MODULES = ("test_kafka_", "test_mongo_", "test_redis_")
PLATFORM_FIXTURES = frozenset({"live", "open_installation", "topology", "front", "box_office"})
PLATFORM_FOLDERS = frozenset({"browser", "chaos", "clients", "compatibility", "simulation", "system"})

SHARED_FIXTURES = frozenset({"environments", "harness", "open_deployment"})
"""Of those who ask for them, several use one platform of separate processes."""

TOGETHER_KEPT = frozenset({"test_outside_client.py"})
"""Modules whose tests `make test` runs in the topology `together` too; the others' are long there."""


LANES = {
    "computes": "not waits",
    "engines": "waits and not platforms",
    "platforms": "platforms",
}
"""What each lane of `make test` runs. Every test is in one of them."""


def mark(item: pytest.Item) -> None:
    if waits(item):
        item.add_marker("waits")
    if shares_platforms(item):
        item.add_marker("platforms")
    if starts_processes(item):
        item.add_marker("processes")
    if is_long(item):
        item.add_marker("long")


def waits(item: pytest.Item) -> bool:
    if any(item.get_closest_marker(name) for name in ("waits", "chaos", "split")):
        return True
    if ENGINE_FIXTURES & _fixtures(item) or item.path.parent.name == "simulation":
        return True
    return item.path.parent.name == "contract" and item.path.name.startswith(ENGINE_MODULES)


def shares_platforms(item: pytest.Item) -> bool:
    if item.get_closest_marker("chaos"):
        return False  # it breaks engines of its own
    return item.get_closest_marker("split") is not None


def place(item: pytest.Item) -> tuple[int, str]:
    """What tests are sorted by, so that one platform of separate processes is alive at a time: those that use
    none, those with one of their own, and then one shared platform after the other."""
    if item.get_closest_marker("split") is None:
        return 0, ""
    if not SHARED_FIXTURES & _fixtures(item):
        return 1, ""
    if "harness" in _fixtures(item):
        return 2, ""
    if "topology" not in _fixtures(item):
        return 3, ""  # of separate processes alone: it may look at all that there is, which is its own
    marker = item.get_closest_marker("environment")
    return 4, str(marker.args[0]) if marker else ""


def starts_processes(item: pytest.Item) -> bool:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return waits(item) or folder in PLATFORM_FOLDERS or bool(PLATFORM_FIXTURES & _fixtures(item))


def is_long(item: pytest.Item) -> bool:
    if item.get_closest_marker("split") and item.get_closest_marker("long_when_split"):
        return True
    return item.get_closest_marker("together") is not None and item.path.name not in TOGETHER_KEPT


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))
