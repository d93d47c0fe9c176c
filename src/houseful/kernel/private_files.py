"""Files and folders for the account that Houseful runs under and nobody else, whatever its umask is."""

import os
from pathlib import Path
from typing import BinaryIO

_FOLDER, _FILE = 0o700, 0o600


def make_folder(folder: Path) -> None:
    """With its parents; those that are there stay as they are. Raises `OSError`."""
    for one in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        one.mkdir(mode=_FOLDER, exist_ok=True)


def restrict(path: Path) -> None:
    """Nobody else's any more; what belongs to another account stays as it is."""
    found = path.stat()
    mode = _FOLDER if path.is_dir() else _FILE
    if found.st_uid == os.geteuid() and found.st_mode & 0o777 != mode:
        path.chmod(mode)


def opened(file: Path) -> BinaryIO:
    """Empty, for writing. Raises `OSError`."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE)
    os.fchmod(descriptor, _FILE)
    return os.fdopen(descriptor, "wb")
