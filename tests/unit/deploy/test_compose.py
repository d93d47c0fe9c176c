"""compose.yaml: the split on one machine."""

import base64
import hashlib
import importlib.resources
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest

from houseful.settings import SERVICES, Settings, load_secrets, load_settings
from tests.unit.deploy.files import (
    OPTIONAL_SECRETS,
    SECRETS,
    compose,
    compose_parts,
    composed,
    image_environment,
    keys_of,
    parse_command,
    seconds,
    stopping_seconds,
    text,
)

ENGINES = ("mongo", "kafka", "redis")
PASSWORD = "password-of-the-engines"
KEYS = {name: f"value-of-{name}" for name in SECRETS} | {"ENGINES_PASSWORD": PASSWORD}


def services() -> dict[str, Any]:
    return dict(compose()["services"])


def environment(name: str) -> dict[str, str]:
    """What the processes of this container see."""
    given = services()[name]["environment"]
    return image_environment() | {key: composed(str(value), KEYS) for key, value in given.items()}


def settings(name: str) -> Settings:
    return load_settings(environment(name))


def test_it_is_valid() -> None:
    schemas = importlib.resources.files("check_jsonschema") / "builtin_schemas/vendor"
    jsonschema.validate(compose(), json.loads((schemas / "compose-spec.json").read_text()))


def test_it_is_a_whole_installation() -> None:
    parts = [part for runs in compose_parts().values() for part in runs]
    assert set(parts) == {"gateway", *SERVICES}
    assert parts.count("tickets") == 2
    assert set(services()) == {*compose_parts(), *ENGINES}


@pytest.mark.parametrize("name", compose_parts())
def test_the_command_exists(name: str) -> None:
    assert parse_command(services()[name]["command"]) == "serve"


def test_the_gateway_knows_every_copy_and_every_service_the_gateway() -> None:
    for name, runs in compose_parts().items():
        port = settings(name).port
        if "gateway" in runs:
            for part in SERVICES:
                copies = [f"http://{copy}:{port}" for copy, parts in compose_parts().items() if part in parts]
                assert sorted(settings(name).copies(part)) == copies, part
        else:
            assert settings(name).copies("gateway") == [f"http://gateway:{port}"]


def test_the_engines_are_where_they_are_said_to_be() -> None:
    for name in compose_parts():
        used = settings(name)
        store = urlsplit(used.store_url)
        assert (store.scheme, store.hostname, store.port) == ("mongodb", "mongo", 27017)
        command = services()["mongo"]["command"]
        [replica_set] = parse_qs(store.query)["replicaSet"]
        assert command[command.index("--replSet") + 1] == replica_set
        check = services()["mongo"]["healthcheck"]["test"][1]
        assert f"_id: '{replica_set}'" in check
        assert f"host: '{store.hostname}:{store.port}'" in check
        bus = urlsplit(used.bus_url)
        kafka = services()["kafka"]["environment"]
        assert f"INSIDE://{bus.netloc}" in kafka["KAFKA_ADVERTISED_LISTENERS"].split(",")
        assert f"INSIDE://:{bus.port}" in kafka["KAFKA_LISTENERS"].split(",")
        redis = urlsplit(used.coordination_url)
        assert (redis.scheme, redis.hostname, redis.port) == ("redis", "redis", 6379)


def test_mongodb_and_redis_have_a_password_that_ours_know() -> None:
    for name in compose_parts():
        store, redis = urlsplit(settings(name).store_url), urlsplit(settings(name).coordination_url)
        assert (store.username, store.password) == ("houseful", PASSWORD)
        assert parse_qs(store.query)["authSource"] == ["admin"]
        assert redis.password == PASSWORD
    mongo = services()["mongo"]
    made = {key: composed(value, KEYS) for key, value in mongo["environment"].items()}
    assert made == {"MONGO_INITDB_ROOT_USERNAME": "houseful", "MONGO_INITDB_ROOT_PASSWORD": PASSWORD}
    key_file = mongo["command"][mongo["command"].index("--keyFile") + 1]
    assert f"> {key_file}" in mongo["entrypoint"][2], "without a key of the members nobody has to sign in"
    assert "/tmp" in mongo["tmpfs"]
    redis_command = [composed(word, KEYS) for word in services()["redis"]["command"]]
    assert redis_command[redis_command.index("--requirepass") + 1] == PASSWORD
    assert composed(services()["redis"]["environment"]["REDISCLI_AUTH"], KEYS) == PASSWORD
    with pytest.raises(LookupError, match="Make it once"):
        composed(services()["redis"]["environment"]["REDISCLI_AUTH"], {})
    assert "ENGINES_PASSWORD=" in text("compose.yaml").partition("\nname:")[0]


