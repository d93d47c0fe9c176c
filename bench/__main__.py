"""Run the benchmarks by name, or all of them; or one version beside another."""

import sys

from bench import (
    before,
    beside_sale,
    best,
    crowd,
    demands,
    generation,
    holds,
    hops,
    line,
    messages,
    paper,
    reads,
    sale,
    scale,
    steps,
    tracing,
)
from bench.libraries import run as libraries

BENCHMARKS = {
    "hops": hops.main,
    "paper": paper.main,
    "holds": holds.main,
    "best": best.main,
    "generation": generation.main,
    "messages": messages.main,
    "reads": reads.main,
    "crowd": crowd.main,
    "beside_sale": beside_sale.main,
    "tracing": tracing.main,
    "line": line.main,
    "sale": sale.main,
    "demands": demands.main,
    "scale": scale.main,
}


def main() -> None:
    if sys.argv[1:2] == ["libraries"]:
        libraries.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["steps"]:
        steps.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["before"]:
        before.main(sys.argv[2:])
        return
    names = [name for name in sys.argv[1:] if not name.startswith("--")] or list(BENCHMARKS)
    options = [option for option in sys.argv[1:] if option.startswith("--")]
    for name in names:
        print(f"== {name}", flush=True)
        BENCHMARKS[name](options)


if __name__ == "__main__":
    main()
