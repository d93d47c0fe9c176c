"""The shape of the source: files are short, the field's terms are used, and the docs name every package."""

import re
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
        for name in names_with(folder, first_word(retired.name))
        if is_used(retired.name, name)
        for path, line in places(folder)[name]
    ]
    assert used == [], "\n" + "\n".join(used)


@cache
def places(folder: str) -> dict[str, list[tuple[Path, int]]]:
    """Where each identifier is, by file and line."""
    found: dict[str, list[tuple[Path, int]]] = {}
    for path in sources(folder):
        for line, name in identifiers(path):
            found.setdefault(name, []).append((path, line))
    return found


@cache
def names_by_word(folder: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in places(folder):
        for word in set(words_of(name)):
            found.setdefault(word, []).append(name)
    return found


def names_with(folder: str, word: str) -> list[str]:
    return names_by_word(folder).get(word, [])


def first_word(name: str) -> str:
    return words_of(name)[0]


def identifiers(path: Path) -> Iterator[tuple[int, str]]:
    """Each with its line; the file's own name, too, and those of the modules that TypeScript imports. Names
    of tests are sentences and are left out."""
    if not path.stem.startswith("test_"):
        yield 1, path.stem
    line, begin, code = 1, 0, path.read_text("utf-8")
    for token in (_PYTHON if path.suffix == ".py" else _TYPESCRIPT).finditer(code):
        line, begin = line + code.count("\n", begin, token.start()), token.start()
        if token.lastgroup == "name" and not token["name"].startswith("test_"):
            yield line, token["name"]


_PYTHON = re.compile(
    r"""#[^\n]*|[bfruBFRU]{0,2}(?:"{3}.*?"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|\b(?P<name>[^\W\d]\w*)""",
    re.DOTALL,
)
_TYPESCRIPT = re.compile(
    r"""//[^\n]*|/\*.*?\*/|(?<!from )'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`"""
    r"""|(?P<name>[A-Za-z_$][\w$-]*)""",
    re.DOTALL,
)


def test_names_are_found_and_texts_are_not(tmp_path: Path) -> None:
    python, typescript = tmp_path / "a.py", tmp_path / "b.ts"
    python.write_text('one = r"two"  # three\n"""four\n\'five\'"""\nsix(f\'seven\', "\\"eight")\n')
    assert [*identifiers(python)] == [(1, "a"), (1, "one"), (4, "six")]
    typescript.write_text("import one from './two'\n/* three\n */ four(`five\n'six'`, 'seven')\n// eight\n")
    found = [name for _, name in identifiers(typescript)]
    assert found == ["b", "import", "one", "from", "two", "four"]


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
