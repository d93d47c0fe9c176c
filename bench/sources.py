"""The source of a version before, beside which this checkout is measured."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path


def sources_of(commit: str, folder: Path) -> Path:
    """The `src` of a commit, unpacked below `folder`."""
    command = ["git", "archive", commit, "src"]
    try:
        packed = subprocess.run(command, check=True, capture_output=True).stdout
    except subprocess.CalledProcessError as error:
        sys.exit(f"{commit} can't be had: {error.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"
