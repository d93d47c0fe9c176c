"""What the files for installing Houseful say, read from the repository, and what they may say."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import typer
import yaml
from typer.core import TyperGroup

from houseful.cli import root
from houseful.environment import PREFIX
from houseful.gateway.management import ManagementEndpoints
from houseful.settings import KEYS_OF, Secrets, Settings

ROOT = Path(__file__).parents[3]
KUBERNETES = ROOT / "deploy/kubernetes"

SECRETS = frozenset(PREFIX + field.name.upper() for field in msgspec.structs.fields(Secrets))
OPTIONAL_SECRETS = frozenset({"HOUSEFUL_METRICS_TOKEN"})
SETTINGS = frozenset(PREFIX + field.name.upper() for field in msgspec.structs.fields(Settings))
VARIABLES = SETTINGS | SECRETS | {"HOUSEFUL_CONFIG"}
PAGES = frozenset(ManagementEndpoints([], {}).pages)
PARTS = ("gateway", "users", "events", "tickets", "payments", "line")


def keys_of(part: str) -> set[str]:
    """The variables of the keys that this part needs, or may have."""
    return {PREFIX + name.upper() for name in KEYS_OF[part]}


INSTALLING = (
    "Dockerfile",
    "compose.yaml",
    "deploy/render.yaml",
    "deploy/railway.json",
    *(str(file.relative_to(ROOT)) for file in sorted(KUBERNETES.iterdir()) if file.name != "secrets.env"),
    *(str(file.relative_to(ROOT)) for file in sorted((ROOT / "deploy/debezium").iterdir())),
)
"""Every file from which an installation is made, by its path in the repository."""


def text(path: str) -> str:
    return (ROOT / path).read_text()


class Instruction(NamedTuple):
    stage: int
    name: str
    value: str

    @property
    def words(self) -> list[str]:
        """Of the JSON form, or split at spaces."""
        return list(json.loads(self.value)) if self.value.startswith("[") else self.value.split()


def dockerfile() -> list[Instruction]:
    """In order; a stage begins with its FROM and is counted from 0."""
    lines = [line for line in text("Dockerfile").splitlines() if not line.lstrip().startswith("#")]
    stage, found = -1, []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        name, _, value = line.strip().partition(" ")
        if name:
            stage += name == "FROM"
            found.append(Instruction(stage, name, value.strip()))
    return found


def image() -> dict[str, list[Instruction]]:
    """The instructions of the last stage, by name."""
    instructions = dockerfile()
    last = max(one.stage for one in instructions)
    names = {one.name for one in instructions if one.stage == last}
    return {name: [one for one in instructions if (one.stage, one.name) == (last, name)] for name in names}


def base_images() -> list[str]:
    """What the stages are made from, with the build's arguments as they are by default."""
    arguments = dict(
        one.value.split("=", 1) for one in dockerfile() if one.name == "ARG" and "=" in one.value
    )
    named = [one.words[0] for one in dockerfile() if one.name == "FROM"]
    return [re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], name) for name in named]


def image_user() -> str:
    """`uid:gid` with the build's arguments as they are by default."""
    arguments = dict(one.value.split("=", 1) for one in image().get("ARG", []))
    [user] = image()["USER"]
    return re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], user.value)


def image_environment() -> dict[str, str]:
    pairs = " ".join(one.value for one in image()["ENV"]).split()
    return dict(pair.split("=", 1) for pair in pairs)


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(text("compose.yaml")))


def composed(value: str, environment: Mapping[str, str] | None = None) -> str:
    """With `${NAME}`, `${NAME:-else}` and `${NAME:?why}` filled in. Raises `LookupError` with `why`."""

    def fill(match: re.Match[str]) -> str:
        name, how, rest = match.groups()
        found = (environment or {}).get(name, "")
        if not found and how == ":?":
            raise LookupError(rest)
        return found or rest or ""

    return re.sub(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", fill, value)


def compose_parts() -> dict[str, list[str]]:
    """What each of our containers runs."""
    services = compose()["services"]
    return {
        name: one["command"][1:] for name, one in services.items() if one.get("command", [""])[0] == "serve"
    }


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every Kubernetes document with the name of its file."""
    for file in sorted(KUBERNETES.glob("*.yaml")):
        if file.name != "kustomization.yaml":
            for document in yaml.safe_load_all(file.read_text()):
                yield file.name, document


def manifest(kind: str, name: str) -> dict[str, Any]:
    [found] = [one for _, one in manifests() if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def env_file(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def seconds(duration: str) -> float:
    """Compose's `20s`, `1m30s`."""
    units = {"s": 1, "m": 60, "h": 3600}
    parts = re.findall(r"(\d+)([smh])", duration)
    assert "".join(number + unit for number, unit in parts) == duration, duration
    return sum(int(number) * units[unit] for number, unit in parts)


def stopping_seconds(environment: Mapping[str, str]) -> float:
    """How long a process with these settings may take from SIGTERM to its end."""
    drain = float(environment.get("HOUSEFUL_DRAIN_SECONDS", Settings().drain_seconds))
    return drain + float(environment.get("HOUSEFUL_SHUTDOWN_SECONDS", Settings().shutdown_seconds))


def parse_command(words: list[str]) -> str:
    """The command's name. Raises what the command line would where it does not understand the words."""
    group = typer.main.get_command(root.app)
    assert isinstance(group, TyperGroup)
    with group.make_context("houseful", list(words)) as context:
        name, command, rest = group.resolve_command(context, list(words))
        assert name is not None
        assert command is not None
        with command.make_context(name, rest, parent=context):
            return name
