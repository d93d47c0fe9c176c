"""Where tests keep their files: in memory, where there is room.

Stores commit to the disk thousands of times in a run, and a test would only wait for it. What a killed
process has written is kept by the operating system either way.
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
NEEDED_BYTES = 8 * 1024**3
"""A whole run takes less than a quarter of it."""


def folder() -> str | None:
    """The parent of new temporary folders; None for the system's."""
    if not os.access(MEMORY, os.W_OK) or os.environ.get("TMPDIR"):
        return None
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return str(MEMORY) if min(shutil.disk_usage(MEMORY).free, available) > NEEDED_BYTES else None


def use(folder: str | None) -> None:
    """Let this process and its children make their temporary folders in `folder`."""
    if folder is not None:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
