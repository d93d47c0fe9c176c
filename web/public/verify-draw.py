#!/usr/bin/env python3
"""Repeats the draw of a line from its audit file, with nothing but Python 3.10 or later.

    python3 verify.py audit.json [ENTRANT]

The audit is what `GET /api/events/{id}/line/audit` answers. ENTRANT is the name of your place in the line:
with it the script says which number the draw gave to that place. It shares no code with Houseful.
Exit code 0: the draw holds. 1: it does not. 2: the file can't be read.
"""

import hashlib
import hmac
import json
import sys
from itertools import pairwise


def sha256(data):
    return hashlib.sha256(data).digest()


def merkle_tree_hash(leaves):
    """RFC 9162, 2.1.1, as it is written there."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0])
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + merkle_tree_hash(leaves[:half]) + merkle_tree_hash(leaves[half:]))


def raw(text):
    if not isinstance(text, str) or text != text.lower():
        raise ValueError(f"{text!r} is no lower-case hex")
    return bytes.fromhex(text)


def problems_of(audit):
    problems = []
    if audit["version"] != 1:
        return ["this script reads version 1 of the audit"]
    entrants = [raw(entrant) for entrant, _ in audit["entrants"]]
    server_seed, root = raw(audit["server_seed"]), raw(audit["root"])
    beacon = audit["beacon"]
    value = raw(beacon["value"]) if beacon is not None else b""
    if sha256(server_seed).hex() != audit["commitment"]:
        problems.append("the server's seed is not the one that was committed to")
    if beacon is not None and beacon.get("commitment") not in (None, sha256(value).hex()):
        problems.append("the beacon's value is not the one that was committed to")
    if any(len(entrant) != 32 for entrant in entrants):
        problems.append("an entrant is not 32 bytes long")
    if any(not one < following for one, following in pairwise(entrants)):
        problems.append("the entrants are not in byte order, each once")
    if merkle_tree_hash(entrants) != root:
        problems.append("the root is not that of the entrants")
    seed = sha256(server_seed + root + value)
    if seed.hex() != audit["seed"]:
        problems.append("the seed does not follow from the server's seed, the root and the beacon")
    line = sorted(entrants, key=lambda entrant: hmac.new(seed, entrant, hashlib.sha256).digest())
    given = sorted((number, raw(entrant)) for entrant, number in audit["entrants"])
    if given != list(enumerate(line, 1)):
        problems.append("the numbers are not those of the draw")
    return problems


def main(arguments):
    if len(arguments) not in (1, 2):
        print(__doc__.strip())
        return 2
    try:
        with open(arguments[0], "rb") as file:
            audit = json.load(file)
        problems = problems_of(audit)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"The audit can't be read: {error}")
        return 2
    for problem in problems:
        print(f"It does not hold: {problem}.")
    if problems:
        return 1
    print(f"The draw holds: {len(audit['entrants'])} entrants, commitment {audit['commitment']}.")
    if len(arguments) == 2:
        numbers = dict(audit["entrants"])
        number = numbers.get(arguments[1].lower())
        if number is None:
            print(f"The entrant {arguments[1]} was not in the draw.")
            return 1
        print(f"The entrant {arguments[1]} has the number {number}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
