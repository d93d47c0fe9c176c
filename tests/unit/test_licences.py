"""Licences of what is installed with Houseful or built into its web app, as its packages state them.

`python -m tests.unit.test_licences` prints the list. Tools that only develop or test are not looked at.
"""

import importlib.metadata
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ALLOWED = frozenset(
    {
        "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "CC0-1.0", "ISC", "MIT",
        "MIT-0", "MIT-CMU", "PSF-2.0", "Unlicense",
        "MPL-2.0",  # binds its own files only, which are passed on unchanged
        "OFL-1.1",  # fonts
    }
)  # fmt: skip
"""SPDX identifiers of licences under which a part of an Apache-2.0 program may be passed on."""

BSD = "BSD-3-Clause"
OTHER_WORDS = {
    "3-Clause BSD License": BSD,
    "Apache 2.0": "Apache-2.0",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "any-OSI": "MIT",  # apsw: whichever of the Open Source Initiative's one likes
    "Public Domain": "CC0-1.0",  # iso4217
    "License :: Public Domain": "CC0-1.0",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": BSD,
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
    "License :: OSI Approved :: SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
    "License :: OSI Approved :: The Unlicense (Unlicense)": "Unlicense",
}
"""What packages say instead of an SPDX identifier."""

FOR_OTHER_MACHINES = {"async-timeout": "Apache-2.0", "colorama": BSD}
"""Packages that are installed on some systems and versions of Python only."""

BUILT_IN = re.compile(r"node_modules/(workbox-[\w-]+|vite|vite-plugin-pwa|tailwindcss)$")
"""npm packages of development that leave code or styles in the web app."""


def python_packages() -> list[str]:
    """What `uv.lock` installs without the tools of development, with every extra."""
    packages = {one["name"]: one for one in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    found: set[tuple[str, str]] = set()
    due = [("houseful", extra) for extra in ("", *packages["houseful"]["optional-dependencies"])]
    while due:
        name, extra = due.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        package = packages[name]
        needed = (
            package.get("optional-dependencies", {}).get(extra, [])
            if extra
            else package.get("dependencies", [])
        )
        due += [(one["name"], of) for one in needed for of in ("", *one.get("extra", []))]
    return sorted({name for name, _ in found} - {"houseful"})


def of_python_package(name: str) -> str:
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return FOR_OTHER_MACHINES.get(name, "")
    if metadata["License-Expression"]:
        return metadata["License-Expression"]
    classifiers = [one for one in metadata.get_all("Classifier") or [] if one.startswith("License :: ")]
    stated = classifiers or [metadata["License"] or ""]
    return " AND ".join(sorted({OTHER_WORDS.get(one, one) for one in stated}))


def npm_packages() -> Iterator[tuple[str, str]]:
    for path, package in json.loads((ROOT / "web/package-lock.json").read_text())["packages"].items():
        if path and (not package.get("dev") or BUILT_IN.search(path)):
            yield path.removeprefix("node_modules/"), package.get("license", "")


def stated() -> list[tuple[str, str]]:
    return [*((name, of_python_package(name)) for name in python_packages()), *npm_packages()]


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression has a choice all of whose licences are allowed."""
    choices = expression.strip("()").split(" OR ")
    return any(set(choice.split(" AND ")) <= ALLOWED for choice in choices)


def test_every_licence_is_one_that_apache_2_may_be_joined_with() -> None:
    refused = {name: licence or "states none" for name, licence in stated() if not is_allowed(licence)}
    assert not refused, "take another package, or read its licence and add it to ALLOWED or OTHER_WORDS"


def test_what_is_looked_at_is_what_is_installed() -> None:
    names = {name for name, _ in stated()}
    assert {"aiohttp", "propcache", "pymongo", "opentelemetry-sdk", "react", "workbox-core"} <= names
    assert not {"pytest", "granian", "eslint"} & names


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("(MIT OR GPL-3.0-only)", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("MIT WITH something", False),
        ("", False),
    ],
)
def test_which_expressions_are_allowed(expression: str, allowed: bool) -> None:
    assert is_allowed(expression) is allowed


if __name__ == "__main__":
    for name, licence in stated():
        print(f"{name}  {licence}")
