"""Run a comparison by its name, or all of them."""

import importlib
import importlib.util
import sys
from collections.abc import Sequence

COMPARISONS = {"frameworks": "litestar", "kafka": "aiokafka", "redis": "glide", "servers": "granian"}
"""Each with a package that it needs, and that `make setup` leaves out."""


def main(arguments: Sequence[str]) -> None:
    if unknown := [name for name in arguments if name not in COMPARISONS]:
        sys.exit(f"{', '.join(unknown)}: there is {', '.join(COMPARISONS)}")
    names = list(arguments) or list(COMPARISONS)
    if missing := [
        COMPARISONS[name] for name in names if importlib.util.find_spec(COMPARISONS[name]) is None
    ]:
        sys.exit(f"{', '.join(missing)} is not installed: .uv/bin/uv sync --frozen --group bench")
    for name in names:
        print(f"== {name}", flush=True)
        importlib.import_module(f"bench.libraries.{name}").main()
