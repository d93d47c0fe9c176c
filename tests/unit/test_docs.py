"""What the docs name is there: files, links, and names of the code."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *ROOT.glob("tests/*.md"), *(ROOT / "docs").rglob("*.md"))
    if page.name != "CHANGELOG.md" and "decisions" not in page.parts  # these tell of their day
)
NAMED_IN_HOW_TO = {
    "MaildirMailer", "maildir.py", "adapters/maildir.py", "src/houseful/adapters/maildir.py",
    "TicketAdmitted", "tests/golden/TicketAdmitted.v1.json", "CountdownView", "SomeInput", "SomeView",
}  # fmt: skip
"""What the how-to pages have the reader make."""

OF_OTHERS = {"keys.toml", "OpenAPI", "SQLite", "MongoDB", "MilliSecondsBehindSource", "RAILWAY_RUN_UID"}
"""What an installation has or another system says."""


def ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


def links(text: str) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            yield target.partition("#")[0]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [target for target in links(page.read_text()) if not (page.parent / target).exists()]
    assert not missing


def paths(text: str) -> Iterator[str]:
    """Names of files and folders in backticks."""
    for name in re.findall(r"`([\w./-]+)`", text):
        if re.search(r"\.(py|ts|tsx|toml)$|^(src|tests|docs|web|bench|deploy)/", name):
            yield name


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_files_are_there(page: Path) -> None:
    known = NAMED_IN_HOW_TO | OF_OTHERS
    missing = [name for name in paths(page.read_text()) if name not in known and not _is_there(name)]
    assert not missing


def _is_there(name: str) -> bool:
    places = [ROOT, ROOT / "src/houseful", ROOT / "docs"]
    if any((place / name).exists() for place in places):
        return True
    return any(file.endswith("/" + name) for file in _files())


@cache
def _files() -> frozenset[str]:
    folders = ("src", "tests", "bench", "deploy", "web/src", "web/public", "web/scripts")
    return frozenset(
        file.as_posix() for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file()
    )


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_named_tests_are_there(page: Path) -> None:
    """Tests are named as pytest names them: `users/test_tokens.py::test_forged_access_tokens`."""
    named = re.findall(r"`([\w./-]+\.py)::(\w+)`", page.read_text())
    missing = [f"{file}::{test}" for file, test in named if test not in _tests(file)]
    assert not missing


@cache
def _tests(file: str) -> frozenset[str]:
    found: set[str] = set()
    for path in _files():
        if path.startswith(str(ROOT / "tests")) and path.endswith("/" + file):
            found.update(re.findall(r"^(?:async )?def (test_\w+)", Path(path).read_text(), re.MULTILINE))
    return frozenset(found)


def names(text: str) -> Iterator[str]:
    """Names of classes, constants and functions in backticks, such as `WriteSet` and `Store.on_send`."""
    for name in re.findall(r"`([A-Za-z_][\w.]*)(?:\(\))?`", text):
        if re.search(r"[a-z][A-Z]|^[A-Z][A-Z_]{3,}$|^[A-Z]\w+\.\w+$", name) and not name.startswith(
            "HOUSEFUL_"
        ):
            yield name


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_names_are_in_the_code(page: Path) -> None:
    words = _words()
    missing = [
        name
        for name in names(page.read_text())
        if name not in NAMED_IN_HOW_TO | OF_OTHERS and not _is_known(name, words)
    ]
    assert not missing


def _is_known(name: str, words: frozenset[str]) -> bool:
    """A variable may be named without `HOUSEFUL_`: a setting is its name in lower case."""
    return set(name.split(".")) <= words or (name.isupper() and name.lower() in words)


@cache
def _words() -> frozenset[str]:
    """Every word of the code, and of the files that run it."""
    found: set[str] = set()
    suffixes = {".py", ".ts", ".tsx", ".json", ".yaml", ".yml", ".toml"}
    for folder in ("src", "tests", "bench", "deploy", "web/src"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in suffixes:
                found.update(re.findall(r"\w+", file.read_text()))
    for name in ("Dockerfile", "compose.yaml", "Makefile", "pyproject.toml"):
        found.update(re.findall(r"\w+", (ROOT / name).read_text()))
    return frozenset(found)
