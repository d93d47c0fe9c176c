"""python -m tests.simulation [--seeds N] [--first SEED] [--jobs N] [--stop] [--trace] [--without GUARD]

Runs seeds, and says of each that shows a fault how to repeat it. Exit status 1 where one does.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HASH_SEED = "0"
"""The order of sets is part of what a seed decides."""


def main() -> int:
    options = _options()
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.environ["PYTHONHASHSEED"] = HASH_SEED
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    from tests.simulation import batches

    began = time.monotonic()
    counts: Counter[str] = Counter()
    lives = unsound = 0
    seconds = 0.0
    seeds = range(options.first, options.first + options.seeds)
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        outcomes = batches.run(seeds, Path(folder), options.jobs, options.without, stop=options.stop)
        for outcome in outcomes:
            counts.update(outcome.counts)
            lives, seconds = lives + outcome.lives, seconds + outcome.seconds
            if options.trace:
                print(outcome.trace)
            if outcome.faults:
                unsound += 1
                print(f"seed {outcome.seed}: {len(outcome.faults)} faults", flush=True)
                for fault in outcome.faults[:8]:
                    print(f"    {fault}")
                without = f" --without {options.without}" if options.without else ""
                print(f"    python -m tests.simulation --seeds 1 --first {outcome.seed}{without}", flush=True)
                if options.stop:
                    break
    told = ", ".join(f"{counts[what]:,} {what}" for what in _TOLD)
    verdict = "sound" if not unsound else f"NOT SOUND, {unsound} seeds"
    print(
        f"simulation: seeds {seeds.start} to {seeds.stop - 1}, {lives:,} lives, {seconds / 3600:.1f} hours "
        f"in {time.monotonic() - began:.0f} s, {told}: {verdict}"
    )
    return 1 if unsound else 0


_TOLD = ("holds", "orders", "payments", "confirmations", "cancellations", "releases", "admissions", "faults")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--without", choices=("seats", "relay", "acknowledgement"), default="")
    parser.add_argument("--stop", action="store_true", help="end at the first seed that shows a fault")
    parser.add_argument("--trace", action="store_true", help="print what happened in each life")
    return parser.parse_args()


def _memory() -> str | None:
    """A folder that no disk is behind, where the system has one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


if __name__ == "__main__":
    sys.exit(main())
