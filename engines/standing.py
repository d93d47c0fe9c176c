"""MongoDB, Kafka and Valkey that outlive the process which starts them, and are found by the next."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from engines import PROGRAMS, kafka, mongo, valkey
from engines.packages import Missing
from engines.record import Entry, alone, read, write
from engines.server import Server, is_free

SILENT_SECONDS = 15.0
"""How long one that runs may say nothing before it is taken for hung."""
REDIS_MEMORY_MB = 256

Say = Callable[[str], None]


class Standing:
    """The engines that have their data below a folder. Ports and data stay the same, for good.

    Two sets in two folders know nothing of each other.
    """

    def __init__(self, folder: Path, *, programs: Path = PROGRAMS) -> None:
        self._folder = folder.resolve()
        self._programs = programs
        self._record = self._folder / "engines.json"
        self._lock = self._folder / "engines.lock"

    def start(self, say: Say, *, mongo_members: int | None = None) -> dict[str, str]:
        """Start what does not run yet, and return the settings of a platform on it. Without `mongo_members`
        it is as many as last time, at first one.

        Raises `Missing` for what can't be had, or has another number of members, and `RuntimeError` for what
        does not start.
        """
        with alone(self._lock, wait=True):
            servers = self._servers(mongo_members)
            self._need_ports(servers)
            try:
                with ThreadPoolExecutor() as pool:
                    for line in pool.map(self._see_to, servers, servers.values()):
                        say(line)
            finally:
                self._write(servers)
            members = [server for server in servers.values() if isinstance(server, mongo.Member)]
            mongo.ReplicaSet(members).initiate()
            return _environment({name: server.port for name, server in servers.items()})

    def stop(self, say: Say) -> None:
        """All that runs, in order."""
        with alone(self._lock, wait=True):
            servers = self._known()
            if not servers:
                say(f"nothing was ever started in {_short(self._folder)}")
                return
            for name, server in reversed(servers.items()):
                if server.running:
                    pid = server.life.pid if server.life else 0
                    server.stop()
                    say(f"{name}: stopped (process {pid}, port {server.port})")
                else:
                    say(f"{name}: did not run")
            self._write(servers)

    def status(self, say: Say) -> bool:
        """Say of each whether it runs; true if all do."""
        servers = self._known()
        for name, server in servers.items():
            state = (
                "does not run" if not server.running else "runs" if server.answers() else "does not answer"
            )
            say(f"{name}: {state}, {self._where(name, server)}")
        return bool(servers) and all(server.running and server.answers() for server in servers.values())

    def dead(self) -> list[str]:
        """Those that were started, not stopped, and run no more."""
        return [name for name, entry in read(self._record).items() if entry.life and not entry.life.goes_on()]

    def url(self, variable: str) -> str | None:
        """One of the settings of a platform on it; None unless all of it runs."""
        known = read(self._record)
        if not known or not all(entry.life and entry.life.goes_on() for entry in known.values()):
            return None
        return _environment({name: entry.port for name, entry in known.items()})[variable]

    def _known(self) -> dict[str, Server]:
        return self._servers(None) if self._record.exists() else {}

    def _servers(self, mongo_members: int | None) -> dict[str, Server]:
        known = read(self._record)
        had = sum(name.startswith("mongo-") for name in known)
        if had and mongo_members not in (None, had):
            raise Missing(
                f"the MongoDB in {self._folder / 'run'} has {had} members, as its data says; to make "
                f"another, stop it and remove that folder and {self._record}"
            )
        run = self._folder / "run"
        ports = {name: entry.port for name, entry in known.items()}
        program = mongo.obtain(self._programs)
        servers: dict[str, Server] = {}
        for number in range(had or mongo_members or 1):
            name = f"mongo-{number}"
            servers[name] = mongo.Member(program, run / name, port=ports.get(name, 0))
        servers["kafka"] = kafka.Kafka(self._programs, run / "kafka", port=ports.get("kafka", 0))
        servers["redis"] = valkey.RedisServer(
            valkey.obtain(self._programs),
            run / "redis",
            port=ports.get("redis", 0),
            memory_mb=REDIS_MEMORY_MB,
        )
        for name, server in servers.items():
            life = known[name].life if name in known else None
            if life is not None and life.goes_on():
                server.adopt(life)
        return servers

    def _need_ports(self, servers: dict[str, Server]) -> None:
        for name, server in servers.items():
            if not server.running and not is_free(server.port):
                raise Missing(
                    f"{name} can't have its port {server.port} back, where another program listens by now; "
                    f"stop that, or remove {self._folder / 'run'} and {self._record}"
                )

    def _see_to(self, name: str, server: Server) -> str:
        done = "started"
        if server.running:
            deadline = time.monotonic() + SILENT_SECONDS
            while not server.answers():
                if not server.running or time.monotonic() > deadline:
                    break
                time.sleep(0.1)
            else:
                return f"{name}: already running, {self._where(name, server)}"
            server.kill()
            done = "did not answer, and was started again"
        server.start()
        return f"{name}: {done}, {self._where(name, server)}"

    def _where(self, name: str, server: Server) -> str:
        process = f", process {server.life.pid}" if server.life and server.running else ""
        return f"port {server.port}{process}, data and log in {_short(server.log.parent)}"

    def _write(self, servers: dict[str, Server]) -> None:
        entries = {
            name: Entry(server.port, server.life if server.running else None)
            for name, server in servers.items()
        }
        write(self._record, entries)


def _environment(ports: dict[str, int]) -> dict[str, str]:
    return {
        "HOUSEFUL_STORE_URL": mongo.url_of(
            [port for name, port in ports.items() if name.startswith("mongo-")]
        ),
        "HOUSEFUL_BUS_URL": f"kafka://127.0.0.1:{ports['kafka']}",
        "HOUSEFUL_COORDINATION_URL": f"redis://127.0.0.1:{ports['redis']}",
    }


def _short(path: Path) -> str:
    """As seen from here, where it is below."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
