"""Seeds by the batch, each batch in a process of its own: what killed lives leave behind ends with it."""

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.simulation import controls
from tests.simulation.replaced import replace_parts
from tests.simulation.simulation import Simulation

SEEDS = 10


@dataclass(frozen=True)
class Told:
    """What a seed came to, for another process."""

    seed: int
    lives: int
    seconds: float
    counts: dict[str, int]
    faults: list[str]
    trace: str


def run(seeds: range, folder: Path, jobs: int, without: str, *, stop: bool) -> Iterator[Told]:
    """In order. With `stop` a batch ends at its first seed that shows a fault."""
    batches = [list(seeds[start : start + SEEDS]) for start in range(0, len(seeds), SEEDS)]
    with get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        for told in pool.imap(partial(_batch, folder=folder, without=without, stop=stop), batches):
            yield from told


def _batch(seeds: list[int], folder: Path, without: str, *, stop: bool) -> list[Told]:
    gc.disable()
    sys.unraisablehook = lambda _: None  # what was killed can't clean up, and need not
    replace_parts()
    controls.take_out(without)
    told = []
    for seed in seeds:
        told.append(_one(seed, folder / f"{os.getpid()}-{seed}"))
        if stop and told[-1].faults:
            break
    return told


def _one(seed: int, folder: Path) -> Told:
    outcome = Simulation(seed, folder).run()
    shutil.rmtree(folder)
    counts = dict(outcome.ledger.counts) | {"faults": outcome.struck}
    return Told(outcome.seed, outcome.lives, outcome.seconds, counts, outcome.ledger.faults, outcome.trace)
