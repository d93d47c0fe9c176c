"""deploy/kubernetes: the split on many machines."""

import re
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from houseful.settings import SERVICES, Secrets, load_settings
from tests.unit.deploy.files import (
    KUBERNETES,
    OPTIONAL_SECRETS,
    PAGES,
    PARTS,
    SECRETS,
    SETTINGS,
    env_file,
    image_environment,
    image_user,
    keys_of,
    manifest,
    manifests,
    parse_command,
    stopping_seconds,
)

CONFIG = env_file(KUBERNETES / "config.env")
EXAMPLE = env_file(KUBERNETES / "secrets.example.env")
ENGINE_URLS = {"HOUSEFUL_STORE_URL", "HOUSEFUL_BUS_URL", "HOUSEFUL_COORDINATION_URL"}
URLS_OF = {
    "gateway": {"HOUSEFUL_COORDINATION_URL"},  # and no way to what is stored
    "users": {*ENGINE_URLS, "HOUSEFUL_MAIL_URL"},
    "tickets": {*ENGINE_URLS, "HOUSEFUL_MAIL_URL"},
}
WORKLOADS = {"gateway": "Deployment"} | dict.fromkeys(SERVICES, "StatefulSet")


def workload(part: str) -> dict[str, Any]:
    return manifest(WORKLOADS[part], part)


def pod(part: str) -> dict[str, Any]:
    return dict(workload(part)["spec"]["template"]["spec"])


def container(part: str) -> dict[str, Any]:
    [only] = pod(part)["containers"]
    return dict(only)


def environment(part: str) -> dict[str, str]:
    """What the process sees; `env` wins over `envFrom`."""
    own = {
        one["name"]: one["value"] if "value" in one else EXAMPLE[one["valueFrom"]["secretKeyRef"]["key"]]
        for one in container(part)["env"]
    }
    return image_environment() | CONFIG | own


