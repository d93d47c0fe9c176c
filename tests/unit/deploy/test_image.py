"""The image: what it is built from, who it runs as, and that nothing is missing in it."""

import ast
import http.server
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from houseful.gateway import web_app
from houseful.settings import load_settings
from tests.unit.deploy.files import (
    PAGES,
    ROOT,
    base_images,
    compose,
    composed,
    dockerfile,
    image,
    image_environment,
    image_user,
    parse_command,
    text,
)

PROJECT = tomllib.loads(text("pyproject.toml"))["project"]


def ignored(path: str) -> bool:
    """As Docker does: the last pattern that fits the path or a folder above it decides."""
    above = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
    answer = False
    for line in text(".dockerignore").splitlines():
        if line and not line.startswith("#"):
            pattern = re.escape(line.removeprefix("!"))
            pattern = pattern.replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
            if any(re.fullmatch(pattern, one) for one in above):
                answer = not line.startswith("!")
    return answer


def test_what_is_copied_exists_and_reaches_the_builder() -> None:
    copies = [one.words for one in dockerfile() if one.name == "COPY"]
    stages = [one.words[-1] for one in dockerfile() if one.name == "FROM" and " AS " in one.value]
    sources = [source for words in copies if not words[0].startswith("--") for source in words[:-1]]
    assert {"web/package.json", "uv.lock", "src", "web"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert not ignored(source), source
    assert {words[0] for words in copies if words[0].startswith("--")} <= {
        f"--from={name}" for name in stages
    }


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".git/config",
        "data/keys.toml",
        "deploy/kubernetes/secrets.env",
        "docs/operations.md",
        "src/houseful/__pycache__/app.pyc",
        "src/houseful/static/index.html",
        "web/dist/index.html",
        "web/node_modules/react/index.js",
    ],
)
def test_what_must_not_reach_it_does_not(path: str) -> None:
    assert ignored(path)


def test_its_packages_are_those_of_the_lock_file_without_the_tools_of_development() -> None:
    synced = [one.value for one in dockerfile() if one.value.startswith("uv sync")]
    assert len(synced) == 2
    for command in synced:
        assert {"--frozen", "--no-dev", "--extra"} <= set(command.split())
        assert re.findall(r"--extra (\S+)", command) == list(PROJECT["optional-dependencies"])
    assert synced[-1].endswith("--no-editable")


def test_all_that_the_program_imports_is_declared() -> None:
    """What only the tools of development bring would be missing in the image."""
    declared = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["split"]]
    names = {_normal(re.split(r"[\[<>=;, ]", line)[0]) for line in declared}
    providers = packages_distributions()
    for file in (ROOT / "src").rglob("*.py"):
        for module in _imported(file):
            if module != "houseful" and module not in sys.stdlib_module_names:
                assert {_normal(name) for name in providers.get(module, [])} & names, f"{file}: {module}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_the_web_app_is_copied_to_where_it_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [words] = [
        one.words for one in dockerfile() if one.name == "COPY" and one.value.startswith("--from=web ")
    ]
    assert words[1] == "/web/dist"
    package = tmp_path / Path(words[2]).parent
    (package / "gateway").mkdir(parents=True)
    (package / "static").mkdir()
    (package / "static/index.html").touch()
    monkeypatch.setattr(web_app, "__file__", str(package / "gateway/web_app.py"))
    assert web_app.find_folder("") == package / "static"
    assert Path(words[2]) == Path("src/houseful/static")


def test_it_runs_as_a_user_of_its_own_by_number() -> None:
    user, group = image_user().split(":")
    assert int(user) > 0
    assert int(group) > 0
    [made] = [one.value for one in image()["RUN"] if "/data" in one.value]
    assert "--owner=${RUN_AS}" in made
    assert "VOLUME" not in image()  # some platforms refuse to build it


def test_what_it_runs() -> None:
    assert [one.words for one in image()["ENTRYPOINT"]] == [["houseful"]]
    assert PROJECT["scripts"] == {"houseful": "houseful.__main__:main"}
    [command] = image()["CMD"]
    assert parse_command(command.words) == "up"
    assert [one.value for one in image()["STOPSIGNAL"]] == ["SIGTERM"]


def test_its_settings() -> None:
    environment = image_environment()
    settings = load_settings(environment)
    assert (settings.data, settings.host, settings.log_style) == ("/data", "0.0.0.0", "json")
    assert [one.value for one in image()["EXPOSE"]] == [str(settings.port)]


def test_base_images_and_tools_have_a_version() -> None:
    """Exact ones, and each can be pinned further from outside."""
    named = base_images()
    named += [composed(one["image"]) for one in compose()["services"].values() if "build" not in one]
    assert len(named) == 6
    for name in named:
        assert re.fullmatch(r"[a-z/]+:\d+\.\d+\.\d+(-[a-z]+)*", name), name
    for one in [one for one in dockerfile() if one.name == "FROM"]:
        assert one.words[0].startswith("${"), "an argument of the build can name a digest"
    pinned = "mongo:1.2.3@sha256:" + "0" * 64
    assert composed(compose()["services"]["mongo"]["image"], {"MONGO_IMAGE": pinned}) == pinned
    assert re.search(r"pip install \S+ uv==\d+\.\d+\.\d+$", text("Dockerfile"), re.MULTILINE)


class _Pages(http.server.BaseHTTPRequestHandler):
    good: str

    def do_GET(self) -> None:
        self.send_response(200 if self.path == self.good else 503)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def _healthchecks() -> dict[str, list[str]]:
    [built_in] = image()["HEALTHCHECK"]
    check = built_in._replace(value=built_in.value.partition("CMD ")[2])
    return {"/healthz": check.words, "/readyz": compose()["services"]["users"]["healthcheck"]["test"][1:]}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_health_check_is_content_with_nothing_but_200(path: str) -> None:
    assert path in PAGES
    program, option, code = _healthchecks()[path]
    assert (program, option) == ("python", "-c")
    with http.server.HTTPServer(("127.0.0.1", 0), type("Pages", (_Pages,), {"good": path})) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = str(server.server_port)
        environment = {"HOUSEFUL_PORT": port}
        outcomes = [
            subprocess.run(
                [sys.executable, "-c", asked.replace("8000", port)], env=environment, check=False
            ).returncode
            for asked in (code, code.replace(path, "/elsewhere"))
        ]
        server.shutdown()
    assert outcomes == [0, 1]
