"""The commands that need no running server; those that do are in `tests/system/test_live_server.py`."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from houseful.cli import root
from houseful.seating.parsing import parse_plan
from houseful.settings import SettingsError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOUSEFUL_DATA", raising=False)
    return tmp_path


def invoke(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(root.app, arguments, env=environment)


def test_config_shows_what_is_used() -> None:
    shown = json.loads(invoke("config", "--json", HOUSEFUL_PORT="1234").stdout)
    assert (shown["port"], shown["host"]) == (1234, "127.0.0.1")
    assert "HOUSEFUL_PORT" in invoke("config").stdout


@pytest.mark.parametrize("command", ["config", "doctor", "check", "up"])
def test_a_misspelt_setting_stops_every_command(command: str) -> None:
    result = invoke(command, HOUSEFUL_RATE_LIMIT="off")
    assert isinstance(result.exception, SettingsError)
    assert "did you mean HOUSEFUL_RATE_LIMITS?" in str(result.exception)


def test_doctor_on_a_new_folder_is_content_and_leaves_no_trace(elsewhere: Path) -> None:
    result = invoke("doctor", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["ok"] is True
    assert {"Python", "SQLite", "clock", "data folder", "mail"} <= {one["name"] for one in report["findings"]}
    assert list(elsewhere.iterdir()) == []


def test_doctor_finds_what_is_wrong_and_says_what_to_do(elsewhere: Path) -> None:
    data = elsewhere / "data"
    data.mkdir()
    (data / "keys.toml").write_text("")
    (data / "keys.toml").chmod(0o644)
    (data / "users.sqlite3").write_bytes(b"this is no database, and long enough to be looked at closely" * 20)
    result = invoke("doctor", "--json", HOUSEFUL_MAIL_URL="smtp://127.0.0.1:1")
    assert result.exit_code == 1
    problems = {
        one["name"]: one for one in json.loads(result.stdout)["findings"] if one["state"] == "problem"
    }
    assert set(problems) == {"keys", "users store", "mail"}
    assert all(one["fix"] for one in problems.values())
    assert "chmod 600" in invoke("doctor").stdout


def test_a_check_of_nothing_is_no_good_news() -> None:
    process = _houseful("check", "--data", "nowhere")
    assert process.returncode == 2
    assert "no installation" in process.stderr


@pytest.mark.parametrize(("kind", "seats"), [("theatre", 300), ("arena", 3000), ("stadium", 5000)])
def test_a_generated_plan_is_valid(elsewhere: Path, kind: str, seats: int) -> None:
    file = elsewhere / "plan.json"
    assert invoke("plan", "generate", kind, "--seats", str(seats), "--output", str(file)).exit_code == 0
    report = json.loads(invoke("plan", "validate", str(file), "--json").stdout)
    assert report["errors"] == {}
    assert report["seats"] + report["standing"] == seats
    assert set(json.loads(file.read_bytes())) == {
        "name",
        "categories",
        "zones",
        "size",
    }  # pretix's keys, and no other


def test_a_plan_to_standard_output_is_the_plan_alone() -> None:
    result = invoke("plan", "generate", "theatre", "--seats", "100")
    assert parse_plan(result.stdout_bytes).name


def test_a_house_can_not_have_any_number_of_seats() -> None:
    result = invoke("plan", "generate", "theatre", "--seats", "1")
    assert result.exit_code == 2
    assert "theatre" in result.stderr


def test_a_broken_plan_is_said_place_by_place(elsewhere: Path) -> None:
    file = elsewhere / "plan.json"
    invoke("plan", "generate", "theatre", "--seats", "100", "--output", str(file))
    plan = json.loads(file.read_bytes())
    plan["zones"][0]["rows"][0]["seats"][0]["category"] = "VIPP"
    file.write_text(json.dumps(plan))
    result = invoke("plan", "validate", str(file))
    assert result.exit_code == 1
    assert "VIPP" in result.stdout
    assert list(json.loads(invoke("plan", "validate", str(file), "--json").stdout)["errors"])


def test_a_sidecar_is_checked_too(elsewhere: Path) -> None:
    file = elsewhere / "plan.json"
    invoke("plan", "generate", "arena", "--seats", "3000", "--output", str(file))
    sidecar = elsewhere / "plan.json.houseful.json"
    beside = json.loads(sidecar.read_bytes())
    assert beside["areas"]
    beside["areas"][0]["capacity"] = 0
    sidecar.write_text(json.dumps(beside))
    assert invoke("plan", "validate", str(file)).exit_code == 1
    sidecar.write_text("{")
    assert invoke("plan", "validate", str(file)).exit_code == 1


def test_create_admin_needs_a_password_that_is_good_enough() -> None:
    assert invoke("create-admin", "--email", "a@example.org").exit_code == 2  # nobody to ask
    short = _houseful("create-admin", "--email", "a@example.org", HOUSEFUL_PASSWORD="short")
    assert short.returncode == 1
    assert "8 to 128 characters" in short.stderr
    assert invoke("create-admin", "--email", "a@example.org", "--role", "king").exit_code == 2


def test_messages_of_nobody() -> None:
    assert invoke("messages", "unpark", "nobody", "x").exit_code == 2
    assert invoke("messages", "replay", "events", "--aggregate", "nonsense").exit_code == 2
    assert "Nothing waits" in invoke("messages", "parked").stdout


def test_messages_can_be_replayed_while_no_server_runs() -> None:
    assert "0 messages" in invoke("messages", "replay", "events").stdout
    assert json.loads(invoke("messages", "dead", "--json").stdout) == []


def test_a_wrong_setting_is_a_sentence() -> None:
    process = _houseful("up", HOUSEFUL_PORT="seven")
    assert process.returncode == 2
    assert "HOUSEFUL_PORT" in process.stderr
    assert "Traceback" not in process.stderr


def test_a_bug_is_a_sentence_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise KeyError("somewhere")

    monkeypatch.setattr(root, "app", broken)
    with pytest.raises(SystemExit) as raised:
        root.main()
    assert raised.value.code == 3
    assert "fault of Houseful" in capsys.readouterr().err


def test_every_kind_of_error_has_its_code() -> None:
    from houseful.adapters.http.server import PortTaken
    from houseful.adapters.sqlite.folder_lock import FolderInUse
    from houseful.kernel.errors import Unavailable, invalid

    codes = {
        type(error).__name__: root._explained(error)[0]
        for error in (
            SettingsError({"A": "b"}), FolderInUse("x"), PortTaken("x"), Unavailable("x"),
            invalid({"a": "b"}), PermissionError("x"), ValueError("x"),
        )
    }  # fmt: skip
    assert codes == {
        "SettingsError": 2, "FolderInUse": 2, "PortTaken": 2, "Unavailable": 2, "Invalid": 1,
        "PermissionError": 2, "ValueError": 3,
    }  # fmt: skip


def _houseful(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    import os

    return subprocess.run(
        [sys.executable, "-m", "houseful", *arguments],
        capture_output=True, text=True, check=False, timeout=60, env=dict(os.environ) | environment,
    )  # fmt: skip


def test_a_draw_is_repeated_from_its_audit(elsewhere: Path) -> None:
    audit = {
        "version": 1,
        "event_id": "evt_1",
        "commitment": hashlib.sha256(b"s" * 32).hexdigest(),
        "server_seed": (b"s" * 32).hex(),
        "root": hashlib.sha256(b"").hexdigest(),
        "beacon": None,
        "seed": hashlib.sha256(b"s" * 32 + hashlib.sha256(b"").digest()).hexdigest(),
        "entrants": [],
    }
    file = elsewhere / "audit.json"
    file.write_text(json.dumps(audit))
    assert "The draw holds: 0 entrants" in invoke("line", "verify", str(file)).stdout
    file.write_text(json.dumps(audit | {"seed": "0" * 64}))
    result = invoke("line", "verify", str(file))
    assert result.exit_code == 1
    assert "the seed is not that of" in result.stdout