def labels(part: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": "houseful", "app.kubernetes.io/component": part}


@pytest.mark.parametrize(
    ("file", "document"),
    [pytest.param(file, one, id=f"{one['kind']}-{one['metadata']['name']}") for file, one in manifests()],
)
def test_it_is_valid(file: str, document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_everything_is_applied() -> None:
    applied = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    assert sorted(applied["resources"]) == sorted({file for file, _ in manifests()})
    assert applied["namespace"] == manifest("Namespace", applied["namespace"])["metadata"]["name"]
    assert applied["configMapGenerator"] == [{"name": "houseful", "envs": ["config.env"]}]
    assert applied["secretGenerator"] == [{"name": "houseful", "envs": ["secrets.env"]}]
    assert {container(part)["image"] for part in PARTS} == {one["name"] for one in applied["images"]}


def test_the_services_differ_in_nothing_but_their_names_and_their_secrets() -> None:
    secret = re.compile(r"            - name: \w+\n              valueFrom: .*\n")
    files = {name: secret.sub("", (KUBERNETES / f"{name}.yaml").read_text()) for name in SERVICES}
    same = {file.replace(name, "X").replace(name.upper(), "X") for name, file in files.items()}
    assert len(same) == 1


@pytest.mark.parametrize("part", PARTS)
def test_the_command_exists(part: str) -> None:
    assert parse_command(container(part)["args"]) == "serve"
    assert container(part)["args"][1:] == [part]
    assert "command" not in container(part)  # it would replace the image's own


@pytest.mark.parametrize("part", PARTS)
def test_every_process_has_all_settings_and_the_keys_of_its_part(part: str) -> None:
    assert container(part)["envFrom"] == [{"configMapRef": {"name": "houseful"}}]
    secret = [one for one in container(part)["env"] if "valueFrom" in one]
    for one in secret:
        reference = one["valueFrom"]["secretKeyRef"]
        assert (reference["name"], reference["key"]) == ("houseful", one["name"])
        assert reference.get("optional", False) == (one["name"] in OPTIONAL_SECRETS)
    keys = {name for one in secret if (name := one["name"]) in SECRETS}
    assert keys == keys_of(part)
    urls = {name for one in secret if (name := one["name"]) not in SECRETS}
    assert urls == {name for name in EXAMPLE if name in URLS_OF.get(part, ENGINE_URLS)}
    settings = load_settings(environment(part) | {"HOUSEFUL_STORE_URL": "mongodb://mongo/?replicaSet=rs0"})
    assert settings.public_url.startswith("https://")
    assert set(EXAMPLE) >= SECRETS | {"HOUSEFUL_STORE_URL", "HOUSEFUL_BUS_URL", "HOUSEFUL_COORDINATION_URL"}
    assert set(CONFIG) <= SETTINGS
    assert not set(CONFIG) & set(EXAMPLE)
    assert pod(part)["enableServiceLinks"] is False  # a Service called houseful would set HOUSEFUL_PORT


def test_gateways_know_every_copy_by_its_name() -> None:
    settings = load_settings(CONFIG)
    for name in SERVICES:
        replicas = workload(name)["spec"]["replicas"]
        assert replicas >= 2, "one copy is a gap at every restart"
        assert settings.copies(name) == [f"http://{name}-{n}.{name}:8000" for n in range(replicas)]
        service = manifest("Service", name)["spec"]
        assert workload(name)["spec"]["serviceName"] == name
        assert service["clusterIP"] == "None"
        assert service["publishNotReadyAddresses"] is True


def test_services_know_the_gateways() -> None:
    assert load_settings(CONFIG).copies("gateway") == ["http://gateway:8000"]
    assert "clusterIP" not in manifest("Service", "gateway")["spec"]
    assert workload("gateway")["spec"]["replicas"] >= 2
    [rule] = manifest("Ingress", "gateway")["spec"]["rules"]
    *hidden, path = rule["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/", "Prefix")
    assert path["backend"]["service"] == {"name": "gateway", "port": {"name": "http"}}
    assert load_settings(CONFIG).public_url == f"https://{rule['host']}"
    [tls] = manifest("Ingress", "gateway")["spec"]["tls"]
    assert tls["hosts"] == [rule["host"]]

    assert {one["path"] for one in hidden} == {path for path in PAGES if not path.startswith("/api/")}
    for one in hidden:
        assert one["pathType"] == "Exact"
        assert one["backend"]["service"] == {"name": "nowhere", "port": {"name": "http"}}
    assert "selector" not in manifest("Service", "nowhere")["spec"]


@pytest.mark.parametrize("part", PARTS)
def test_ports_and_labels_meet(part: str) -> None:
    port = int(environment(part)["HOUSEFUL_PORT"])
    assert container(part)["ports"] == [{"name": "http", "containerPort": port}]
    service = manifest("Service", part)["spec"]
    assert service["ports"] == [{"name": "http", "port": port}]
    assert service["selector"] == labels(part)
    assert workload(part)["spec"]["selector"]["matchLabels"] == labels(part)
    assert workload(part)["spec"]["template"]["metadata"]["labels"] == labels(part)
    budget = manifest("PodDisruptionBudget", part)["spec"]
    assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": labels(part)}}
    [spread] = pod(part)["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == labels(part)


@pytest.mark.parametrize("part", PARTS)
def test_probes_ask_for_what_there_is(part: str) -> None:
    asked = {name: container(part)[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
    assert {name: probe["httpGet"] for name, probe in asked.items()} == {
        "startup": {"path": "/healthz", "port": "http"},
        "liveness": {"path": "/healthz", "port": "http"},
        "readiness": {"path": "/readyz", "port": "http"},
    }
    assert {"/healthz", "/readyz"} <= PAGES
    assert asked["readiness"]["timeoutSeconds"] > 3, "/readyz itself waits that long for an engine"


@pytest.mark.parametrize("part", PARTS)
def test_there_is_time_to_stop(part: str) -> None:
    assert pod(part)["terminationGracePeriodSeconds"] > stopping_seconds(environment(part)) + 5


@pytest.mark.parametrize("part", PARTS)
def test_a_process_may_do_as_little_as_possible(part: str) -> None:
    user, group = (int(number) for number in image_user().split(":"))
    whole = pod(part)["securityContext"]
    assert (whole["runAsNonRoot"], whole["runAsUser"], whole["runAsGroup"]) == (True, user, group)
    assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(part)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(part)["automountServiceAccountToken"] is False
    assert {"cpu", "memory"} <= set(container(part)["resources"]["requests"])
    assert set(container(part)["resources"]["limits"]) == {"memory"}


def test_only_gateways_reach_the_services() -> None:
    closed = manifest("NetworkPolicy", "nobody-by-default")["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    services = manifest("NetworkPolicy", "services-from-gateways")["spec"]
    [expression] = services["podSelector"]["matchExpressions"]
    assert expression["key"] == "app.kubernetes.io/component"
    assert (expression["operator"], tuple(expression["values"])) == ("In", SERVICES)
    [rule] = services["ingress"]
    who = [peer["podSelector"]["matchLabels"] for peer in rule["from"] if "podSelector" in peer]
    assert who == [labels("gateway")]
    assert [set(peer) for peer in rule["from"]] == [{"podSelector"}, {"namespaceSelector"}]
    gateways = manifest("NetworkPolicy", "gateways-from-anywhere")["spec"]
    assert gateways["podSelector"]["matchLabels"] == labels("gateway")
    for policy in (services, gateways):
        assert [one["ports"] for one in policy["ingress"]] == [[{"port": "http"}]]


def _ways_out(part: str) -> dict[int | str, list[Any]]:
    """To whom this part's pods may connect, by port; an empty list is anybody."""
    found: dict[int | str, list[Any]] = {}
    for _, policy in manifests():
        if policy["kind"] != "NetworkPolicy" or "Egress" not in policy["spec"]["policyTypes"]:
            continue
        chosen = policy["spec"]["podSelector"]
        named = chosen.get("matchLabels", {}).get("app.kubernetes.io/component", part)
        among = [one["values"] for one in chosen.get("matchExpressions", [])]
        if named == part and all(part in values for values in among):
            for rule in policy["spec"].get("egress", []):
                for port in rule["ports"]:
                    found[port["port"]] = rule.get("to", [])
    return found


def test_nobody_gets_out_but_to_where_they_have_to() -> None:
    ports = {part: set(_ways_out(part)) for part in PARTS}
    names, mail = {53}, {465, 587}
    engines = {27017, 9092, 9093, 6379}
    assert ports["gateway"] == names | {"http", 6379}
    for part in ("users", "tickets"):
        assert ports[part] == names | {"http"} | engines | mail
    for part in ("events", "payments", "line"):
        assert ports[part] == names | {"http"} | engines
    for part in PARTS:
        [inside] = _ways_out(part)["http"]
        if part == "gateway":
            assert tuple(inside["podSelector"]["matchExpressions"][0]["values"]) == SERVICES
        else:
            assert inside["podSelector"]["matchLabels"] == labels("gateway")
        [dns] = _ways_out(part)[53]
        assert dns["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
    port = urlsplit(EXAMPLE["HOUSEFUL_MAIL_URL"].replace("PORT", "1")).port
    assert port in mail


def test_the_image_is_a_version_and_can_be_pinned_to_its_content() -> None:
    text = (KUBERNETES / "kustomization.yaml").read_text()
    [image] = yaml.safe_load(text)["images"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", str(image["newTag"]))
    assert re.search(r"# digest: sha256:", text)


def test_the_example_holds_no_secret() -> None:
    for name, value in EXAMPLE.items():
        if name in SECRETS:
            assert value == "", name
        else:
            assert re.search(r"://USER:PASSWORD@HOST", value), name
    assert {name.removeprefix("HOUSEFUL_").lower() for name in SECRETS} == set(Secrets.__struct_fields__)
