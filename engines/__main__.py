"""python -m engines [--folder FOLDER] start [--mongo-members N] | stop | status

`start` leaves MongoDB, Kafka and Valkey running in `.engines/` and prints their URLs as settings. It
completes a set of which some have died.
"""

import argparse
import sys
from pathlib import Path

from engines import PROGRAMS
from engines.packages import Missing
from engines.standing import Standing


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m engines", description="MongoDB, Kafka and Valkey, from packages, in .engines/"
    )
    parser.add_argument("command", choices=["start", "stop", "status"])
    parser.add_argument(
        "--mongo-members", type=int, metavar="N", help="of the replica set that start makes; usually 1"
    )
    parser.add_argument("--folder", type=Path, default=PROGRAMS, help="of their data; usually .engines")
    options = parser.parse_args()
    standing = Standing(options.folder)
    try:
        if options.command == "stop":
            standing.stop(_say)
            return 0
        if options.command == "status":
            return 0 if standing.status(_say) else 1
        environment = standing.start(_say, mongo_members=options.mongo_members)
    except (Missing, RuntimeError) as error:
        _say(str(error))
        return 1
    print("".join(f"{name}={url}\n" for name, url in environment.items()), end="")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
