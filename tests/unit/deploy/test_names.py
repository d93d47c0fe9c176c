"""What the pages and files of an operator name: variables, commands and figures are the program's, and no
secret is among them."""

import re

import pytest
from prometheus_client import REGISTRY

from tests.unit.deploy.files import INSTALLING, ROOT, SECRETS, VARIABLES, parse_command, text

PAGES = ("docs/operations.md", "docs/outbox-debezium.md", "deploy/kubernetes/README.md")
FOR_TESTS = {"HOUSEFUL_TEST_MONGO", "HOUSEFUL_TEST_KAFKA", "HOUSEFUL_TEST_REDIS"}
COMMAND = re.compile(r"(?<![\w/-])houseful ((?:[a-z][a-z|-]*)(?: [a-z|]+)?)")


@pytest.mark.parametrize("path", sorted({*INSTALLING, *PAGES}))
def test_every_variable_is_one(path: str) -> None:
    named = set(re.findall(r"\bHOUSEFUL_[A-Z_]+", text(path)))
    allowed = VARIABLES | (FOR_TESTS if path in PAGES else set())
    assert {name for name in named if not name.endswith("_")} <= allowed


@pytest.mark.parametrize("path", sorted({*INSTALLING, *PAGES}))
def test_every_command_is_one(path: str) -> None:
    words = re.sub(r"(-n|--tag) houseful\b", "", text(path))
    for found in COMMAND.findall(words):
        first, _, second = found.partition(" ")
        if first in ("is", "exec"):  # "houseful is …": a sentence
            continue
        for one in first.split("|"):
            rest = {
                "serve": ["gateway"],
                "accept-store": ["users"],
                "messages": ["parked"],
                "create-admin": ["--email", "a@b.c"],
            }
            assert parse_command([one, *rest.get(one, [])]) == one, found
        if first == "messages" and second:
            for one in second.split("|"):
                assert one in ("parked", "dead", "unpark", "replay"), found


@pytest.mark.parametrize("path", sorted({*INSTALLING, *PAGES}))
def test_no_secret_is_written_down(path: str) -> None:
    content = text(path)
    for word in re.findall(r"(?<![\w-])[\w-]{43}=?(?![\w-])", content):
        assert word.isupper(), "that looks like a key of 32 bytes"
    for name in SECRETS:
        for value in re.findall(rf"^\W*{name}[=:] *(.*)$", content, re.MULTILINE):
            assert value in ("", '""') or value.strip('"').startswith("${"), name
    for user, password in re.findall(r"://([^\s/:@]+):([^\s/@]+)@", content):
        variable = re.match(r"\$(\{|[A-Z_]+$)", password)
        assert variable or (user.lower(), password.lower()) == ("user", "password")


def test_what_holds_secrets_is_not_for_git() -> None:
    ignored = text(".gitignore").splitlines()
    assert {".env", "deploy/kubernetes/secrets.env"} <= set(ignored)


def test_figures_to_alert_on_exist() -> None:
    exposed = {sample for metric in REGISTRY.collect() for sample in (metric.name, f"{metric.name}_total")}
    named = set(re.findall(r"`(houseful_[a-z_]+?)(?:_count)?(?:\{[^`]*\})?`", text("docs/operations.md")))
    named |= set(re.findall(r"`(houseful_(?:outbox|messages)_[a-z_]+)`", text("docs/outbox-debezium.md")))
    assert len(named) > 8
    assert named - exposed == {"houseful_users"}, "the name of a database"


def test_links_lead_somewhere() -> None:
    for path in PAGES:
        folder = (ROOT / path).parent
        for target in re.findall(r"\]\(([^)#:]+)\)", text(path)):
            assert (folder / target).exists(), f"{path}: {target}"
