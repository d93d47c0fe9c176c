"""Files and folders that only Houseful's own account can read, independent of the umask."""

import os
from pathlib import Path
from typing import BinaryIO

_FOLDER, _FILE = 0o700, 0o600


def make_folder(folder: Path) -> None:
    """Create a folder and its parents. Existing folders keep their mode. Raises `OSError`."""
    for one in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        one.mkdir(mode=_FOLDER, exist_ok=True)


def restrict(path: Path) -> None:
    """Remove access by other accounts. A path of another owner stays as it is."""
    found = path.stat()
    mode = _FOLDER if path.is_dir() else _FILE
    if found.st_uid == os.geteuid() and found.st_mode & 0o777 != mode:
        path.chmod(mode)


def opened(file: Path) -> BinaryIO:
    """Open an empty file for writing. Raises `OSError`."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE)
    os.fchmod(descriptor, _FILE)
    return os.fdopen(descriptor, "wb")
