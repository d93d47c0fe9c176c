"""What can't work as a split installation is refused before anything is opened, each with one sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engines.mongo import Member
from houseful.adapters.factory import bus_file
from houseful.adapters.http.gateway_client import AsgiClient
from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.sqlite.bus import LocalBus
from houseful.app import running
from houseful.kernel.clock import SystemClock
from houseful.settings import SERVICES, Secrets, SettingsError, load_settings, new_secrets
from tests.contract.mongo_engine import program
from tests.support.deployment import Deployment

ENGINES = {
    "store_url": "mongodb://127.0.0.1:1/?replicaSet=rs0",
    "bus_url": "kafka://127.0.0.1:1",
    "coordination_url": "redis://127.0.0.1:1",
}
GATEWAYS = {"gateway_url": "http://127.0.0.1:8000,http://127.0.0.1:8001"}
COPIES = {f"{name}_url": "http://127.0.0.1:8010" for name in SERVICES}
SECRETS = Secrets(**new_secrets())


@pytest.mark.parametrize(
    ("parts", "settings", "wrong"),
    [
        ({"tickets"}, ENGINES | GATEWAYS | {"store_url": "sqlite:"}, {"STORE_URL": "a store for all copies"}),
        ({"tickets"}, ENGINES | GATEWAYS | {"bus_url": "local:"}, {"BUS_URL": "a bus that the others reach"}),
        ({"tickets"}, ENGINES | GATEWAYS | {"coordination_url": "local:"}, {"COORDINATION_URL": "locks"}),
        ({"tickets"}, ENGINES, {"GATEWAY_URL": "has to know where one runs"}),
        (set(SERVICES), ENGINES, {"GATEWAY_URL": "has to know where one runs"}),
        ({"gateway"}, {**ENGINES, **COPIES, "users_url": ""}, {"USERS_URL": "without the users service"}),
        ({"gateway", "events"}, {**ENGINES, **COPIES, "tickets_url": ""}, {"TICKETS_URL": "the tickets"}),
        ({"gateway"}, COPIES, {"COORDINATION_URL": "locks, limits and signals"}),
        (
            {"events", "payments"},
            {},
            {
                "STORE_URL": "mongodb://",
                "BUS_URL": "kafka://",
                "COORDINATION_URL": "redis://",
                "GATEWAY_URL": "where one runs",
            },
        ),
    ],
)  # fmt: skip
async def test_what_can_not_work(
    tmp_path: Path, parts: set[str], settings: dict[str, str], wrong: dict[str, str]
) -> None:
    chosen = load_settings(variables(settings), data=str(tmp_path / "data"))
    with pytest.raises(SettingsError) as raised:
        async with running(chosen, parts=parts, secrets=SECRETS):
            pass
    assert os.listdir(tmp_path) == [], "nothing was opened"
    errors = raised.value.errors
    assert errors.keys() == {f"HOUSEFUL_{name}" for name in wrong}
    for name, text in wrong.items():
        assert text in errors[f"HOUSEFUL_{name}"]


async def test_a_process_of_nothing(tmp_path: Path) -> None:
    for parts in (set[str](), {"gatway"}):
        with pytest.raises(ValueError, match="a process runs some of gateway, users"):
            async with running(load_settings({}, data=str(tmp_path)), parts=parts):
                pass


async def test_a_service_that_reaches_no_gateway_says_so_and_is_ready(tmp_path: Path) -> None:
    chosen = load_settings(variables({"gateway_url": "http://127.0.0.1:1"}), data=str(tmp_path))
    clock = SystemClock()
    bus = LocalBus.open(bus_file(tmp_path), clock=clock)
    async with running(
        chosen, parts={"users"}, secrets=SECRETS, bus=bus, coordination=LocalCoordination(clock)
    ) as app:

        async def told() -> bool:
            answer = await AsgiClient(app.entry).request("GET", "/readyz")
            assert answer.status == 200
            checks = json.loads(answer.body)["checks"]
            assert checks["users store"] == "ready"
            return "http://127.0.0.1:1" in checks["gateway"]

        await Deployment(app=app).until(told)
    await bus.close()


@pytest.mark.parametrize("missing", ["HOUSEFUL_TICKET_KEY", "HOUSEFUL_GATEWAY_KEY"])
def test_keys_that_are_missing_are_not_made(tmp_path: Path, missing: str) -> None:
    keys = {f"HOUSEFUL_{name.upper()}": key for name, key in new_secrets().items()}
    del keys[missing]
    said = serve("tickets", tmp_path / "data", **variables(ENGINES | GATEWAYS), **keys)
    assert said == [
        "The configuration can't be used:",
        f"{missing}: is missing; every process that needs it has the same, and `houseful keys` makes a set",
    ]
    assert not (tmp_path / "data" / "keys.toml").exists()


def test_one_sentence_says_it(tmp_path: Path) -> None:
    assert serve("tickets", tmp_path, **variables(ENGINES | GATEWAYS | {"store_url": "sqlite:"})) == [
        "The configuration can't be used:",
        "HOUSEFUL_STORE_URL: a service by itself needs a store for all copies of it: mongodb://…",
    ]


@pytest.mark.split
def test_mongodb_without_a_replica_set(tmp_path: Path) -> None:
    keys = {f"HOUSEFUL_{name.upper()}": key for name, key in new_secrets().items()}
    with Member.start_new(program(), tmp_path / "mongo", replica_set=None) as alone:
        urls = ENGINES | GATEWAYS | {"store_url": f"mongodb://127.0.0.1:{alone.port}/"}
        (sentence,) = serve("tickets", tmp_path / "data", **variables(urls), **keys)
    assert "replica set" in sentence


def variables(settings: dict[str, str]) -> dict[str, str]:
    return {f"HOUSEFUL_{name.upper()}": value for name, value in settings.items()}


def serve(part: str, data: Path, **environment: str) -> list[str]:
    """What `houseful serve` says when it refuses to, by lines."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOUSEFUL_")}
    done = subprocess.run(
        [sys.executable, "-m", "houseful", "serve", part, "--data", str(data), "--port", "0"],
        env=clean | {"HOUSEFUL_LOG_LEVEL": "error"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    return [line.strip() for line in done.stderr.splitlines()]
