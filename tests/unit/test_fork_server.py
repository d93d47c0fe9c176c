"""A forked process is what `python -m` would have started: its output, its exit code, its environment."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.fork_server import Spawned, spawn


def started(folder: Path, module: str, *arguments: str, **environment: str) -> Spawned:
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        return spawn(module, arguments, environment=environment, stdout=out, stderr=err)


def test_output_and_environment(tmp_path: Path) -> None:
    process = started(tmp_path, "houseful", "config", "--data", "here", HOUSEFUL_PORT="8765")
    assert process.wait() == 0
    output = (tmp_path / "out").read_text()
    assert "8765" in output
    assert "here" in output
    assert (tmp_path / "err").read_text() == ""


def test_the_environment_is_the_process_s_own(tmp_path: Path) -> None:
    assert started(tmp_path, "houseful", "config", HOUSEFUL_PORT="8765").wait() == 0
    assert started(tmp_path, "houseful", "config").wait() == 0
    assert "8765" not in (tmp_path / "out").read_text()


def test_exit_codes(tmp_path: Path) -> None:
    assert started(tmp_path, "houseful", "nonsense").wait() == 2
    assert "nonsense" in (tmp_path / "err").read_text()
    assert started(tmp_path, "houseful.nowhere").wait() == 1
    assert "ImportError" in (tmp_path / "err").read_text()


def test_a_process_that_goes_on_and_is_killed(tmp_path: Path) -> None:
    process = started(tmp_path, "http.server", "--bind", "127.0.0.1", "0")
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert process.poll() == -signal.SIGKILL
    process.kill()  # nobody is there any more


def test_many_at_once_end_each_with_its_own_code(tmp_path: Path) -> None:
    lasting = [started(tmp_path, "http.server", "--bind", "127.0.0.1", "0") for _ in range(3)]
    ended = started(tmp_path, "houseful", "nonsense")
    assert ended.wait() == 2
    assert [one.poll() for one in lasting] == [None] * 3
    for process in lasting:
        process.kill()
    assert {process.wait() for process in lasting} == {-signal.SIGKILL}
