"""Run the benchmarks by name, or all that need nothing else."""

import sys

from bench import beside, beside_sale, best, crowd, generation, holds, hops, messages, paper, reads

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
    "beside": beside.main,
}


def main() -> None:
    names = [name for name in sys.argv[1:] if not name.startswith("--")] or list(BENCHMARKS)[:-1]
    options = [option for option in sys.argv[1:] if option.startswith("--")]
    for name in names:
        print(f"== {name}", flush=True)
        BENCHMARKS[name](options)


if __name__ == "__main__":
    main()
