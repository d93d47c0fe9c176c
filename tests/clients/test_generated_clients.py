"""Clients that are generated from the API document, by two generators, buy a seat with nothing else."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live_server import LiveServer
from tests.unit.test_openapi_document import FILE

ROOT = Path(__file__).parents[2]
UV = ROOT / ".uv" / "bin" / "uv"
WEB = ROOT / "web"
HERE = Path(__file__).parent
GENERATOR = "openapi-python-client==0.29.1"
LIBRARIES = ("httpx==0.28.1", "attrs==25.4.0", "python-dateutil==2.9.0.post0")
"""What the generated Python client wants."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path_factory.mktemp("clients") / "data", "--demo")
    yield server
    server.close()


def run(*command: str | Path, folder: Path) -> str:
    """What it prints. Fails with everything that it said."""
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_python_client_buys_a_seat(server: LiveServer, tmp_path: Path) -> None:
    run(
        UV, "tool", "run", "--from", GENERATOR, "openapi-python-client", "generate",
        "--path", FILE, "--meta", "none", "--output-path", tmp_path / "houseful_client",
        folder=tmp_path,
    )  # fmt: skip
    shutil.copy(HERE / "buy_a_seat.py", tmp_path)
    wanted = [part for library in LIBRARIES for part in ("--with", library)]
    said = run(
        UV, "run", "--no-project", *wanted, "python", "buy_a_seat.py", server.url, folder=tmp_path
    )  # fmt: skip
    assert said.startswith("ticket: ")


def test_a_typescript_client_buys_a_seat(server: LiveServer, tmp_path: Path) -> None:
    programs = WEB / "node_modules" / ".bin"
    run(programs / "openapi-ts", "--input", FILE, "--output", tmp_path / "client", folder=WEB)
    shutil.copy(HERE / "buy-a-seat.ts", tmp_path)
    (tmp_path / "node_modules").symlink_to(WEB / "node_modules")
    strict = ("--strict", "--noUncheckedIndexedAccess", "--noEmit", "--skipLibCheck", "--types", "node")
    latest = ("--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")
    run(
        programs / "tsc",
        *strict,
        *latest,
        "--lib",
        "es2023,dom,dom.iterable",
        "buy-a-seat.ts",
        folder=tmp_path,
    )
    out = ("--file", "buy-a-seat.mjs", "--format", "esm", "--platform", "node")
    run(programs / "rolldown", "buy-a-seat.ts", *out, folder=tmp_path)
    assert run("node", "buy-a-seat.mjs", server.url, folder=tmp_path).startswith("ticket: ")
