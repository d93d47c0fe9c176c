"""The audit of a draw: everything that is needed to repeat it, and the repetition."""

from typing import Literal

import msgspec

from houseful.line.domain import draw


class Beacon(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Chance from outside. `commitment` was published before, where the source is a second secret."""

    source: Literal["pair", "drand"]
    round: int | None
    value: str
    commitment: str | None = None


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Hashes and secrets are in lower-case hex. `entrants` are in byte order, each with its number."""

    version: Literal[1] = 1
    event_id: str
    commitment: str
    server_seed: str
    root: str
    beacon: Beacon | None
    seed: str
    entrants: list[tuple[str, int]]


def read(content: bytes) -> Audit:
    """Raises `ValueError` that says what is wrong."""
    try:
        return msgspec.json.decode(content, type=Audit)
    except msgspec.MsgspecError as error:
        raise ValueError(f"this is no audit of a draw: {error}") from error


def contradictions(audit: Audit) -> list[str]:
    """What does not hold, in a sentence each; none for a draw that was made as it was promised."""
    try:
        server_seed, root, seed = (
            bytes.fromhex(text) for text in (audit.server_seed, audit.root, audit.seed)
        )
        value = bytes.fromhex(audit.beacon.value) if audit.beacon else b""
        entrants = [bytes.fromhex(entrant) for entrant, _ in audit.entrants]
        ordered = draw.in_byte_order(entrants)
    except ValueError as error:
        return [f"the audit can't be read: {error}"]
    found = []
    if draw.commitment(server_seed).hex() != audit.commitment:
        found.append("the commitment is not that of the server's seed")
    if audit.beacon and audit.beacon.commitment not in (None, draw.commitment(value).hex()):
        found.append("the beacon's value is not the one that was committed to")
    if entrants != ordered:
        found.append("the entrants are not in byte order")
    if draw.merkle_root(ordered) != root:
        found.append("the root is not that of the entrants")
    if draw.seed(server_seed, root, value) != seed:
        found.append("the seed is not that of the server's seed, the root and the beacon")
    numbers = dict(zip(draw.drawn_order(seed, entrants), range(1, len(entrants) + 1), strict=True))
    wrong = [entrant for entrant, number in audit.entrants if numbers[bytes.fromhex(entrant)] != number]
    if wrong:
        found.append(f"{len(wrong):,} numbers are not those of the draw; the first is that of {wrong[0]}")
    return found
