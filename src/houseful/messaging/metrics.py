"""Prometheus metrics of messaging."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

UNPUBLISHED = Gauge(
    "houseful_outbox_unpublished", "Outbox rows that the bus has not acknowledged", ["service"]
)
OLDEST_UNPUBLISHED_SECONDS = Gauge(
    "houseful_outbox_oldest_unpublished_seconds",
    "Age of the oldest of them; 0 where there is none",
    ["service"],
)
PUBLISHED_SECONDS = Histogram(
    "houseful_messages_published_seconds",
    "From the commit of a message to the bus' acknowledgement",
    ["service"],
    buckets=_SECONDS,
)
APPLIED_SECONDS = Histogram(
    "houseful_messages_applied_seconds",
    "From the commit of a message at its sender to the commit of its effect, by the receiving service",
    ["service"],
    buckets=_SECONDS,
)
DUPLICATES = Counter(
    "houseful_messages_copies_total", "Messages skipped because they were applied before", ["service"]
)
GAPS = Counter(
    "houseful_messages_gaps_total", "Messages set aside because an earlier one was missing", ["service"]
)
FAILURES = Counter("houseful_messages_failures_total", "Attempts at which a handler failed", ["service"])
PARKED = Gauge("houseful_messages_parked_keys", "Keys whose messages wait", ["service", "state"])
DEAD = Gauge("houseful_messages_dead_letters", "Messages that could not be understood", ["service"])
LAG = Gauge("houseful_messages_lag", "Messages on the bus that are not committed yet", ["service"])
