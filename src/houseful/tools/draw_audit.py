"""`houseful line verify`: repeats a draw from its audit file."""

from pathlib import Path

from houseful.kernel.errors import Malformed
from houseful.line.domain import audit


def verify(file: Path) -> tuple[int, str, list[str]]:
    """How many entrants there are, the commitment, and what does not hold, in a sentence each. Raises
    `Malformed` for a file that is no audit, and `OSError`."""
    try:
        read = audit.read(file.read_bytes())
    except ValueError as error:
        raise Malformed("no_audit", f"{file}: {error}") from error
    return len(read.entrants), read.commitment, audit.contradictions(read)
