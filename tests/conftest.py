from tests.support import house, live, manual_house
from tests.system.fixtures import (
    engines,
    kafka_servers,
    mongo_url,
    open_house,
    open_site,
    stands,
    topology,
    world,
)

__all__ = [
    "engines",
    "house",
    "kafka_servers",
    "live",
    "manual_house",
    "mongo_url",
    "open_house",
    "open_site",
    "stands",
    "topology",
    "world",
]