def test_nobody_can_take_the_whole_machine() -> None:
    for name, one in services().items():
        assert {"cpus", "mem_limit", "pids_limit"} <= set(one), name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert one.get("read_only") is (None if name == "kafka" else True), name
        assert "privileged" not in one


def test_who_is_on_a_network_with_whom() -> None:
    on = {name: set(one["networks"]) for name, one in services().items()}
    assert set.union(*on.values()) == set(compose()["networks"])
    assert on["gateway"] == {"parts", "coordination"}, "no way to what is stored"
    assert on["mongo"] == on["kafka"] == {"stores"}
    assert on["redis"] == {"coordination"}
    for name in set(compose_parts()) - {"gateway"}:
        assert on[name] == {"parts", "coordination", "stores"}


def test_redis_forgets_nothing_while_it_runs_and_everything_when_it_ends() -> None:
    command = services()["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--maxmemory-policy"] == "noeviction"
    assert (options["--save"], options["--appendonly"]) == ("", "no")
    assert "volumes" not in services()["redis"]


@pytest.mark.parametrize("name", compose_parts())
def test_a_container_has_the_keys_of_its_parts(name: str) -> None:
    given = set(services()[name]["environment"]) & SECRETS
    assert given == {variable for part in compose_parts()[name] for variable in keys_of(part)}
    example = {variable: _key(environment(name)[variable]) for variable in given}
    load_secrets(settings(name), example, parts=compose_parts()[name], make=False)


def _key(value: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(value.encode()).digest()).decode().rstrip("=")


@pytest.mark.parametrize("name", sorted(SECRETS - OPTIONAL_SECRETS))
def test_it_does_not_start_without_a_key_and_says_how_to_make_them(name: str) -> None:
    keys = [one["environment"][name] for one in services().values() if name in one.get("environment", {})]
    assert keys
    for value in keys:
        assert composed(value, KEYS) == KEYS[name]
        with pytest.raises(LookupError, match=r"docker run --rm houseful keys > \.env"):
            composed(value, {})
    assert parse_command(["keys"]) == "keys"


def test_only_the_gateway_is_reachable_from_elsewhere() -> None:
    published = {name: one["ports"] for name, one in services().items() if "ports" in one}
    assert set(published) == {"gateway", *ENGINES}
    for name, ports in published.items():
        assert all(port.startswith("127.0.0.1:") for port in ports) is (name != "gateway")
    assert published["gateway"] == ["8000:8000"]
    assert settings("gateway").public_url == "http://localhost:8000"


def test_what_the_tests_are_told_of_the_engines() -> None:
    """The addresses in docs/operations.md."""
    [listener] = [
        one
        for one in services()["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
        if one.startswith("HOST://")
    ]
    address = listener.removeprefix("HOST://")
    assert f"{address}:{address.rpartition(':')[2]}" in services()["kafka"]["ports"]


def test_there_is_time_to_stop() -> None:
    for name in compose_parts():
        assert seconds(services()[name]["stop_grace_period"]) > stopping_seconds(environment(name))


def test_whoever_is_waited_for_has_a_health_check_and_everybody_starts_again() -> None:
    for name, one in services().items():
        assert one["restart"] == "unless-stopped"
        for other, condition in one.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in services()[other], other
        if name in compose_parts() and name != "gateway":
            assert set(one["depends_on"]) == set(ENGINES)
    assert set(services()["gateway"]["depends_on"]) == {*compose_parts(), "redis"} - {"gateway"}


def test_ours_can_write_their_letters_and_nothing_else() -> None:
    for name in compose_parts():
        one = services()[name]
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert one["volumes"] == [f"mail:{settings(name).data}"]
    mounted = {volume.partition(":")[0] for one in services().values() for volume in one.get("volumes", [])}
    assert mounted == set(compose()["volumes"])
    assert all(re.fullmatch(r"[\w-]+", name) for name in mounted)
