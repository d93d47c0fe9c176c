"""Seeds of the simulation, and its controls."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.timeout(3 * 3600)

SEEDS = 200
LONG_SEEDS = 10_000
CONTROL_SEEDS = 100
"""So many seeds may be needed before a missing guard shows, from the first that is tried on."""


def simulated(*options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.simulation", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_whatever_goes_wrong_nothing_is_sold_twice_or_lost() -> None:
    done = simulated("--seeds", str(SEEDS), "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_whatever_goes_wrong_ten_thousand_times() -> None:
    done = simulated("--seeds", str(LONG_SEEDS), "--first", str(SEEDS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_seed_is_one_story() -> None:
    first, second = [simulated("--seeds", "2", "--first", "3", "--trace", "--jobs", "1") for _ in range(2)]
    stories = [
        [line for line in done.stdout.splitlines() if not line.startswith("simulation:")]
        for done in (first, second)
    ]
    assert stories[0] == stories[1]
    assert stories[0]


@pytest.mark.parametrize(
    ("guard", "first", "found"), [("seats", 0, "C1 "), ("relay", 20, "C4 "), ("acknowledgement", 0, "C5 ")]
)
def test_a_missing_guard_is_found(guard: str, first: int, found: str) -> None:
    """`first` is a little before a seed that has shown it: of 100 seeds from 0, the relay's is the 22nd."""
    seeds = ("--seeds", str(CONTROL_SEEDS), "--first", str(first), "--jobs", "1")
    done = simulated(*seeds, "--without", guard, "--stop")
    assert done.returncode == 1, done.stdout + done.stderr
    assert found in done.stdout
