"""The suites on MongoDB, Kafka and Valkey are `make test-engines`: they obtain and start the real engines,
which takes a while.
"""

import os

ENGINES = ("test_mongo_*.py", "test_kafka_*.py", "test_redis_*.py")

collect_ignore_glob = [] if os.environ.get("HOUSEFUL_TEST_ENGINES") == "1" else list(ENGINES)
