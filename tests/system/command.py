"""The split as somebody starts it who tries it: by one command, which brings its own engines."""

import shlex
import signal
import subprocess
import sys
from pathlib import Path

from engines import ROOT
from engines.server import free_port, is_free
from tests.support.patience import PATIENCE_SECONDS
from tests.system.command_line import clean_environment, run_houseful


class ByCommand:
    """`python -m engines.split`. Its output, and the logs of its processes, stay in the folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._output = folder / "split.log"
        self._environment_file = folder / "split.env"
        self.mail = folder / "split" / "data" / "mail"
        port = free_port()
        while not is_free(port + 1):  # the second gateway's
            port = free_port()
        command = [sys.executable, "-m", "engines.split", "--port", str(port), "--folder", f"{folder}/split"]
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=output, text=True
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("Houseful is up: "):
                break
        else:
            raise RuntimeError(f"it ended with {self._process.wait()}: {self._output.read_text()}")
        self.url = f"http://127.0.0.1:{port},http://127.0.0.1:{port + 1}"

    def houseful(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        lines = shlex.split(self._environment_file.read_text(), comments=True)
        return run_houseful(arguments, dict(line.split("=", 1) for line in lines) | environment)

    def stop(self) -> int:
        """As Ctrl-C does; the exit code."""
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=PATIENCE_SECONDS)
        return self._process.returncode

    def close(self) -> None:
        if self._process.poll() is None:
            assert self.stop() == 0
