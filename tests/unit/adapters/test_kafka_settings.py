"""What the bus' URL makes of librdkafka's settings."""

import logging
from typing import Any

import pytest
from confluent_kafka import KafkaError

from houseful.adapters.kafka import settings as kafka_settings
from houseful.adapters.kafka.settings import Cluster

SECRET = "s3cret"


def way_in(url: str) -> dict[str, Any]:
    """What is said about where the brokers are and how to get in."""
    settings = kafka_settings.client(Cluster.at(url))
    return {name: settings[name] for name in settings if name.startswith(("bootstrap", "sec", "sasl", "ssl"))}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("kafka://localhost", {"bootstrap.servers": "localhost:9092"}),
        (
            "kafka://one:9092,two:9093,[::1]:9094?partitions=6",
            {"bootstrap.servers": "one:9092,two:9093,[::1]:9094"},
        ),
        ("kafka+ssl://one:9093", {"bootstrap.servers": "one:9093", "security.protocol": "SSL"}),
        (
            "kafka+ssl://one:9093?ca=/etc/kafka%20ca.pem",
            {
                "bootstrap.servers": "one:9093",
                "security.protocol": "SSL",
                "ssl.ca.location": "/etc/kafka ca.pem",
            },
        ),
        (
            f"kafka+ssl://houseful:{SECRET}@one:9093,two:9093",
            {
                "bootstrap.servers": "one:9093,two:9093",
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": "houseful",
                "sasl.password": SECRET,
            },
        ),
        (
            "kafka+ssl://house%3Aful:p%40ss%2Fword@one:9093?mechanism=PLAIN&replication=3",
            {
                "bootstrap.servers": "one:9093",
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "PLAIN",
                "sasl.username": "house:ful",
                "sasl.password": "p@ss/word",
            },
        ),
    ],
)
def test_the_way_in(url: str, expected: dict[str, str]) -> None:
    assert way_in(url) == expected


def test_every_client_gets_in_the_same_way() -> None:
    cluster = Cluster.at(f"kafka+ssl://houseful:{SECRET}@one:9093?ca=/ca.pem&mechanism=SCRAM-SHA-256")
    report = kafka_settings.Reporter("a test")
    wanted = {
        "bootstrap.servers": "one:9093",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "houseful",
        "sasl.password": SECRET,
        "ssl.ca.location": "/ca.pem",
    }.items()
    assert wanted <= kafka_settings.client(cluster).items()
    assert wanted <= kafka_settings.producer(cluster, 10, report).items()
    assert wanted <= kafka_settings.consumer(cluster, "tickets", "consumer", report).items()
    assert wanted <= kafka_settings.reader(cluster, report).items()


def test_what_new_topics_are_like() -> None:
    usual, chosen = Cluster.at("kafka://one"), Cluster.at("kafka://one?replication=3&partitions=24")
    assert (usual.partitions, usual.replication) == (12, None)
    assert (chosen.partitions, chosen.replication) == (24, 3)


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("kafka:", "host number 1 is missing"),
        ("kafka://one:9092,", "host number 2 is missing"),
        ("kafka://one:9092,two:port", "host number 2 is no host:port"),
        ("kafka://one:99999", "host number 1 is no host:port"),
        ("kafka://one:9092/houseful", "behind the hosts"),
        ("kafka://one:9092?replicas=3", "options that there are not; there are partitions, replication"),
        ("kafka://one:9092?replication=0", "replication is '0'"),
        ("kafka://one:9092?partitions=many", "partitions is 'many'"),
        ("kafka://one:9092?mechanism=PLAIN", "options that there are not"),
        (f"kafka://houseful:{SECRET}@one:9092", "unencrypted"),
        ("kafka+ssl://houseful@one:9093", "a user and a password"),
        (f"kafka+ssl://:{SECRET}@one:9093", "a user and a password"),
        ("kafka+ssl://houseful:x@one:9093?mechanism=GSSAPI", "mechanism is 'GSSAPI'"),
        (f"kafka+ssl://houseful:{SECRET}", "host number 1 is no host:port"),
        (f"kafka+ssl://houseful:12/{SECRET}@one:9093", "behind the hosts"),
        (f"kafka+ssl://houseful:12?{SECRET}=@one:9093", "options that there are not"),
        ("rabbit://one", "begins with 'rabbit'"),
    ],
)
def test_an_impossible_url_is_said_to_be_so_without_its_password(url: str, what: str) -> None:
    with pytest.raises(ValueError, match=r"it should look like kafka://") as raised:
        Cluster.at(url)
    assert what in str(raised.value)
    assert SECRET not in str(raised.value)


def test_no_password_is_printed_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster.at(f"kafka+ssl://houseful:{SECRET}@one:9093")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("houseful").warning("connecting to %s", cluster)
        kafka_settings.Reporter("a test")(KafkaError(KafkaError._AUTHENTICATION, "SASL refused"))
    assert "one:9093" in caplog.text
    assert "SASL refused" in caplog.text
    assert SECRET not in caplog.text + repr(cluster) + str(cluster)
