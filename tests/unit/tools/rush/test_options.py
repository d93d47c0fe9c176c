"""Options that can't be are refused by their names, with what to do."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from houseful.cli import root
from houseful.tools.rush.venue import real_orders


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(root.app, ["rush", "run", *arguments])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--url", "https://tickets.example.org"], "--url: https://tickets.example.org is not this machine"),
        (["--url", "tickets"], "--url: 'tickets' is no address; it looks like http://127.0.0.1:8000"),
        (["--people", "0"], "--people: is 0; it has to be from 1 to 1,000,000"),
        (["--seats", "5"], "--seats: is 5; it has to be from 50 to 100,000"),
        (["--arrival-seconds", "10"], "--arrival-seconds: is 10; it has to be from 60 to 86,400"),
        (["--late", "2"], "--late: is 2; it has to be from 0 to 1"),
        (["--kinds", "best=1,lions=2"], "--kinds: knows no 'lions'; there are best, sections"),
        (["--kinds", "best"], "--kinds: best needs a weight, such as best=10"),
        (["--kinds", "best=0"], "--kinds: needs a weight above 0"),
    ],
)
def test_an_option_is_named_with_its_fix(arguments: list[str], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in result.output


def test_several_are_named_at_once() -> None:
    output = run("--people", "0", "--hold-seconds", "1").output
    assert "--people:" in output
    assert "--hold-seconds:" in output


def test_orders_of_others_are_real() -> None:
    head = "order,created,status,name,email\n"
    rehearsed = "ord_1,2026,confirmed,Person 1,person1@rehearsal.test\n"
    assert real_orders(head) == 0
    assert real_orders(head + rehearsed) == 0
    assert real_orders(head + rehearsed + "ord_2,2026,expired,Bea,bea@example.org\n") == 1
