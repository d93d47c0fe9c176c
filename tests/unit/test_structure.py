"""The shape of the source: files are short, the field's terms are used, and the docs name every package."""

import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.unit.retired_names import EVERYWHERE, RETIRED, Retired

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
GENERATED = {ROOT / "web/src/api/schema.d.ts"}


@cache
def sources(folder: str) -> tuple[Path, ...]:
    return tuple(
        path
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".ts", ".tsx", ".css") and path not in GENERATED
    )


def test_no_file_is_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for folder in EVERYWHERE
        for path in sources(folder)
    }
    assert len(lengths) > 500, "the folders are where this test looks"
    long = {file for file, lines in lengths.items() if lines > MOST_LINES}
    assert long == set(), f"split them along what they are about (at most {MOST_LINES} lines)"


@pytest.mark.parametrize("retired", RETIRED, ids=lambda retired: retired.name)
def test_retired_names_are_not_used(retired: Retired) -> None:
    used = [
        f"{path.relative_to(ROOT)}:{line}: {name}: use {retired.term}"
        for folder in retired.folders
        for path in sources(folder)
        for line, name in identifiers(path)
        if is_used(retired.name, name)
    ]
    assert used == [], "\n" + "\n".join(used)


@cache
def identifiers(path: Path) -> tuple[tuple[int, str], ...]:
    """Each with its line; the file's own name, too, and those of the modules that TypeScript imports. Names
    of tests are sentences and are left out."""
    found = [(1, path.stem), *(_in_python(path) if path.suffix == ".py" else _in_typescript(path))]
    return tuple((line, name) for line, name in found if not name.startswith("test_"))


def _in_python(path: Path) -> Iterator[tuple[int, str]]:
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.NAME:
                yield token.start[0], token.string


_NO_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|(?<!from )'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`""", re.DOTALL
)


def _in_typescript(path: Path) -> Iterator[tuple[int, str]]:
    code = _NO_CODE.sub(lambda text: "\n" * text[0].count("\n"), path.read_text("utf-8"))
    for number, line in enumerate(code.splitlines(), 1):
        for name in re.findall(r"[A-Za-z_$][\w$-]*", line):
            yield number, name


@pytest.mark.parametrize(
    ("retired", "name", "used"),
    [
        ("green_door", "green_door", True),
        ("green_door", "_OldGreenDoor", True),
        ("green_door", "green_indoor", False),
        ("lucide-react", "lucide-react", True),
        ("Doorman", "_Doorman", True),
        ("Doorman", "doorman", False),
    ],
)
def test_names_are_compared_by_their_words(retired: str, name: str, used: bool) -> None:
    assert is_used(retired, name) is used


@cache
def words_of(name: str) -> tuple[str, ...]:
    """`GreenDoor`, `green_door` and `green-door` are the same words."""
    return tuple(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name))


def is_used(retired: str, name: str) -> bool:
    if retired != retired.lower():
        return name.lstrip("_") == retired
    words, part = words_of(name), words_of(retired)
    return any(words[at : at + len(part)] == part for at in range(len(words) - len(part) + 1))


def test_the_architecture_page_lists_the_tree() -> None:
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    [table] = re.findall(r"^\| folder \| what is in it \|\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    cells = [row.split("|")[1] for row in table.splitlines()]
    listed = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    package = ROOT / "src/houseful"
    there = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    there |= {path.name for path in package.glob("[!_]*.py")}
    assert sorted(listed) == sorted(there)
