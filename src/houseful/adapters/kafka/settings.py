"""Settings of librdkafka from the bus' URL and our own needs, and the meaning of its errors."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from confluent_kafka import KafkaError, KafkaException

from houseful.kernel.errors import Unavailable
from houseful.kernel.telemetry import get_logger

_QUIET_SECONDS = 30.0
_LONGEST_SILENCE_SECONDS = 60.0
"""A member that does not poll for longer loses its partitions to others, which receive its messages again."""

Protocol = Literal["consumer", "classic"]
Settings = dict[str, Any]
PartitionId = tuple[str, int]
"""The name of a topic in the cluster, and the number of a partition."""

_LIKE = (
    "it should look like kafka://host:9092,host:9092?replication=3&partitions=12, "
    "or kafka+ssl://user:password@host:9093"
)
_MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
_PORT = 9092
_PARTITIONS = 12
_OPTIONS = frozenset({"replication", "partitions"})
_TLS_OPTIONS = _OPTIONS | {"mechanism", "ca"}

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The address of a cluster and its credentials.

    Made of a URL by `at`. Its representation hides the password.
    """

    servers: str
    """"host:port", separated by commas."""
    tls: bool = False
    ca: str | None = None
    """A file with the brokers' certificate authorities; None for those that this machine trusts."""
    user: str | None = None
    password: str = field(default="", repr=False)
    mechanism: str = _MECHANISMS[0]
    partitions: int = _PARTITIONS
    replication: int | None = None
    """The replication of new topics; None for the cluster's default."""

    @classmethod
    def at(cls, url: str) -> "Cluster":
        """Parse a URL.

        Raises `ValueError` with the fault and a pattern, without parts that may be a password.
        """
        try:
            return _cluster(urlsplit(url))
        except ValueError as error:
            raise ValueError(f"{error}; {_LIKE}") from None


def _cluster(url: SplitResult) -> Cluster:
    if url.scheme not in ("kafka", "kafka+ssl"):
        raise ValueError(f"it begins with {url.scheme!r}")
    tls = url.scheme == "kafka+ssl"
    who, _, where = url.netloc.rpartition("@")
    user, _, password = (unquote(part) for part in who.partition(":"))
    if url.path.strip("/") or url.fragment:
        raise ValueError("there is more behind the hosts than options")
    if who and not tls:
        raise ValueError("with kafka:// the password would travel unencrypted: only kafka+ssl:// takes one")
    if who and not (user and password):
        raise ValueError("there has to be a user and a password, or neither")
    options = _options(url.query, _TLS_OPTIONS if tls else _OPTIONS)
    mechanism = options.get("mechanism", _MECHANISMS[0])
    if mechanism not in _MECHANISMS:
        raise ValueError(f"mechanism is {mechanism!r}; it can be {', '.join(_MECHANISMS)}")
    return Cluster(
        servers=",".join(_server(one, number) for number, one in enumerate(where.split(","), 1)),
        tls=tls,
        ca=options.get("ca"),
        user=user or None,
        password=password,
        mechanism=mechanism,
        partitions=_number(options, "partitions") or _PARTITIONS,
        replication=_number(options, "replication"),
    )


def _server(text: str, number: int) -> str:
    """Errors do not show the text: with a forgotten @ it is a password."""
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port or _PORT
    except ValueError:
        raise ValueError(f"host number {number} is no host:port") from None
    if not parts.hostname:
        raise ValueError(f"host number {number} is missing")
    return f"[{parts.hostname}]:{port}" if ":" in parts.hostname else f"{parts.hostname}:{port}"


def _options(query: str, known: frozenset[str]) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if options.keys() - known:
        raise ValueError(f"behind the ? are options that there are not; there are {', '.join(sorted(known))}")
    return options


def _number(options: dict[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError(f"{name} is {text!r}; it has to be a whole number from 1")
    return int(text)


def client(cluster: Cluster) -> Settings:
    return _security_settings(cluster) | {
        "bootstrap.servers": cluster.servers,
        "client.id": "houseful",
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,  # a broker that is back is noticed within a second
        "socket.keepalive.enable": True,
        "log_level": 2,  # it writes to stderr; what matters comes as an error to `error_cb` or the caller
    }


def _security_settings(cluster: Cluster) -> Settings:
    """The broker's certificate and host name are verified: librdkafka's default."""
    settings: Settings = {}
    if cluster.tls:
        settings["security.protocol"] = "SSL" if cluster.user is None else "SASL_SSL"
    if cluster.ca is not None:
        settings["ssl.ca.location"] = cluster.ca
    if cluster.user is not None:
        settings |= {
            "sasl.mechanism": cluster.mechanism,
            "sasl.username": cluster.user,
            "sasl.password": cluster.password,
        }
    return settings


def producer(cluster: Cluster, patience_seconds: float, report: Callable[[KafkaError], None]) -> Settings:
    """Idempotent: retries of librdkafka neither duplicate nor reorder."""
    return client(cluster) | {
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",  # as Java's clients do: Kafka Connect finds the same one for a key
        "linger.ms": 1,  # callers bring batches; this is for those that publish one by one at the same time
        "message.timeout.ms": round(patience_seconds * 1000),
        "compression.type": "lz4",
        "error_cb": report,
    }


def consumer(
    cluster: Cluster, group: str, protocol: Protocol, report: Callable[[KafkaError], None]
) -> Settings:
    settings = client(cluster) | {
        "group.id": group,
        "group.protocol": protocol,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "max.poll.interval.ms": round(_LONGEST_SILENCE_SECONDS * 1000),
        "fetch.wait.max.ms": 200,  # a new share and a rewind wait for the fetch that is under way
        "queued.min.messages": 10_000,
        "queued.max.messages.kbytes": 16_384,
        "fetch.queue.backoff.ms": 50,
        "error_cb": report,
    }
    if protocol == "classic":
        settings["partition.assignment.strategy"] = "cooperative-sticky"
    return settings


def admin(cluster: Cluster, report: Callable[[KafkaError], None]) -> Settings:
    return client(cluster) | {"error_cb": report}


def reader(
    cluster: Cluster, report: Callable[[KafkaError], None], *, group: str = "houseful-look"
) -> Settings:
    """For inspection. The client does not join the group, but librdkafka requires a name."""
    return client(cluster) | {
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 100,
        "error_cb": report,
    }


class Reporter:
    """Logs errors that librdkafka handles by itself, such as a lost connection.

    There may be hundreds a second: after a logged error, later ones are dropped for a while.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._quiet_until = 0.0
        self.last: KafkaError | None = None
        self.fatal = False
        """True after an error from which the client never recovers."""

    def __call__(self, error: KafkaError) -> None:
        self.last = error
        self.fatal = self.fatal or is_fatal(error)
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _QUIET_SECONDS
            log.warning("%s: %s", self._what, error.str())


def unavailable(what: str, error: BaseException) -> Unavailable:
    """`error` is an exception of confluent_kafka."""
    reason = error.args[0] if isinstance(error, KafkaException) and error.args else error
    return Unavailable(f"{what}: {reason.str() if isinstance(reason, KafkaError) else reason}")


def is_fatal(error: object) -> bool:
    """Whether the client instance can never recover."""
    return isinstance(error, KafkaError) and (error.fatal() or error.code() == KafkaError._FATAL)
