"""deploy/render.yaml and deploy/railway.json: everything in one process, with a disk."""

import json
import re
from typing import Any

import yaml

from houseful.settings import Settings, load_settings
from tests.unit.deploy.files import PAGES, ROOT, image_environment, text

RAILWAY_KEYS = {
    "build": {"builder", "buildCommand", "dockerfilePath", "watchPatterns"},
    "deploy": {
        "startCommand", "preDeployCommand", "numReplicas", "healthcheckPath", "healthcheckTimeout",
        "sleepApplication", "restartPolicyType", "restartPolicyMaxRetries", "region", "multiRegionConfig",
        "requiredMountPath", "overlapSeconds", "drainingSeconds",
    },
}  # fmt: skip
"""As far as one may need them; Railway refuses a file with a key that it does not know."""
RENDER_KEYS = {
    "type", "name", "runtime", "dockerfilePath", "dockerContext", "plan", "region", "healthCheckPath", "disk",
    "envVars",
}  # fmt: skip
"""Of a service with a disk. `numInstances` and `maxShutdownDelaySeconds` are refused for one."""


def render() -> dict[str, Any]:
    [service] = yaml.safe_load(text("deploy/render.yaml"))["services"]
    return dict(service)


def railway() -> dict[str, Any]:
    return dict(json.loads(text("deploy/railway.json")))


def render_environment() -> dict[str, str]:
    return {one["key"]: one["value"] for one in render()["envVars"] if "value" in one}


def test_render_knows_all_that_it_is_told() -> None:
    assert set(render()) <= RENDER_KEYS
    assert (render()["type"], render()["runtime"]) == ("web", "docker")
    assert (ROOT / render()["dockerfilePath"]).exists()
    assert render()["plan"] != "free", "it has no disk"
    for one in render()["envVars"]:
        assert set(one) in ({"key", "value"}, {"key", "sync"})
        assert isinstance(one.get("value", ""), str), "a number would be refused"


def test_railway_knows_all_that_it_is_told() -> None:
    assert set(railway()) == {"$schema", "build", "deploy"}
    for section, keys in RAILWAY_KEYS.items():
        assert set(railway()[section]) <= keys
    assert railway()["build"] == {"builder": "DOCKERFILE", "dockerfilePath": "Dockerfile"}
    assert railway()["deploy"]["restartPolicyType"] in ("ON_FAILURE", "ALWAYS")


def test_what_is_kept_is_on_the_disk() -> None:
    data = load_settings(image_environment()).data
    assert render()["disk"]["mountPath"] == data
    assert railway()["deploy"]["requiredMountPath"] == data


def test_the_port_is_the_one_that_the_platform_looks_at() -> None:
    environment = render_environment()
    assert load_settings(image_environment() | environment).port == int(environment["PORT"])
    by_hand = re.search(r"variables (`PORT=.*`) \|", text("docs/operations.md"))
    assert by_hand is not None
    assert load_settings(image_environment()).port == int(re.findall(r"`PORT=(\d+)`", by_hand[1])[0])


def test_the_addresses_of_clients_are_those_behind_the_platforms_proxies() -> None:
    assert load_settings(render_environment()).proxies == 3
    assert "HOUSEFUL_PROXIES=2" in text("docs/operations.md")


def test_a_deployment_is_ready_when_it_says_so() -> None:
    assert render()["healthCheckPath"] == railway()["deploy"]["healthcheckPath"] == "/readyz"
    assert "/readyz" in PAGES


def test_there_is_one_server_at_a_time_with_time_to_stop() -> None:
    """One process does not drain: there is no other to turn to."""
    deploy = railway()["deploy"]
    assert (deploy["numReplicas"], deploy["overlapSeconds"]) == (1, 0)
    assert deploy["drainingSeconds"] > Settings().shutdown_seconds + 5
    assert load_settings(render_environment()).shutdown_seconds < 30, "what Render gives"


def test_the_public_address_is_asked_for() -> None:
    assert {"key": "HOUSEFUL_PUBLIC_URL", "sync": False} in render()["envVars"]
